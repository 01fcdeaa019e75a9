import type { TwinDefinition } from '../../config/index.js';
import { durationText, upperMedian } from '../../core/index.js';
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
  /** That samples are left out there: of rest each, of a moving machine those of long times without one. */
  leftOut?: boolean;
}

/** Share of an input's rows without a value from which that is told … */
const LEAST_SHARE = 0.01;
/** … and how many in a row are told in any case. */
const LEAST_RUN = 5;
/** Share of repeated values above which a column tells them also where nothing has changed. */
const TELLS_REPEATS = 0.05;
/** A run of blanks so many times as long as usual is none of a column that tells changes only. */
const UNUSUAL = 10;

/** Rows in a row in which an input has no value. */
interface Blank {
  /** The first of them. */
  row: number;
  rows: number;
  /** From the last value on, and when that was, seconds. */
  forS: number;
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
}

type InputSamples = readonly Pick<Sample, 'timeS' | 'inputs'>[];

function blanksOf(samples: InputSamples, i: number): Blanks {
  const first = samples.findIndex((s) => Number.isFinite(s.inputs[i]!));
  const found: Blanks = { first, blanks: [], pairs: 0, repeats: 0 };
  if (first < 0) return found;
  const { blanks } = found;
  for (let k = first + 1; k < samples.length; k++) {
    const [before, at] = [samples[k - 1]!, samples[k]!];
    const hadValue = Number.isFinite(before.inputs[i]!);
    if (Number.isFinite(at.inputs[i]!)) {
      if (hadValue) {
        found.pairs++;
        if (at.inputs[i] === before.inputs[i]) found.repeats++;
      } else blanks.at(-1)!.forS = at.timeS - blanks.at(-1)!.sinceS;
      continue;
    }
    if (hadValue) blanks.push({ row: k, rows: 1, forS: 0, sinceS: before.timeS });
    else blanks.at(-1)!.rows++;
    blanks.at(-1)!.forS = at.timeS - blanks.at(-1)!.sinceS;
  }
  return found;
}

/** Whether a column has a value in each row where it is known, and not only where it has changed. */
const tellsEachRow = ({ repeats, pairs }: Blanks) => repeats > TELLS_REPEATS * pairs;

/** Long times without a value of an input that otherwise has one in each row, as rows. */
export function longBlanks(samples: InputSamples, input: number): { row: number; rows: number }[] {
  const found = blanksOf(samples, input);
  return tellsEachRow(found) ? found.blanks.filter(({ rows }) => rows >= LEAST_RUN) : [];
}

/**
 * Inputs without a value in some rows, after their first: what the machine was driven by there is not known.
 * A column that tells a value only when it has changed has blanks as well, which say that it has not.
 *
 * @param cells of each input's column: how many say in words that there is no good value, and hold one; where
 *   rows are readings of one tag each, samples do not tell
 */
export function missingInputs(
  { inputs, simulation }: TwinDefinition,
  samples: InputSamples,
  cells: readonly { bad: number; good: number; isLong?: boolean }[] = [],
): MissingInput[] {
  const steady = simulation.mode === 'steady-state';
  return inputs.flatMap(({ variable, value }, i) => {
    if (value !== undefined) return [];
    const found = blanksOf(samples, i);
    const { first, blanks } = found;
    // All of its samples are left out, which the verdict says.
    if (first < 0) return [];
    const of = samples.length - first;
    const { bad = 0, good = 0, isLong = false } = cells[i] ?? {};
    // Rows that are one reading each tell no gaps: the value before goes on.
    if (isLong) {
      const all = bad + good;
      return bad > LEAST_SHARE * all ? [{ variable, missing: bad, of: all }] : [];
    }
    if (blanks.length === 0) return [];
    const usual = upperMedian(blanks.map(({ rows }) => rows));
    const tellsAll = steady || bad > 0 || tellsEachRow(found);
    const unusual = blanks.filter(({ rows }) => tellsAll || rows > UNUSUAL * usual);
    const missing = unusual.reduce((sum, { rows }) => sum + rows, 0);
    const longest = unusual.toSorted((a, b) => b.rows - a.rows)[0];
    if (longest === undefined) return [];
    if (missing <= LEAST_SHARE * of && longest.rows < LEAST_RUN) return [];
    const { forS, sinceS } = longest;
    const leftOut = steady || (tellsEachRow(found) && longest.rows >= LEAST_RUN);
    return [{ variable, missing, of, longest: { forS, sinceS }, ...(leftOut && { leftOut }) }];
  });
}

/** What is to be said of an input without values. */
export const missingInputText = ({
  variable,
  missing,
  of,
  longest,
  leftOut,
}: MissingInput): string => {
  const where =
    longest === undefined
      ? `${missing} of ${of} readings of ${variable} are no good value`
      : `${variable} has no value in ${missing} of ${of} rows, at the longest for ${durationText(longest.forS)} since ${instantText(longest.sinceS)}`;
  return leftOut
    ? `${where}: they are left out`
    : `${where}: fits take it as it was before, which is a guess${longest === undefined ? '' : ', and calibrations leave these rows out'}`;
};
