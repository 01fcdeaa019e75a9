import type { TwinDefinition } from '../../config/index.js';
import { durationText, upperMedian } from '../../core/index.js';
import { inputInterpolations } from '../definition/input-interpolation.js';
import { instantText } from '../report/time-axis.js';
import type { Sample } from '../types.js';

/** An input that has no value for a part of a record. */
export interface MissingInput {
  variable: string;
  /** Samples without a value, and of how many; of readings in long form, readings. */
  missing: number;
  of: number;
  /** The longest time without one, and from when, seconds; left out where the rows do not tell. */
  longest?: { forS: number; sinceS: number };
  /** That samples are left out there, as what it was is open. */
  leftOut?: boolean;
  /** That it is taken between its neighbours, as it runs as a straight line. */
  bridged?: boolean;
}

/** Share of an input's rows without a value from which that is told … */
const LEAST_SHARE = 0.01;
/** … and how many in a row are told in any case. */
const LEAST_RUN = 5;
/** Share of repeated values above which a column tells them also where nothing has changed. */
const TELLS_REPEATS = 0.05;
/** Neighbours that tell how a column without repeats behaves. */
const ENOUGH_PAIRS = 50;
/** Share of its rows that may be blank, outside of long silences, of a column that changes with nearly each. */
const SELDOM_BLANK = 0.05;
/** Share of blanks up to which steps tell whether these are those that are too small to be told. */
const TELLING_BLANKS = 0.5;
/** Steps of whatever wanders are spread evenly near 0: so many times the share of the blanks, in medians, tells of each step below. */
const SMALLEST_STEP = 0.5;
/** A run of blanks so many times as long as usual is none of a column that tells changes only. */
const UNUSUAL = 10;

/** Rows in a row in which an input has no value. */
interface Blank {
  /** The first of them. */
  row: number;
  rows: number;
  /** From the last value on, what and when that was, seconds. */
  forS: number;
  value: number;
  sinceS: number;
}

/** An input's values, as far as they tell what its blanks mean. */
interface Blanks {
  /** Its first row with a value; -1 where there is none. */
  first: number;
  /** After it. */
  blanks: Blank[];
  /** Neighbours that both have a value, and how many of them have the same. */
  pairs: number;
  repeats: number;
  /** How far the others lie apart. */
  steps: number[];
  lowest: number;
  highest: number;
}

type InputSamples = readonly Pick<Sample, 'timeS' | 'inputs'>[];

function blanksOf(samples: InputSamples, i: number): Blanks {
  const first = samples.findIndex((s) => Number.isFinite(s.inputs[i]!));
  const found: Blanks = {
    ...{ first, blanks: [], pairs: 0, repeats: 0, steps: [] },
    ...{ lowest: Number.POSITIVE_INFINITY, highest: Number.NEGATIVE_INFINITY },
  };
  if (first < 0) return found;
  for (const { inputs } of samples) {
    const value = inputs[i]!;
    if (!Number.isFinite(value)) continue;
    found.lowest = Math.min(found.lowest, value);
    found.highest = Math.max(found.highest, value);
  }
  const { blanks } = found;
  for (let k = first + 1; k < samples.length; k++) {
    const [before, at] = [samples[k - 1]!, samples[k]!];
    const hadValue = Number.isFinite(before.inputs[i]!);
    if (Number.isFinite(at.inputs[i]!)) {
      if (hadValue) {
        found.pairs++;
        if (at.inputs[i] === before.inputs[i]) found.repeats++;
        else found.steps.push(Math.abs(at.inputs[i]! - before.inputs[i]!));
      } else blanks.at(-1)!.forS = at.timeS - blanks.at(-1)!.sinceS;
      continue;
    }
    if (hadValue) {
      blanks.push({ row: k, rows: 1, forS: 0, value: before.inputs[i]!, sinceS: before.timeS });
    } else blanks.at(-1)!.rows++;
    blanks.at(-1)!.forS = at.timeS - blanks.at(-1)!.sinceS;
  }
  return found;
}

/** Whether a column tells values also where nothing has changed. */
const tellsRepeats = ({ repeats, pairs }: Blanks) => repeats > TELLS_REPEATS * pairs;

/**
 * Whether a column that never repeats a value is read anew in each row: it is hardly ever blank, but for long
 * silences, or changes by less than what its blanks would hide if they said that nothing has changed.
 */
function isReadAnew({ pairs, steps, blanks }: Blanks): boolean {
  if (pairs < ENOUGH_PAIRS) return false;
  const few = blanks.reduce((sum, { rows }) => sum + (rows < LEAST_RUN ? rows : 0), 0);
  const share = few / (pairs + few);
  if (share <= SELDOM_BLANK) return true;
  const smallest = steps.reduce((least, step) => Math.min(least, step), Number.POSITIVE_INFINITY);
  return share <= TELLING_BLANKS && smallest < SMALLEST_STEP * share * upperMedian(steps);
}

/** Blanks that hide a value, and do not say that nothing has changed. */
function hidingBlanks(found: Blanks): Blank[] {
  if (tellsRepeats(found)) return found.blanks;
  if (!isReadAnew(found)) return [];
  // For long it may be off, or as large as it can be, at the ends of its range.
  const { blanks, lowest, highest } = found;
  return blanks.filter(
    ({ rows, value }) => rows < LEAST_RUN || (value > lowest && value < highest),
  );
}

/**
 * Whether a column has values where these have changed, or at times of its own: it is blank in most rows, and does
 * not tell the same twice.
 */
function tellsChanges(found: Blanks): boolean {
  const blank = found.blanks.reduce((sum, { rows }) => sum + rows, 0);
  return blank > found.pairs && !tellsRepeats(found) && !isReadAnew(found);
}

