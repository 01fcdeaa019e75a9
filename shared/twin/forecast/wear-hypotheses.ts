import { createRng, type Rng } from '../../core/index.js';
import { STRAYINGS, type Straying } from './straying.js';
import { type CourseNow, chosenBy, type ParameterReadings, WearEvidence } from './wear-evidence.js';
import { drawLaw, freeOf, logPrior, otherKind, type WearKind, type WearLaw } from './wear-law.js';

/** A law of wear that the readings bear, how much the course strays from it, and where it is now. */
export interface WearHypothesis extends CourseNow {
  law: WearLaw;
  straying: Straying;
}

/** Hypotheses that are drawn, all of the same weight. */
const COUNT = 512;
/** Readings that tell of a course. */
const LEAST_READINGS = 4;
/** Share of the hypotheses that are to count from one temperature to the next. */
const EFFECTIVE = 0.7;
/** Moves of each hypothesis at a temperature, and once all readings count in full. */
const MOVES = { between: 4, last: 12 } as const;

interface Particle {
  law: WearLaw;
  straying: number;
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
  const evidence = new WearEvidence(readings);
  const rng = createRng(seed);
  const judge = (law: WearLaw, straying: number): Particle => ({
    law,
    straying,
    prior: logPrior(law) + Math.log(STRAYINGS[straying]!.weight),
    likelihood: evidence.logLikelihood(law, straying),
  });
  let particles = Array.from({ length: COUNT }, () => judge(drawLaw(rng), drawStraying(rng)));
  for (let temperature = 0; temperature < 1; ) {
    const step = stepOf(particles, 1 - temperature);
    temperature = Math.min(1, temperature + step);
    particles = resampled(particles, step, rng);
    const moves = temperature < 1 ? MOVES.between : MOVES.last;
    for (let move = 0; move < moves; move++) {
      const laws = byKind(particles);
      particles = particles.map((p) => {
        const found = proposed(p, laws[p.law.kind], rng);
        const next = judge(found.law, found.straying);
        const gain = temperature * (next.likelihood - p.likelihood) + found.gain(next);
        return Math.log(1 - rng.uniform()) < gain ? next : p;
      });
    }
  }
  return particles.map(({ law, straying }) => ({
    law,
    straying: STRAYINGS[straying]!,
    ...evidence.now(law, straying, rng.uniform()),
  }));
}

const STRAYING_WEIGHTS = STRAYINGS.map(({ weight }) => weight);
const drawStraying = (rng: Rng): number => chosenBy(STRAYING_WEIGHTS, rng.uniform());

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

/** As many particles by their weights, evenly. */
function resampled(particles: readonly Particle[], step: number, rng: Rng): Particle[] {
  const top = Math.max(...particles.map((p) => p.likelihood));
  const weights = particles.map((p) => Math.exp(step * (p.likelihood - top)));
  const total = weights.reduce((a, b) => a + b, 0);
  const offset = rng.uniform();
  let k = 0;
  let reached = weights[0]!;
  return particles.map((_, j) => {
    const wanted = ((j + offset) / particles.length) * total;
    while (reached < wanted && k < particles.length - 1) reached += weights[++k]!;
    return particles[k]!;
  });
}

/** Laws of each kind: those of another do not tell along which way to go. */
function byKind(particles: readonly Particle[]): Record<WearKind, WearLaw[]> {
  const laws: Record<WearKind, WearLaw[]> = { power: [], exponential: [], both: [] };
  for (const { law } of particles) laws[law.kind].push(law);
  return laws;
}

/** Another law or straying, with what the prior and the way there make of its being taken. */
interface Proposal {
  law: WearLaw;
  straying: number;
  gain(next: Particle): number;
}

/** Shares of the moves: straying drawn anew, law drawn anew, law of the other kind; else along others. */
const [STRAYS, ANEW, OTHER] = [0.15, 0.2, 0.5];
/** Step along the difference of two others, times the root of twice the dimensions. */
const ALONG = 2.38;

/**
 * @param alike laws of its kind to go along with
 * @see ter Braak, A Markov chain Monte Carlo version of the genetic algorithm Differential Evolution,
 *   Stat. Comput. 16 (2006)
 */
function proposed(p: Particle, alike: readonly WearLaw[], rng: Rng): Proposal {
  const { law, straying } = p;
  const u = rng.uniform();
  // What is drawn from the prior is weighed by the readings alone.
  if (u < STRAYS) return { law, straying: drawStraying(rng), gain: () => 0 };
  if (u < ANEW) return { law: drawLaw(rng), straying, gain: () => 0 };
  const byPrior = (next: Particle) => next.prior - p.prior;
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
