import { normalCdf, Z95 } from '../../../kalman/index.js';
import { moves, WEAR_KINDS, type WearKind } from './wear-course.js';

/** A Gaussian of a mixture. */
export interface Part {
  weight: number;
  mean: number;
  std: number;
}

/** A hypothesis of how parameters move, with what a record makes of it. */
export interface Weighed {
  /** Of each wearing parameter. */
  kinds: readonly WearKind[];
  /** Logarithm of its probability, but for a constant. */
  score: number;
  /** Unknowns but wear, the definition's parameters first: means and variances. */
  base: Float64Array;
  variance: Float64Array;
}

/** Probability below which a hypothesis is left out of the bands. */
const NO_WEIGHT = 1e-4;
/** Share of the greatest probability below which a hypothesis is none to fit under. */
const NO_WEIGHT_TO_FIT = 0.2;
/** Logarithm of each band's width that a further parameter that moves must gain. */
const LEAST_NARROWER = 0.05;
/** Steps of a search for a width, each halves it. */
const HALVINGS = 20;

/** The hypotheses' probabilities among each other. */
export function probabilities(all: readonly Weighed[]): Float64Array {
  const most = Math.max(...all.map(({ score }) => score));
  const odds = Float64Array.from(all, ({ score }) => Math.exp(score - most));
  const total = odds.reduce((a, b) => a + b, 0);
  return odds.map((v) => v / total);
}

/** What all hypotheses say of unknown j. */
export const partsOf = (all: readonly Weighed[], weights: Float64Array, j: number): Part[] =>
  all.map(({ base, variance }, k) => ({
    weight: weights[k]!,
    mean: base[j]!,
    std: Math.sqrt(variance[j]!),
  }));

/** Half the width of a 95 % band of a mixture about one of its Gaussians, against that Gaussian's own; 1 about a point. */
export function widerAbout(parts: readonly Part[], { mean, std }: Omit<Part, 'weight'>): number {
  if (std === 0) return 1;
  return halfWidth95(parts, mean) / (Z95 * std);
}

/**
 * The hypothesis to fit a record under: of those that are probable enough, the one about which the bands
 * that hold all of them are narrowest. The most probable one may lie at the edge of what the others say,
 * above all where each parameter that moves has costs.
 *
 * @param parameters how many of the unknowns, the first ones, are parameters
 */
export function narrowest<W extends Weighed>(
  all: readonly W[],
  weights: Float64Array,
  parameters: number,
): W {
  const parts = Array.from({ length: parameters }, (_, j) => partsOf(all, weights, j));
  const least = NO_WEIGHT_TO_FIT * Math.max(...weights);
  const costOf = (h: W) =>
    parts.reduce(
      (sum, of, j) => sum + Math.log(halfWidth95(of, h.base[j]!)),
      parameters * LEAST_NARROWER * h.kinds.filter(moves).length,
    );
  return all
    .filter((_, k) => weights[k]! >= least)
    .map((h) => ({ h, cost: costOf(h) }))
    .reduce((a, b) => (b.cost < a.cost ? b : a)).h;
}

/** Half the width of the band about a value in which a mixture of Gaussians lies with 95 %. */
function halfWidth95(mixture: readonly Part[], about: number): number {
  const parts = mixture.filter(({ weight }) => weight >= NO_WEIGHT);
  const whole = parts.reduce((sum, { weight }) => sum + weight, 0);
  const held = (h: number) =>
    parts.reduce(
      (sum, { weight, mean, std }) =>
        sum + weight * (normalCdf((about + h - mean) / std) - normalCdf((about - h - mean) / std)),
      0,
    );
  let low = 0;
  let high = Math.max(...parts.map(({ mean, std }) => Math.abs(mean - about) + Z95 * std));
  for (let k = 0; k < HALVINGS; k++) {
    const middle = (low + high) / 2;
    if (held(middle) < 0.95 * whole) low = middle;
    else high = middle;
  }
  return high;
}

/** Scale of wear of one Gaussian that is as wide, at 95 %, as all hypotheses together before any data. */
export const UNSEEN_SCALE =
  halfWidth95(
    WEAR_KINDS.map(({ probability, scale }) => ({ weight: probability, mean: 0, std: scale })),
    0,
  ) / Z95;
