import type { CalibratorState, Twin } from '../types.js';
import type { Bounds } from './linearise.js';
import { type ModeSet, modesOf } from './modes.js';

/** A stationary Ornstein-Uhlenbeck process. */
export interface Reversion {
  mean: number;
  /** Of the stationary distribution. */
  std: number;
  timeConstantS: number;
}

/** How each parameter moves, and how the filter is set. */
export interface FilterSettings {
  /** Physical range of each parameter; scales noise and inflation. */
  range: Float64Array;
  /** Seconds in which a parameter may wear through its range; `Infinity` for constants. */
  horizonS: Float64Array;
  /** Whether the parameter has a trend; otherwise it walks randomly or reverts to a mean. */
  trend: readonly boolean[];
  /** Where the parameter reverts to a mean: to which, how widely about it, and how fast. */
  reversion: readonly (Reversion | undefined)[];
  trendScale: number;
  /** Parameters that never move. */
  constant: readonly boolean[];
  /** Hypotheses that samples at rest decide between; undefined: there is but one. */
  modes: ModeSet | undefined;
  /** Whether samples of rest go on from the linearisation of the one before. */
  reuse: boolean;
  spread: number;
  bounds: Bounds;
  gate: boolean;
  kink: 'none' | 'relinearise' | 'split';
}

/** What the filter needs from a twin definition. */
export function filterSettings(twin: Twin): FilterSettings {
  const { parameters, estimator } = twin.definition;
  return {
    range: Float64Array.from(parameters, (p) =>
      p.lower !== undefined && p.upper !== undefined
        ? p.upper - p.lower
        : Math.max(10 * p.prior.std, Math.abs(p.prior.mean)),
    ),
    horizonS: Float64Array.from(parameters, (p) =>
      p.dynamics === 'constant' || p.dynamics === 'mean-reverting'
        ? Number.POSITIVE_INFINITY
        : (p.wearHorizonS ?? estimator.wearHorizonS),
    ),
    trend: parameters.map((p) => p.dynamics === 'trend'),
    reversion: parameters.map((p) =>
      p.timeConstantS === undefined ? undefined : { ...p.prior, timeConstantS: p.timeConstantS },
    ),
    trendScale: estimator.trendScale,
    constant: parameters.map((p) => p.dynamics === 'constant'),
    modes: modesOf(twin.definition),
    reuse: estimator.linearise === 'reuse',
    spread: estimator.sigmaPointSpread,
    bounds: {
      lower: Float64Array.from(parameters, (p) => p.lower ?? Number.NEGATIVE_INFINITY),
      upper: Float64Array.from(parameters, (p) => p.upper ?? Number.POSITIVE_INFINITY),
    },
    gate: estimator.gate,
    kink: estimator.kink,
  };
}

/** Whether sigma points have to stay inside the parameters' bounds at the next sample. */
export function keepsWithinBounds(twin: Twin, state: CalibratorState): boolean {
  return twin.definition.estimator.respectBounds === 'always' || state.filter.oneSided > 0;
}
