import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { initialCalibratorState } from '../../../shared/twin/calibrator/initial-state.js';
import type { StepResult } from '../../../shared/twin/index.js';
import { runAlarms, runStepsOf } from '../../../shared/twin/index.js';
import { alarmFindings } from '../../../shared/twin/report/calibration-findings.js';
import { statesNis } from '../../../shared/twin/report/state-noise-alarm.js';
import { verdictOf } from '../../../shared/twin/report/verdict.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import {
  type EventMemory,
  eventScaleOf,
  noEvents,
  watchForEvents,
} from '../../../shared/twin/transient/events.js';
import { stateNoiseStd } from '../../../shared/twin/transient/held-states.js';
import {
  type NoiseWatch,
  newNoiseWatch,
  noiseFinding,
  trustOf,
  watchNoise,
} from '../../../shared/twin/transient/noise-watch.js';
import { smallTwin } from './fixtures.js';

/** The search for events after a sample of one channel. */
const afterInnovation = (events: EventMemory, timeS: number, w: number) =>
  watchForEvents(events, {
    timeS,
    lastTimeS: timeS - 1,
    innovation: Float64Array.of(w),
    std: Float64Array.of(1),
    stateSlope: Float64Array.of(1),
    stateScale: Float64Array.of(1),
  });

/** One channel whose innovations are some size times what is predicted. */
function watched(count: number, sizeAt: (k: number, trust: number) => number, seed = 1) {
  const rng = createRng(seed);
  let watch: NoiseWatch = newNoiseWatch();
  let events: EventMemory = noEvents(1);
  const seen: { trust: number; nis: number; found: boolean }[] = [];
  for (let k = 0; k < count; k++) {
    const w = sizeAt(k, trustOf(watch)) * rng.normal();
    events = afterInnovation(events, k, w);
    watch = watchNoise(watch, events, { timeS: k, nis: w * w, channels: 1 }, 500);
    seen.push({ trust: trustOf(watch), nis: w * w, found: noiseFinding(watch) !== undefined });
  }
  return { watch, seen };
}
const meanNis = (of: readonly { nis: number }[]) => of.reduce((s, v) => s + v.nis, 0) / of.length;

describe('the noise of the states between refits', () => {
  it('stays, and nothing is said, where it is right', () => {
    for (const seed of [1, 2, 3, 4]) {
      const { seen } = watched(5000, (_, trust) => 1 / trust, seed);
      expect(seen.some((s) => s.found)).toBe(false);
      expect(seen.every((s) => s.trust > 0.8 && s.trust < 1.25)).toBe(true);
    }
  });

  it('follows the innovations up and down, is said to be wrong meanwhile, and no more once it is right', () => {
    for (const size of [0.6, 1.5]) {
      const { seen } = watched(6000, (_, trust) => size / trust);
      expect(seen.slice(0, 800).some((s) => s.found)).toBe(true);
      expect(seen.at(-1)!.found).toBe(false);
      const nis = meanNis(seen.slice(-2000));
      expect(nis).toBeGreaterThan(0.8);
      expect(nis).toBeLessThan(1.25);
    }
  });

  it('cannot ratchet: it comes back from either side, and never leaves a third to three times', () => {
    for (const size of [0.01, 3]) {
      const { seen } = watched(9000, (k, trust) => (k < 3000 ? size : 1) / trust);
      expect(seen.every((s) => s.trust >= 1 / 3 - 1e-9 && s.trust <= 3 + 1e-9)).toBe(true);
      expect(Math.abs(Math.log(seen.at(-1)!.trust))).toBeLessThan(0.2);
    }
  });

  it('leaves out what turns out to be the beginning of an event', () => {
    const { watch } = watched(400, (k, trust) =>
      k === 300 || k === 301 || k === 302 ? 0 : 1 / trust,
    );
    let events = noEvents(1);
    let after = watch;
    for (const [k, w] of [400, 401, 402].map((time) => [time, 40] as const)) {
      events = afterInnovation(events, k, w);
      after = watchNoise(after, events, { timeS: k, nis: w * w, channels: 1 }, 500);
    }
    expect(Number.isNaN(events.sinceS)).toBe(false);
    expect([...after]).toEqual([...watch]);
  });

  it('goes through the store', () => {
    const { watch } = watched(200, () => 2);
    const twin = smallTwin();
    const { filter } = initialCalibratorState(twin);
    const transient = {
      stateMean: Float64Array.of(1),
      stateFactor: new Float64Array(),
      stateScale: Float64Array.of(1),
      stateNoiseLog: 0,
      lastInnovation: new Float64Array(),
      lastInputs: new Float64Array(),
      window: new Float64Array(),
      noiseWatch: watch,
      eventScale: 1.5,
      speedNoise: 0.3,
      speed: Float64Array.of(0.1),
      inputStd: Float64Array.of(0, 0.2),
    };
    const { definition } = twin;
    const read = decodeFilterState(encodeFilterState({ ...filter, transient }), {
      parameters: definition.parameters.length,
      measured: definition.measured.length,
      virtualSensors: definition.virtualSensors.length,
      health: filter.health.length,
    });
    const { noiseWatch, eventScale, speedNoise, speed, inputStd } = read.transient!;
    expect({ noiseWatch, eventScale, speedNoise, speed, inputStd }).toEqual({
      noiseWatch: watch,
      eventScale: 1.5,
      speedNoise: 0.3,
      speed: Float64Array.of(0.1),
      inputStd: Float64Array.of(0, 0.2),
    });
  });

  it('grows with the speed of a state, and with the root of the time', () => {
    const noise = { share: 1e-3, speedNoise: 0.5 };
    expect(stateNoiseStd(20, 0, noise, 4)).toBeCloseTo(0.04);
    expect(stateNoiseStd(20, -2, noise, 4)).toBeCloseTo(2 * Math.hypot(0.02, 1));
  });
});

