import type { Rng } from '../../core/index.js';

/**
 * How wear goes on from when it begins: by a power of the time since, by an exponential, which saturates
 * or speeds up, or by an exponential of a power: ever faster, then ever slower as it comes to its end, or
 * run in, then ever faster. All hold wear at a steady rate.
 *
 * @see Kern & Seaton, A theoretical analysis of thermal surface fouling, Brit. Chem. Eng. 4 (1959):
 *   saturating; Gebraeel et al., Residual-life distributions from component degradation signals, IIE
 *   Trans. 37 (2005): exponential; Meeker & Escobar, Statistical Methods for Reliability Data (1998),
 *   13: powers of time; Avrami, Kinetics of phase change II, J. Chem. Phys. 8 (1940): exponential of a
 *   power
 */
export interface WearLaw {
  kind: WearKind;
  /** Logarithm of the power; 0 of an exponential. */
  power: number;
  /**
   * By how much the exponential saturates (above 0) or speeds up from the beginning of the wear until
   * now; 0 of a power.
   */
  bend: number;
  /** When it begins: 0 with the readings, 1 now, below 0 before the readings. */
  from: number;
}

export type WearKind = 'power' | 'exponential' | 'both';

/** Kinds, all as probable as each other before any reading. */
const KINDS = ['power', 'exponential', 'both'] as const;
/** Deviation of a power's logarithm, and of an exponential's bend, before any reading. */
const SPREAD = { power: 0.8, bend: 3 } as const;
/** Earliest beginning, in times of the readings' span before them. */
const EARLIEST = -0.5;
/** Least bend of an exponential that differs from a straight line in a double. */
const STRAIGHT = 1e-6;
/** Exponents beyond it are of no wear that anybody will see, and would leave a double. */
const LARGEST = 300;

const hasPower = (kind: WearKind): boolean => kind !== 'exponential';
const hasBend = (kind: WearKind): boolean => kind !== 'power';

/** What is free in a law. */
export const freeOf = ({ kind }: WearLaw): readonly ('power' | 'bend' | 'from')[] => FREE[kind];
const FREE = {
  power: ['power', 'from'],
  exponential: ['bend', 'from'],
  both: ['power', 'bend', 'from'],
} as const;

/** How often each is drawn before any reading, as logarithms to within a constant. */
export function logPrior({ kind, power, bend, from }: WearLaw): number {
  if (!(from >= EARLIEST && from < 1)) return Number.NEGATIVE_INFINITY;
  const normal = (value: number, spread: number) =>
    -0.5 * (value / spread) ** 2 - Math.log(spread * Math.sqrt(2 * Math.PI));
  return (
    (hasPower(kind) ? normal(power, SPREAD.power) : 0) +
    (hasBend(kind) ? normal(bend, SPREAD.bend) : 0)
  );
}

/** Draws a law as they are before any reading. */
export function drawLaw(rng: Rng): WearLaw {
  const kind = KINDS[Math.floor(KINDS.length * rng.uniform())]!;
  return {
    kind,
    power: hasPower(kind) ? SPREAD.power * rng.normal() : 0,
    bend: hasBend(kind) ? SPREAD.bend * rng.normal() : 0,
    from: EARLIEST + (1 - EARLIEST) * rng.uniform(),
  };
}

/**
 * Wear by age (0 where it begins, 1 now) for a wear of 1 by now. Most of the time of drawing laws goes here.
 *
 * @param exponent,end of the law's power and bend: exp(power), expm1(−bend)
 */
function wornBy(age: number, { power, bend }: WearLaw, exponent: number, end: number): number {
  if (age <= 0) return 0;
  // A third of the time that a power takes.
  const grown = power === 0 ? age : Math.exp(exponent * Math.log(age));
  if (Math.abs(bend) < STRAIGHT) return grown;
  return Math.expm1(Math.min(LARGEST, -bend * grown)) / end;
}

/** Wear at a time (0 with the readings, 1 now) for a wear of 1 by now. */
export const wearBy = (law: WearLaw, at: number): number =>
  wornBy((at - law.from) / (1 - law.from), law, Math.exp(law.power), Math.expm1(-law.bend));

/** Places within a reading, in halves of its time. */
const WITHIN = [-0.75, -0.25, 0.25, 0.75] as const;

/**
 * What readings show of a law: its wear at their times, and where it begins within one, the mean over its
 * time.
 *
 * @param at times of the readings, as above
 * @param half half the time that each took
 * @param out by reading
 */
