import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createWallClock,
  decodeTimeMap,
  encodeTimeMap,
  fromTimeInNanos,
  ManualClock,
  nsToSeconds,
  secondsToNs,
  toMachineTimeS,
  toTimeInNanos,
} from '../../../shared/core/index.js';

describe('times', () => {
  it('splits and joins nanoseconds without loss', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), (ns) => {
        expect(fromTimeInNanos(toTimeInNanos(ns))).toBe(ns);
      }),
    );
  });

  it('turns seconds into nanoseconds to within half a microsecond of an epoch time', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 4e9, noNaN: true }), (s) => {
        expect(Math.abs(nsToSeconds(secondsToNs(s)) - s)).toBeLessThan(5e-7);
      }),
    );
  });
});

describe('time map', () => {
  const map = {
    segments: [
      { wallNs: 1_000_000_000_000n, machineS: 0, scale: 100 },
      { wallNs: 2_000_000_000_000n, machineS: 50_000, scale: 10 },
    ],
  };

  it('runs each segment at its own scale', () => {
    expect(toMachineTimeS(map, 1_001_000_000_000n)).toBe(100);
    expect(toMachineTimeS(map, 2_001_000_000_000n)).toBe(50_010);
  });

  it('extends the first segment to earlier times', () => {
    expect(toMachineTimeS(map, 999_000_000_000n)).toBe(-100);
  });

  it('is wall time when empty', () => {
    expect(toMachineTimeS({ segments: [] }, 1_500_000_000n)).toBe(1.5);
  });

  it('survives encoding', () => {
    expect(decodeTimeMap(encodeTimeMap(map), 'map')).toEqual(map);
  });

  it.each(['', '{}', '{"segments":[{"wallNs":"1","machineS":0,"scale":0}]}'])(
    'refuses %j',
    (text) => {
      expect(() => decodeTimeMap(text, 'time-map.json')).toThrow(/time-map.json is not a time map/);
    },
  );
});

describe('the wall clock', () => {
  it('counts microseconds between the ticks of the system clock, and never backwards', () => {
    let ms = 1_800_000_000_000.25;
    const now = createWallClock(
      () => Math.floor(ms),
      () => ms - 1_799_999_000_000,
    );
    let before = now();
    for (let i = 0; i < 5000; i++) {
      ms += 0.01;
      const here = now();
      expect(here > before).toBe(true);
      before = here;
    }
    expect(Math.abs(Number(before / 1_000_000n) - ms)).toBeLessThan(2);
  });

  it.each([3_600_000, -3_600_000, 86_400_000, -86_400_000, -1_800_000_000_000, 20])(
    'follows the system clock when that is set by %i ms',
    (stepMs) => {
      let ms = 0;
      let set = 1_800_000_000_000;
      const now = createWallClock(
        () => Math.floor(ms + set),
        () => ms,
      );
      now();
      ms += 1000;
      set += stepMs;
      expect(Math.abs(Number(now() / 1_000_000n) - (ms + set))).toBeLessThan(2);
    },
  );
});

describe('ManualClock', () => {
  it('wakes sleepers in order of their time', async () => {
    const clock = new ManualClock(0n);
    const woken: string[] = [];
    const late = clock.sleep(20).then(() => woken.push('late'));
    const early = clock.sleep(10).then(() => woken.push('early'));
    await clock.advance(15);
    expect(woken).toEqual(['early']);
    await clock.advance(15);
    await Promise.all([early, late]);
    expect(woken).toEqual(['early', 'late']);
  });

  it('rejects a sleeper whose signal aborts', async () => {
    const clock = new ManualClock(0n);
    const stop = new AbortController();
    const sleeping = clock.sleep(10, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
  });
});
