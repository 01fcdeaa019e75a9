import type { Bounds } from '../filter/linearise.js';
import { linearise } from '../filter/linearise.js';
import { filterSettings } from '../filter/settings.js';
import { truncatedEstimate } from '../filter/truncated.js';
import type { Estimate, Twin, TwinModel } from '../types.js';

/**
 * The virtual sensors of a twin whose parameters are known as said, each by itself: linearised over
 * their uncertainty as the calibration does it, so that the bands are those that it would publish.
 *
 * @param parameters mean and standard deviation by variable; the definition's prior mean, without
 *   uncertainty, for those left out
 * @param inputs one value per input, in the twin definition's order
 * @throws TwinError as the model does at the mean, `NUMERIC` where it does not come to rest there
 */
export async function estimateVirtualSensors(
  twin: Twin,
  model: TwinModel,
  parameters: Readonly<Record<string, { mean: number; std: number }>>,
  inputs: Float64Array,
  signal?: AbortSignal,
): Promise<Record<string, Estimate>> {
  const { definition } = twin;
  const n = definition.parameters.length;
  const mean = new Float64Array(n);
  const factor = new Float64Array(n * n);
  definition.parameters.forEach((p, i) => {
    const known = parameters[p.variable];
    mean[i] = known?.mean ?? p.prior.mean;
    factor[i * n + i] = known?.std ?? 0;
  });
  const { spread, bounds } = filterSettings(twin);
  const always = definition.estimator.respectBounds === 'always';
  const uncertain = uncertainOnly(mean, factor, bounds);
  const lin = await linearise(
    async (points) => model.evaluate(points.map(uncertain.toAll), inputs, signal),
    uncertain.mean,
    uncertain.factor,
    spread,
    uncertain.bounds,
    always,
  );
  const k = uncertain.mean.length;
  const outputs = lin.mean.length;
  const first = definition.measured.length;
  return Object.fromEntries(
    definition.virtualSensors.map(({ variable }, s) => {
      const o = first + s;
      let variance = Math.max(0, lin.omega[o * outputs + o]!);
      for (let i = 0; i < k; i++) {
        variance += (lin.slope[o * k + i]! * uncertain.factor[i * k + i]!) ** 2;
      }
      return [variable, truncatedEstimate(lin.mean[o]!, Math.sqrt(variance))];
    }),
  );
}

/** The parameters that are uncertain at all: along the others there is nothing to linearise. */
function uncertainOnly(mean: Float64Array, factor: Float64Array, bounds: Bounds) {
  const n = mean.length;
  const at = Array.from(mean, (_, i) => i).filter((i) => factor[i * n + i]! > 0);
  const pick = (values: Float64Array) => Float64Array.from(at, (i) => values[i]!);
  const own = new Float64Array(at.length ** 2);
  at.forEach((i, k) => {
    own[k * at.length + k] = factor[i * n + i]!;
  });
  return {
    mean: pick(mean),
    factor: own,
    bounds: { lower: pick(bounds.lower), upper: pick(bounds.upper) },
    toAll(point: Float64Array): Float64Array {
      const all = mean.slice();
      at.forEach((i, k) => {
        all[i] = point[k]!;
      });
      return all;
    },
  };
}
