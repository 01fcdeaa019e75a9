import { chiSquareQuantile, cholesky, solveLower, squareRootOfStack } from '../../kalman/index.js';
import { isUnlikely } from './gate.js';
import { type Gaussian, noiseOf, type UpdateResult } from './gaussian-update.js';
import { findJump, MISMATCH_SHARE, OFF, REACH } from './jump-search.js';
import type { Linearisation } from './linearise.js';
import { type Observation, updateWith } from './observation.js';
import type { FilterSettings } from './settings.js';

/** Share of its range by which every parameter may have moved at once. */
export const REGIME_JUMP = 0.04;
/** Share of its range that a doubted parameter's standard deviation grows to at most. */
const MOST_DOUBT = 0.5;
/** Parameters that may have jumped together. */
const MOST_JUMPS = 3;
/** No further jump is looked for where this share of samples would fit worse by chance. */
const ENOUGH = 0.01;
/** Linearisations that one explanation may take. */
const ROUNDS = 3;
/** Log probabilities of a sample at which: one parameter jumps, all move, one value is an outlier. */
const LOG_JUMP = Math.log(1e-4);
const LOG_MOVE = Math.log(1e-4);
const LOG_OUTLIER = Math.log(1e-2);
/** And that a change just found was none. */
const LOG_UNDONE = Math.log(1e-2);
/** Share of its range that a parameter may lie beyond its bounds in an explanation. */
const BOUND_MARGIN = 0.1;
/** What may have happened to the machine, with the estimate that follows from it. */
export interface Explanation {
  kind: 'outliers' | 'move' | 'jump' | 'undone';
  /** The belief before the sample if that happened. */
  start: Gaussian;
  linearisation: Linearisation;
  update: UpdateResult;
  /** Log probability of the sample and of that having happened. */
  evidence: number;
  /** Squared residual at the estimate: of the channels' noise and of the belief. */
  nis: number;
  /** Parameters that jumped. */
  jumped: readonly number[];
}

export interface ChangeSearch {
  best: Explanation;
  /** Whether the best explains the sample within its noise. */
  explained: boolean;
  /** Whether every explanation takes parameters far outside their bounds. */
  implausible: boolean;
  /** Whether no parameters in their ranges bring most channels near, as at a standstill. */
  outOfReach: boolean;
}

/**
 * Raises the variances of parameters that are not constant to what a change of the machine may bring.
 *
 * @param share standard deviation as a share of each range
 */
export function inflate(
  state: Gaussian,
  settings: FilterSettings,
  share: number = REGIME_JUMP,
): Gaussian {
  const n = settings.range.length;
  const N = state.x.length;
  const stack = new Float64Array((N + n) * N);
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) stack[k * N + i] = state.S[i * N + k]!;
  }
  for (let i = 0; i < n; i++) {
    if (settings.constant[i]) continue;
    let variance = 0;
    for (let k = 0; k < N; k++) variance += state.S[i * N + k]! ** 2;
    const missing = (share * settings.range[i]!) ** 2 - variance;
    if (missing > 0) stack[(N + i) * N + i] = Math.sqrt(missing);
  }
  return { x: state.x, S: squareRootOfStack(stack, N + n, N) };
}

/** Replaces what was known of some parameters and their trends, the others' knowledge kept. */
function replaceKnowledge(
  state: Gaussian,
  parameters: readonly number[],
  settings: FilterSettings,
  belief: (parameter: number) => { mean: number; std: number },
): Gaussian {
  const n = settings.range.length;
  const N = 2 * n;
  const x = state.x.slice();
  const stack = new Float64Array((N + 2 * parameters.length) * N);
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) {
      if (!parameters.includes(i % n)) stack[k * N + i] = state.S[i * N + k]!;
    }
  }
  parameters.forEach((i, k) => {
    const { mean, std } = belief(i);
    x[i] = mean;
    x[n + i] = 0;
    stack[(N + 2 * k) * N + i] = std;
    // A trend may be any that the wear horizon allows.
    stack[(N + 2 * k + 1) * N + n + i] = settings.trend[i] ? settings.range[i]! / 2 : 0;
  });
  return { x, S: squareRootOfStack(stack, N + 2 * parameters.length, N) };
}

/**
 * Forgets what was known of parameters so far outside their bounds that the model means nothing.
 *
 * @param margin beyond the bounds, as a share of each range
 */
export function forgetBeyond(state: Gaussian, settings: FilterSettings, margin: number): Gaussian {
  const { bounds, range } = settings;
  const beyond = Array.from(range, (_, i) => i).filter((i) => {
    const by = Math.max(bounds.lower[i]! - state.x[i]!, state.x[i]! - bounds.upper[i]!);
    return by > margin * range[i]!;
  });
  if (beyond.length === 0) return state;
  return replaceKnowledge(state, beyond, settings, anywhere(state, settings));
}

