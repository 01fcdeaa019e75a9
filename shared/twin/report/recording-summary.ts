import { upperMedian } from '../../core/index.js';
import { type BesideColumns, deadColumns, type RecordingAccount } from '../../recordings/index.js';
import type { TwinRecording } from '../data/recording.js';
import { isSwitch } from '../definition/input-interpolation.js';
import { type ChannelFaults, channelFaults } from '../readings/channel-faults.js';
import { type MissingInput, missingInputs } from '../readings/missing-inputs.js';
import { withoutWildValues } from '../readings/wild-values.js';
import type { Sample, StepResult, Twin } from '../types.js';

/** A column that was taken for a variable's by a weak guess, and by what. */
export interface GuessedColumn {
  variable: string;
  column: string;
  because: string;
}

/** An input that `new` found no column for, while the recording has some that are of no variable. */
export interface GuessedInput {
  variable: string;
  /** What it is held at: the FMU's start value. */
  value: number;
  /** Columns that might be its own. */
  columns: string[];
}

/** What was read for a result, and what became of it. */
export interface RecordingSummary extends Partial<ChannelFaults> {
  /** Rows with data in the recording; of streams, the samples that they make. */
  rows: number;
  /** Rows that entered the result. */
  used: number;
  /** Rows that did not, by reason: `used` and these make `rows`. */
  skipped: Record<string, number>;
  /** Cells that hold something but no value, by column. */
  unreadable: Record<string, { count: number; example: string }>;
  /** Measured variables and followed inputs that never move. */
  deadChannels: string[];
  /** Where a clock without a zone changes by an hour within the record; left out where none does. */
  clockChange?: 'autumn' | 'spring';
  /** Inputs that are held and then step, but are run as straight lines between samples. */
  slopingSwitches?: string[];
  /** What columns that are not read say of those that are; left out where they say nothing. */
  besideColumns?: BesideColumns;
  /** Rows with more cells than the header has names; left out where there are none. */
  longRows?: number;
  /** Inputs without a value in some rows; left out of streams. */
  missingInputs?: MissingInput[];
  /** Columns that `new --yes` took by a weak guess; left out where there are none. */
  guessedColumns?: GuessedColumn[];
  /** Inputs that `new` holds at the FMU's start values; left out where there are none. */
  guessedInputs?: GuessedInput[];
  /** Of long form: rows of the file, each one reading, and those that gave none, by reason. */
  readings?: { rows: number; leftOut: Record<string, number> };
  /** Seconds from the first to the last row. */
  spanS: number;
  /** Median seconds between rows; null of fewer than two. */
  periodS: number | null;
  /** Seconds from the last row to now; null where times are not of a calendar. */
  ageS: number | null;
}

/** Samples from which a channel that never moves is conspicuous. */
export const SAMPLES_TO_JUDGE = 20;

/** Measured variables whose samples hold less than two different values. */
function deadChannels(twin: Twin, samples: readonly Sample[]): string[] {
  if (samples.length < SAMPLES_TO_JUDGE) return [];
  return twin.definition.measured.flatMap(({ variable }, i) => {
    const first = samples.find((s) => Number.isFinite(s.measured[i]!))?.measured[i];
    const moves = samples.some((s) => Number.isFinite(s.measured[i]!) && s.measured[i] !== first);
    return moves ? [] : [variable];
  });
}

/**
 * Inputs of a moving machine that are held and then step while nobody said how they run between samples:
 * taken for straight lines, each step comes half a sample early or late.
 */
function slopingSwitches(
  twin: Twin,
  samples: readonly Sample[],
  held: readonly string[],
): string[] {
  const { inputs, transient, simulation } = twin.definition;
  if (simulation.mode === 'steady-state' || transient.inputInterpolation === 'hold') return [];
  if (samples.length < SAMPLES_TO_JUDGE) return [];
  return inputs.flatMap((input, i) => {
    if (input.value !== undefined || input.interpolation !== undefined) return [];
    if (held.includes(input.variable)) return [];
    return isSwitch(withoutWildValues(Float64Array.from(samples, (s) => s.inputs[i]!)))
      ? [input.variable]
      : [];
  });
}

/** Cells of the twin's columns that could not be read, by column. */
function unreadableOf(account: RecordingAccount): RecordingSummary['unreadable'] {
  return Object.fromEntries(
    Object.entries(account.columns).flatMap(([name, { unreadable }]) =>
      unreadable === undefined ? [] : [[name, unreadable]],
    ),
  );
}

