import {
  createWorkspace,
  diagonal,
  type SquareRootGaussian,
  srKfPredict,
  srKfUpdate,
} from '../../kalman/index.js';
import { BAND_OF_NIS } from '../filter/nis.js';
import { beside, drivenOf, first } from './input-drive.js';
import type { LinearRun } from './linearise.js';

/** The states as they are if the parameters are exactly the newest fit's: mean and lower factor. */
export interface HeldStates {
  readonly x: Float64Array;
  readonly S: Float64Array;
  /** How far a unit of each parameter's error has led them off since the fit, ns × n; absent right after it. */
  readonly lead?: Float64Array | undefined;
  /** What innovations since the fit say of the parameters' error: mean and lower factor; absent before the first. */
  readonly error?: SquareRootGaussian | undefined;
}

/**
 * What a time adds to a state's standard deviation.
 *
 * @param scale its typical magnitude
 * @param speed how fast the model moves it, per second
 * @param noise `share` of the scale per √s; `speedNoise`, √s, times the speed
 */
export const stateNoiseStd = (
  scale: number,
  speed: number,
  { share, speedNoise }: { share: number; speedNoise: number },
  dtS: number,
): number => Math.hypot(share * scale, speedNoise * speed) * Math.sqrt(dtS);

/** What a sample says of them. */
export interface HeldStep {
  states: HeldStates;
  /** Measured less predicted, per channel; `NaN` where there is none. */
  innovation: Float64Array;
  /** Its predicted standard deviation. */
  std: Float64Array;
  /** Normalised innovation squared of all channels that have a value. */
  nis: number;
  /** Channels × parameters: what a unit of each parameter's error adds to the innovation. */
  byParameters: Float64Array;
}

/**
 * One step of the filter whose noise a fit found by likelihood, the parameters held. Its innovations
 * are noise until something happens that the model lacks; those of the joint filter hide it in the
 * bands of the parameters. It costs no model run: the joint filter's straight line serves both.
 *
 * @param n number of parameters
 * @param stateStd per state: what the time since the last sample adds
 * @param ignored channels whose values are looked at but not believed
 */
export function heldStep(
  held: HeldStates,
  run: LinearRun,
  n: number,
  input: {
    measured: Float64Array;
    noiseStd: Float64Array;
    stateStd: Float64Array;
    ignored: readonly number[];
  },
): HeldStep {
  const { measured, noiseStd, stateStd, ignored } = input;
  const ns = held.x.length;
  const m = measured.length;
  const p = n + ns;
  const workspace = createWorkspace();
  const { mean } = run;
  const driven = drivenOf(run);
  const width = ns + driven;
  /** Slopes by the states, then by what noise of the inputs adds, which is one deviation wide. */
  const slopes = (from: number, rows: number) =>
    Float64Array.from({ length: rows * width }, (_, i) => {
      const [row, k] = [from + Math.floor(i / width), i % width];
      return k < ns ? run.slope[row * p + n + k]! : run.drive![row * driven + k - ns]!;
    });
  const F = new Float64Array(width * width);
  F.set(slopes(0, ns));
  const start = srKfPredict(
    beside({ x: held.x.map((v, i) => v - run.centre[n + i]!), S: held.S }, driven),
    {
      F: diagonal(new Float64Array(width).fill(1)),
      rootQ: diagonal(Float64Array.of(...stateStd, ...new Float64Array(driven))),
    },
    workspace,
  );
  const z = measured.map((v, o) => v - mean[ns + o]!);
  const line = { H: slopes(ns, m), rootR: diagonal(noiseStd) };
  const seen = srKfUpdate(start, { ...line, z }, workspace);
  const { innovation } = seen;
  const believed =
    ignored.length === 0
      ? seen
      : srKfUpdate(
          start,
          { ...line, z: z.map((v, o) => (ignored.includes(o) ? Number.NaN : v)) },
          workspace,
        );
  const { lead, byParameters } = ledOff(held.lead, run, n, believed.S, F, input);
  const end = first(
    srKfPredict(believed, { F, rootQ: new Float64Array(width * width) }, workspace),
    ns,
  );
  return {
    states: { x: end.x.map((v, i) => v + mean[i]!), S: end.S, lead },
    innovation: innovation.y.slice(),
    std: innovation.std.slice(),
    nis: innovation.nis,
    byParameters,
  };
}

/**
 * One step of what a unit of each parameter's error makes of held states: G⁺ = F (G − K M) + ∂f/∂b with
 * M = H G + ∂h/∂b, which is what it adds to the innovations.
 *
 * @param S factor of the states after the sample, with what noise of the inputs adds beside them
 * @param F how these move on
 */
