import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogFields } from '../../../shared/core/index.js';
import {
  createFmuPool,
  type FmuPool,
  type FmuPoolOptions,
  openFmu,
  resultColumn,
  simulate,
} from '../../../shared/fmi/index.js';
import { FmuRunner } from '../../../shared/fmi/running/runner.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const MODES = {
  crash: 1,
  exit: 2,
  hang: 3,
  leak: 4,
  nan: 5,
  error: 6,
  fatal: 7,
  endlessEvents: 8,
  discardLong: 9,
  discardAll: 10,
  abort: 11,
  overflow: 12,
  chatty: 13,
} as const;

describe.skipIf(!hasCompiler)('the pool', () => {
  const pools: FmuPool[] = [];
  const poolOf = async (name: string, version: 2 | 3, options: Partial<FmuPoolOptions> = {}) => {
    const fmu = await openFmu(buildFmu(name, version));
    const pool = await createFmuPool({ fmu, lanes: 1, ...options });
    pools.push(pool);
    return pool;
  };
  afterAll(() => Promise.all(pools.map((pool) => pool.close())));

  const settling = {
    startValues: { k: 0.5 },
    inputs: { u: 3 },
    outputs: ['y', 'y2'],
    stepSizeS: 0.1,
    maxTimeS: 600,
    relativeTolerance: 1e-8,
  };

  describe.each([2, 3] as const)('FMI %i', (version) => {
    it('settles where the closed form rests, warm as cold', async () => {
      const pool = await poolOf('decay', version);
      for (const type of ['cs', 'me'] as const) {
        for (const warm of [false, true]) {
          const run = await pool.settle({ ...settling, interface: type, warm });
          expect(run.settled).toBe(true);
          // Within ten times the tolerance of where it really rests, both ways.
          expect(Math.abs((run.values[0] as number) - 3)).toBeLessThan(3e-7);
          expect(Math.abs((run.values[1] as number) - 9)).toBeLessThan(9e-7);
        }
      }
    });

    it.each([
      ['crash', 'FMU_CRASHED', /SIGSEGV/],
      ['exit', 'FMU_CRASHED', /exit code 7/],
      ['abort', 'FMU_CRASHED', /SIGABRT.*assertion failed: pressure > 0/s],
      ['overflow', 'FMU_CRASHED', /SIGSEGV/],
      [
        'error',
        'FMI_CALL_FAILED',
        /DoStep returned Error.*singular matrix at t=0.5, row 7 of block, 123456789012, q%/s,
      ],
      ['fatal', 'FMI_CALL_FAILED', /DoStep returned Fatal.*gone for good/s],
    ] as const)('survives an FMU that does %s', async (mode, code, message) => {
      const pool = await poolOf('hostile', version);
      const bad = pool.simulate({ interface: 'cs', startValues: { mode: MODES[mode] } });
      await expect(bad).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
      const good = await pool.simulate({ interface: 'cs' });
      expect(resultColumn(good, 'y').at(-1)).toBeCloseTo(Math.exp(-2), 6);
    });

    it('ends a run that hangs, and only that', async () => {
      const pool = await poolOf('hostile', version, { lanes: 2, timeoutMs: 20_000 });
      const hanging = pool.simulate({
        interface: 'cs',
        startValues: { mode: MODES.hang },
        timeoutMs: 300,
      });
      const rest = [1, 2, 3].map(() => pool.simulate({ interface: 'cs' }));
      await expect(hanging).rejects.toMatchObject({ code: 'FMU_TIMEOUT', retryable: true });
      for (const run of await Promise.all(rest)) {
        expect(resultColumn(run, 'y').at(-1)).toBeCloseTo(Math.exp(-2), 6);
      }
    });

    it('reports NaN and event iteration without end', async () => {
      const pool = await poolOf('hostile', version);
      await expect(
        pool.settle({
          startValues: { mode: MODES.nan },
          inputs: {},
          outputs: ['y'],
          interface: 'cs',
          stepSizeS: 0.1,
          maxTimeS: 10,
          relativeTolerance: 1e-6,
        }),
      ).rejects.toMatchObject({ code: 'NUMERIC', message: expect.stringMatching(/y became NaN/) });
      await expect(
        pool.simulate({ interface: 'me', startValues: { mode: MODES.endlessEvents } }),
      ).rejects.toMatchObject({ code: 'NUMERIC', message: expect.stringMatching(/did not end/) });
      await expect(
        pool.simulate({ interface: 'me', startValues: { mode: MODES.nan } }),
      ).rejects.toMatchObject({ code: 'NUMERIC' });
    });

    it('takes smaller steps where the FMU discards large ones', async () => {
      const pool = await poolOf('hostile', version);
      const run = await pool.simulate({
        interface: 'cs',
        startValues: { mode: MODES.discardLong, at: 0.5 },
      });
      expect(run.statistics.rejectedSteps).toBeGreaterThan(0);
      expect(run.time.at(-1)).toBe(2);
      expect(resultColumn(run, 'y').at(-1)).toBeCloseTo(Math.exp(-2), 6);
      await expect(
        pool.simulate({ interface: 'cs', startValues: { mode: MODES.discardAll } }),
      ).rejects.toMatchObject({
        code: 'FMI_CALL_FAILED',
        message: expect.stringMatching(/discarded/),
      });
    });

    it('refuses a binary that does not know the token', async () => {
      const wrong = buildFmu('decay', version, (xml) =>
        xml.replace('"decay-1"', '"something-else"'),
      );
      await expect(simulate(wrong)).rejects.toMatchObject({
        code: 'FMI_CALL_FAILED',
        message: expect.stringMatching(/NULL.*wrong/s),
      });
    });
  });

  it.each(['cs', 'me'] as const)('tells how far a run is, by %s', async (type) => {
    const pool = await poolOf('decay', 2);
    const told: number[] = [];
    await pool.simulate({
      interface: type,
      solver: 'euler',
      stepSizeS: 1e-6,
      stopTimeS: 2,
      outputIntervalS: 1,
      onProgress: (timeS) => told.push(timeS),
    });
    expect(told.length).toBeGreaterThan(0);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.every((t) => t > 0 && t <= 2)).toBe(true);
  });

  it('forwards what the FMU logs, arguments and all, and every call', async () => {
    const logged: LogFields[] = [];
    const calls: string[] = [];
    const note = (_: string, fields?: LogFields) => void logged.push(fields ?? {});
    const pool = await poolOf('hostile', 2, {
      logger: { error: note, warn: note, info: note, debug() {} },
      onFmiCall: (text) => calls.push(text),
    });
    await pool.simulate({ interface: 'cs', startValues: { mode: MODES.chatty }, stopTimeS: 0.7 });
    expect(logged).toContainEqual({
      status: 'Warning',
      category: 'logStatusWarning',
      text: 'many  3.14 42  | 1.234568e+04 1 2 3 4 5 6 7.25 -1',
    });
    expect(calls[0]).toMatch(/^fmi2Instantiate\("Hostile", 1, "hostile-1"/);
    expect(calls.some((c) => /^fmi2DoStep\(0x[0-9a-f]+, 0.5, 0.1, 1\) -> OK$/.test(c))).toBe(true);
    expect(calls.at(-1)).toMatch(/^fmi2Terminate\(/);
  });

  it('tells the last call before a crash', async () => {
    const calls: string[] = [];
    const pool = await poolOf('hostile', 2, { onFmiCall: (text) => calls.push(text) });
    await expect(
      pool.simulate({ interface: 'cs', startValues: { mode: MODES.abort } }),
    ).rejects.toMatchObject({ code: 'FMU_CRASHED' });
    // The call that crashed never returned; the one before it did.
    expect(calls.at(-1)).toMatch(/^fmi2(GetReal|DoStep)\(.*\) -> OK$/);
    expect(calls.filter((c) => c.startsWith('fmi2DoStep'))).toHaveLength(5);
  });

  it('ends a process that takes too much memory', async () => {
    const pool = await poolOf('hostile', 2, { memoryLimitMb: 400 });
    await expect(
      pool.simulate({
        interface: 'cs',
        startValues: { mode: MODES.leak, at: 0 },
        stopTimeS: 1000,
        stepSizeS: 0.01,
        outputIntervalS: 1,
      }),
    ).rejects.toMatchObject({ code: 'FMU_CRASHED', message: expect.stringMatching(/400 MB/) });
    const good = await pool.simulate({ interface: 'cs' });
    expect(good.time.at(-1)).toBe(2);
  });

  it('replaces a process after its share of runs', async () => {
    const pool = await poolOf('decay', 2, { recycleAfter: 3 });
    const seen = new Set<number>();
    for (let i = 0; i < 10; i++) {
      await pool.settle(settling);
      for (const pid of pool.pids) seen.add(pid);
    }
    expect(seen.size).toBeGreaterThanOrEqual(3);
  });

  it('cancels, and closes with runs under way', async () => {
    const pool = await poolOf('hostile', 2);
    const stop = new AbortController();
    const running = pool.simulate({
      interface: 'cs',
      startValues: { mode: MODES.hang },
      signal: stop.signal,
    });
    const waiting = pool.simulate({ interface: 'cs' });
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await waiting).time.at(-1)).toBe(2);
    const again = pool.simulate({ interface: 'cs', startValues: { mode: MODES.hang } });
    again.catch(() => undefined);
    const [pid] = pool.pids;
    await Promise.all([pool.close(), pool.close()]);
    await expect(again).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(pool.simulate()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  it.each([
    [{ startValues: { nonsense: 1 } }, 'VARIABLE_UNKNOWN'],
    [{ inputs: { u: Number.NaN } }, 'VALUE_INVALID'],
    [{ outputs: ['nonsense'] }, 'VARIABLE_UNKNOWN'],
    [{ startValues: { y: 1 } }, 'VALUE_INVALID'],
    [{ stepSizeS: 0 }, 'VALUE_INVALID'],
  ])('refuses %j', async (change, code) => {
    const runner = new FmuRunner(await openFmu(buildFmu('decay', 2)));
    expect(() => runner.settle({ ...settling, ...change } as never)).toThrowError(
      expect.objectContaining({ code }),
    );
    runner.close();
  });
});

describe.skipIf(!hasCompiler)('steady-state runs', () => {
  const request = {
    startValues: {},
    inputs: {},
    outputs: ['y'],
    stepSizeS: 0.1,
    maxTimeS: 600,
    relativeTolerance: 1e-6,
  };

  it('are not fooled by a slow start, nor held up by what turns for ever', async () => {
    for (const version of [2, 3] as const) {
      const runner = new FmuRunner(await openFmu(buildFmu('chain', version)));
      for (const type of ['cs', 'me'] as const) {
        for (const tau of [0.5, 2, 10]) {
          // In the first steps the last of eight lags moves by less than 1e-12.
          const run = runner.settle({
            ...request,
            interface: type,
            startValues: { tau },
            warm: false,
          });
          expect(run.settled).toBe(true);
          expect(Math.abs((run.values[0] as number) - 1)).toBeLessThan(1e-5);
        }
      }
      runner.close();
    }
  });

  it('say so when they did not settle', async () => {
    const runner = new FmuRunner(await openFmu(buildFmu('chain', 2)));
    const run = runner.settle({ ...request, interface: 'cs', maxTimeS: 5 });
    expect(run.settled).toBe(false);
    expect(run.timeS).toBeCloseTo(5, 9);
    const turning = runner.settle({
      ...request,
      interface: 'cs',
      outputs: ['angle'],
      maxTimeS: 50,
    });
    expect(turning.settled).toBe(false);
    runner.close();
  });

  it('give the same from one reference whatever ran before, and agree with cold ones', async () => {
    const runner = new FmuRunner(await openFmu(buildFmu('chain', 2)));
    const reference = { startValues: { tau: 1 }, inputs: { u: 1 } };
    const point = { ...request, interface: 'cs' as const, inputs: { u: 1.3 }, reference };
    const first = runner.settle(point);
    runner.settle({ ...point, inputs: { u: 9 } });
    runner.settle({ ...point, startValues: { tau: 3 } });
    const second = runner.settle(point);
    expect(second.values).toEqual(first.values);
    const cold = runner.settle({ ...point, warm: false });
    expect(Math.abs((cold.values[0] as number) - (first.values[0] as number))).toBeLessThan(1.3e-5);
    runner.close();
  });
});