/**
 * Blanks of an input that leave open what it was, as rows: of a moving machine long ones of a column that otherwise has
 * a value in each row; of states of rest all, but of a column that tells changes.
 */
export function untoldBlanks(
  { simulation }: TwinDefinition,
  samples: InputSamples,
  input: number,
): { row: number; rows: number }[] {
  const found = blanksOf(samples, input);
  if (simulation.mode === 'steady-state') return tellsChanges(found) ? [] : found.blanks;
  return hidingBlanks(found).filter(({ rows }) => rows >= LEAST_RUN);
}

/**
 * Samples whose inputs that run as straight lines have values between their neighbours' where one or a few
 * are blank: what lies between two readings is no less a line for a third one that is missing.
 */
export function withShortBlanks<S extends Pick<Sample, 'timeS' | 'inputs'>>(
  definition: TwinDefinition,
  samples: readonly S[],
): readonly S[] {
  const filled = new Map<number, Float64Array>();
  inputInterpolations(definition).forEach((how, i) => {
    if (how !== 'linear' || definition.inputs[i]!.value !== undefined) return;
    for (const { row, rows } of hidingBlanks(blanksOf(samples, i))) {
      const [before, after] = [samples[row - 1]!, samples[row + rows]];
      if (rows >= LEAST_RUN || after === undefined) continue;
      for (let k = row; k < row + rows; k++) {
        const share = (samples[k]!.timeS - before.timeS) / (after.timeS - before.timeS);
        if (!(share >= 0 && share <= 1)) continue;
        const inputs = filled.get(k) ?? samples[k]!.inputs.slice();
        inputs[i] = before.inputs[i]! + share * (after.inputs[i]! - before.inputs[i]!);
        filled.set(k, inputs);
      }
    }
  });
  if (filled.size === 0) return samples;
  return samples.map((sample, k) => {
    const inputs = filled.get(k);
    return inputs === undefined ? sample : { ...sample, inputs };
  });
}

/**
 * Inputs without a value in some rows: what the machine was driven by there is not known. Those before its first
 * value are told apart from later ones. A column that tells a value only when it has changed has blanks as well,
 * which say that it has not.
 *
 * @param cells of each input's column: how many say in words that there is no good value, and hold one; where
 *   rows are readings of one tag each, samples do not tell
 */
export function missingInputs(
  definition: TwinDefinition,
  samples: InputSamples,
  cells: readonly { bad: number; good: number; isLong?: boolean }[] = [],
): MissingInput[] {
  const { inputs, simulation } = definition;
  const steady = simulation.mode === 'steady-state';
  const interpolations = inputInterpolations(definition);
  return inputs.flatMap(({ variable, value }, i) => {
    if (value !== undefined) return [];
    const found = blanksOf(samples, i);
    const { first, blanks } = found;
    const { bad = 0, good = 0, isLong = false } = cells[i] ?? {};
    // Rows that are one reading each tell no gaps: the value before goes on.
    if (isLong && first >= 0) {
      const all = bad + good;
      return bad > LEAST_SHARE * all ? [{ variable, missing: bad, of: all }] : [];
    }
    const late = beforeFirst(variable, samples, first);
    if (blanks.length === 0) return late;
    const of = samples.length - first;
    const usual = upperMedian(blanks.map(({ rows }) => rows));
    const hiding = hidingBlanks(found);
    const isOpen = steady && !tellsChanges(found);
    const unusual =
      isOpen || bad > 0
        ? blanks
        : hiding.length > 0
          ? hiding
          : blanks.filter(({ rows }) => rows > UNUSUAL * usual);
    const missing = unusual.reduce((sum, { rows }) => sum + rows, 0);
    const longest = unusual.toSorted((a, b) => b.rows - a.rows)[0];
    if (longest === undefined) return late;
    if (missing <= LEAST_SHARE * of && longest.rows < LEAST_RUN) return late;
    const { forS, sinceS } = longest;
    const leftOut = isOpen || (!steady && hiding.some(({ rows }) => rows >= LEAST_RUN));
    const bridged = !leftOut && hiding.length > 0 && interpolations[i] === 'linear';
    return [
      ...late,
      {
        ...{ variable, missing, of, longest: { forS, sinceS } },
        ...(leftOut && { leftOut }),
        ...(bridged && { bridged }),
      },
    ];
  });
}

/** The rows before an input's first value, which say nothing of it and are left out; all where there is none. */
function beforeFirst(variable: string, samples: InputSamples, first: number): MissingInput[] {
  const of = samples.length;
  if (of > 0 && first < 0) return [{ variable, missing: of, of, leftOut: true }];
  if (first <= LEAST_SHARE * of && first < LEAST_RUN) return [];
  const sinceS = samples[0]!.timeS;
  const longest = { forS: samples[first]!.timeS - sinceS, sinceS };
  return [{ variable, missing: first, of, longest, leftOut: true }];
}

/** What is to be said of an input without values. */
export const missingInputText = ({
  variable,
  missing,
  of,
  longest,
  leftOut,
  bridged,
}: MissingInput): string => {
  if (missing === of && leftOut) {
    return `${variable} has no value in any of ${of} rows, and without it none can be used: name its column, or state its value where it is one throughout`;
  }
  const where =
    longest === undefined
      ? `${missing} of ${of} readings of ${variable} are no good value`
      : `${variable} has no value in ${missing} of ${of} rows, at the longest for ${durationText(longest.forS)} since ${instantText(longest.sinceS)}`;
  return leftOut
    ? `${where}: they are left out`
    : `${where}: it is taken ${bridged ? 'between its neighbours' : 'as it was before'}, which is a guess`;
};
