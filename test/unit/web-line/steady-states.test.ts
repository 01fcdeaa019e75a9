import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FmuPool, openFmu, validateFmu } from '../../../shared/fmi/index.js';
import { lineFmu, openLine, settleLine, worst } from './line-pool.js';
import { ROLLERS, solveSteadyLine } from './steady-line.js';

const healthy = Object.fromEntries(ROLLERS.map((i) => [i, 0]));

describe('the web line at rest', () => {
  let pool: FmuPool;
  beforeAll(async () => {
    pool = await openLine(lineFmu(2));
  });
  afterAll(() => pool.close());

  it('agrees with the algebra of the line at any drags, speed and unwind tension', async () => {
    const drags = fc.array(fc.double({ min: 0, max: 0.25, noNaN: true }), {
      minLength: 9,
      maxLength: 9,
    });
    await fc.assert(
      fc.asyncProperty(
        drags,
        fc.double({ min: 0.5, max: 2, noNaN: true }),
        fc.double({ min: 60, max: 200, noNaN: true }),
        async (values, lineSpeed, unwindTension) => {
          const drag = Object.fromEntries(ROLLERS.map((i, at) => [i, values[at]!]));
          const expected = solveSteadyLine(drag, lineSpeed, unwindTension);
          const actual = await settleLine(pool, drag, { lineSpeed, unwindTension });
          expect(actual.settled).toBe(true);
          expect(worst(actual.tension, expected.tension)).toBeLessThan(1e-3);
          expect(worst(actual.omega, expected.omega)).toBeLessThan(1e-4);
          expect(worst(actual.slip, expected.slip)).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 25, seed: 7 },
    );
  });

  it('turns healthy rollers as the strain of the web says', async () => {
    const { omega, tension, slip } = await settleLine(pool, healthy);
    expect(omega[7]).toBeCloseTo((20 * (1 + 150 / 4e5)) / (1 + 100 / 4e5), 7);
    expect(omega[4]).toBeCloseTo(20, 8);
    expect(tension[6]).toBeCloseTo(100, 6);
    expect(Math.abs(slip[9]!)).toBeLessThan(1e-10);
  });

  it('bears slightly negative drags, alone and all at once', async () => {
    const one = await settleLine(pool, { ...healthy, 9: -0.05 });
    expect(one.settled).toBe(true);
    expect(one.tension[9]! - one.tension[10]!).toBeCloseTo((0.05 * one.omega[9]!) / 0.05, 3);
    const all = await settleLine(pool, Object.fromEntries(ROLLERS.map((i) => [i, -0.05])));
    expect(all.settled).toBe(true);
    expect(Object.values(all.tension).every((t) => t > 0)).toBe(true);
  });

  it('comes to the same rest from a settled state as from a cold start', async () => {
    const drag = { ...healthy, 3: 0.12, 9: 0.19 };
    const warm = await settleLine(pool, drag);
    const cold = await settleLine(pool, drag, { warm: false });
    expect(worst(warm.omega, cold.omega)).toBeLessThan(1e-5);
    expect(worst(warm.tension, cold.tension)).toBeLessThan(1e-4);
  });

  it('comes to the same rest in both interfaces and both versions of FMI', async () => {
    const drag = { ...healthy, 3: 0.1, 9: 0.18 };
    const reference = await settleLine(pool, drag);
    const third = await openLine(lineFmu(3));
    try {
      for (const [line, kind] of [
        [pool, 'me'],
        [third, 'cs'],
        [third, 'me'],
      ] as const) {
        const other = await settleLine(line, drag, { interface: kind });
        expect(worst(other.omega, reference.omega)).toBeLessThan(1e-5);
        expect(worst(other.tension, reference.tension)).toBeLessThan(1e-4);
      }
    } finally {
      await third.close();
    }
  });

  it('refuses a drag that it cannot bear, by a clear message', async () => {
    await expect(settleLine(pool, { ...healthy, 1: -2 })).rejects.toThrow(
      /below its variable's minimum|b1/,
    );
  });

  it('has nothing for the validator to find', async () => {
    expect(validateFmu(await openFmu(lineFmu(2)))).toEqual([]);
    expect(validateFmu(await openFmu(lineFmu(3)))).toEqual([]);
  });
});
