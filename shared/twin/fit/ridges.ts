import { symmetricEigen } from '../../kalman/index.js';
import type { Coordinate } from './coordinates.js';

/** A direction in which the record says little, though the parameters in it say something together. */
export interface Ridge {
  /** Share of each parameter in the direction that stays unknown, largest first. */
  direction: Record<string, number>;
  /** Standard deviation along it, as a share of the prior's. */
  std: number;
  /** One sentence: what is known and what is not. */
  message: string;
}

/** A parameter belongs to a direction from this share on. */
const MEMBER = 0.25;
/** Deviation along a ridge, as a share of the prior's, from which it is one … */
const UNKNOWN = 0.5;
/** … where each of its parameters alone, the others known, would be so well known. */
const KNOWN_ALONE = 0.3;

/**
 * Ridges of a posterior: directions, in units of the priors, that the data leave nearly as wide as
 * they were although each parameter in them moves the outputs.
 *
 * @param covariance of the parameters, n × n, in units of the priors
 * @param information of the data, n × n, in the same units
 */
export function findRidges(
  coordinates: readonly Coordinate[],
  covariance: Float64Array,
  information: Float64Array,
): Ridge[] {
  const n = coordinates.length;
  const { values, vectors } = symmetricEigen(covariance, n);
  const ridges: Ridge[] = [];
  for (let k = 0; k < n; k++) {
    const std = Math.sqrt(Math.max(0, values[k]!));
    if (std < UNKNOWN) continue;
    const members = coordinates
      .map((c, j) => ({ c, j, share: vectors[j * n + k]! }))
      .filter(
        ({ j, share }) =>
          Math.abs(share) > MEMBER && 1 / Math.sqrt(1 + information[j * n + j]!) < KNOWN_ALONE,
      )
      .toSorted((a, b) => Math.abs(b.share) - Math.abs(a.share));
    if (members.length < 2) continue;
    ridges.push({
      direction: Object.fromEntries(members.map(({ c, share }) => [c.name, share])),
      std,
      message: `of ${members.map(({ c }) => c.name).join(' and ')} ${describe(members)}`,
    });
  }
  return ridges.toSorted((a, b) => b.std - a.std);
}

/** What stays the same along a direction of two logarithmic parameters: their product or ratio. */
function describe(members: readonly { c: Coordinate; share: number }[]): string {
  const [a, b] = members;
  const logarithmic = members.every(({ c }) => c.transform === 'log');
  if (members.length !== 2 || !logarithmic || a === undefined || b === undefined) {
    return 'not each is known: changes of them together leave the outputs as they are.';
  }
  // Along the ridge ln a moves by share_a·scale_a: a^(1/that) · b^(−1/other) is kept.
  const exponent = -(a.share * a.c.scale) / (b.share * b.c.scale);
  const rounded = Math.round(exponent * 4) / 4;
  const power = Math.abs(rounded) === 1 ? '' : `^${Math.abs(rounded)}`;
  return `only ${a.c.name}${rounded > 0 ? '·' : '/'}${b.c.name}${power} is known.`;
}
