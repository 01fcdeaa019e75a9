import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ClockWatch } from '../../../edge-component/clock/clock-watch.js';
import {
  type NtpState,
  readNtpState,
  readTracking,
} from '../../../edge-component/clock/ntp-state.js';
import { silentLogger } from '../../../shared/core/index.js';
import { SettableClock } from '../../support/settable-clock.js';

const S = 1_000_000_000n;
const BUILT = 1_790_000_000n * S;

const watches: ClockWatch[] = [];
afterEach(async () => {
  for (const watch of watches.splice(0)) await watch.close();
});

/** A gateway whose clock and time service the test plays. */
async function setUp(startNs: bigint, check: 'auto' | 'date' | 'none' = 'auto') {
  const clock = new SettableClock(startNs);
  const world: { ntp: NtpState } = { ntp: undefined };
  const warnings: string[] = [];
  const watch = new ClockWatch({
    clock,
    monotonicMs: () => Number(clock.nowNs() - clock.shiftNs - startNs) / 1e6,
    check,
    ntpState: async () => world.ntp,
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
    notBeforeMs: Number(BUILT / 1_000_000n),
  });
  watches.push(watch);
  await watch.start();
  const pass = async (ms: number) => {
    for (let t = 0; t < ms; t += 100) {
      await clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, watch, world, warnings, pass };
}

describe('the watch on the clock', () => {
  it('believes no date before the release, at once, and any later one', async () => {
    const { clock, watch } = await setUp(5n * S);
    expect(watch.trusted).toBe(false);
    expect(watch.status.reason).toContain('1970-01-01');
    clock.shiftNs = BUILT;
    expect(watch.trusted).toBe(true);
    clock.shiftNs = 0n;
    expect(watch.trusted).toBe(false);
  });

  it.each([
    ['an hour forward', 3600n],
    ['an hour back', -3600n],
    ['a day forward', 86_400n],
    ['a day back', -86_400n],
    ['to 1970', -(BUILT / S + 86_400n)],
  ])('notices that it is set %s, once, and judges no age for a while', async (_what, stepS) => {
    const { clock, watch, warnings, pass } = await setUp(BUILT + 100_000n * S);
    await pass(2000);
    expect(watch.status).toMatchObject({ trusted: true, steps: 0 });
    expect(watch.settled).toBe(true);
    clock.shiftNs = stepS * S;
    await pass(2000);
    expect(watch.status).toMatchObject({ steps: 1, lastStepS: Number(stepS) });
    expect(watch.reading().shiftNs).toBe(stepS * S);
    expect(watch.settled).toBe(false);
    expect(warnings).toContain('The clock was set');
    await pass(61_000);
    expect(watch.settled).toBe(watch.trusted);
  });

  it('tells the clock and its steps of one instant, though it is set between any two looks', async () => {
    let setNs = 0n;
    const clock = {
      nowNs() {
        setNs += 3600n * S;
        return BUILT + setNs;
      },
      sleep: () => Promise.resolve(),
    };
    const watch = new ClockWatch({
      ...{ clock, monotonicMs: () => 0, check: 'date', ntpState: async () => undefined },
      ...{ logger: silentLogger, notBeforeMs: 0 },
    });
    const unset = [1, 2, 3].map(() => {
      const { nowNs, shiftNs = 0n } = watch.reading();
      return nowNs - shiftNs;
    });
    expect(new Set(unset).size).toBe(1);
  });

  it('waits for the time service where there is one, and follows it', async () => {
    const { watch, world, pass } = await setUp(BUILT + S);
    expect(watch.trusted).toBe(true);
    world.ntp = 'unsynchronised';
    await pass(61_000);
    expect(watch.status).toMatchObject({ trusted: false, ntp: 'unsynchronised' });
    expect(watch.status.reason).toContain('clock.check');
    world.ntp = 'synchronised';
    await pass(6000);
    expect(watch.status).toMatchObject({ trusted: true, ntp: 'synchronised' });
  });

  it('goes by the date alone, or by nothing, where it is told to', async () => {
    const { watch, world, pass } = await setUp(BUILT + S, 'date');
    world.ntp = 'unsynchronised';
    await pass(61_000);
    expect(watch.trusted).toBe(true);
    expect((await setUp(0n, 'none')).watch.trusted).toBe(true);
  });
});

describe('the time service', () => {
  const run = mkdtempSync(join(tmpdir(), 'twinloop-run-'));
  afterEach(() => rmSync(join(run, 'systemd'), { recursive: true, force: true }));
  afterAll(() => rmSync(run, { recursive: true, force: true }));

  it('is asked by the file that systemd-timesyncd leaves', async () => {
    expect(await readNtpState(run)).toBeUndefined();
    mkdirSync(join(run, 'systemd/timesync'), { recursive: true });
    expect(await readNtpState(run)).toBe('unsynchronised');
    writeFileSync(join(run, 'systemd/timesync/synchronized'), '');
    expect(await readNtpState(run)).toBe('synchronised');
  });

  it('is understood where it is chrony', () => {
    const fields = (leap: string) =>
      `C0A80001,192.168.0.1,3,1790000000.1,-0.000002,0.00001,0.00002,-1.2,0.001,0.02,0.01,0.001,64.2,${leap}\n`;
    expect(readTracking(fields('Normal'))).toBe('synchronised');
    expect(readTracking(fields('Insert second'))).toBe('synchronised');
    expect(readTracking(fields('Not synchronised'))).toBe('unsynchronised');
    expect(readTracking('506 Cannot talk to daemon')).toBeUndefined();
  });
});
