import type { TwinDefinition } from '../../config/index.js';
import type { Interpolation } from '../../fmi/index.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { Sample } from '../types.js';
import { usualInterval } from './beginning.js';

/**
 * How often a machine is sampled and how its inputs have moved lately, as a vector that states store: the samples
 * counted, the mean square of a time's logarithm against the usual one, then {@link FIELDS} numbers an input.
 */
export type InputHabits = Float64Array;

/** Samples counted; mean square of the logarithm of times between them, against the usual one. */
const [COUNT, UNEVEN] = [0, 1] as const;
const HEAD = 2;
/** Of an input: its mean, the variance about it, the mean square of its change from sample to sample … */
const [MEAN, VARIANCE, CHANGE] = [0, 1, 2] as const;
/** … the least and the most that it was, and whether it was a whole number always (1) or not (0). */
const [LEAST, MOST, WHOLE] = [3, 4, 5] as const;
const FIELDS = 6;

/** About so many of the newest samples count. */
const SPAN = 200;
/** Samples that a word about what is usual needs. */
const FEWEST = 10;
/** A time between samples tells of a gap where it is so many times as long as usual … */
const GAP_INTERVALS = 1.5;
/** … and so many deviations of its logarithm beyond: rows that come when something changes have no gaps. */
const GAP_DEVIATIONS = 3;

type Memory = Pick<TransientMemory, 'intervalS' | 'lastInputs' | 'inputHabits'>;

/**
 * What is known of inputs after one more sample.
 *
 * @param memory at the last sample
 * @param dtS seconds since then; 0 where nothing is to be learnt of it
 */
export function habitsAfter(
  { intervalS, lastInputs, inputHabits: habits }: Memory,
  inputs: Float64Array,
  dtS: number,
): InputHabits {
  const size = HEAD + FIELDS * inputs.length;
  const next = habits?.length === size ? habits.slice() : new Float64Array(size);
  const isFollowing = dtS > 0 && lastInputs.length === inputs.length;
  const ratio = intervalS === undefined ? 1 : dtS / intervalS;
  if (isUntold(habits, ratio)) return next;
  const count = next[COUNT]!;
  const weight = 1 / Math.min(count + 1, SPAN);
  next[COUNT] = Math.min(count + 1, SPAN);
  if (isFollowing) {
    next[UNEVEN]! += weight * (Math.log(ratio) ** 2 - next[UNEVEN]!);
  }
  inputs.forEach((u, i) => {
    const of = next.subarray(HEAD + FIELDS * i, HEAD + FIELDS * (i + 1));
    const off = u - of[MEAN]!;
    of[MEAN]! += weight * off;
    of[VARIANCE] = (1 - weight) * (of[VARIANCE]! + (count === 0 ? 0 : weight * off * off));
    if (isFollowing) {
      of[CHANGE]! += weight * ((u - lastInputs[i]!) ** 2 - of[CHANGE]!);
    }
    of[LEAST] = count === 0 ? u : Math.min(of[LEAST]!, u);
    of[MOST] = count === 0 ? u : Math.max(of[MOST]!, u);
    of[WHOLE] = (count === 0 || of[WHOLE] === 1) && Number.isInteger(u) ? 1 : 0;
  });
  return next;
}

/**
 * What is known of inputs, and how far apart samples usually are, after a whole record.
 *
 * @param inputs a column each
 */
export function habitsAlong({
  timesS,
  inputs,
}: {
  timesS: Float64Array;
  inputs: readonly Float64Array[];
}): Pick<Memory, 'intervalS' | 'inputHabits'> {
  let memory: Memory = { lastInputs: new Float64Array() };
  timesS.forEach((timeS, row) => {
    const now = Float64Array.from(inputs, (column) => column[row]!);
    const dtS = row === 0 ? 0 : timeS - timesS[row - 1]!;
    memory = {
      inputHabits: habitsAfter(memory, now, dtS),
      intervalS: usualInterval(memory.intervalS, dtS),
      lastInputs: now,
    };
  });
  return { intervalS: memory.intervalS, inputHabits: memory.inputHabits };
}

