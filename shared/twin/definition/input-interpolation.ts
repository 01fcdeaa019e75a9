import type { TwinDefinition } from '../../config/index.js';
import { upperMedian } from '../../core/index.js';
import type { Interpolation } from '../../fmi/index.js';

/** How each input of a moving machine runs between samples, in the definition's order. */
export const inputInterpolations = ({
  inputs,
  transient,
}: Pick<TwinDefinition, 'inputs' | 'transient'>): Interpolation[] =>
  inputs.map((input) => input.interpolation ?? transient.inputInterpolation);

/** The way that an input does not run. */
export const otherInterpolation = (how: Interpolation): Interpolation =>
  how === 'hold' ? 'linear' : 'hold';

/** An input of so few values is a switch. */
const VALUES_OF_SWITCH = 3;
/** Of an input that steps between levels, the share of samples that repeat the one before, at least … */
const REPEATS_OF_LEVELS = 0.6;
/** … how large a step is in the median, as a share of the range: readings of a coarse sensor creep … */
const STEP_OF_LEVELS = 0.1;
/** … and how many steps show that it is their habit. */
const FEWEST_STEPS = 5;

/**
 * Whether values are those of an input that is held and then steps: a switch, which has more than one value
 * and few, or a setpoint, which keeps each of its levels for some samples. Values that are missing do
 * not count.
 */
export function isSwitch(values: Iterable<number>): boolean {
  const found = new Set<number>();
  const steps: number[] = [];
  let [repeats, before] = [0, Number.NaN];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    if (found.size <= VALUES_OF_SWITCH) found.add(v);
    if (v === before) repeats++;
    else if (!Number.isNaN(before)) steps.push(Math.abs(v - before));
    before = v;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  if (found.size <= VALUES_OF_SWITCH) return found.size > 1;
  const median = upperMedian(steps);
  return (
    steps.length >= FEWEST_STEPS &&
    repeats >= REPEATS_OF_LEVELS * (repeats + steps.length) &&
    median >= STEP_OF_LEVELS * (high - low)
  );
}

/** Upper against lower quartile of the times between readings from which these come when something has changed. */
const IRREGULAR = 1.5;
/** Share of another column's readings that it has at most. */
const SPARSE = 0.5;

/**
 * Whether a column tells an input that is held only when it has stepped: its readings are blank between, come
 * at no period, never repeat and differ by much. What wanders and is told when it has moved by a deadband creeps.
 *
 * @param timesS of each value
 * @param most readings of the column that has most of them
 */
export function isToldOnStep(
  values: ArrayLike<number>,
  timesS: ArrayLike<number>,
  most: number,
): boolean {
  const steps: number[] = [];
  const apart: number[] = [];
  let before = -1;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let k = 0; k < values.length; k++) {
    const v = values[k]!;
    if (!Number.isFinite(v)) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
    if (before >= 0) {
      if (v === values[before]) return false;
      steps.push(Math.abs(v - values[before]!));
      apart.push(timesS[k]! - timesS[before]!);
    }
    before = k;
  }
  if (steps.length < FEWEST_STEPS || steps.length >= SPARSE * most) return false;
  const sorted = apart.toSorted((a, b) => a - b);
  const quartile = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return (
    quartile(0.75) > IRREGULAR * quartile(0.25) &&
    upperMedian(steps) >= STEP_OF_LEVELS * (high - low)
  );
}