/**
 * What is left of a belief that led nowhere: variances that double with each sample until any
 * value in range is near, and nothing of what was known far outside the bounds.
 *
 * @param unexplained samples running before this one
 */
export function doubt(state: Gaussian, settings: FilterSettings, unexplained: number): Gaussian {
  const share = Math.min(MOST_DOUBT, REGIME_JUMP * Math.SQRT2 ** unexplained);
  return inflate(forgetBeyond(state, settings, BOUND_MARGIN), settings, share);
}

/** The log probability of the sample, by Laplace at the point of linearisation. */
function evidenceAt(
  observation: Observation,
  start: Gaussian,
  lin: Linearisation,
  update: UpdateResult,
  variance: Float64Array,
): { evidence: number; nis: number } {
  const { active, measured } = observation;
  const n = lin.centre.length;
  const N = 2 * n;
  const m = active.length;
  const noise = noiseOf(lin.omega, lin.mean.length, variance, active);
  const residual = Float64Array.from(active, (o) => measured[o]! - lin.mean[o]!);
  let nis = 0;
  for (const v of solveLower(cholesky(noise, m), residual, m)) nis += v * v;
  // Forward substitution by hand: a parameter that cannot move has no deviation.
  const moved = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let rest = lin.centre[i]! - start.x[i]!;
    for (let k = 0; k < i; k++) rest -= start.S[i * N + k]! * moved[k]!;
    const pivot = start.S[i * N + i]!;
    moved[i] = pivot === 0 ? 0 : rest / pivot;
    nis += moved[i]! ** 2;
  }
  return { evidence: update.logLikelihood + 0.5 * (update.nis - nis), nis };
}

/**
 * Iterated statistical linearisation: the model is linearised at the posterior and the update
 * redone from the belief before it, until both agree.
 *
 * @see García-Fernández, Svensson, Morelande & Särkkä, Posterior linearization filter (2015)
 */
async function iterate(
  observation: Observation,
  start: Gaussian,
  guess: Gaussian,
  variance: Float64Array,
): Promise<Omit<Explanation, 'kind' | 'jumped'>> {
  const n = observation.settings.range.length;
  const N = 2 * n;
  let at = guess;
  let best: Omit<Explanation, 'kind' | 'jumped'> | undefined;
  let last: Omit<Explanation, 'kind' | 'jumped'> | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0 && !(await bears(observation, at))) {
      best ??= last;
      break;
    }
    const linearisation = await observation.lineariseAt(at);
    const update = updateWith(observation, start, linearisation, variance);
    const found = evidenceAt(observation, start, linearisation, update, variance);
    last = { start, linearisation, update, ...found };
    // The prior's own spread may cover a kink, where a straight line explains anything.
    const counts = round > 0 || guess !== start;
    if (counts && (best === undefined || found.evidence > best.evidence)) {
      best = last;
    }
    let furthest = 0;
    for (let i = 0; i < n; i++) {
      const std = Math.hypot(...update.S.subarray(i * N, i * N + N));
      furthest = Math.max(furthest, Math.abs(update.x[i]! - at.x[i]!) / (std || 1));
    }
    if (best !== undefined && furthest < 0.1) break;
    // The model means nothing there, and may take long to say so.
    if (!staysNearBounds(update.x, observation.settings, guess)) {
      best ??= last;
      break;
    }
    at = update;
  }
  return best!;
}

/** Whether the model runs at a guess: where it does not, its sigma points fail as well, and slowly. */
async function bears({ evaluate, settings }: Observation, at: Gaussian): Promise<boolean> {
  const [outputs] = await evaluate([at.x.slice(0, settings.range.length)]);
  return outputs instanceof Float64Array;
}

/**
 * What explains a sample that is too far from what was expected: outliers, a move of all
 * parameters, or jumps of up to three of them to anywhere in their ranges. The most probable is
 * taken.
 *
 * @param lin the model as linearised at the prior
 * @param outliers the update with the contradicting channels nearly left out, where that is allowed
 */
