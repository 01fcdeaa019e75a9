import { DEFAULT_WEAR_HORIZON_S } from '../../config/index.js';
import { type BesideColumns, besideTexts } from '../../recordings/index.js';
import { agedText } from '../readings/aged-channels.js';
import {
  type ChannelFaults,
  deadText,
  frozenText,
  heldText,
  sameText,
} from '../readings/channel-faults.js';
import { type MissingInput, missingInputText } from '../readings/missing-inputs.js';
import { stillText } from '../readings/still-inputs.js';
import { wildText } from '../readings/wild-values.js';
import type { Alarm, StepResult, Twin } from '../types.js';
import { ALARM_MEANINGS } from './alarms.js';
import { isOfFit } from './fit-alarms.js';
import type { CalibrationOutput } from './results.js';

/** Whether a result may be acted on: as it is, with care, or not at all. */
export type Grade = 'good' | 'care' | 'unusable';

/** The grade of a result, and every reason that speaks against it. */
export interface Verdict {
  grade: Grade;
  /** One sentence each, the gravest first; none where the grade is `good`. */
  reasons: string[];
}

/** A column that was taken for a variable's by a weak guess, and by what. */
export interface GuessedColumn {
  variable: string;
  column: string;
  because: string;
}

/** Weak guesses as text. */
export const guessedText = (guessed: readonly GuessedColumn[]): string =>
  guessed.map((g) => `${g.variable} = ${g.column} (${g.because})`).join(', ');

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

/** One thing that speaks against a result. */
export interface Finding {
  grade: Exclude<Grade, 'good'>;
  reason: string;
  /**
   * Parameters, virtual sensors and measured variables that it concerns; left out, or without one of
   * these, where it is all.
   */
  about?: readonly string[];
}

/** The verdict of findings: the gravest decides. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  const unusable = findings.filter((f) => f.grade === 'unusable');
  const care = findings.filter((f) => f.grade === 'care');
  return {
    grade: unusable.length > 0 ? 'unusable' : care.length > 0 ? 'care' : 'good',
    reasons: [...new Set([...unusable, ...care].map((f) => f.reason))],
  };
}

/**
 * A verdict as findings of another: that of a fit speaks against what rests on it.
 *
 * @param quantities the same by quantity, where they are told apart: a reason that not all of them
 *   have concerns those that have it
 */
export function findingsOf(
  { grade, reasons }: Verdict,
  quantities: Readonly<Record<string, Verdict>> = {},
): Finding[] {
  const names = Object.keys(quantities);
  return reasons.map((reason) => {
    const about = names.filter((name) => quantities[name]!.reasons.includes(reason));
    return {
      grade: grade === 'unusable' ? 'unusable' : 'care',
      reason,
      ...(about.length < names.length ? { about } : {}),
    };
  });
}

/** Grades as they are printed. */
export const GRADE_WORDS: Readonly<Record<Grade, string>> = {
  good: 'good',
  care: 'use with care',
  unusable: 'do not use',
};

/** A verdict as lines to print: `use with care: …`, the reasons below where there are several. */
export function verdictLines(
  { grade, reasons }: Verdict,
  good = 'nothing speaks against it',
): string[] {
  if (reasons.length < 2) return [`${GRADE_WORDS[grade]}: ${reasons[0] ?? good}`];
  return [`${GRADE_WORDS[grade]}:`, ...reasons.map((reason) => `  - ${reason}`)];
}

/**
 * The exit code that a verdict means: 1 for `unusable`, and for `care` too where nothing but a good
 * result will do.
 */
export function verdictExitCode({ grade }: Verdict, strict: boolean): number {
  return grade === 'unusable' || (strict && grade === 'care') ? 1 : 0;
}

