import { squareRootOfStack } from '../kalman/index.js';
import { GATE_MOST, GATE_WIDEN, GATE_Z, gateChannels, isRegimeChange } from './gate.js';
import {
  type Gaussian,
  noiseOf,
  slopeTimesFactor,
  squareRootUpdate,
  type UpdateResult,
} from './gaussian-update.js';
import {
  type Bounds,
  type EvaluatePoints,
  type Linearisation,
  linearise,
  predictOutputs,
} from './linearise.js';
import { splitUpdate } from './split.js';
import type { StepMode } from './types.js';

/** How each parameter moves, and how the filter is set. */
export interface FilterSettings {
  /** Physical range of each parameter; scales noise and inflation. */
  range: Float64Array;
  /** Seconds in which a parameter may wear through its range; `Infinity` for constants. */
  horizonS: Float64Array;
  /** Whether the parameter has a trend; otherwise it walks randomly. */
  trend: readonly boolean[];
  trendScale: number;
  spread: number;
  bounds: Bounds;
  gate: boolean;
  kink: 'none' | 'relinearise' | 'split';
}

/** The outcome of one filter step. */
export interface FilterStep {
  posterior: Gaussian;
  /** Valid at the posterior: outputs and their slopes. */
  linearisation: Linearisation;
  nis: number;
  logLikelihood: number;
  /** Channels used, as indices of the measured variables. */
  active: number[];
  /** Leave-one-out residuals of the active channels under the noise as assumed. */
  z: Float64Array;
  gated: number[];
  regimeChange: boolean;
  nonlinearity: number;
  modelRuns: number;
  /** Whether nearly no channel can be explained by any parameters within their ranges. */
  mismatch: boolean;
  /** Whether the posterior is the prior for that reason. */
  rejected: boolean;
  /** Whether the model refused a sigma point beyond the parameters' bounds. */
  refusedBeyond: boolean;
  /** Left out: steady-state. */
  mode?: StepMode;
  /** Every output's estimate, where it is known otherwise than from the linearisation. */
  outputs?: { mean: Float64Array; std: Float64Array };
}

/** Share of its range that a parameter may have jumped at a regime change. */
export const REGIME_JUMP = 0.04;
/** Share of the channels that must be out of reach for a sample to be rejected. */
export const MISMATCH_SHARE = 0.8;

/**
 * Carries parameters and trends over a time: b moves by v, v drifts. Trends are kept per wear
 * horizon, so that all figures are of the parameters' size.
 *
 * @param state parameters and trends; states of the machine may follow, which stay as they are
 * @param dtS seconds since the state's sample; 0 leaves it as it is
 */
export function predict(state: Gaussian, dtS: number, settings: FilterSettings): Gaussian {
  const n = settings.range.length;
  const N = state.x.length;
  const x = state.x.slice();
  const stack = new Float64Array((N + 2 * n) * N);
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) stack[k * N + i] = state.S[i * N + k]!;
  }
  for (let i = 0; i < n; i++) {
    const tau = dtS / settings.horizonS[i]!;
    if (tau === 0) continue;
    const range = settings.range[i]!;
    const walk = 3.1e-9 * range * range * tau;
    if (!settings.trend[i]) {
      // A random walk that covers half the range over the horizon.
      stack[(N + 2 * i) * N + i] = (range / 2) * settings.trendScale * Math.sqrt(tau);
      continue;
    }
    x[i]! += tau * state.x[n + i]!;
    for (let k = 0; k < N; k++) stack[k * N + i]! += tau * stack[k * N + n + i]!;
    const q = 3 * ((range / 2) * settings.trendScale) ** 2;
    const qbb = walk + (q * tau ** 3) / 3;
    const qbv = (q * tau * tau) / 2;
    const l11 = Math.sqrt(qbb);
    const l21 = qbv / l11;
    stack[(N + 2 * i) * N + i] = l11;
    stack[(N + 2 * i) * N + n + i] = l21;
    stack[(N + 2 * i + 1) * N + n + i] = Math.sqrt(Math.max(0, q * tau - l21 * l21));
  }
  return { x, S: squareRootOfStack(stack, N + 2 * n, N) };
}

function parameterFactor(S: Float64Array, n: number): Float64Array {
  const N = 2 * n;
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) l[i * n + j] = S[i * N + j]!;
  return l;
}

/** Raises the parameters' variances to what a sudden change may bring. */
export function inflate(state: Gaussian, settings: FilterSettings): Gaussian {
  const n = settings.range.length;
  const N = state.x.length;
  const stack = new Float64Array((N + n) * N);
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) stack[k * N + i] = state.S[i * N + k]!;
  }
  for (let i = 0; i < n; i++) {
    let variance = 0;
    for (let k = 0; k < N; k++) variance += state.S[i * N + k]! ** 2;
    const missing = (REGIME_JUMP * settings.range[i]!) ** 2 - variance;
    if (missing > 0) stack[(N + i) * N + i] = Math.sqrt(missing);
  }
  return { x: state.x, S: squareRootOfStack(stack, N + n, N) };
}