export async function explainChange(
  observation: Observation,
  prior: Gaussian,
  lin: Linearisation,
  variance: Float64Array,
  outliers: { update: UpdateResult; count: number } | undefined,
  search: boolean,
): Promise<ChangeSearch> {
  const { settings, active, measured } = observation;
  const n = settings.range.length;
  const found: Explanation[] = [];
  if (outliers !== undefined) {
    found.push({
      kind: 'outliers',
      start: prior,
      linearisation: lin,
      update: outliers.update,
      evidence: outliers.update.logLikelihood + outliers.count * LOG_OUTLIER,
      nis: outliers.update.nis,
      jumped: [],
    });
  }
  const all = Array.from({ length: n }, (_, i) => i).filter((i) => !settings.constant[i]);
  let result = search ? await findJump(observation, prior, lin, variance, all) : undefined;
  if (result?.outOfReach && outliers === undefined) {
    const update = updateWith(observation, prior, lin, variance);
    const { evidence, nis } = evidenceAt(observation, prior, lin, update, variance);
    const best: Explanation = {
      ...{ kind: 'move', start: prior, linearisation: lin, update, jumped: [] },
      ...{ evidence, nis },
    };
    return { best, explained: false, implausible: false, outOfReach: true };
  }
  const wide = inflate(prior, settings);
  const move = await iterate(observation, wide, wide, variance);
  found.push({ ...move, kind: 'move', evidence: move.evidence + LOG_MOVE, jumped: [] });

  let span: Float64Array | undefined;
  const jumped: number[] = [];
  let base = prior;
  let slopes = lin;
  while (result !== undefined && jumped.length < Math.min(MOST_JUMPS, n)) {
    if (jumped.length > 0) {
      if (!(await bears(observation, base))) break;
      const others = all.filter((i) => !jumped.includes(i));
      result = await findJump(observation, base, slopes, variance, others);
    }
    span = result.span.map((s, r) => Math.max(s, span?.[r] ?? 0));
    const { jump } = result;
    if (jump === undefined) break;
    jumped.push(jump.parameter);
    const start = replaceKnowledge(prior, jumped, settings, anywhere(prior, settings));
    const guess = replaceKnowledge({ x: base.x, S: prior.S }, jumped, settings, (i) => ({
      mean: i === jump.parameter ? jump.value : base.x[i]!,
      std: Math.min(jump.std, REGIME_JUMP * settings.range[i]!),
    }));
    const explanation: Explanation = {
      ...(await iterate(observation, start, guess, variance)),
      kind: 'jump',
      jumped: [...jumped],
    };
    explanation.evidence += jumped.length * LOG_JUMP;
    found.push(explanation);
    if (explanation.nis < chiSquareQuantile(1 - ENOUGH, active.length)) break;
    if (jumped.length > 1 && explanation.nis > 0.5 * found.at(-2)!.nis) break;
    const { lower, upper } = settings.bounds;
    const x = explanation.update.x.map((v, i) =>
      i < n ? Math.min(upper[i]!, Math.max(lower[i]!, v)) : v,
    );
    base = { x, S: start.S };
    slopes = explanation.linearisation;
  }

  const within = found.filter(({ update }) => staysNearBounds(update.x, settings, prior));
  const best = (within.length > 0 ? within : found).reduce((a, b) =>
    b.evidence > a.evidence ? b : a,
  );
  const explained = within.length > 0 && !isUnlikely(best.nis, active.length);
  const beyond = active.filter((o, r) => {
    const off = Math.abs(measured[o]! - best.linearisation.mean[o]!);
    return span !== undefined && off > REACH * span[r]! && off ** 2 > OFF * variance[o]!;
  }).length;
  return {
    best,
    explained,
    implausible: within.length === 0,
    outOfReach: !explained && beyond >= MISMATCH_SHARE * active.length,
  };
}

/**
 * The belief of before a change as an explanation of a sample after it: the change was none, if that
 * explains the sample at least as well.
 *
 * @param against log probability of the sample by what is believed since the change
 * @returns undefined where the change stands
 */
export async function undoneBy(
  observation: Observation,
  before: Gaussian,
  variance: Float64Array,
  against: number,
): Promise<Explanation | undefined> {
  const found = await iterate(observation, before, before, variance);
  if (isUnlikely(found.nis, observation.active.length)) return undefined;
  const evidence = found.update.logLikelihood + LOG_UNDONE;
  if (evidence <= against) return undefined;
  return { ...found, kind: 'undone', evidence, jumped: [] };
}

/** Whether no parameter goes so far outside its bounds that the model means nothing there. */
export function staysNearBounds(
  x: Float64Array,
  { bounds, range }: FilterSettings,
  prior: Gaussian,
): boolean {
  return range.every((r, i) => {
    const margin = BOUND_MARGIN * r;
    const lowest = Math.min(bounds.lower[i]!, prior.x[i]!) - margin;
    const highest = Math.max(bounds.upper[i]!, prior.x[i]!) + margin;
    return x[i]! >= lowest && x[i]! <= highest;
  });
}

/** A parameter that may be anywhere in its range. */
function anywhere(prior: Gaussian, { bounds, range }: FilterSettings) {
  return (i: number) => {
    const [lower, upper] = [bounds.lower[i]!, bounds.upper[i]!];
    const mean = Number.isFinite(upper - lower) ? (lower + upper) / 2 : prior.x[i]!;
    return { mean, std: range[i]! / 2 };
  };
}
