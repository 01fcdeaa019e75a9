import type { FilterStep } from './step.js';

/** How much of the past the tests keep from sample to sample: about the last 50 count. */
const FORGET = 0.98;
/** Samples that a test needs. */
const FEWEST = 30;
/**
 * Standard deviations beyond which a test speaks: one in two million for a Gaussian. Some thirty
 * tests run at every sample, and are to raise less than one false alarm in 30 days of 1000 samples.
 */
const SIGNIFICANT = 5;
/** The same for sums of squares, whose upper tail is heavier. */
const SIGNIFICANT_SQUARES = 6.5;
/** Innovations count with at most so many standard deviations: a lone outlier proves nothing. */
const CLIP = 4;
/** A NIS this share off is worth an alarm; noise that is 12 % wrong is not. */
const RELEVANT_EXCESS = 0.25;
/** So is a correlation of successive innovations from here on. */
const RELEVANT_CORRELATION = 0.3;
/** Fields per channel: sums of z, z·z before, z² − 1, the squared weights of each two, the last z. */
const FIELDS = 6;
const [SUM, PRODUCT, EXCESS, WEIGHT, PAIR_WEIGHT, LAST] = [0, 1, 2, 3, 4, 5] as const;
/** Behind the channels: the NIS beyond its mean, its variance, and its mean. */
const GLOBAL = 3;

/** The tests' memory before any sample, for m measured variables. */
export function initialHealth(m: number): Float64Array {
  const health = new Float64Array(FIELDS * m + GLOBAL);
  for (let i = 0; i < m; i++) health[i * FIELDS + LAST] = Number.NaN;
  return health;
}

/**
 * Takes a step's innovations into the tests. While some channels are gated the others' residuals
 * are not their own; after a regime change and during an event nobody's are.
 */
export function updateHealth(health: Float64Array, filtered: FilterStep): Float64Array {
  const next = health.slice();
  if (filtered.regimeChange || filtered.eventSinceS !== undefined) return next;
  filtered.active.forEach((channel, k) => {
    const at = channel * FIELDS;
    if (filtered.gated.length > 0 && !filtered.gated.includes(channel)) {
      next[at + LAST] = Number.NaN;
      return;
    }
    const z = Math.max(-CLIP, Math.min(CLIP, filtered.z[k]!));
    const before = next[at + LAST]!;
    next[at + SUM] = FORGET * next[at + SUM]! + z;
    next[at + EXCESS] = FORGET * next[at + EXCESS]! + (filtered.scatter?.[k] ?? z * z) - 1;
    next[at + WEIGHT] = FORGET ** 2 * next[at + WEIGHT]! + 1;
    if (!Number.isNaN(before)) {
      next[at + PRODUCT] = FORGET * next[at + PRODUCT]! + z * before;
      next[at + PAIR_WEIGHT] = FORGET ** 2 * next[at + PAIR_WEIGHT]! + 1;
    }
    next[at + LAST] = z;
  });
  if (filtered.gated.length === 0) {
    const m = filtered.active.length;
    // Against the noise as assumed, not as modes that hold have it.
    const squares = filtered.nis * (filtered.noiseScale ?? 1) ** 2;
    const nis = Math.min(squares, m + CLIP * Math.sqrt(2 * m));
    const g = next.length - GLOBAL;
    next[g] = FORGET * next[g]! + nis - m;
    next[g + 1] = FORGET ** 2 * next[g + 1]! + 2 * m;
    next[g + 2] = FORGET * next[g + 2]! + m;
  }
  return next;
}

/** A statistic in standard deviations of what a consistent filter gives, and its size. */
export interface Tested {
  /** Standard deviations; 0 while there is too little to tell. */
  deviations: number;
  /** Mean bias in noises, correlation, or excess of variance. */
  size: number;
}

/** Sum of squared weights once {@link FEWEST} samples have come. */
const ENOUGH = (1 - FORGET ** (2 * FEWEST)) / (1 - FORGET ** 2);

