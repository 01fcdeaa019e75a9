import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFmuPool, type FmuPool, inputsAlong, openFmu } from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

// x' = k (u - x) from x = 1.
describe.skipIf(!hasCompiler)('a run along given times', () => {
  let pool: FmuPool;
  beforeAll(async () => {
    pool = await createFmuPool({ fmu: await openFmu(buildFmu('decay', 2)), lanes: 1 });
  });
  afterAll(() => pool.close());

  const timesS = Float64Array.of(0, 0.3, 0.35, 1, 2.5);
  const exact = (from: number, k: number, u: number) =>
    timesS.map((t) => u + (from - u) * Math.exp(-k * t));

  it.each(['cs', 'me'] as const)('reads outputs at each, unevenly spaced (%s)', async (type) => {
    const { values } = await pool.trajectory({
      interface: type,
      startValues: { k: 2 },
      outputs: ['y'],
      timesS,
      relativeTolerance: 1e-9,
    });
    expect(values).toHaveLength(timesS.length);
    exact(1, 2, 0).forEach((v, i) => {
      expect(values[i]).toBeCloseTo(v, 6);
    });
  });

  it.each(['cs', 'me'] as const)('begins from states and gives them along (%s)', async (type) => {
    const { values, states } = await pool.trajectory({
      interface: type,
      startValues: { k: 1 },
      states: Float64Array.of(5),
      outputs: ['y', 'y2'],
      timesS,
      keepStates: true,
      relativeTolerance: 1e-9,
    });
    exact(5, 1, 0).forEach((v, i) => {
      expect(values[2 * i]).toBeCloseTo(v, 6);
      expect(values[2 * i + 1]).toBeCloseTo(2 * v, 5);
      expect(states?.[i]).toBeCloseTo(v, 6);
    });
  });

  it.each(['cs', 'me'] as const)('holds an input until the next sample (%s)', async (type) => {
    const times = Float64Array.of(0, 1, 2);
    const { values } = await pool.trajectory({
      interface: type,
      startValues: { k: 1 },
      states: Float64Array.of(0),
      inputs: inputsAlong(times, [{ name: 'u', values: Float64Array.of(1, 0, 7) }], 'hold'),
      outputs: ['y', 'y2'],
      timesS: times,
      relativeTolerance: 1e-9,
    });
    const atOne = 1 - Math.exp(-1);
    expect(values[2]).toBeCloseTo(atOne, 6);
    expect(values[4]).toBeCloseTo(atOne * Math.exp(-1), 6);
    // What follows the input at once sees the sample's own value.
    expect(values[5]).toBeCloseTo(2 * atOne * Math.exp(-1) + 7, 5);
  });

  it('lets what is not known at an instant run on through it', () => {
    const values = Float64Array.of(1, Number.NaN, Number.NaN, 4);
    const columns = ['line', 'level'].map((name) => ({ name, values }));
    const table = inputsAlong(Float64Array.of(0, 1, 2, 3), columns, ['linear', 'hold']);
    // Two rows per later instant: before a level changes, and after.
    expect(table.columns.map((c) => [...c.values])).toEqual([
      [1, 2, 2, 3, 3, 4, 4],
      [1, 1, 1, 1, 1, 1, 4],
    ]);
  });

  it('lets an input run straight between samples, in the middle of each step', async () => {
    const times = Float64Array.from({ length: 51 }, (_, i) => i / 25);
    const inputs = inputsAlong(times, [{ name: 'u', values: times.slice() }], 'linear');
    const { values } = await pool.trajectory({
      interface: 'cs',
      startValues: { k: 1 },
      states: Float64Array.of(0),
      inputs,
      outputs: ['y'],
      timesS: times,
    });
    // x' = t - x from 0: x = t - 1 + exp(-t).
    expect(values[50]).toBeCloseTo(1 + Math.exp(-2), 3);
  });

  it('goes along times as they are logged, which lie beside any grid', async () => {
    const t0 = 1_682_912_554.273;
    const times = Float64Array.from(
      { length: 400 },
      (_, i) => t0 + 3.0004 * i + 1e-3 * Math.sin(7 * i) - t0,
    );
    const u = times.map((_, i) => (i % 7 < 3 ? 1 : 0));
    const { values } = await pool.trajectory({
      interface: 'cs',
      startValues: { k: 0.1 },
      states: Float64Array.of(0),
      inputs: inputsAlong(times, [{ name: 'u', values: u }], 'hold'),
      outputs: ['y'],
      timesS: times,
      stepSizeS: 3,
    });
    let x = 0;
    for (let i = 1; i < times.length; i++) {
      x = u[i - 1]! + (x - u[i - 1]!) * Math.exp(-0.1 * (times[i]! - times[i - 1]!));
      expect(values[i]).toBeCloseTo(x, 5);
    }
  });

  it('refuses times that do not rise, and states of the wrong number', async () => {
    const request = { startValues: {}, outputs: ['y'] };
    await expect(
      pool.trajectory({ ...request, timesS: Float64Array.of(0, 1, 1) }),
    ).rejects.toMatchObject({ code: 'VALUE_INVALID' });
    await expect(
      pool.trajectory({ ...request, timesS, states: Float64Array.of(1, 2) }),
    ).rejects.toThrow('expected 1');
  });
});
