import { createRng, type Rng } from '../../core/index.js';
import {
  drawStraying,
  FAMILY_PRIORS,
  isLone,
  priorWithin,
  type Straying,
  strayingAt,
  strayingBeside,
} from './straying.js';
import { type CourseNow, type ParameterReadings, WearEvidence } from './wear-evidence.js';
import { drawLaw, freeOf, logPrior, otherKind, type WearKind, type WearLaw } from './wear-law.js';

/** A law of wear that the readings bear, how much the course strays from it, and where it is now. */
export interface WearHypothesis extends CourseNow {
  law: WearLaw;
  straying: Straying;
}

/** Hypotheses that are drawn, all of the same weight, … */
const COUNT = 512;
/** … out of so many of each family of strayings. */
const EACH = 128;
/** Readings that tell of a course. */
const LEAST_READINGS = 4;
/** Share of the hypotheses that are to count from one temperature to the next. */
const EFFECTIVE = 0.6;
/** Moves of each hypothesis at a temperature, and once all readings count in full. */
const MOVES = { between: 4, last: 8 } as const;

interface Particle {
  law: WearLaw;
  straying: number;
  family: number;
  prior: number;
  likelihood: number;
}

/**
 * Draws laws of wear, and how much the course strays from them, by how probable readings make them:
 * from what is thought of before, by temperatures, with moves at each.
 *
 * @returns undefined where readings are too few
 * @see Del Moral, Doucet & Jasra, Sequential Monte Carlo samplers, J. R. Stat. Soc. B 68 (2006)
 */
export function wearHypotheses(
  readings: ParameterReadings,
  seed: number,
): WearHypothesis[] | undefined {
  const { timeS, nowS } = readings;
  if (timeS.length < LEAST_READINGS || !(nowS > timeS[0]!)) return undefined;
  const rng = createRng(seed);
  const evidence = new WearEvidence(readings);
  // Each by itself: what strays anywhere fits anything at first, and the rest would die out.
  const families = FAMILY_PRIORS.map((prior, family) => {
    const { particles, evidence: log } = tempered(evidence, family, rng);
    return { particles, log: prior + log };
  });
  const top = Math.max(...families.map(({ log }) => log));
  const all = families.flatMap(({ particles, log }) =>
    particles.map((particle) => ({ particle, weight: Math.exp(log - top) })),
  );
  let particles = taken(all, COUNT, rng);
  for (let move = 0; move < MOVES.last; move++) particles = moved(particles, 1, evidence, rng);
  return particles.map(({ law, straying }) => ({
    law,
    straying: strayingAt(straying),
    ...evidence.now(law, straying, rng.uniform()),
  }));
}

function judged(law: WearLaw, straying: number, family: number, evidence: WearEvidence): Particle {
  return {
    law,
    straying,
    family,
    prior: logPrior(law) + priorWithin(straying),
    likelihood: evidence.logLikelihood(law, straying),
  };
}

/** Laws with strayings of a family, and the logarithm of how probable the readings are under it. */
function tempered(evidence: WearEvidence, family: number, rng: Rng) {
  let particles = Array.from({ length: EACH }, () =>
    judged(drawLaw(rng), drawStraying(family, rng), family, evidence),
  );
  let log = 0;
  for (let temperature = 0; temperature < 1; ) {
    const step = stepOf(particles, 1 - temperature);
    temperature = Math.min(1, temperature + step);
    const top = Math.max(...particles.map((p) => p.likelihood));
    const weighed = particles.map((particle) => ({
      particle,
      weight: Math.exp(step * (particle.likelihood - top)),
    }));
    log += step * top + Math.log(weighed.reduce((sum, p) => sum + p.weight, 0) / EACH);
    particles = taken(weighed, EACH, rng);
    for (let move = 0; move < MOVES.between; move++) {
      particles = moved(particles, temperature, evidence, rng);
    }
  }
  return { particles, evidence: log };
}

/** Each particle after a move that keeps their distribution at a temperature. */
function moved(
  particles: readonly Particle[],
  temperature: number,
  evidence: WearEvidence,
  rng: Rng,
): Particle[] {
  const laws = byKind(particles);
  return particles.map((p) => {
    const found = proposed(p, laws[p.family]![p.law.kind], rng);
    const threshold = Math.log(1 - rng.uniform());
    const isSame = found.law === p.law && found.straying === p.straying;
    if (isSame || logPrior(found.law) === Number.NEGATIVE_INFINITY) return p;
    const next = judged(found.law, found.straying, p.family, evidence);
    const gain = temperature * (next.likelihood - p.likelihood) + found.gain(next);
    return threshold < gain ? next : p;
  });
}

