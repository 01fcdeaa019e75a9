import { upperMedian } from '../../core/index.js';
import type { Finding } from '../report/verdict.js';
import type { Sample, Twin, TwinModel } from '../types.js';

/** Kelvin at 0 °C. */
const ZERO_CELSIUS_K = 273.15;
/** How far a temperature may be from the model's beside a mistaken unit. */
const SCATTER_K = 60;
/** Factors between units that are mistaken for each other. */
const FACTORS: readonly [factor: number, what: string][] = [
  [1000, 'a unit and a thousand of it (Pa for kPa, W for kW, g for kg)'],
  [1e5, 'Pa and bar'],
  [1e6, 'a unit and a million of it'],
  [60, 'per second and per minute'],
  [3600, 'per second and per hour'],
  [100, 'a share and per cent'],
  [180 / Math.PI, 'degrees and radians'],
  [30 / Math.PI, 'rad/s and revolutions per minute'],
];
/** How near to such a factor a ratio must be, as a share of it. */
const NEAR_FACTOR = 0.1;

/** The middle of a channel's values. */
const medianOf = (values: readonly number[]): number => upperMedian(values.filter(Number.isFinite));

/**
 * Compares a measured level with what the model says at the prior.
 *
 * @returns what unit may have been mistaken, or undefined
 */
function unitMistake(measured: number, model: number): string | undefined {
  const offset = measured - model;
  const about = Math.abs(Math.abs(offset) - ZERO_CELSIUS_K) < SCATTER_K;
  if (about && Math.min(measured, model) < 200) {
    return offset > 0
      ? `it is ${offset.toPrecision(3)} above the model: kelvin where the model has degrees Celsius?`
      : `it is ${(-offset).toPrecision(3)} below the model: degrees Celsius where the model has kelvin?`;
  }
  const ratio = measured / model;
  if (!(ratio > 0) || !Number.isFinite(ratio)) return undefined;
  for (const [factor, what] of FACTORS) {
    const near = (r: number) => Math.abs(r / factor - 1) < NEAR_FACTOR;
    if (near(ratio)) return `it is ${ratio.toPrecision(3)} times the model: ${what} mixed up?`;
    if (near(1 / ratio))
      return `it is ${(1 / ratio).toPrecision(3)} times smaller than the model: ${what} mixed up?`;
  }
  return undefined;
}

/**
 * Compares the levels of the measured variables with the model's at the prior: kelvin for degrees
 * Celsius, pascal for bar. One run of the model, at the middle of the inputs.
 *
 * @returns what is suspicious; nothing where the model does not run there
 */
export async function levelFindings(
  twin: Twin,
  model: TwinModel,
  samples: readonly Sample[],
  signal?: AbortSignal,
): Promise<Finding[]> {
  const { definition } = twin;
  const complete = samples.filter((s) => s.inputs.every(Number.isFinite));
  const sample = complete[complete.length >> 1];
  if (sample === undefined || definition.simulation.mode === 'transient') return [];
  const prior = Float64Array.from(definition.parameters, (p) => p.prior.mean);
  const [outputs] = await model.evaluate([prior], sample.inputs, signal);
  if (!(outputs instanceof Float64Array)) return [];
  return definition.measured.flatMap(({ variable }, i): Finding[] => {
    const mistake = unitMistake(medianOf(samples.map((s) => s.measured[i]!)), outputs[i]!);
    if (mistake === undefined) return [];
    return [{ grade: 'care', reason: `${variable}: ${mistake}` }];
  });
}
