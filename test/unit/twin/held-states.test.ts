import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import type { SquareRootGaussian } from '../../../shared/kalman/index.js';
import {
  type HeldStates,
  heldStep,
  withoutError,
} from '../../../shared/twin/transient/held-states.js';
import type { LinearRun } from '../../../shared/twin/transient/linearise.js';

/** x' = 0.9 x + b1, y = x + 0.5 b2. */
const A = 0.9;
const D = 0.5;

/** Its run about a state with given parameters. */
function runAt([b1, b2]: readonly [number, number], x: number): LinearRun {
  return {
    centre: Float64Array.of(b1, b2, x),
    mean: Float64Array.of(A * x + b1, x + D * b2),
    middle: Float64Array.of(A * x + b1, x + D * b2),
    slope: Float64Array.of(1, 0, A, 0, D, 1),
    bend: new Float64Array(6),
    modelRuns: 0,
    refusedBeyond: false,
    memory: undefined,
  };
}

/** Innovations of states held with parameters, along readings. */
function along(b: readonly [number, number], readings: readonly number[]) {
  let held: HeldStates = { x: Float64Array.of(0), S: Float64Array.of(1) };
  return readings.map((z, k) => {
    const step = heldStep(held, runAt(b, held.x[0]!), 2, {
      measured: Float64Array.of(z),
      noiseStd: Float64Array.of(0.3),
      stateStd: Float64Array.of(0.1),
      ignored: k % 5 === 4 ? [0] : [],
    });
    held = step.states;
    return step;
  });
}

describe('states held with the parameters of a fit', () => {
  const rng = createRng(2);
  const readings = Array.from({ length: 40 }, (_, k) => (k === 7 ? Number.NaN : rng.normal()));

  it('know what an error of each parameter adds to every innovation', () => {
    const fitted = along([0.2, 0.1], readings);
    const off = [0.03, -0.4] as const;
    const other = along([0.2 + off[0], 0.1 + off[1]], readings);
    fitted.forEach(({ innovation, byParameters }, k) => {
      if (Number.isNaN(readings[k]!)) return;
      const added = byParameters[0]! * off[0] + byParameters[1]! * off[1];
      expect(innovation[0]! - added).toBeCloseTo(other[k]!.innovation[0]!, 12);
    });
  });

  it('lose of their innovations what the error of the parameters explains, and no more', () => {
    const prior = { x: new Float64Array(2), S: Float64Array.of(0.1, 0, 0, 0.5) };
    const told = (steps: readonly ReturnType<typeof heldStep>[]) => {
      let error: SquareRootGaussian = prior;
      return steps.map((step) => {
        const found = withoutError(step, error);
        error = found.error;
        return { ...found, w: found.innovation[0]! / step.std[0]!, held: step.innovation[0]! };
      });
    };
    // The sensor reads 0.5 b2 higher than the fit has it, for as long as it lasts.
    const off = told(along([0, 0], Array<number>(60).fill(0.45)));
    for (const { innovation, held } of off) {
      expect(Math.abs(innovation[0]!)).toBeLessThanOrEqual(Math.abs(held));
      expect(innovation[0]! * held).toBeGreaterThanOrEqual(0);
    }
    expect(off.every(({ w }) => Math.abs(w) < 1.5)).toBe(true);
    // What is far beyond the parameters' doubt stays.
    const far = told(along([0, 0], [...Array<number>(60).fill(0), 3, 4, 5]));
    expect(far.slice(-3).every(({ w }) => w > 4)).toBe(true);
    // Nothing is learnt of them from an outlier.
    const hit = told(along([0, 0], [...Array<number>(20).fill(0), 30]));
    expect(hit[20]!.w).toBeGreaterThan(4);
    expect(hit[20]!.error.x).toEqual(hit[19]!.error.x);
  });
});