/** Rows skipped by reason as text, the most frequent first. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted((a, b) => b[1] - a[1])
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}

/** Share of a recording above which a fault is one of the recording, not of a row. */
const MOST = 0.5;
/** Of any other reason. */
const MOSTLY = { share: MOST, fewest: 1, text: '' };
/** Why a recording whose rows are left out for the most tells nothing: what is left is not the machine's. */
const TELLS_NOTHING = new Set(['model-mismatch', 'unreadable time']);
/** Why a row is left out that another one of the same time contradicts. */
export const OVERWRITTEN = 'of a time that was there already, with other values';
/** What more is to be said of rows that are left out for a reason, from a share of the recording on. */
const TOLD_EARLIER: ReadonlyMap<string, { share: number; fewest: number; text: string }> = new Map([
  [
    OVERWRITTEN,
    // Fewer are those of the yearly hour.
    {
      share: 0.01,
      fewest: 1,
      text: '; of such rows the later in the file counts: was a clock set back, or are two recordings mixed?',
    },
  ],
  ['unreadable time', { share: 0.01, fewest: 1, text: '' }],
  [
    'time in a daylight-saving gap',
    { share: 0.01, fewest: 1, text: ': no clock of that zone shows it; is it the right zone?' },
  ],
  [
    'input-missing',
    { share: 0.01, fewest: 1, text: ': an input had no value there, nor before, or none for long' },
  ],
  [
    'model-mismatch',
    {
      share: 0.1,
      fewest: 10,
      text: ': no parameter values explain what they read; does the machine stand still there, or does the model lack what happens?',
    },
  ],
]);
/** Share of a recording above which rows with more cells than names are none of chance. */
const MANY_LONG = 0.01;
/** What a recording alone says against whatever is made of it. */
export function recordingFindings(
  recording: RecordingSummary,
  measured: readonly string[],
): Finding[] {
  const { rows, used, skipped, unreadable, deadChannels, readings } = recording;
  const { slopingSwitches = [], missingInputs = [], stillInputs = [], longRows = 0 } = recording;
  const findings: Finding[] = [];
  const add = (grade: Finding['grade'], reason: string, about?: string[]) =>
    void findings.push({ grade, reason, ...(about && { about }) });
  if (used === 0) {
    add(
      'unusable',
      rows === 0
        ? 'there are no samples'
        : `none of ${rows} samples was used: ${countsText(skipped)}`,
    );
  } else {
    for (const [reason, count] of Object.entries(skipped)) {
      // What is missing is named below, with its variable.
      const isNamed = missingInputs.some((found) => found.leftOut) || stillInputs.length > 0;
      if (reason === 'input-missing' && isNamed) continue;
      const { share, fewest, text } = TOLD_EARLIER.get(reason) ?? MOSTLY;
      if (count <= share * rows || count < fewest) continue;
      const grade = count > MOST * rows && TELLS_NOTHING.has(reason) ? 'unusable' : 'care';
      add(grade, `${count} of ${rows} samples were left out: ${reason}${text}`);
    }
    if (longRows > MANY_LONG * rows) {
      add(
        'care',
        `${longRows} of ${rows} rows have more cells than the header has names, and what is beyond was left out: if a decimal comma or a delimiter within a text parts a cell, all that follow stand in wrong columns; name them by --delimiter and --decimal`,
      );
    }
  }
  for (const [reason, count] of Object.entries(readings?.leftOut ?? {})) {
    if (count > MOST * readings!.rows)
      add('care', `${count} of ${readings!.rows} readings were left out: ${reason}`);
  }
  for (const [column, { count, example }] of Object.entries(unreadable)) {
    const twoWays = /^[+-]?\d{1,3}(?:[.,]\d{3})+$/.test(example)
      ? ', which is one number with a decimal comma and another with a point: say which by --decimal'
      : '';
    add(
      'care',
      `${column}: ${count} cells hold no value that can be read, e.g. ${JSON.stringify(example)}${twoWays}`,
      measured.includes(column) ? [column] : undefined,
    );
  }
  if (recording.clockChange !== undefined) {
    const how = recording.clockChange === 'autumn' ? 'runs back by' : 'skips';
    add(
      'care',
      `the recording's clock ${how} an hour, as clocks do in ${recording.clockChange}, and was taken for UTC: times are off by an hour from there on; name its zone by --time-zone`,
    );
  }
  for (const name of slopingSwitches) {
    add(
      'care',
      `${name} switches, yet is run as a straight line from sample to sample: set its interpolation to hold, or to linear where it really ramps`,
    );
  }
  if (recording.besideColumns !== undefined) {
    for (const text of besideTexts(recording.besideColumns)) add('care', text);
  }
  // An input moves all.
  for (const found of missingInputs) add('care', missingInputText(found));
  const { guessedColumns = [] } = recording;
  if (guessedColumns.length > 0) {
    const about = guessedColumns.map((g) => g.variable);
    add(
      'care',
      `columns were taken by weak guesses: ${guessedText(guessedColumns)}; where one is another, say so by --map VARIABLE=COLUMN`,
      // An input moves all.
      about.every((name) => measured.includes(name)) ? about : undefined,
    );
  }
  for (const { variable, value, columns } of recording.guessedInputs ?? []) {
    add(
      'care',
      `no column is like ${variable}, which is held at the FMU’s start value, ${value}, while ${columns.join(', ')} ${columns.length > 1 ? 'are' : 'is'} of no variable: name its column by --map ${variable}=COLUMN, or --map ${variable}= where it has none`,
    );
  }
  for (const found of recording.frozenChannels ?? []) {
    if (measured.includes(found.variable)) add('care', frozenText(found), [found.variable]);
  }
  for (const found of recording.heldChannels ?? []) {
    // An input moves all.
    add('care', heldText(found), found.input ? undefined : [found.variable]);
  }
  // An input moves all.
  for (const found of stillInputs) add('care', stillText(found));
  for (const found of recording.agedChannels ?? []) add('care', agedText(found));
  for (const found of recording.wildValues ?? []) {
    // An input moves all.
    add('care', wildText(found), measured.includes(found.variable) ? [found.variable] : undefined);
  }
  for (const pair of recording.sameChannels ?? []) {
    if (pair.every((name) => measured.includes(name))) add('care', sameText(pair), pair);
  }
  const dead = deadChannels.filter((name) => measured.includes(name));
  if (dead.length > 0 && dead.length === measured.length) {
    add('unusable', `no measured variable ever moves: ${dead.join(', ')}`);
  } else {
    for (const name of dead) add('care', deadText(name), [name]);
  }
  return findings;
}