describe('what innovations are divided by in the search for events', () => {
  const rng = createRng(9);
  const white = () => Array.from({ length: 500 }, () => Float64Array.of(rng.normal()));
  const withBursts = (at: readonly number[], size: number) =>
    white().map((w, k) => (at.some((b) => k >= b && k < b + 6) ? Float64Array.of(size) : w));

  it('is 1 for noise, and for what was seen but once', () => {
    for (let k = 0; k < 20; k++) expect(eventScaleOf(white())).toBeLessThan(1.2);
    expect(eventScaleOf(withBursts([200], 30))).toBeLessThan(1.2);
    expect(eventScaleOf([])).toBe(1);
  });

  it('lets pass what a machine does again and again, but nothing that is far off', () => {
    const scale = eventScaleOf(withBursts([100, 200, 300], 3));
    expect(scale).toBeGreaterThan(1.3);
    expect(scale).toBeLessThan(4);
    const watch = (size: number) => {
      let memory = noEvents(1);
      for (let k = 0; k < 6; k++) {
        memory = watchForEvents(memory, {
          timeS: k,
          lastTimeS: k - 1,
          innovation: Float64Array.of(size),
          std: Float64Array.of(1),
          stateSlope: Float64Array.of(1),
          stateScale: Float64Array.of(1),
          scale,
        });
        if (!Number.isNaN(memory.sinceS)) return k + 1;
      }
      return undefined;
    };
    expect(watch(3)).toBeUndefined();
    expect(watch(16)).toBe(3);
  });
});

describe('the alarm of a run whose states have the wrong noise', () => {
  const twin = smallTwin();
  const step = (timeS: number, statesNis: number, more: Partial<StepResult> = {}) =>
    ({
      timeS,
      nis: 1,
      statesNis,
      channels: 1,
      parameters: {},
      alarms: [],
      ...more,
    }) as unknown as StepResult;
  const of = (steps: StepResult[]) =>
    runAlarms(twin, runStepsOf(steps)).filter((a) => a.code === 'state-noise');

  it('names since, until, the figure and the remedy, and takes the verdict below good', () => {
    const alarms = of(Array.from({ length: 400 }, (_, k) => step(3 * k, 2.88)));
    expect(alarms).toHaveLength(1);
    expect(alarms[0]!.message).toMatch(/Since 0 s until 1197 s .*1\.7 times as large.*2\.88/);
    expect(alarms[0]!.message).toMatch(/calibration\.refit/);
    expect(verdictOf(alarmFindings(alarms)).grade).toBe('care');
    expect(of(Array.from({ length: 400 }, (_, k) => step(3 * k, 1.1)))).toEqual([]);
    expect(of(Array.from({ length: 400 }, (_, k) => step(3 * k, 0.3)))[0]!.message).toMatch(
      /1\.8 times as small/,
    );
  });

  it('keeps what was wrong in a part of the run', () => {
    const said = { code: 'state-noise' as const, subject: twin.definition.name, message: '' };
    const steps = Array.from({ length: 1000 }, (_, k) =>
      step(k, k >= 500 && k < 600 ? 1.9 : 1, k >= 520 && k < 600 ? { alarms: [said] } : {}),
    );
    expect(of(steps)[0]!.message).toMatch(/Since 520 s until 599 s/);
  });

  it('does not count samples before an event was found among those without one', () => {
    const steps = Array.from({ length: 100 }, (_, k) =>
      step(k, k >= 50 && k < 60 ? 400 : 1, k >= 52 && k < 60 ? { eventSinceS: 49 } : {}),
    );
    expect(statesNis(steps)).toEqual({ nis: 90, channels: 90 });
  });
});