/** By how much the temperature may change. */
function stepOf(particles: readonly Particle[], most: number): number {
  const effective = (step: number): number => {
    const top = Math.max(...particles.map((p) => p.likelihood));
    let [sum, squares] = [0, 0];
    for (const { likelihood } of particles) {
      const w = Math.exp(step * (likelihood - top));
      sum += w;
      squares += w * w;
    }
    return (sum * sum) / squares / particles.length;
  };
  if (effective(most) >= EFFECTIVE) return most;
  let [low, high] = [0, most];
  for (let k = 0; k < 30; k++) {
    const middle = (low + high) / 2;
    if (effective(middle) >= EFFECTIVE) low = middle;
    else high = middle;
  }
  return Math.max(low, 1e-9 * most);
}

/** So many particles by their weights, evenly. */
function taken(
  all: readonly { particle: Particle; weight: number }[],
  count: number,
  rng: Rng,
): Particle[] {
  const total = all.reduce((sum, { weight }) => sum + weight, 0);
  const offset = rng.uniform();
  let k = 0;
  let reached = all[0]!.weight;
  return Array.from({ length: count }, (_, j) => {
    const wanted = ((j + offset) / count) * total;
    while (reached < wanted && k < all.length - 1) reached += all[++k]!.weight;
    return all[k]!.particle;
  });
}

/** Laws of each family and kind: those of another do not tell along which way to go. */
function byKind(particles: readonly Particle[]): Record<WearKind, WearLaw[]>[] {
  const laws = FAMILY_PRIORS.map((): Record<WearKind, WearLaw[]> => {
    return { power: [], exponential: [], both: [] };
  });
  for (const { law, family } of particles) laws[family]![law.kind].push(law);
  return laws;
}

/** Another law or straying, with what the prior and the way there make of its being taken. */
interface Proposal {
  law: WearLaw;
  straying: number;
  gain(next: Particle): number;
}

/**
 * Shares of the moves, each from the one before: straying drawn anew, one beside it, law drawn anew, law
 * of another kind; else along others.
 */
const [STRAYS, BESIDE, ANEW, OTHER] = [0.06, 0.2, 0.25, 0.5];
/** Step along the difference of two others, times the root of twice the dimensions. */
const ALONG = 2.38;

/**
 * @param alike laws of its kind to go along with
 * @see ter Braak, A Markov chain Monte Carlo version of the genetic algorithm Differential Evolution,
 *   Stat. Comput. 16 (2006)
 */
function proposed(p: Particle, alike: readonly WearLaw[], rng: Rng): Proposal {
  const { law, straying } = p;
  const u = isLone(p.family) ? BESIDE + (1 - BESIDE) * rng.uniform() : rng.uniform();
  const byPrior = (next: Particle) => next.prior - p.prior;
  // What is drawn from the prior is weighed by the readings alone.
  if (u < STRAYS) return { law, straying: drawStraying(p.family, rng), gain: () => 0 };
  if (u < BESIDE) {
    return { law, straying: strayingBeside(straying, rng) ?? straying, gain: byPrior };
  }
  if (u < ANEW) return { law: drawLaw(rng), straying, gain: () => 0 };
  if (u < OTHER) {
    const other = otherKind(law, rng);
    if (other === undefined) return { law, straying, gain: () => 0 };
    return { law: other.law, straying, gain: () => other.gain };
  }
  const pick = () => alike[Math.floor(alike.length * rng.uniform())]!;
  const [a, b] = [pick(), pick()];
  const along = ALONG / Math.sqrt(2 * freeOf(law).length);
  const size = rng.uniform() < 0.1 ? 1 : along * rng.uniform();
  const moved = { ...law };
  for (const key of freeOf(law)) {
    moved[key] += size * (a[key] - b[key]) + JITTER * rng.normal();
  }
  return {
    law: moved,
    straying,
    gain: byPrior,
  };
}

/** So that particles that are alike part. */
const JITTER = 0.003;
