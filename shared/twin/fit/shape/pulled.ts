import { choleskySolve, symmetricEigen } from '../../../kalman/index.js';
import { block } from '../bands/bands.js';
import { addAlong, safeCholesky } from '../bands/loewner.js';
import type { Fit } from '../fitting/fit.js';
import { parameterCount } from '../unknowns/coordinates.js';
import { fromPrior, priorOf } from '../unknowns/prior.js';

/** Prior deviations from which a band that was moved with its parameter is worth a sentence. */
const FAR = 0.5;

/** A parameter that stands further from its prior than the record can tell. */
export interface Pulled {
  name: string;
  /** How far, in deviations of the prior. */
  by: number;
}

/**
 * Bands of parameters that were pulled further than the record is worth.
 *
 * The search weighs residuals as if each were new, and leaves the priors for that. Where residuals follow
 * each other, the record is worth less: with white covariance A⁻¹ and the true one C, in units of the
 * priors, the most probable point is (C − A⁻¹) u nearer to the priors than u. Which of the two is right
 * nobody knows, so the covariance takes the square of the way between them. Where residuals are white,
 * it is nothing. The only bands that may be wider than the priors'. States go along with the parameters that
 * they hang together with.
 *
 * @returns the parameters that this concerns
 */
export function widenPulled({ coordinates, u, covariance }: Fit): Pulled[] {
  const n = coordinates.length;
  const p = parameterCount(coordinates);
  const { covariance: C, white } = covariance;
  const more = block(
    C.map((v, i) => v - white[i]!),
    n,
    p,
  );
  const { values, vectors } = symmetricEigen(more, p);
  const v = fromPrior(priorOf(coordinates), u);
  const shift = new Float64Array(p);
  for (let k = 0; k < p; k++) {
    let along = 0;
    for (let j = 0; j < p; j++) along += vectors[j * p + k]! * v[j]!;
    const share = Math.min(1, Math.max(0, values[k]!));
    for (let j = 0; j < p; j++) shift[j]! += share * along * vectors[j * p + k]!;
  }
  addAlong(C, n, takenAlong(C, n, shift), 1);
  return coordinates.slice(0, p).flatMap(({ name }, j) => {
    const by = Math.abs(shift[j]!);
    return by > FAR ? [{ name, by }] : [];
  });
}

/** A shift of the first unknowns, with the others as they hang together with them. */
function takenAlong(C: Float64Array, n: number, shift: Float64Array): Float64Array {
  const p = shift.length;
  const w = choleskySolve(safeCholesky(block(C, n, p), p), shift, p, 1);
  return Float64Array.from({ length: n }, (_, k) =>
    k < p ? shift[k]! : w.reduce((sum, v, j) => sum + C[k * n + j]! * v, 0),
  );
}

/** A copy of a fit whose bands hold where its parameters were pulled from. */
export function withPulled(fit: Fit): Fit {
  const covariance = { ...fit.covariance, covariance: fit.covariance.covariance.slice() };
  const copy = { ...fit, covariance };
  widenPulled(copy);
  return copy;
}