/**
 * Whether inputs may have done anything between two samples that nothing tells.
 *
 * @param ratio the time between the two against the usual one
 */
function isUntold(habits: InputHabits | undefined, ratio: number): habits is InputHabits {
  if (habits === undefined || !(habits[COUNT]! >= FEWEST)) return false;
  return ratio > GAP_INTERVALS && Math.log(ratio) > GAP_DEVIATIONS * Math.sqrt(habits[UNEVEN]!);
}

/** How an input may have strayed in a part of a time of which nothing is known. */
export interface Straying {
  /** The part, as shares of the time. */
  begin: number;
  end: number;
  std: number;
  /** What the input is moved by to see what that does: a whole number where it has none but those, within what it was. */
  step: number;
}

/**
 * How far inputs may have strayed between two samples, where nothing tells: from the way between their values at
 * both, as random walks as long as that is less than their spread, thereafter anew in each part.
 *
 * @param how each input runs between samples
 * @returns for each input, none for one that does not move; nothing where readings tell what it did, or the
 *   definition says how long a time is no gap
 */
export function strayingsOf(
  { inputs, transient }: TwinDefinition,
  how: readonly Interpolation[],
  { intervalS, inputHabits: habits }: Memory,
  span: {
    fromS: number;
    toS: number;
    inputs: Float64Array;
    inputsTo: Float64Array;
    between?: Sample['between'];
  },
): Straying[][] {
  const ratio = intervalS === undefined ? 1 : (span.toS - span.fromS) / intervalS;
  const isTold = (span.between?.length ?? 0) > 0 || transient.maxGapS !== undefined;
  if (isTold || !isUntold(habits, ratio)) return [];
  return inputs.map(({ value }, i) => {
    if (value !== undefined) return [];
    const of = habits.subarray(HEAD + FIELDS * i, HEAD + FIELDS * (i + 1));
    const ends = { from: span.inputs[i]!, to: span.inputsTo[i]!, isHeld: how[i] === 'hold' };
    return strayingOf(of, ends, ratio);
  });
}

/** @param of an input's numbers, `ratio` the time against that usual between samples */
function strayingOf(
  of: Float64Array,
  { from, to, isHeld }: { from: number; to: number; isHeld: boolean },
  ratio: number,
): Straying[] {
  const variance = of[VARIANCE]!;
  const walk = (ratio * of[CHANGE]!) / 4;
  // One that is held has gone to its other value at any time since.
  const between = isHeld ? (to - from) ** 2 / 4 : 0;
  const std = Math.sqrt(Math.min(variance, walk) + between);
  if (!(std > 0)) return [];
  const middle = isHeld ? from : (from + to) / 2;
  const [above, below] = [of[MOST]! - middle, middle - of[LEAST]!];
  const room = Math.max(above, below);
  const near = room > 0 ? Math.min(std, room) : std;
  const size = of[WHOLE] === 1 ? Math.max(1, Math.round(near)) : near;
  const step = above >= below ? size : -size;
  if (walk >= variance) return partsOf(ratio).map((part) => ({ ...part, std, step }));
  // What hardly moves meanwhile strays as a whole, and a little of late.
  const late = Math.min(std, Math.sqrt(of[CHANGE]! + between));
  return [
    { begin: 0, end: 1, std, step },
    { begin: 1 - 1 / ratio, end: 1, std: late, step },
  ];
}

/**
 * Parts of a gap, the last as long as times between samples usually are, each before twice as long as the one after
 * it: states that follow fast show the last, slow ones the first.
 */
function partsOf(ratio: number): Pick<Straying, 'begin' | 'end'>[] {
  const parts: Pick<Straying, 'begin' | 'end'>[] = [];
  let end = 1;
  for (let width = 1 / ratio; end > 0; width *= 2) {
    // No part is shorter than the one after it.
    const begin = end - width < width ? 0 : end - width;
    parts.push({ begin, end });
    end = begin;
  }
  return parts;
}