/** Whether an alarm is of a channel that the findings of its recording name, with since when. */
export function isOfRecording(
  { code, subject }: Alarm,
  {
    deadChannels,
    frozenChannels = [],
    sameChannels = [],
    heldChannels = [],
    stillInputs = [],
  }: RecordingSummary,
): boolean {
  if (code === 'sensor-copied') return sameChannels.some(([a]) => a === subject);
  if (code === 'sensor-held') return heldChannels.some((h) => h.variable === subject);
  return (
    code === 'sensor-frozen' &&
    (deadChannels.includes(subject) ||
      [...frozenChannels, ...stillInputs].some((f) => f.variable === subject))
  );
}

/** Alarms that speak against a result; limits and what is good to know do not. */
export function alarmFindings(alarms: readonly Alarm[]): Finding[] {
  return alarms
    .filter(({ code }) => ALARM_MEANINGS[code].level === 'warning' || isOfFit(code))
    .map(({ code, subject, message }) => ({
      grade: code === 'fit-unusable' ? 'unusable' : 'care',
      reason: message.replace(/\.$/, ''),
      about: [subject],
    }));
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

/** Everything that speaks against a calibration: its recording, its fit, its alarms. */
export function calibrationFindings(
  twin: Twin,
  output: Pick<CalibrationOutput, 'summary'>,
): Finding[] {
  const { recording, alarms } = output.summary;
  const measured = twin.definition.measured.map((m) => m.variable);
  // A channel is named once.
  const others = alarms.filter((alarm) => !isOfRecording(alarm, recording));
  return [...recordingFindings(recording, measured), ...alarmFindings(others)];
}

/** What speaks against a look ahead, or a ranking, that rests on assumptions. */
export function assumptionFindings(
  twin: Twin,
  options: {
    /** Inputs at the FMU's start values: nobody said that the machine runs there. */
    startValues: readonly string[];
    /** Whether the result depends on how fast parts wear. */
    wear: boolean;
  },
): Finding[] {
  const { estimator, parameters } = twin.definition;
  const findings: Finding[] = [];
  const add = (reason: string) => void findings.push({ grade: 'care', reason });
  if (options.startValues.length > 0) {
    add(
      `${options.startValues.join(', ')} stand at the FMU's start values: give what the machine runs at by --input`,
    );
  }
  const open = parameters.filter(
    (p) =>
      p.dynamics !== 'constant' && p.timeConstantS === undefined && p.wearHorizonS === undefined,
  );
  if (options.wear && open.length > 0 && estimator.wearHorizonS === DEFAULT_WEAR_HORIZON_S) {
    add(
      `a wear horizon of ${DEFAULT_WEAR_HORIZON_S / 86_400} days is assumed, as the definition gives none: a shorter one widens the bands and makes limits likelier, a longer one the opposite; set wearHorizonS`,
    );
  }
  return findings;
}
