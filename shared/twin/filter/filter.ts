import { squareRootOfStack } from '../../kalman/index.js';
import type { StepMode } from '../types.js';
import {
  GATE_MOST,
  GATE_WIDEN,
  GATE_Z,
  gateChannels,
  isRegimeChange,
  isSearched,
  isUnlikely,
} from './gate.js';
import { type Gaussian, slopeTimesFactor, type UpdateResult } from './gaussian-update.js';
import { type EvaluatePoints, type Linearisation, predictOutputs } from './linearise.js';
import { type Observation, observe, updateWith } from './observation.js';
import { doubt, explainChange, forgetBeyond, MISMATCH_SHARE, staysNearBounds } from './regime.js';
import type { FilterSettings } from './settings.js';
import { splitUpdate } from './split.js';

export { inflate, MISMATCH_SHARE, REGIME_JUMP } from './regime.js';

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
  /** How much of those residuals' variance is the sensor's noise, rather than the others'. */
  noiseShare: Float64Array;
  gated: number[];
  regimeChange: boolean;
  nonlinearity: number;
  modelRuns: number;
  /** Whether no parameters explain the sample within its noise. */
  mismatch: boolean;
  /** Whether the posterior is the prior, as the sample was left out. */
  rejected: boolean;
  /** Whether that is as no parameters bring most channels near. */
  outOfReach: boolean;
  /** Whether the model refused a sigma point beyond the parameters' bounds. */
  refusedBeyond: boolean;
  /** Left out: steady-state. */
  mode?: StepMode;
  /** Every output's estimate, where it is known otherwise than from the linearisation. */
  outputs?: { mean: Float64Array; std: Float64Array };
}

/** What earlier samples found. */
export interface FilterMemory {
  /**
   * Samples running that the belief before them did not explain: the search for a change is
   * repeated less often, up to a limit.
   */
  unexplained: number;
  /** The values of the sample before where it was rejected; else `NaN`. */
  rejected?: Float64Array;
}

/** The model is as good as straight where it bends by less than this share of the noise. */
const STRAIGHT = 0.1;

/**
 * Carries parameters and trends over a time: b moves by v, v drifts, or b reverts to its mean.
 * Trends are kept per wear horizon, so that all figures are of the parameters' size.
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
    const reversion = settings.reversion[i];
    if (reversion !== undefined) {
      // Exact over any time, as the process is linear.
      const kept = Math.exp(-dtS / reversion.timeConstantS);
      x[i] = reversion.mean + kept * (x[i]! - reversion.mean);
      for (let k = 0; k < N; k++) stack[k * N + i]! *= kept;
      stack[(N + 2 * i) * N + i] =
        reversion.std * Math.sqrt(-Math.expm1((-2 * dtS) / reversion.timeConstantS));
      continue;
    }
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

/**
 * One step of the parameter-and-trend filter, after prediction.
 *
 * @param predicted state at the sample's time
 * @param measured `NaN` for channels without a value
 * @param noiseStd per channel
 * @param suspicion how many samples running each channel was gated before
 * @param memory what earlier samples found
 * @throws TwinError as the model does at the estimate; `NUMERIC`
 */
