import { isLeftOut } from '../filter/left-out.js';
import { filterSettings } from '../filter/settings.js';
import { truncatedEstimate } from '../filter/truncated.js';
import { slopesAt } from '../identifiability/operating-points.js';
import type { CalibratorState, Estimate, Twin, TwinModel } from '../types.js';
import { crossCheck } from './cross-check.js';
import type { Finding } from './verdict.js';

/**
 * What speaks against the estimate that a state holds, as far as the state tells: whatever is made of it
 * rests on it. Of a machine at rest, errors of sensors that no other would show, noise that is a guess
 * or was found in inputs; of one that moves, the grade of the newest fit.
 *
 * @param inputs those of the last sample, or what is assumed of them, in the definition's order; the model
 *   is run at the estimate, at most 2n + 1 times
 */
export async function standingFindings(
  twin: Twin,
  model: TwinModel,
  state: CalibratorState,
  inputs: Float64Array,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const { definition } = twin;
  const { refit, x, S, noiseStd } = state.filter;
  if (refit?.grade === 'care' || refit?.grade === 'unusable') {
    const what = refit.grade === 'care' ? 'to be used with care' : 'not to be used';
    return [
      {
        grade: refit.grade,
        reason: `it rests on a fit of the constants that is ${what}: see the verdict of the calibration`,
      },
    ];
  }
  if (definition.simulation.mode !== 'steady-state' || state.sampleCount === 0) return [];
  const n = definition.parameters.length;
  const m = definition.measured.length;
  const { bounds } = filterSettings(twin);
  const at = Float64Array.from({ length: n }, (_, i) =>
    Math.min(bounds.upper[i]!, Math.max(bounds.lower[i]!, x[i]!)),
  );
  const found = await slopesAt(twin, model, { name: 'estimate', parameters: at }, inputs, signal);
  // Where the model fails at the estimate, what is asked of it says so.
  if ('error' in found) return [];
  const { slope } = found;
  const estimateOf = (mean: number, row: (c: number) => number): Estimate => {
    let variance = 0;
    for (let c = 0; c < 2 * n; c++) variance += row(c) ** 2;
    return truncatedEstimate(mean, Math.sqrt(variance));
  };
  const { findings } = crossCheck(
    twin,
    state,
    { slope, noiseStd, active: heardOf(state, m) },
    {
      parameters: Object.fromEntries(
        definition.parameters.map(({ variable }, i) => [
          variable,
          estimateOf(at[i]!, (c) => S[i * 2 * n + c]!),
        ]),
      ),
      virtualSensors: Object.fromEntries(
        definition.virtualSensors.map(({ variable }, v) => [
          variable,
          estimateOf(found.outputs[m + v]!, (c) => {
            let sum = 0;
            for (let i = 0; i < n; i++) sum += slope[(m + v) * n + i]! * S[i * 2 * n + c]!;
            return sum;
          }),
        ]),
      ),
      diagnostics: { mode: 'steady-state' },
      alarms: [],
    },
  );
  return findings;
}

/** Channels that speak: neither left out as faulty, nor frozen, nor silent so far. */
const heardOf = ({ filter }: CalibratorState, m: number): number[] =>
  Array.from({ length: m }, (_, o) => o).filter(
    (o) =>
      !isLeftOut(filter.leftOut, o) &&
      filter.faults[o] !== 1 &&
      Number.isFinite(filter.lastValue[o]!),
  );
