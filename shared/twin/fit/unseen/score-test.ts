import { choleskySolve } from '../../../kalman/index.js';
import type { Fit } from '../fitting/fit.js';
import { gaussNewtonStep, residualsAfter } from '../least-squares/steps.js';

/** What residuals and unknowns make of a direction in the outputs. */
export interface Scored {
  /** How many deviations of chance one of it leaves in the residuals beside what the unknowns take. */
  left: number;
  /** How far one of it moves each unknown, in deviations of its band. */
  moves: Float64Array;
  /** How much of it the residuals ask for, and by how much its square would lower theirs; absent where they can't tell. */
  asked?: { size: number; square: number };
}

/** Share of a direction that must be left of it when the unknowns have taken theirs. */
const LEAST_LEFT = 1e-3;

/**
 * A score test of directions in a fit's outputs, beside what the unknowns do.
 *
 * @returns residuals, samples × channels; and what asks of a direction in the outputs' units, likewise
 * @see Rao 1948
 */
export function scoreTest(fit: Fit): {
  residuals: Float64Array;
  ask: (direction: Float64Array) => Scored;
} {
  const { record, prediction, noiseStd, columns, coordinates, covariance } = fit;
  const { channels, data } = record;
  const n = coordinates.length;
  const { step, L } = gaussNewtonStep({ coordinates, data, channels }, columns, fit);
  const residuals = residualsAfter(step, data, prediction, columns);
  const std = (j: number) => Math.sqrt(covariance.covariance[j * (n + 1)]!);
  const ask = (direction: Float64Array): Scored => {
    let [dot, square] = [0, 0];
    const along = new Float64Array(n);
    residuals.forEach((e, i) => {
      if (Number.isNaN(e)) return;
      const w = 1 / noiseStd[i % channels]! ** 2;
      dot += w * direction[i]! * e;
      square += w * direction[i]! ** 2;
      for (let j = 0; j < n; j++) along[j]! += w * direction[i]! * columns[j]![i]!;
    });
    const taken = choleskySolve(L, along, n);
    const left = along.reduce((sum, v, j) => sum - v * taken[j]!, square);
    const size = dot / left;
    return {
      left: Math.sqrt(Math.max(0, left)),
      moves: taken.map((v, j) => v / std(j)),
      ...(left > LEAST_LEFT * square && { asked: { size, square: dot * size } }),
    };
  };
  return { residuals, ask };
}
