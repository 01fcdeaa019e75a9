import { durationText, upperMedian } from '../../../core/index.js';
import type { MachineGap } from '../../report/machine-events.js';
import { instantText } from '../../report/time-axis.js';
import type { Finding } from '../../report/verdict.js';
import type { FitRecord } from './record.js';

/** A gap is so many times as long as samples are usually apart … */
const GAP_INTERVALS = 3.5;
/** … and so many times as all but few of them are: rows that come when something changes have no gaps. */
const BEYOND_USUAL = 2;
const USUAL = 0.95;
/** Of rows that come at a beat a shorter time is a gap as well, where an input that is held has changed in it … */
const MISSED_ROW = 1.5;
/** … which is said of a record where so many of its times between samples are within so much of the usual one. */
const BEAT = { share: 0.75, within: 0.1 } as const;
/** Each gap adds unknowns: of more a run begins anew after the longest. */
const MOST_GAPS = 100;

const intervals = (timesS: Float64Array) => timesS.subarray(1).map((t, i) => t - timesS[i]!);

/** A time between samples, of some, from which it is a gap, seconds. */
function longS(apart: Float64Array): number {
  const sorted = apart.toSorted();
  const beyond = BEYOND_USUAL * (sorted[Math.floor(USUAL * (sorted.length - 1))] ?? 0);
  return Math.max(GAP_INTERVALS * upperMedian(apart), beyond);
}

/** A time from which a row is missing, of samples that come at a beat, seconds; of others none is. */
function missedRowS(apart: Float64Array): number {
  const usual = upperMedian(apart);
  const even = apart.filter((s) => Math.abs(s - usual) <= BEAT.within * usual);
  return even.length >= BEAT.share * apart.length ? MISSED_ROW * usual : Number.POSITIVE_INFINITY;
}

/**
 * The rows of a record at which a run begins anew: its first, and those after times of which nothing is known.
 * What drove the machine meanwhile no one has written down, so that no run can be led through them.
 *
 * @param timesS rising, seconds
 * @param options.begun rows before which samples without inputs were left out
 * @param options.isKnown whether inputs are known between a row and the next
 * @param options.hasChanged whether an input that is held is another at the next row: of a row that is missing
 *   between them nobody knows when
 * @param options.maxGapS the longest time that is no gap, where it is stated
 * @returns rising, 0 the first; of no row none
 */
export function beginningsOf(
  timesS: Float64Array,
  {
    begun = new Set(),
    isKnown = () => false,
    hasChanged = () => false,
    maxGapS,
  }: {
    begun?: ReadonlySet<number>;
    isKnown?: (row: number) => boolean;
    hasChanged?: (row: number) => boolean;
    maxGapS?: number | undefined;
  } = {},
): number[] {
  if (timesS.length === 0) return [];
  const apart = intervals(timesS);
  const gapS = maxGapS ?? longS(apart);
  const missedS = maxGapS ?? missedRowS(apart);
  const isGap = (row: number) => apart[row]! > gapS || (apart[row]! > missedS && hasChanged(row));
  const after = [...apart.keys()].flatMap((row) =>
    begun.has(row + 1) || (isGap(row) && !isKnown(row)) ? [row + 1] : [],
  );
  return [0, ...after];
}

type Begun = Pick<FitRecord, 'timesS' | 'beginnings'>;

/** Where the part of a record begins that a row is of. */
export const beginningOf = ({ beginnings }: Begun, row: number): number =>
  beginnings.findLast((b) => b <= row) ?? 0;

/** Where the part of a record ends that a row is of: the next one's first row, or the record's length. */
export const endOf = ({ timesS, beginnings }: Begun, row: number): number =>
  beginnings.find((b) => b > row) ?? timesS.length;

/** The times of a record of which nothing is known. */
export const gapsIn = ({ timesS, beginnings }: Begun): MachineGap[] =>
  beginnings.slice(1).map((row) => ({ sinceS: timesS[row - 1]!, untilS: timesS[row]! }));

/**
 * A record as a model can run along it: one whose states cannot be set goes through the gaps, and any through
 * the shortest of very many.
 */
export function runnable(
  record: FitRecord,
  model: { readonly states: readonly string[] },
): FitRecord {
  const [first = 0, ...others] = record.beginnings;
  const most = model.states.length > 0 ? MOST_GAPS : 0;
  if (others.length <= most) return record;
  const longest = longestFirst(record, others).slice(0, most);
  const beginnings = [first, ...longest.toSorted((a, b) => a - b)];
  return { ...record, beginnings };
}

const gapBefore = ({ timesS }: Begun, row: number): number => timesS[row]! - timesS[row - 1]!;

/** Rows that gaps end at, that of the longest first. */
const longestFirst = (record: Begun, rows: readonly number[]): number[] =>
  rows.toSorted((a, b) => gapBefore(record, b) - gapBefore(record, a));

/** What it means for a fit that its model's run goes through gaps. */
export function gapFindings(read: FitRecord, run: FitRecord): Finding[] {
  const through = read.beginnings.slice(1).filter((row) => !run.beginnings.includes(row));
  const [longest] = longestFirst(read, through);
  if (longest === undefined) return [];
  const gap = durationText(gapBefore(read, longest));
  const more = through.length > 1 ? `, the longest of ${through.length} gaps,` : '';
  const why =
    run.beginnings.length > 1
      ? `a run begins anew after the ${MOST_GAPS} longest alone, so that it goes through these`
      : 'the FMU offers no states to begin anew from, so that its run goes through';
  return [
    {
      grade: 'care',
      reason: `there are no rows for ${gap} from ${instantText(read.timesS[longest - 1]!)} on${more} and nothing tells what drove the machine meanwhile; ${why} with its inputs as straight lines, or held: fit the parts by themselves, by --from and --to`,
    },
  ];
}