export async function filterUpdate(
  predicted: Gaussian,
  measured: Float64Array,
  noiseStd: Float64Array,
  suspicion: Float64Array,
  evaluate: EvaluatePoints,
  settings: FilterSettings,
  forceBounds: boolean,
  memory: FilterMemory = { unexplained: 0 },
): Promise<FilterStep> {
  // A whole range outside: no sample of this machine has led there.
  const prior = forgetBeyond(predicted, settings, 1);
  const observation = observe(measured, evaluate, settings, forceBounds);
  const { active } = observation;
  const nominal = noiseStd.map((s) => s * s);
  let start = prior;
  let lin = await observation.lineariseAt(start);
  let variance = nominal.slice();
  let update = updateWith(observation, start, lin, variance);
  const firstZ = update.z;
  const noiseShare = update.precision.map((p, i) => p * nominal[active[i]!]!);
  let gated: number[] = [];
  let regimeChange = false;
  let mismatch = false;
  let settled = false;
  if (settings.gate) {
    // A lone channel contradicts no other: only its third sample running tells a change.
    const lone = active.length === 1;
    const again = (v: Float64Array) => updateWith(observation, start, lin, v);
    ({ update, gated } = gateChannels(update, active, variance, again));
    if (isRegimeChange(update.nis, active, gated, suspicion)) {
      if (looksLike(memory.rejected, measured, lin, active)) {
        return rejectedStep(observation, prior, lin, update, firstZ, true);
      }
      const change = await explainChange(
        observation,
        prior,
        lin,
        nominal,
        isUnlikely(update.nis, active.length) || gated.some((o) => suspicion[o]! >= 2)
          ? undefined
          : { update, count: gated.length },
        isSearched(memory.unexplained),
      );
      mismatch = !change.explained;
      if (change.outOfReach || change.implausible) {
        // Where the machine runs but nothing fits, what was known of it is doubtful.
        const kept = change.outOfReach ? prior : doubt(prior, settings, memory.unexplained);
        return rejectedStep(observation, kept, lin, update, firstZ, change.outOfReach);
      }
      if (change.best.kind !== 'outliers') {
        regimeChange = true;
        settled = change.best.kind === 'jump';
        variance = nominal.slice();
        gated = [];
        start = change.best.start;
        lin = change.best.linearisation;
        update = change.best.update;
        // A sensor that no parameter can explain even now stays out of the result.
        for (let i = 0; !lone && i < active.length && gated.length < GATE_MOST; i++) {
          const o = active[i]!;
          if (suspicion[o]! >= 2 && Math.abs(update.z[i]!) > GATE_Z) {
            gated.push(o);
            variance[o]! *= GATE_WIDEN ** 2;
          }
        }
        if (gated.length > 0) update = updateWith(observation, start, lin, variance);
      }
    }
  }

  const { ratio: nonlinearity, worst } = bendOf(observation, lin, variance);
  const data = { nis: update.nis, logLikelihood: update.logLikelihood };
  let posterior: Gaussian = update;
  const atStart = lin;
  if (nonlinearity > 0.02 && settings.kink !== 'none' && !settled) {
    let merged: Gaussian | undefined;
    if (nonlinearity > 1 && settings.kink === 'split' && !observation.oneSided) {
      const split = await splitUpdate(
        start,
        lin,
        worst,
        active,
        measured,
        variance,
        observation.evaluate,
      );
      merged = split.merged;
    }
    lin = await observation.lineariseAt(merged ?? posterior);
    // Where the merged Gaussian lies on one side of the kink, the model is a straight line there:
    // the update from the whole prior by that line is better than the sum of its parts, unless it
    // leads to where the line was not tried, as from the kink's wrong side.
    const byLine = updateWith(observation, start, lin, variance);
    const straight = bendOf(observation, lin, variance).ratio < STRAIGHT;
    posterior =
      merged === undefined || (straight && liesWithin(byLine, merged, settings)) ? byLine : merged;
    if (settings.gate && contradicts(observation, posterior, lin, variance)) {
      // The prior was too wide for parts and lines alike: a search knows no prior.
      const change = await explainChange(observation, prior, atStart, nominal, undefined, true);
      if (!change.explained || change.implausible) {
        const kept = doubt(prior, settings, memory.unexplained);
        return rejectedStep(observation, kept, lin, update, firstZ, change.outOfReach);
      }
      regimeChange = true;
      ({ update: posterior, linearisation: lin } = change.best);
    }
    if (!staysNearBounds(posterior.x, settings, prior)) {
      return rejectedStep(
        observation,
        doubt(prior, settings, memory.unexplained),
        lin,
        update,
        firstZ,
        false,
      );
    }
  }
  return {
    posterior: { x: posterior.x, S: posterior.S },
    linearisation: lin,
    ...data,
    active: [...active],
    z: firstZ,
    noiseShare,
    gated,
    regimeChange,
    nonlinearity,
    modelRuns: observation.modelRuns,
    mismatch,
    rejected: false,
    outOfReach: false,
    refusedBeyond: observation.refusedBeyond,
  };
}

/** Posterior residuals that no approximation excuses, as a multiple of what a change takes. */
const CONTRADICTION = 4;

/** Whether the sample is far from where the posterior expects it. */
function contradicts(
  { active, measured, settings }: Observation,
  posterior: Gaussian,
  lin: Linearisation,
  variance: Float64Array,
): boolean {
  const n = settings.range.length;
  const expected = predictOutputs(lin, posterior.x.slice(0, n));
  const factor = slopeTimesFactor(lin, posterior.S, active, n);
  const N = posterior.x.length;
  const nis = active.reduce((sum, o, r) => {
    const own = variance[o]! + lin.omega[o * lin.mean.length + o]!;
    const known = factor.subarray(r * N, r * N + N).reduce((v, f) => v + f * f, 0);
    return sum + (measured[o]! - expected[o]!) ** 2 / (own + known);
  }, 0);
  return isUnlikely(nis / CONTRADICTION, active.length);
}

/** Whether a Gaussian's parameters lie no further from another's than its sigma points. */
function liesWithin(g: Gaussian, other: Gaussian, { range, spread }: FilterSettings): boolean {
  const N = g.x.length;
  return range.every((_, i) => {
    const std = Math.hypot(...other.S.subarray(i * N, i * N + N));
    return Math.abs(g.x[i]! - other.x[i]!) <= spread * std;
  });
}

/** What the straight line misses, in variances of the noise, where that is most. */
function bendOf(
  { active }: Observation,
  lin: Linearisation,
  variance: Float64Array,
): { ratio: number; worst: number } {
  let ratio = 0;
  let worst = active[0]!;
  for (const o of active) {
    const here = lin.omega[o * lin.mean.length + o]! / variance[o]!;
    if (here > ratio) {
      ratio = here;
      worst = o;
    }
  }
  return { ratio, worst };
}

function rejectedStep(
  observation: Observation,
  prior: Gaussian,
  linearisation: Linearisation,
  { nis, logLikelihood }: UpdateResult,
  z: Float64Array,
  outOfReach: boolean,
): FilterStep {
  return {
    posterior: prior,
    linearisation,
    nis,
    logLikelihood,
    active: [...observation.active],
    z,
    noiseShare: new Float64Array(z.length),
    gated: [],
    regimeChange: false,
    nonlinearity: 0,
    modelRuns: observation.modelRuns,
    mismatch: true,
    rejected: true,
    outOfReach,
    refusedBeyond: observation.refusedBeyond,
  };
}

/** Whether a sample is where the last rejected one was, compared with how far both are off. */
function looksLike(
  rejected: Float64Array | undefined,
  measured: Float64Array,
  lin: Linearisation,
  active: readonly number[],
): boolean {
  if (rejected === undefined) return false;
  const same = active.filter(
    (o) => Math.abs(measured[o]! - rejected[o]!) < 0.1 * Math.abs(measured[o]! - lin.mean[o]!),
  ).length;
  return same >= MISMATCH_SHARE * active.length;
}
