import type { TwinDefinition } from '../../config/index.js';
import type { Sample } from '../types.js';

/** A measured variable whose rows repeat a value until a new one comes. */
export interface HeldChannel {
  variable: string;
  /** Share of its values that repeat the one before. */
  share: number;
  /** Below what it changes by, it is not told; left out where it is told at times, whatever it changed by. */
  deadband?: number;
}

/** Share of values that repeat the one before from which they may be held … */
const LEAST_SHARE = 0.2;
/** … and how many times its finest step a channel jumps by then: one of few digits moves by single ones. */
const LEAST_JUMP = 10;
/** Jumps from which a deadband is told, … */
const LEAST_JUMPS = 40;
/** … and the share of their lower quartile that the least one is at least: else there are some of any size. */
const DEADBAND = 0.5;
/** Where it is none, changes of inputs that a channel must have been looked at by … */
const LEAST_CHANGES = 5;
/** … and the share of them that it held its value through: a machine at rest without noise holds through none. */
const HELD_THROUGH = 0.25;

/**
 * Measured variables whose values are held from row to row, as a historian with a deadband or a sensor
 * slower than the rows leaves them: old values that pass for new ones.
 */
export const heldChannels = (
  { measured }: TwinDefinition,
  samples: readonly Sample[],
): HeldChannel[] => {
  const changed = samples.map(({ inputs }, k) => k > 0 && isMoved(inputs, samples[k - 1]!.inputs));
  return measured.flatMap(({ variable }, c) => {
    const values = samples.map((s) => s.measured[c]!);
    const found = heldIn(values, changed);
    return found === undefined ? [] : [{ variable, ...found }];
  });
};

const isMoved = (now: Float64Array, before: Float64Array) =>
  now.some((v, i) => v !== before[i] && Number.isFinite(v) && Number.isFinite(before[i]!));

/** @param changed rows at which an input is another than in the row before */
function heldIn(
  values: readonly number[],
  changed: readonly boolean[],
): Omit<HeldChannel, 'variable'> | undefined {
  // At the ends of its range a sensor may stand at a rail.
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  const ends = [sorted[0], sorted.at(-1)];
  const jumps: number[] = [];
  let repeats = 0;
  let looked = 0;
  let through = 0;
  for (let k = 1; k < values.length; k++) {
    const [before, now, after] = [values[k - 1]!, values[k]!, values[k + 1] ?? Number.NaN];
    if (!Number.isFinite(before) || !Number.isFinite(now)) continue;
    const isEnd = ends.includes(now);
    if (now !== before) jumps.push(Math.abs(now - before));
    else if (!isEnd) repeats++;
    if (!changed[k] || isEnd || !Number.isFinite(after)) continue;
    looked++;
    if (now === before && after === now) through++;
  }
  const share = repeats / Math.max(1, repeats + jumps.length);
  if (share < LEAST_SHARE) return;
  jumps.sort((a, b) => a - b);
  const quantile = (q: number) => jumps[Math.floor(q * jumps.length)]!;
  const finest = finestStep(sorted);
  if (!(quantile(0.5) >= LEAST_JUMP * finest)) return;
  const least = jumps[0]!;
  if (
    jumps.length >= LEAST_JUMPS &&
    least >= LEAST_JUMP * finest &&
    least >= DEADBAND * quantile(0.25)
  )
    return { share, deadband: least };
  return looked >= LEAST_CHANGES && through >= HELD_THROUGH * looked ? { share } : undefined;
}

/** The smallest difference between two values of a channel, but for the last digits of binary fractions. */
function finestStep(sorted: Float64Array): number {
  let finest = Number.POSITIVE_INFINITY;
  for (let k = 1; k < sorted.length; k++) {
    const step = sorted[k]! - sorted[k - 1]!;
    if (step > 1e-9 * Math.abs(sorted[k]!)) finest = Math.min(finest, step);
  }
  return finest;
}
