import { afterAll, describe, expect, it } from 'vitest';
import { createFmuPool, type FmuPool, openFmu } from '../../../shared/fmi/index.js';
import { buildFmu, hasCompiler } from './fixture-fmus.js';

describe.skipIf(!hasCompiler)('a pool on a co-simulation FMU', () => {
  const pools: FmuPool[] = [];
  const poolOf = async (name: string, version: 2 | 3 = 2, options = {}) => {
    const pool = await createFmuPool({
      fmu: await openFmu(buildFmu(name, version)),
      lanes: 1,
      ...options,
    });
    pools.push(pool);
    return pool;
  };
  afterAll(() => Promise.all(pools.map((pool) => pool.close())));

  const request = {
    startValues: { k: 0.5 },
    inputs: { u: 3 },
    outputs: ['y', 'y2'],
    stepSizeS: 0.1,
    maxTimeS: 600,
    relativeTolerance: 1e-8,
  };

  it('settles where the closed form rests', async () => {
    const pool = await poolOf('decay');
    const cold = await pool.settle({ ...request, warm: false });
    expect(cold.settled).toBe(true);
    expect(cold.values[0]).toBeCloseTo(3, 7);
    expect(cold.values[1]).toBeCloseTo(9, 7);
    const warm = await pool.settle(request);
    expect(warm.settled).toBe(true);
    expect(Math.abs((warm.values[0] as number) - (cold.values[0] as number))).toBeLessThan(3e-7);
  });
});