/** Σλᵏ from Σλ²ᵏ, both of as many samples. */
const countOf = (weight: number) =>
  (1 - Math.sqrt(Math.max(0, 1 - weight * (1 - FORGET ** 2)))) / (1 - FORGET);

/**
 * @param weight sum of squared weights
 * @param variance of what is summed
 * @param lasting the part of it that is one and the same in all samples, which no sum averages out
 */
function tested(sum: number, weight: number, variance: number, lasting: number): Tested {
  if (weight < ENOUGH) return { deviations: 0, size: 0 };
  const count = countOf(weight);
  return {
    deviations: sum / Math.sqrt(variance * weight + lasting * count ** 2),
    size: sum / count,
  };
}

/**
 * The tests of one channel.
 *
 * @param lasting share of the innovations' variance that is an error of constants, the same in all
 */
function channelTests(health: Float64Array, channel: number, lasting: number) {
  const at = channel * FIELDS;
  const weight = health[at + WEIGHT]!;
  const pairs = health[at + PAIR_WEIGHT]!;
  const shared = health[at + PRODUCT]! - lasting * countOf(pairs);
  return {
    bias: tested(health[at + SUM]!, weight, 1, lasting),
    correlation: tested(shared, pairs, 1, 2 * lasting ** 2),
    variance: tested(health[at + EXCESS]!, weight, 2, 2 * lasting ** 2),
  };
}

/** What the innovations say, tested. */
export interface InnovationTests {
  /** Per channel. */
  channels: readonly { bias: Tested; correlation: Tested; variance: Tested }[];
  /** Channels whose innovations keep to one side, … */
  biased: number[];
  /** … follow each other, … */
  correlated: number[];
  /** … or are not of the size that the noise says. */
  scattered: number[];
  /** By how much squares of all innovations exceed what they should be, as a share. */
  excess: number;
  /** Whether that is more than chance. */
  nisOff: boolean;
}

/**
 * Tests a step's innovations with those before it. A consistent filter's are white and of
 * unit variance; the tests are sums over about the last 50 of their means, squares and products of
 * neighbours, against what chance gives. Constants that samples do not change have one error in all of
 * them, which counts as chance as far as their band goes.
 *
 * @see Mehra & Peschon, An innovations approach to fault detection and diagnosis in dynamic
 *   systems, Automatica 7 (1971); Bar-Shalom, Li & Kirubarajan 2001, 5.4
 */
export function innovationTests(
  health: Float64Array,
  { active, lastingShare }: Pick<FilterStep, 'active' | 'lastingShare'>,
): InnovationTests {
  const g = health.length - GLOBAL;
  const m = g / FIELDS;
  const lasting = Array.from({ length: m }, (_, i) => lastingShare?.[active.indexOf(i)] ?? 0);
  const channels = lasting.map((share, i) => channelTests(health, i, share));
  const biased = channels.flatMap(({ bias }, i) =>
    Math.abs(bias.deviations) > SIGNIFICANT ? [i] : [],
  );
  const correlated = channels.flatMap(({ correlation: c }, i) =>
    c.deviations > SIGNIFICANT && c.size > RELEVANT_CORRELATION ? [i] : [],
  );
  const scattered = channels.flatMap(({ variance: v }, i) =>
    Math.abs(v.deviations) > SIGNIFICANT_SQUARES && Math.abs(v.size) > RELEVANT_EXCESS ? [i] : [],
  );
  const enough = health[g + 1]! >= 2 * m * ENOUGH;
  const excess = enough ? health[g]! / health[g + 2]! : 0;
  const nisOff =
    Math.abs(excess) > RELEVANT_EXCESS &&
    Math.abs(health[g]!) >
      SIGNIFICANT_SQUARES *
        Math.sqrt(
          health[g + 1]! +
            2 * lasting.reduce((sum, share) => sum + share ** 2, 0) * (health[g + 2]! / m) ** 2,
        );
  return { channels, biased, correlated, scattered, excess, nisOff };
}
