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
  /** Samples of rest, which are left out there. */
  leftOut?: true;
}

/** Share of an input's rows without a value from which that is told … */
const LEAST_SHARE = 0.01;
/** … and how many in a row are told in any case. */
const LEAST_RUN = 5;
/** Share of repeated values above which a column tells them also where nothing has changed. */
const TELLS_REPEATS = 0.05;
/** A run of blanks so many times as long as usual is none of a column that tells changes only. */
const UNUSUAL = 10;

/**
 * Inputs without a value in some rows, after their first: what the machine was driven by there is not known.
 * A column that tells a value only when it has changed has blanks as well, which say that it has not.
 *
 * @param cells of each input's column: how many say in words that there is no good value, and hold one; where
 *   rows are readings of one tag each, samples do not tell
 */
export function missingInputs(
  { inputs, simulation }: TwinDefinition,
  samples: readonly Pick<Sample, 'timeS' | 'inputs'>[],
  cells: readonly { bad: number; good: number; isLong?: boolean }[] = [],
): MissingInput[] {
  const steady = simulation.mode === 'steady-state';
  return inputs.flatMap(({ variable, value }, i) => {
    if (value !== undefined) return [];
    const first = samples.findIndex((s) => Number.isFinite(s.inputs[i]!));
    // All of its samples are left out, which the verdict says.
    if (first < 0) return [];
    const runs: { rows: number; forS: number; sinceS: number }[] = [];
    let pairs = 0;
    let repeats = 0;
    let blanks = 0;
    for (let k = first + 1; k < samples.length; k++) {
      const [before, at] = [samples[k - 1]!, samples[k]!];
      if (Number.isFinite(at.inputs[i]!)) {
        if (Number.isFinite(before.inputs[i]!)) {
          pairs++;
          if (at.inputs[i] === before.inputs[i]) repeats++;
        } else runs.at(-1)!.forS = at.timeS - runs.at(-1)!.sinceS;
        continue;
      }
      blanks++;
      if (Number.isFinite(before.inputs[i]!)) runs.push({ rows: 1, forS: 0, sinceS: before.timeS });
      else runs.at(-1)!.rows++;
      runs.at(-1)!.forS = at.timeS - runs.at(-1)!.sinceS;
    }
    const of = samples.length - first;
    const { bad = 0, good = 0, isLong = false } = cells[i] ?? {};
    // Rows that are one reading each tell no gaps: the value before goes on.
    if (isLong) {
      const all = bad + good;
      return bad > LEAST_SHARE * all ? [{ variable, missing: bad, of: all }] : [];
    }
    if (blanks === 0) return [];
    const tellsAll = steady || bad > 0 || repeats > TELLS_REPEATS * pairs;
    const usual = upperMedian(runs.map(({ rows }) => rows));
    const unusual = runs.filter(({ rows }) => tellsAll || rows > UNUSUAL * usual);
    const missing = unusual.reduce((sum, { rows }) => sum + rows, 0);
    const longest = unusual.toSorted((a, b) => b.rows - a.rows)[0];
    if (longest === undefined) return [];
    if (missing <= LEAST_SHARE * of && longest.rows < LEAST_RUN) return [];
    const { forS, sinceS } = longest;
    return [{ variable, missing, of, longest: { forS, sinceS }, ...(steady && { leftOut: true }) }];
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
