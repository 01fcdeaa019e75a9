import { type BandSources, sharesOf } from '../../report/band-sources.js';
import { shownErrors } from '../bands/bands.js';
import type { FitContext } from '../model/fit-context.js';
import { statedVariance } from '../stated/stated-effect.js';
import { priorOf } from '../unknowns/prior.js';
import type { Fit } from './fit.js';

/**
 * Where the bands of a fit's parameters come from, as shares of their variance:
 *
 * - `sensors`: white noise, A⁻¹ (Σ GᵀG·white²/σ⁴) A⁻¹, and errors of sensors that are stated or show, offsets and scales;
 * - `inputs`: their noise, stated or found, and stated errors of their scales and zeros;
 * - `shortness`: what the priors alone hold, A⁻², and what Student's factor adds for few samples;
 * - `model`: residuals that follow each other, the integration's steps, bounds, a posterior that bends, wrong
 *   times;
 * - `trend`: where parameters wear, what the hypotheses of their courses leave open.
 *
 * A band that is cut to its prior keeps its shares.
 */
export function fitSources(
  { twin }: Pick<FitContext, 'twin'>,
  fit: Fit,
): Record<string, BandSources> {
  const { coordinates, covariance, record, columns, noiseStd, residualModels } = fit;
  const n = coordinates.length;
  const { white: inverse, sandwich, tFactor } = covariance;
  const noise = whiteInformation(
    record.data,
    record.channels,
    columns,
    noiseStd,
    residualModels.map((r, c) =>
      fit.inputNoise === undefined ? r.white : (twin.definition.measured[c]!.noiseStd ?? r.white),
    ),
  );
  const { precision } = priorOf(coordinates);
  const errors = shownErrors(twin, fit.misfit);
  return Object.fromEntries(
    coordinates.flatMap((c, j) => {
      if (c.kind !== 'parameter') return [];
      const row = inverse.subarray(j * n, (j + 1) * n);
      const prior = quadratic(precision, row);
      const white = quadratic(noise, row);
      const told = sandwich[j * n + j]!;
      const student = (tFactor ** 2 - 1) * told;
      const shown = errors.reduce((sum, e) => sum + e.variance * e.shift[j]! ** 2, 0);
      const lasting = shown + statedVariance(fit.stated, 'sensors', j);
      const lastingInputs = statedVariance(fit.stated, 'inputs', j);
      const inputs = fit.inputNoise?.variance[j] ?? 0;
      const times = fit.wrongTimes?.[j] ?? 0;
      const beside = student + lasting + lastingInputs + times;
      const rest = covariance.covariance[j * n + j]! - told - beside;
      const worn = fit.wear !== undefined && fit.wear.gain > 0;
      const shares = sharesOf({
        sensors: white + lasting,
        inputs: inputs + lastingInputs,
        model: told - white - prior - inputs + times + (worn ? 0 : Math.max(0, rest)),
        trend: worn ? Math.max(0, rest) : 0,
        shortness: prior + student,
      });
      return shares === undefined ? [] : [[c.name, shares]];
    }),
  );
}

/** vᵀ M v. */
export function quadratic(M: Float64Array, v: Float64Array): number {
  const n = v.length;
  let sum = 0;
  for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) sum += v[i]! * M[i * n + k]! * v[k]!;
  return sum;
}

/** Σ GᵀG·white²/σ⁴ over channels: what white noise of the sensors does to the normal equations. */
export function whiteInformation(
  data: Float64Array,
  channels: number,
  columns: readonly Float64Array[],
  noiseStd: Float64Array,
  whiteStd: ArrayLike<number>,
): Float64Array {
  const n = columns.length;
  const M = new Float64Array(n * n);
  for (let i = 0; i < data.length; i++) {
    if (Number.isNaN(data[i]!)) continue;
    const c = i % channels;
    const w = whiteStd[c]! ** 2 / noiseStd[c]! ** 4;
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) M[j * n + k]! += w * columns[j]![i]! * columns[k]![i]!;
    }
  }
  return M;
}