export function wearAt(
  law: WearLaw,
  at: Float64Array,
  half: Float64Array,
  out: Float64Array,
): void {
  const { from } = law;
  const exponent = Math.exp(law.power);
  const end = Math.expm1(-law.bend);
  const wornAt = (time: number) => wornBy((time - from) / (1 - from), law, exponent, end);
  for (let k = 0; k < at.length; k++) {
    if (Math.abs(from - at[k]!) < half[k]!) {
      let sum = 0;
      for (const share of WITHIN) sum += wornAt(at[k]! + share * half[k]!);
      out[k] = sum / WITHIN.length;
    } else out[k] = wornAt(at[k]!);
  }
}

/** Its rate now, likewise. */
export function rateNow({ power, bend, from }: WearLaw): number {
  const slope = Math.abs(bend) < STRAIGHT ? 1 : -bend / (Math.expm1(-bend) * Math.exp(bend));
  return (Math.exp(power) * slope) / (1 - from);
}

/** Share of the wear's time from which on a turn shows: before, hardly anything is worn. */
const TURN_SHOWS = 0.2;

/**
 * Whether wear that grew ever faster grows ever slower by now, or the other way round: readings tell how
 * it turned, and not how it ends.
 */
export function hasTurned({ kind, power, bend }: WearLaw): boolean {
  if (kind !== 'both') return false;
  // The second derivative of 1 − exp(−bend·age^k) vanishes where bend·age^k = (k − 1)/k.
  const k = Math.exp(power);
  const grown = (k - 1) / (k * bend);
  if (!(grown > 0)) return false;
  const age = grown ** (1 / k);
  return age > TURN_SHOWS && age < 1;
}

/** Another law, and what prior and way there add to the logarithm of its being taken. */
export interface OtherLaw {
  law: WearLaw;
  gain: number;
}

/** Deviations of what a law is given that lacks it, so that a little is tried as often as much. */
const GIVEN = [0.1, 0.3, 1, 3] as const;

/**
 * A law of another kind: a power and an exponential that have worn as much half-way, or one to which
 * what it lacks is given, or from which it is taken.
 *
 * @returns undefined where a double does not hold it
 * @see Green, Reversible jump Markov chain Monte Carlo computation, Biometrika 82 (1995)
 */
export function otherKind(law: WearLaw, rng: Rng): OtherLaw | undefined {
  const kind = KINDS[Math.floor(KINDS.length * rng.uniform())]!;
  if (kind === law.kind) return undefined;
  if (kind !== 'both' && law.kind !== 'both') return halfWay(law);
  if (law.kind === 'both') {
    const gone = kind === 'power' ? law.bend : law.power;
    const less = { ...law, kind, [kind === 'power' ? 'bend' : 'power']: 0 };
    return { law: less, gain: logPrior(less) - logPrior(law) + logGiven(gone) };
  }
  const given = GIVEN[Math.floor(GIVEN.length * rng.uniform())]! * rng.normal();
  const more = { ...law, kind, [law.kind === 'power' ? 'bend' : 'power']: given };
  return { law: more, gain: logPrior(more) - logPrior(law) - logGiven(given) };
}

/** Logarithm of how often so much is given. */
const logGiven = (value: number): number =>
  Math.log(
    GIVEN.reduce((sum, s) => sum + Math.exp(-0.5 * (value / s) ** 2) / s, 0) /
      GIVEN.length /
      Math.sqrt(2 * Math.PI),
  );

function halfWay(law: WearLaw): OtherLaw | undefined {
  const isPower = law.kind === 'power';
  // 2^-k = 1 / (1 + e^(-bend/2))
  const k = isPower ? Math.exp(law.power) : Math.log1p(Math.exp(-law.bend / 2)) / Math.LN2;
  const grown = Math.expm1(k * Math.LN2);
  const to = isPower ? -2 * Math.log(grown) : Math.log(k);
  const stretch = Math.log((2 * (1 + grown) * Math.LN2 * k) / grown);
  if (!Number.isFinite(to) || !Number.isFinite(stretch)) return undefined;
  const other: WearLaw = isPower
    ? { ...law, kind: 'exponential', power: 0, bend: to }
    : { ...law, kind: 'power', power: to, bend: 0 };
  return { law: other, gain: logPrior(other) - logPrior(law) + (isPower ? stretch : -stretch) };
}
