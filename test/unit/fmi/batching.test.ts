import { afterAll, describe, expect, it, vi } from 'vitest';
import {
  createFmuPool,
  type FmuPool,
  type FmuPoolOptions,
  openFmu,
} from '../../../shared/fmi/index.js';
import { type Batchable, Batching } from '../../../shared/fmi/lanes/batching.js';
import { Cancelling } from '../../../shared/fmi/lanes/cancelling.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

const settle = (options: Batchable['options'] = {}, more: Partial<Batchable> = {}): Batchable => ({
  type: 'settle',
  options,
  alone: false,
  ...more,
});
const of = (n: number, job = settle()) => Array.from({ length: n }, () => job);

describe('jobs of one message', () => {
  it('are as many as take five milliseconds, and one process’s share', () => {
    const batching = new Batching();
    expect(batching.head(of(100), 1, 1e9)).toBe(1);
    batching.note('settle', 10, 5);
    expect(batching.head(of(100), 1, 1e9)).toBe(10);
    expect(batching.head(of(12), 2, 1e9)).toBe(6);
    expect(batching.head(of(100), 1, 3)).toBe(3);
    expect(batching.head([], 1, 1e9)).toBe(0);
    batching.note('settle', 1, 5000);
    expect(batching.head(of(100), 1, 1e9)).toBe(1);
  });

  it('are of one kind, signal and deadline, and none that failed or tells how far it is', () => {
    const batching = new Batching();
    batching.note('settle', 100, 5);
    batching.note('simulate', 100, 5);
    const { signal } = new AbortController();
    for (const other of [
      settle({ signal }),
      settle({ timeoutMs: 7 }),
      settle({}, { alone: true }),
      settle({ onProgress: () => undefined }),
      settle({}, { type: 'simulate' }),
    ]) {
      expect(batching.head([...of(3), other, ...of(3)], 1, 1e9)).toBe(3);
      expect(batching.head(of(2, other), 1, 1e9)).toBe(
        other.options.signal !== undefined || other.options.timeoutMs !== undefined ? 2 : 1,
      );
    }
  });
});

describe('jobs that wait with a signal', () => {
  it('are cancelled with it while they wait, by one listener', () => {
    const told: string[][] = [];
    const waiting = new Cancelling<string>((_, jobs) => told.push([...jobs]));
    const [one, other] = [new AbortController(), new AbortController()];
    const listens = vi.spyOn(one.signal, 'addEventListener');
    for (const job of ['a', 'b', 'c']) waiting.join(one.signal, job);
    waiting.join(other.signal, 'd');
    waiting.join(undefined, 'e');
    waiting.leave(undefined, 'e');
    waiting.leave(one.signal, 'b');
    expect(listens).toHaveBeenCalledTimes(1);
    one.abort();
    expect(told).toEqual([['a', 'c']]);
    // Those that left, all of a signal too, are told nothing.
    waiting.leave(other.signal, 'd');
    waiting.leave(other.signal, 'd');
    other.abort();
    expect(told).toHaveLength(1);
  });
});

describe.skipIf(!hasCompiler)('runs that go to a process together', () => {
  const pools: FmuPool[] = [];
  const poolOf = async (name: string, options: Partial<FmuPoolOptions> = {}) => {
    const pool = await createFmuPool({
      fmu: await openFmu(buildFmu(name, 2)),
      lanes: 1,
      ...options,
    });
    pools.push(pool);
    return pool;
  };
  afterAll(() => Promise.all(pools.map((pool) => pool.close())));
  const resting = {
    outputs: ['y'],
    interface: 'cs' as const,
    stepSizeS: 0.1,
    maxTimeS: 600,
    relativeTolerance: 1e-8,
  };

  it('give each its own result', async () => {
    for (const lanes of [1, 2]) {
      const pool = await poolOf('decay', { lanes });
      const inputs = Array.from({ length: 300 }, (_, i) => 1 + i / 10);
      const runs = await Promise.all(
        inputs.map((u) => pool.settle({ ...resting, startValues: { k: 0.5 }, inputs: { u } })),
      );
      runs.forEach((run, i) => {
        expect(Math.abs(run.values[0]! / inputs[i]! - 1)).toBeLessThan(1e-6);
      });
    }
  });

  it('fail by themselves: a crash, an error, a hang and what is not finite cost no other run', async () => {
    const pool = await poolOf('hostile', { timeoutMs: 5000 });
    const [crash, hang, nan, error] = [1, 3, 5, 6];
    const run = (mode: number) =>
      pool.settle({ ...resting, maxTimeS: 30, startValues: { mode }, inputs: {} });
    // Quick runs first, so that what follows goes together.
    await Promise.all(Array.from({ length: 40 }, () => run(0)));
    const modes = Array.from({ length: 60 }, (_, i) =>
      i === 7 ? crash : i === 20 ? nan : i === 33 ? error : i === 45 ? hang : 0,
    );
    const ended = await Promise.allSettled(modes.map(run));
    const codes = ended.map((e) => (e.status === 'rejected' ? e.reason.code : 'done'));
    expect(codes).toEqual(
      modes.map((mode) =>
        mode === crash
          ? 'FMU_CRASHED'
          : mode === nan
            ? 'NUMERIC'
            : mode === error
              ? 'FMI_CALL_FAILED'
              : mode === hang
                ? 'FMU_TIMEOUT'
                : 'done',
      ),
    );
  });

  it('are cancelled together, and later ones are not', async () => {
    const pool = await poolOf('hostile');
    const quick = (signal?: AbortSignal) =>
      pool.settle({
        ...resting,
        maxTimeS: 30,
        startValues: { mode: 0 },
        inputs: {},
        ...(signal && { signal }),
      });
    await Promise.all(Array.from({ length: 40 }, () => quick()));
    const stop = new AbortController();
    const runs = Array.from({ length: 200 }, () => quick(stop.signal));
    const all = Promise.allSettled(runs);
    stop.abort();
    for (const end of await all)
      if (end.status === 'rejected') expect(end.reason.code).toBe('CANCELLED');
    expect((await all).filter((e) => e.status === 'rejected').length).toBeGreaterThan(100);
    expect((await quick()).steps).toBeGreaterThan(0);
  });
});
