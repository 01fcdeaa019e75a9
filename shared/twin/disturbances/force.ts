import { disturbanceName, type TwinDefinition } from '../../config/index.js';

/**
 * Something unknown that acts on the machine and changes by itself: an Ornstein–Uhlenbeck process
 * about zero, in the unit of what it adds to.
 *
 * @see Uhlenbeck & Ornstein, Phys. Rev. 36 (1930); Álvarez, Luengo & Lawrence, Latent force models,
 *   AISTATS (2009)
 */
export interface Force {
  /** As it is published. */
  name: string;
  /** The variable that it adds to. */
  on: string;
  std: number;
  timeConstantS: number;
}

/** The disturbances of a definition, in its order. */
export const forcesOf = ({ disturbances }: Pick<TwinDefinition, 'disturbances'>): Force[] =>
  disturbances.map(({ on, std, timeConstantS }) => ({
    name: disturbanceName(on),
    on,
    std,
    timeConstantS,
  }));

/** The force that is the i-th of so many states; undefined for those of the FMU, which come before. */
export const forceOfState = (
  forces: readonly Force[],
  states: number,
  i: number,
): Force | undefined => forces[i - (states - forces.length)];

/** Least share of itself that a force counts as keeping: below, it is new anyway. */
const LEAST_KEPT = 1e-3;

/** The share of a force that is left after a time. */
export const keptAfter = ({ timeConstantS }: Force, dtS: number): number =>
  Math.max(LEAST_KEPT, Math.exp(-Math.max(0, dtS) / timeConstantS));

/**
 * What is added to a force's uncertainty before it acts over a time, as a standard deviation: after
 * the time, {@link keptAfter} of it is left, and its variance is that of the process again.
 */
export function noiseBefore(force: Force, dtS: number): number {
  const kept = keptAfter(force, dtS);
  return (force.std * Math.sqrt(1 - kept * kept)) / kept;
}

/** Deviations from which a disturbance is away from zero … */
export const DISTURBED_DEVIATIONS = 3;
/** … for so many samples running, before anybody is told. */
export const DISTURBED_RUN = 50;