/** Cells of a column that say in words that there is no good value, and those that hold one. */
function cellsOf({ columns }: RecordingAccount, name: string, isLong: boolean) {
  const { quality = {}, numbers = 0, truths = 0, texts = 0 } = columns[name] ?? {};
  return { bad: total(quality), good: numbers + truths + texts, isLong };
}

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Readings of a recording in long form. */
function readingsOf(account: RecordingAccount): NonNullable<RecordingSummary['readings']> {
  const reasons = Object.entries(account.withoutTime).map(([why, { count }]) => [why, count]);
  return { rows: account.rows, leftOut: Object.fromEntries(reasons) };
}

/**
 * What was read of a recording and what became of it.
 *
 * @param steps of the run, one per sample; none where the result takes samples together: then all
 *   count as used
 * @param nowS seconds since 1970
 * @param held inputs that only jump in the FMU, so that nobody need say so
 */
export function summarizeRecording(
  twin: Twin,
  recording: TwinRecording,
  steps: readonly Pick<StepResult, 'skipped'>[] | undefined,
  nowS: number,
  held: readonly string[] = [],
): RecordingSummary {
  const { table, samples, rows } = recording;
  const { account } = table;
  const skipped = { ...recording.skipped };
  for (const [reason, count] of Object.entries(skippedSteps(steps ?? []))) {
    skipped[reason] = (skipped[reason] ?? 0) + count;
  }
  const used = (steps?.filter((s) => s.skipped === undefined) ?? samples).length;
  const columnsOfInputs = new Map(
    twin.definition.inputs.map((i) => [i.column ?? i.variable, i.variable]),
  );
  const deadInputs = deadColumns(account).flatMap((name) => {
    const variable = columnsOfInputs.get(name);
    return variable === undefined ? [] : [variable];
  });
  return {
    rows,
    used,
    skipped,
    unreadable: unreadableOf(account),
    deadChannels: [...deadChannels(twin, samples), ...deadInputs],
    ...channelFaults(twin, samples),
    ...clockChangeOf(account),
    ...(account.beside === undefined ? {} : { besideColumns: account.beside }),
    ...(account.longRows === 0 ? {} : { longRows: account.longRows }),
    slopingSwitches: slopingSwitches(twin, samples, held),
    missingInputs: missingInputs(
      twin.definition,
      samples,
      twin.definition.inputs.map((i) => cellsOf(account, i.column ?? i.variable, table.long)),
    ),
    ...(table.long ? { readings: readingsOf(account) } : {}),
    spanS: account.spanS,
    periodS: account.periodS,
    ageS: account.time.calendar ? nowS - account.lastS : null,
  };
}

/** Whether a clock of which nobody named the zone changes by an hour within a recording. */
function clockChangeOf({
  time,
  order,
  springS,
}: RecordingAccount): Pick<RecordingSummary, 'clockChange'> {
  if (!time.zoneAssumed) return {};
  if (order.autumn) return { clockChange: 'autumn' };
  return springS === undefined ? {} : { clockChange: 'spring' };
}

/**
 * How long samples go on, and how far apart they usually are.
 *
 * @param timesS rising, seconds
 */
export function paceOf(timesS: ArrayLike<number>): Pick<RecordingSummary, 'spanS' | 'periodS'> {
  const times = Float64Array.from(timesS);
  const gaps = times.slice(1).map((t, i) => t - times[i]!);
  return {
    spanS: (times.at(-1) ?? 0) - (times[0] ?? 0),
    periodS: gaps.length === 0 ? null : upperMedian(gaps),
  };
}

/**
 * What was read of streams.
 */
export function summarizeStreams(
  twin: Twin,
  samples: readonly Sample[],
  steps: readonly Pick<StepResult, 'skipped'>[],
  nowS: number,
  held: readonly string[] = [],
): RecordingSummary {
  const newest = samples.at(-1)?.timeNs;
  return {
    rows: samples.length,
    used: steps.filter((s) => s.skipped === undefined).length,
    skipped: skippedSteps(steps),
    unreadable: {},
    deadChannels: deadChannels(twin, samples),
    ...channelFaults(twin, samples),
    slopingSwitches: slopingSwitches(twin, samples, held),
    ...paceOf(samples.map((s) => s.timeS)),
    ageS: newest === undefined ? null : nowS - Number(newest) / 1e9,
  };
}

/** Steps that did not enter a result, by reason. */
export function skippedSteps(
  steps: readonly Pick<StepResult, 'skipped'>[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { skipped } of steps) {
    if (skipped !== undefined) counts[skipped] = (counts[skipped] ?? 0) + 1;
  }
  return counts;
}
