import type { Rng } from '../../core/index.js';

/**
 * How wear goes on from when it begins: by a power of the time since, or by an exponential, which
 * saturates or speeds up. Both hold wear at a steady rate.
 *
 * @see Kern & Seaton, A theoretical analysis of thermal surface fouling, Brit. Chem. Eng. 4 (1959):
 *   saturating; Gebraeel et al., Residual-life distributions from component degradation signals, IIE
 *   Trans. 37 (2005): exponential; Meeker & Escobar, Statistical Methods for Reliability Data (1998),
 *   13: powers of time
 */
export interface WearLaw {
  kind: 'power' | 'exponential';
  /**
   * Logarithm of the power, or by how much the exponential saturates (above 0) or speeds up from the
   * beginning of the wear until now.
   */
  bend: number;
  /** When it begins: 0 with the readings, 1 now, below 0 before the readings. */
  from: number;
}

/** Deviation of a power's logarithm, and of an exponential's bend, before any reading. */
const BEND = { power: 0.8, exponential: 3 } as const;
/** Earliest beginning, in times of the readings' span before them. */
const EARLIEST = -0.5;
/** Least bend of an exponential that differs from a straight line in a double. */
const STRAIGHT = 1e-6;

/** How often each is drawn before any reading, as logarithms to within a constant. */
export function logPrior({ kind, bend, from }: WearLaw): number {
  if (!(from >= EARLIEST && from < 1)) return Number.NEGATIVE_INFINITY;
  return -0.5 * (bend / BEND[kind]) ** 2 - Math.log(BEND[kind]);
}

/** Draws a law as they are before any reading. */
export function drawLaw(rng: Rng): WearLaw {
  const kind = rng.uniform() < 0.5 ? 'power' : 'exponential';
  return {
    kind,
    bend: BEND[kind] * rng.normal(),
    from: EARLIEST + (1 - EARLIEST) * rng.uniform(),
  };
}

/** Wear at a time (0 with the readings, 1 now) for a wear of 1 by now. */
export function wearBy({ kind, bend, from }: WearLaw, at: number): number {
  const age = (at - from) / (1 - from);
  if (age <= 0) return 0;
  if (kind === 'power') return age ** Math.exp(bend);
  return Math.abs(bend) < STRAIGHT ? age : Math.expm1(-bend * age) / Math.expm1(-bend);
}

/** Its rate now, likewise. */
export function rateNow({ kind, bend, from }: WearLaw): number {
  if (kind === 'power') return Math.exp(bend) / (1 - from);
  const slope = Math.abs(bend) < STRAIGHT ? 1 : -bend / (Math.expm1(-bend) * Math.exp(bend));
  return slope / (1 - from);
}

/**
 * The law of the other kind that has worn as much half-way.
 *
 * @returns it, with the logarithm of how much a step of the bend is stretched on the way; undefined where
 *   a double does not hold it
 */
export function otherKind(law: WearLaw): { law: WearLaw; logStretch: number } | undefined {
  const isPower = law.kind === 'power';
  // 2^-k = 1 / (1 + e^(-bend/2))
  const k = isPower ? Math.exp(law.bend) : Math.log1p(Math.exp(-law.bend / 2)) / Math.LN2;
  const grown = Math.expm1(k * Math.LN2);
  const bend = isPower ? -2 * Math.log(grown) : Math.log(k);
  const stretch = Math.log((2 * (1 + grown) * Math.LN2 * k) / grown);
  if (!Number.isFinite(bend) || !Number.isFinite(stretch)) return undefined;
  return {
    law: { ...law, kind: isPower ? 'exponential' : 'power', bend },
    logStretch: isPower ? stretch : -stretch,
  };
}
