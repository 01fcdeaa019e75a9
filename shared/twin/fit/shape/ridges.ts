import { symmetricEigen } from '../../../kalman/index.js';
import { block } from '../bands/bands.js';
import type { Fit } from '../fitting/fit.js';
import type { Coordinate } from '../unknowns/coordinates.js';

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
/** Share of a direction that two parameters must hold for a law of these two alone. */
const OF_TWO = 0.9;
/** Highest power in a law that a person can use. */
const MOST_POWER = 4;
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
  const found: { std: number; members: readonly Member[] }[] = [];
  for (let k = 0; k < n; k++) {
    const std = Math.sqrt(Math.max(0, values[k]!));
    if (std < UNKNOWN) continue;
    const members = coordinates
      .map((c, j) => ({ c, j, share: vectors[j * n + k]! }))
      .filter(
        ({ j, share }) =>
          Math.abs(share) > MEMBER && 1 / Math.sqrt(1 + information[j * n + j]!) < KNOWN_ALONE,
      );
    if (members.length >= 2) found.push({ std, members });
  }
  // What one direction keeps, another one of the same parameters changes: then there is no law.
  const sameAs = (a: readonly Member[]) =>
    found.filter(({ members: b }) => a.map(nameOf).join() === b.map(nameOf).join()).length;
  return found
    .toSorted((a, b) => b.std - a.std)
    .map(({ std, members }) => {
      const largest = members.toSorted((a, b) => Math.abs(b.share) - Math.abs(a.share));
      const law = sameAs(members) > 1 ? undefined : lawOf(largest);
      return {
        direction: Object.fromEntries(largest.map(({ c, share }) => [c.name, share])),
        std,
        message:
          law === undefined
            ? `of ${members.map(nameOf).join(' and ')} not each is known: changes of them together leave the outputs as they are.`
            : `of ${largest.map(nameOf).join(' and ')} only ${law} is known.`,
      };
    });
}

interface Member {
  c: Coordinate;
  share: number;
}

const nameOf = ({ c }: Member) => c.name;

/** Each ridge's sentence, once. */
export const ridgeTexts = (ridges: readonly Ridge[]): string[] => [
  ...new Set(ridges.map((r) => r.message.replace(/\.$/, ''))),
];

/** What stays the same along a direction of two logarithmic parameters: their product or ratio. */
function lawOf(members: readonly Member[]): string | undefined {
  const [a, b] = members;
  const logarithmic = members.every(({ c }) => c.transform === 'log');
  const held = members.reduce((sum, { share }) => sum + share ** 2, 0);
  if (members.length !== 2 || !logarithmic || held < OF_TWO) return undefined;
  if (a === undefined || b === undefined) return undefined;
  // Along the ridge ln a moves by share_a·scale_a: a^(1/that) · b^(−1/other) is kept.
  const exponent = -(a.share * a.c.scale) / (b.share * b.c.scale);
  const rounded = Math.round(exponent * 4) / 4;
  if (rounded === 0 || Math.abs(rounded) > MOST_POWER) return undefined;
  const power = Math.abs(rounded) === 1 ? '' : `^${Math.abs(rounded)}`;
  return `${a.c.name}${rounded > 0 ? '·' : '/'}${b.c.name}${power}`;
}

/** What a fit leaves unknown although its parameters together are known. */
export function ridgesOf(fit: Fit): Ridge[] {
  const n = fit.coordinates.length;
  const parameters = fit.coordinates.filter((c) => c.kind === 'parameter');
  return findRidges(
    parameters,
    block(fit.covariance.covariance, n, parameters.length),
    block(fit.covariance.information, n, parameters.length),
  );
}
