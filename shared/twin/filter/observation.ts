import { updateFactored } from '../../kalman/index.js';
import type { Evaluation } from '../types.js';
import {
  type Gaussian,
  noiseRootOf,
  slopeTimesFactor,
  type UpdateResult,
} from './gaussian-update.js';
import {
  type EvaluatePoints,
  type Linearisation,
  linearise,
  predictOutputs,
  withDrive,
} from './linearise.js';
import { type Lines, linesOf, reuse } from './lines.js';
import type { FilterSettings } from './settings.js';

/** One sample with the model that is to explain it. Counts what it costs. */
export interface Observation {
  readonly settings: FilterSettings;
  /** Channels with a value, as indices of the measured variables. */
  readonly active: readonly number[];
  readonly measured: Float64Array;
  evaluate: EvaluatePoints;
  /** Linearises over the parameters of a Gaussian by the lines of the sample before, where these hold. */
  lineariseByLines(g: Gaussian, noiseStd: Float64Array): Promise<Linearisation | undefined>;
  /** Linearises where the sample led, by the lines of where the one before led, where these hold. */
  lineariseBeside(g: Gaussian, noiseStd: Float64Array): Promise<Linearisation>;
  /** For the next sample. */
  lines: Lines | undefined;
  /** Linearises over the parameters of a Gaussian. */
  lineariseAt(g: Gaussian): Promise<Linearisation>;
  modelRuns: number;
  /** Whether sigma points stay inside the parameters' bounds by now. */
  oneSided: boolean;
  refusedBeyond: boolean;
}

/** Least deviation over which the model is linearised, as a share of the range. */
const LEAST_STD = 1e-6;

/**
 * The factor of the parameters' covariance, without the trends; a direction that has vanished gets
 * a deviation too small to matter, so that there is a slope along it.
 */
function parameterFactor(S: Float64Array, range: Float64Array): Float64Array {
  const n = range.length;
  const N = 2 * n;
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) l[i * n + j] = S[i * N + j]!;
    if (l[i * n + i] === 0) l[i * n + i] = LEAST_STD * range[i]!;
  }
  return l;
}

/** Inputs whose noise counts. */
export interface NoisyInputs {
  /** Of each, in the inputs' order. */
  readonly count: number;
  /** The model at a point, one input moved by so many deviations of its noise. */
  evaluate(point: Float64Array, input: number, deviations: number): Promise<Evaluation>;
}

/** What one deviation of each input's noise does, by a pair of runs at the point of linearisation. */
async function driveOf(
  noisy: NoisyInputs | undefined,
  lin: Linearisation,
  observation: Observation,
): Promise<Float64Array | undefined> {
  if (noisy === undefined || noisy.count === 0) return undefined;
  const outputs = lin.mean.length;
  const drive = new Float64Array(outputs * noisy.count);
  const columns = Array.from({ length: noisy.count }, async (_, k) => {
    observation.modelRuns += 2;
    const [up, down] = await Promise.all(
      [1, -1].map((sign) => noisy.evaluate(lin.centre, k, sign)),
    );
    if (!(up instanceof Float64Array)) throw up;
    if (!(down instanceof Float64Array)) throw down;
    for (let o = 0; o < outputs; o++) drive[o * noisy.count + k] = (up[o]! - down[o]!) / 2;
  });
  await Promise.all(columns);
  return drive;
}

/** @param measured `NaN` for channels without a value */
export function observe(
  measured: Float64Array,
  evaluate: EvaluatePoints,
  settings: FilterSettings,
  forceBounds: boolean,
  before?: { lines: Lines | undefined; inputs: Float64Array },
  noisyInputs?: NoisyInputs,
): Observation {
  const n = settings.range.length;
  const active: number[] = [];
  measured.forEach((v, i) => {
    if (!Number.isNaN(v)) active.push(i);
  });
  const byLines = async (g: Gaussian, noiseStd: Float64Array) => {
    if (before?.lines === undefined || forceBounds) return undefined;
    const found = await reuse(
      before.lines,
      observation.evaluate,
      g.x.slice(0, n),
      parameterFactor(g.S, settings.range),
      settings.spread,
      before.inputs,
      noiseStd,
      active,
    );
    observation.lines = found?.lines;
    return found?.linearisation;
  };
  const observation: Observation = {
    settings,
    active,
    measured,
    modelRuns: 0,
    oneSided: forceBounds,
    refusedBeyond: false,
    evaluate(points) {
      observation.modelRuns += points.length;
      return evaluate(points);
    },
    lines: undefined,
    async lineariseByLines(g, noiseStd) {
      return before?.lines?.local ? undefined : byLines(g, noiseStd);
    },
    async lineariseBeside(g, noiseStd) {
      const found = before?.lines?.local ? await byLines(g, noiseStd) : undefined;
      return found ?? observation.lineariseAt(g);
    },
    async lineariseAt(g) {
      const found = await linearise(
        observation.evaluate,
        g.x.slice(0, n),
        parameterFactor(g.S, settings.range),
        settings.spread,
        settings.bounds,
        observation.oneSided,
      );
      const lin = withDrive(found, await driveOf(noisyInputs, found, observation));
      observation.lines = before && linesOf(lin, before.inputs);
      observation.oneSided ||= lin.oneSided;
      observation.refusedBeyond ||= lin.refusedBeyond;
      return lin;
    },
  };
  return observation;
}

/**
 * The update of a Gaussian by the observation, with the model as linearised.
 *
 * @param rootNoise by {@link noiseRootOf}, where it is at hand
 */
export function updateWith(
  observation: Observation,
  g: Gaussian,
  lin: Linearisation,
  variance: Float64Array,
  rootNoise?: Float64Array,
): UpdateResult {
  const { active, measured, settings } = observation;
  const n = settings.range.length;
  const expected = predictOutputs(lin, g.x.slice(0, n));
  return updateFactored(
    g,
    slopeTimesFactor(lin, g.S, active, n),
    Float64Array.from(active, (o) => measured[o]! - expected[o]!),
    rootNoise ?? noiseRootOf(lin.omega, lin.mean.length, variance, active),
  );
}
