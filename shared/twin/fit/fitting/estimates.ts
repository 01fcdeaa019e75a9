import { Z95 } from '../../../kalman/index.js';
import { truncatedEstimate } from '../../filter/truncated.js';
import type { Estimate } from '../../types.js';
import { type Coordinate, valueAt } from '../unknowns/coordinates.js';
import type { Fit } from './fit.js';

/** Coordinates of one kind as estimates with their bands. */
export function estimatesOf(fit: Fit, kind: Coordinate['kind']): Record<string, Estimate> {
  const n = fit.coordinates.length;
  return Object.fromEntries(
    fit.coordinates.flatMap((c, j) => {
      if (c.kind !== kind) return [];
      const sd = Math.sqrt(fit.covariance.covariance[j * n + j]!);
      return [[c.name, estimateOf(c, fit.u[j]!, sd)]];
    }),
  );
}

/**
 * A value with its band, bounds applied.
 *
 * @param sd in the coordinate's units
 */
export function estimateOf(c: Coordinate, u: number, sd: number): Estimate {
  if (c.transform === 'log') {
    const mean = valueAt(c, u);
    const bound = (x: number) => valueAt(c, Math.min(c.upper, Math.max(c.lower, x)));
    return {
      mean,
      std: mean * c.scale * sd,
      lower95: bound(u - Z95 * sd),
      upper95: bound(u + Z95 * sd),
    };
  }
  const limit = (x: number) => (Number.isFinite(x) ? valueAt(c, x) : x);
  return truncatedEstimate(valueAt(c, u), c.scale * sd, limit(c.lower), limit(c.upper));
}

/** Variance that a covariance of a fit's unknowns gives one value of a run, from a column of sensitivities for each. */
export function varianceAlong(
  C: Float64Array,
  columns: readonly Float64Array[],
  i: number,
): number {
  const n = columns.length;
  let variance = 0;
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < n; k++) variance += columns[j]![i]! * C[j * n + k]! * columns[k]![i]!;
  }
  return variance;
}