function ledOff(
  lead: Float64Array | undefined,
  run: LinearRun,
  n: number,
  S: Float64Array,
  F: Float64Array,
  { measured, noiseStd, ignored }: Parameters<typeof heldStep>[3],
): { lead: Float64Array; byParameters: Float64Array } {
  const width = Math.round(Math.sqrt(F.length));
  const driven = drivenOf(run);
  const ns = width - driven;
  const p = n + ns;
  const m = measured.length;
  const before = lead ?? new Float64Array(ns * n);
  const byParameters = new Float64Array(m * n);
  const after = new Float64Array(width * n);
  after.set(before);
  for (let o = 0; o < m; o++) {
    const row = ns + o;
    for (let j = 0; j < n; j++) {
      let sum = run.slope[row * p + j]!;
      for (let i = 0; i < ns; i++) sum += run.slope[row * p + n + i]! * before[i * n + j]!;
      byParameters[o * n + j] = sum;
    }
    if (!Number.isFinite(measured[o]!) || ignored.includes(o)) continue;
    // Its column of the gain, from what the sample leaves unknown: K = P Hᵀ R⁻¹.
    const along = new Float64Array(width);
    for (let k = 0; k < width; k++) {
      const slope = k < ns ? run.slope[row * p + n + k]! : run.drive![row * driven + k - ns]!;
      for (let j = 0; j <= k; j++) along[j]! += S[k * width + j]! * slope;
    }
    for (let i = 0; i < width; i++) {
      let gain = 0;
      for (let j = 0; j <= i; j++) gain += S[i * width + j]! * along[j]!;
      gain /= noiseStd[o]! ** 2;
      for (let j = 0; j < n; j++) after[i * n + j]! -= gain * byParameters[o * n + j]!;
    }
  }
  const next = new Float64Array(ns * n);
  for (let i = 0; i < ns; i++) {
    for (let j = 0; j < n; j++) {
      let sum = run.slope[i * p + j]!;
      for (let k = 0; k < width; k++) sum += F[i * width + k]! * after[k * n + j]!;
      next[i * n + j] = sum;
    }
  }
  return { lead: next, byParameters };
}

/**
 * Whether innovations of held states tell of the noise: an error of the parameters, as large as they may be
 * off, adds less to their squares than what noise that is right may be off by.
 *
 * @param S lower factor of the parameters' covariance
 */
export function tellsOfNoise(
  { innovation, std, byParameters }: Pick<HeldStep, 'innovation' | 'std' | 'byParameters'>,
  S: Float64Array,
): boolean {
  const n = byParameters.length / innovation.length;
  let channels = 0;
  let added = 0;
  for (const [o, v] of innovation.entries()) {
    if (Number.isNaN(v)) continue;
    channels++;
    for (let k = 0; k < n; k++) {
      let along = 0;
      for (let j = k; j < n; j++) along += byParameters[o * n + j]! * S[j * n + k]!;
      added += (along / std[o]!) ** 2;
    }
  }
  return added <= (BAND_OF_NIS[1] - 1) * channels;
}

/** Deviations from which an innovation is an outlier, or an event: it says nothing of the parameters. */
const WILD = 4;

/**
 * What a sample says of the error of a fit's parameters, by the innovations of the states that were held with
 * them: Friedland's two-stage filter. As a parameter is the same at every sample, its error adds to innovations
 * for long, as what the model lacks does: what speaks of that is left with the error as it was known before.
 *
 * @param error of the parameters before the sample
 * @returns the error after it, and innovations as the held states' deviations are to measure them: nearer to
 *   0 where the error may have made them, never further from it
 * @see Friedland, Treatment of bias in recursive filtering, IEEE Trans. Automatic Control 14 (1969)
 */
export function withoutError(
  { innovation, std, byParameters }: Pick<HeldStep, 'innovation' | 'std' | 'byParameters'>,
  error: SquareRootGaussian,
): { innovation: Float64Array; error: SquareRootGaussian } {
  const rootR = diagonal(std.map((s) => (s > 0 ? s : 1)));
  const learnt = (z: Float64Array) =>
    srKfUpdate(error, { H: byParameters, rootR, z }, createWorkspace());
  const { innovation: left, ...all } = learnt(innovation);
  const wild = innovation.map((_, o) => Number(Math.abs(left.y[o]! / left.std[o]!) > WILD));
  const { innovation: _, ...known } = wild.includes(1)
    ? learnt(innovation.map((v, o) => (wild[o] ? Number.NaN : v)))
    : { innovation: left, ...all };
  return {
    error: known,
    innovation: innovation.map((v, o) => {
      const rest = (left.y[o]! / left.std[o]!) * std[o]!;
      if (Number.isNaN(v)) return v;
      return v * rest <= 0 ? 0 : Math.sign(v) * Math.min(Math.abs(v), Math.abs(rest));
    }),
  };
}