/**
 * One step of the parameter-and-trend filter, after prediction.
 *
 * @param prior predicted state
 * @param measured `NaN` for channels without a value
 * @param noiseStd per channel
 * @param suspicion how many samples running each channel was gated before
 * @param mayReject whether a sample that no parameters explain may be left out
 * @throws TwinError as the model does at the estimate; `NUMERIC`
 */
export async function filterUpdate(
  prior: Gaussian,
  measured: Float64Array,
  noiseStd: Float64Array,
  suspicion: Float64Array,
  evaluate: EvaluatePoints,
  settings: FilterSettings,
  forceBounds: boolean,
  mayReject: boolean,
): Promise<FilterStep> {
  const n = settings.range.length;
  const active: number[] = [];
  measured.forEach((v, i) => {
    if (!Number.isNaN(v)) active.push(i);
  });
  let modelRuns = 0;
  let oneSided = forceBounds;
  let refusedBeyond = false;
  const lineariseAt = async (g: Gaussian) => {
    const lin = await linearise(
      evaluate,
      g.x.slice(0, n),
      parameterFactor(g.S, n),
      settings.spread,
      settings.bounds,
      oneSided,
    );
    oneSided ||= lin.oneSided;
    refusedBeyond ||= lin.refusedBeyond;
    modelRuns += lin.modelRuns;
    return lin;
  };
  const updateWith = (g: Gaussian, lin: Linearisation, variance: Float64Array): UpdateResult => {
    const expected = predictOutputs(lin, g.x.slice(0, n));
    return squareRootUpdate(
      g,
      slopeTimesFactor(lin, g.S, active, n),
      Float64Array.from(active, (o) => measured[o]! - expected[o]!),
      noiseOf(lin.omega, lin.mean.length, variance, active),
    );
  };

  const nominal = noiseStd.map((s) => s * s);
  let start = prior;
  let lin = await lineariseAt(start);
  let variance = nominal.slice();
  let update = updateWith(start, lin, variance);
  const firstZ = update.z;
  let gated: number[] = [];
  let regimeChange = false;
  let mismatch = false;
  if (settings.gate) {
    // A lone channel contradicts no other: only its third sample running tells a change.
    const lone = active.length === 1;
    ({ update, gated } = gateChannels(update, active, variance, (v) => updateWith(start, lin, v)));
    regimeChange = isRegimeChange(update.nis, active, gated, suspicion);
    if (regimeChange) {
      start = inflate(prior, settings);
      variance = nominal.slice();
      gated = [];
      lin = await lineariseAt(start);
      update = updateWith(start, lin, variance);
      // With each parameter moved through its whole range, by Cauchy and Schwarz.
      const reach = Math.sqrt(n) / REGIME_JUMP;
      const beyond = update.own.filter((v) => Math.abs(v) > reach).length;
      mismatch = active.length >= 3 && beyond >= MISMATCH_SHARE * active.length;
      // A sensor that no parameter can explain even now stays out of the result.
      for (let i = 0; !lone && i < active.length && gated.length < GATE_MOST; i++) {
        const o = active[i]!;
        if (suspicion[o]! >= 2 && Math.abs(update.z[i]!) > GATE_Z) {
          gated.push(o);
          variance[o]! *= GATE_WIDEN ** 2;
        }
      }
      if (gated.length > 0) update = updateWith(start, lin, variance);
    }
  }

  if (mismatch && mayReject) {
    return {
      posterior: prior,
      linearisation: lin,
      nis: update.nis,
      logLikelihood: update.logLikelihood,
      active,
      z: firstZ,
      gated: [],
      regimeChange: false,
      nonlinearity: 0,
      modelRuns,
      mismatch,
      rejected: true,
      refusedBeyond,
    };
  }

  let nonlinearity = 0;
  let worst = active[0]!;
  for (const o of active) {
    const ratio = lin.omega[o * lin.mean.length + o]! / variance[o]!;
    if (ratio > nonlinearity) {
      nonlinearity = ratio;
      worst = o;
    }
  }
  const data = { nis: update.nis, logLikelihood: update.logLikelihood };
  let posterior: Gaussian = update;
  if (nonlinearity > 0.02 && settings.kink !== 'none') {
    let merged: Gaussian | undefined;
    if (nonlinearity > 1 && settings.kink === 'split' && !oneSided) {
      const split = await splitUpdate(start, lin, worst, active, measured, variance, evaluate);
      modelRuns += split.modelRuns;
      merged = split.merged;
    }
    lin = await lineariseAt(merged ?? posterior);
    posterior = merged ?? updateWith(start, lin, variance);
  }
  return {
    posterior: { x: posterior.x, S: posterior.S },
    linearisation: lin,
    ...data,
    active,
    z: firstZ,
    gated,
    regimeChange,
    nonlinearity,
    modelRuns,
    mismatch,
    rejected: false,
    refusedBeyond,
  };
}
