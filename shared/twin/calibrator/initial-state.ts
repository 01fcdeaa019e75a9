import { cautiousNoise, firstValues } from '../filter/first-values.js';
import { initialHealth } from '../filter/innovation-tests.js';
import { filterSettings } from '../filter/settings.js';
import type { CalibratorState, Sample, Twin } from '../types.js';

/**
 * Standard deviation of the first trend, as a share of the range per wear horizon: 1e-5 a sample on
 * the study's web line (range 0.5, horizon 777 samples; docs/explanation/calibration.md).
 */
export const INITIAL_TREND = 0.0155;

/**
 * The same of a machine that moves, where one filter follows wear and no modes of faster wear wait beside it: it wore
 * before its first sample, too, and two deviations go through the range within the horizon, as the definition allows.
 */
const INITIAL_TREND_MOVING = 0.5;

/**
 * What is known of a machine before any data: the priors.
 *
 * @param samples the first samples to come, if at hand: sensor noise that the definition leaves out is
 *   estimated from them, and anew from the first that come where they are few
 */
export function initialCalibratorState(
  twin: Twin,
  samples: readonly Sample[] = [],
): CalibratorState {
  const { definition } = twin;
  const settings = filterSettings(twin);
  const n = definition.parameters.length;
  const m = definition.measured.length;
  const trendStd =
    definition.simulation.mode === 'steady-state' ? INITIAL_TREND : INITIAL_TREND_MOVING;
  const x = new Float64Array(2 * n);
  const S = new Float64Array(4 * n * n);
  definition.parameters.forEach((p, i) => {
    x[i] = p.prior.mean;
    S[i * 2 * n + i] = p.prior.std;
    const j = n + i;
    S[j * 2 * n + j] = settings.trend[i] ? trendStd * settings.range[i]! : 0;
  });
  const noiseStd = cautiousNoise(definition, samples);
  const first = firstValues(definition, samples);
  return {
    twinHash: twin.hash,
    timeS: Number.NEGATIVE_INFINITY,
    timeNs: 0n,
    sampleCount: 0,
    filter: {
      x,
      S,
      noiseStd,
      firstNoise: noiseStd,
      ...(first === undefined ? {} : { firstValues: first }),
      suspicion: new Float64Array(m),
      lastValue: new Float64Array(m).fill(Number.NaN),
      repeats: new Float64Array(m),
      heldInputs: new Float64Array(),
      faults: new Float64Array(m),
      limitRuns: new Float64Array(n + definition.virtualSensors.length),
      health: initialHealth(m),
      unexplained: 0,
      rejected: new Float64Array(m).fill(Number.NaN),
      oneSided: 0,
    },
  };
}
