import { besideTexts } from '../../recordings/index.js';
import { OVERWRITTEN } from '../data/recording.js';
import { agedText } from '../readings/aged-channels.js';
import { deadText, frozenText, heldText, sameText } from '../readings/channel-faults.js';
import { missingInputText } from '../readings/missing-inputs.js';
import { repeatedRowsText } from '../readings/repeated-rows.js';
import { stillText } from '../readings/still-inputs.js';
import { wildText } from '../readings/wild-values.js';
import type { Alarm } from '../types.js';
import type { GuessedColumn, RecordingSummary } from './recording-summary.js';
import type { Finding } from './verdict.js';

/** Weak guesses as text. */
export const guessedText = (guessed: readonly GuessedColumn[]): string =>
  guessed.map((g) => `${g.variable} = ${g.column} (${g.because})`).join(', ');

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
const TELLS_NOTHING = new Set(['model-mismatch', 'model-failed', 'unreadable time']);
/** What more is to be said of rows that are left out for a reason, from a share of the recording on. */
const TOLD_EARLIER: ReadonlyMap<string, { share: number; fewest: number; text: string }> = new Map([
  [
    OVERWRITTEN,
    // Fewer are those of the yearly hour.
    {
      share: 0.01,
      fewest: 1,
      text: '; of such rows the later in the file counts: was a clock set back, are two recordings mixed, or are times written more coarsely than rows come?',
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
  return [
    ...(recording.used === 0 ? [nothingUsed(recording)] : leftOutFindings(recording)),
    ...unreadFindings(recording, measured),
    ...timeFindings(recording),
    // An input moves all.
    ...(recording.missingInputs ?? []).map((found) => care(missingInputText(found))),
    ...guessFindings(recording, measured),
    ...channelFindings(recording, measured),
  ];
}

const care = (reason: string, about?: string[]): Finding => ({
  grade: 'care',
  reason,
  ...(about && { about }),
});

function nothingUsed({ rows, skipped }: RecordingSummary): Finding {
  return {
    grade: 'unusable',
    reason:
      rows === 0
        ? 'there are no samples'
        : `none of ${rows} samples was used: ${countsText(skipped)}`,
  };
}

/** Rows that are left out, of which others are used. */
function leftOutFindings({
  rows,
  skipped,
  missingInputs = [],
  stillInputs = [],
  repeatedRows = [],
  longRows = 0,
}: RecordingSummary): Finding[] {
  // What is missing is named with its variable.
  const isNamed =
    missingInputs.some((found) => found.leftOut) ||
    stillInputs.length > 0 ||
    repeatedRows.length > 0;
  const findings = Object.entries(skipped).flatMap(([reason, count]): Finding[] => {
    if (reason === 'input-missing' && isNamed) return [];
    const { share, fewest, text } = TOLD_EARLIER.get(reason) ?? MOSTLY;
    if (count <= share * rows || count < fewest) return [];
    const grade = count > MOST * rows && TELLS_NOTHING.has(reason) ? 'unusable' : 'care';
    return [{ grade, reason: `${count} of ${rows} samples were left out: ${reason}${text}` }];
  });
  if (longRows <= MANY_LONG * rows) return findings;
  return [
    ...findings,
    care(
      `${longRows} of ${rows} rows have more cells than the header has names, and what is beyond was left out: if a decimal comma or a delimiter within a text parts a cell, all that follow stand in wrong columns; name them by --delimiter and --decimal`,
    ),
  ];
}

/** Readings and cells that gave no value. */
function unreadFindings(
  { readings, unreadable }: RecordingSummary,
  measured: readonly string[],
): Finding[] {
  const ofReadings = Object.entries(readings?.leftOut ?? {}).flatMap(([reason, count]) =>
    count > MOST * readings!.rows
      ? [care(`${count} of ${readings!.rows} readings were left out: ${reason}`)]
      : [],
  );
  const ofCells = Object.entries(unreadable).map(([column, { count, example }]) => {
    const twoWays = /^[+-]?\d{1,3}(?:[.,]\d{3})+$/.test(example)
      ? ', which is one number with a decimal comma and another with a point: say which by --decimal'
      : '';
    return care(
      `${column}: ${count} cells hold no value that can be read, e.g. ${JSON.stringify(example)}${twoWays}`,
      measured.includes(column) ? [column] : undefined,
    );
  });
  return [...ofReadings, ...ofCells];
}

/** Times that may be others than they were taken for, and what acts at others. */
function timeFindings({
  clockChange,
  slopingSwitches = [],
  besideColumns,
}: RecordingSummary): Finding[] {
  const findings: Finding[] = [];
  if (clockChange !== undefined) {
    const how = clockChange === 'autumn' ? 'runs back by' : 'skips';
    findings.push(
      care(
        `the recording's clock ${how} an hour, as clocks do in ${clockChange}, and was taken for UTC: times are off by an hour from there on; name its zone by --time-zone`,
      ),
    );
  }
  for (const name of slopingSwitches) {
    findings.push(
      care(
        `${name} switches, yet is run as a straight line from sample to sample: set its interpolation to hold, or to linear where it really ramps`,
      ),
    );
  }
  const beside = besideColumns === undefined ? [] : besideTexts(besideColumns);
  return [...findings, ...beside.map((text) => care(text))];
}

/** Columns that were guessed, and inputs for which none was found. */
function guessFindings(
  { guessedColumns = [], guessedInputs = [] }: RecordingSummary,
  measured: readonly string[],
): Finding[] {
  const findings: Finding[] = [];
  if (guessedColumns.length > 0) {
    const about = guessedColumns.map((g) => g.variable);
    findings.push(
      care(
        `columns were taken by weak guesses: ${guessedText(guessedColumns)}; where one is another, say so by --map VARIABLE=COLUMN`,
        // An input moves all.
        about.every((name) => measured.includes(name)) ? about : undefined,
      ),
    );
  }
  for (const { variable, value, columns } of guessedInputs) {
    findings.push(
      care(
        `no column is like ${variable}, which is held at the FMU’s start value, ${value}, while ${columns.join(', ')} ${columns.length > 1 ? 'are' : 'is'} of no variable: name its column by --map ${variable}=COLUMN, or --map ${variable}= where it has none`,
      ),
    );
  }
  return findings;
}

/** Channels whose readings are not those of a sensor that follows the machine. */
function channelFindings(
  {
    frozenChannels = [],
    heldChannels = [],
    stillInputs = [],
    repeatedRows = [],
    agedChannels = [],
    wildValues = [],
    sameChannels = [],
    deadChannels,
  }: RecordingSummary,
  measured: readonly string[],
): Finding[] {
  const isMeasured = (name: string) => measured.includes(name);
  const dead = deadChannels.filter(isMeasured);
  return [
    ...frozenChannels
      .filter((found) => isMeasured(found.variable))
      .map((found) => care(frozenText(found), [found.variable])),
    // An input moves all.
    ...heldChannels.map((found) =>
      care(heldText(found), found.input ? undefined : [found.variable]),
    ),
    ...stillInputs.map((found) => care(stillText(found))),
    ...(repeatedRows.length === 0 ? [] : [care(repeatedRowsText(repeatedRows))]),
    ...agedChannels.map((found) => care(agedText(found))),
    ...wildValues.map((found) =>
      care(wildText(found), isMeasured(found.variable) ? [found.variable] : undefined),
    ),
    ...sameChannels
      .filter((pair) => pair.every(isMeasured))
      .map((pair) => care(sameText(pair), pair)),
    ...(dead.length > 0 && dead.length === measured.length
      ? [
          {
            grade: 'unusable' as const,
            reason: `no measured variable ever moves: ${dead.join(', ')}`,
          },
        ]
      : dead.map((name) => care(deadText(name), [name]))),
  ];
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
