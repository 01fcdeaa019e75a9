import { type CommandIo, printLine, TwinError } from '../shared/core/index.js';
import {
  accountLines,
  type LongForm,
  type RecordingAccount,
  TIME_FORMATS,
  type TimeFormat,
} from '../shared/recordings/index.js';
import type { RecordingOptions } from '../shared/twin/data/recording.js';
import type { CommandOption } from './command.js';
import { positiveNumber, wholeNumber } from './options.js';

function parseLong(text: string): boolean | LongForm {
  if (text === 'yes' || text === 'no') return text === 'yes';
  const [tag, value, quality, ...more] = text.split(',').map((name) => name.trim());
  if (!tag || !value || more.length > 0) {
    throw new TwinError(
      'USAGE',
      `--long is "${text}": expected yes, no, or the columns TAG,VALUE or TAG,VALUE,QUALITY.`,
    );
  }
  return { tag, value, ...(quality ? { quality } : {}) };
}

/** A column and what it says in the rows that are taken. */
function parseWhere(text: string): { column: string; value: string } {
  const at = text.indexOf('=');
  const [column, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (at < 0 || column === '' || value === '') {
    throw new TwinError(
      'USAGE',
      `--where is "${text}": expected COLUMN=VALUE, as in "turbine=T1".`,
    );
  }
  return { column, value };
}

/** The recording that a command works on. */
export const dataOption = {
  flags: '--data <file>',
  description: 'a recording: CSV of any dialect, .xlsx, Parquet',
};

/** How a recording is written, where that is not to be found out. */
export const readingOptions: readonly CommandOption[] = [
  {
    flags: '--delimiter <char>',
    description: 'what stands between cells: one character, or tab; default: found',
  },
  { flags: '--decimal <mark>', description: 'decimal mark; default: found', choices: ['.', ','] },
  {
    flags: '--encoding <name>',
    description: 'e.g. utf-8, utf-16le, windows-1252; default: found',
  },
  {
    flags: '--header-row <line>',
    description: 'line of the header, 1-based; default: found',
    parse: wholeNumber('--header-row', 1),
  },
  {
    flags: '--time-column <name>',
    description: 'time column, or DATE+TIME of two; default: found',
  },
  {
    flags: '--time-format <name>',
    description:
      'iso, day first (dmy), month first (mdy), a count of s, ms, us, ns, min, h or d, or days of Excel; default: found',
    choices: TIME_FORMATS,
  },
  {
    flags: '--time-zone <name>',
    description: 'zone of times that carry none, e.g. Europe/Berlin; default: UTC',
  },
  {
    flags: '--sample-period <s>',
    description: 'seconds between two rows of a recording without times',
    parse: positiveNumber('--sample-period'),
  },
  {
    flags: '--long <columns>',
    description: 'rows are readings: yes, no, TAG,VALUE or TAG,VALUE,QUALITY; default: found',
    parse: parseLong,
  },
  { flags: '--sheet <name>', description: 'sheet of a workbook; default: the first' },
  {
    flags: '--where <column=value>',
    description: 'rows of one machine among several: those with this text in this column',
    parse: parseWhere,
  },
];

/** How a recording is written, and which of its rows are taken. */
export const recordingOptions: readonly CommandOption[] = [
  { flags: '--from <row>', description: 'first row, 0-based', parse: wholeNumber('--from', 0) },
  { flags: '--to <row>', description: 'row to stop before', parse: wholeNumber('--to', 1) },
  {
    flags: '--stride <n>',
    description:
      'use what is measured of every nth row; inputs drive a machine that moves in all of them',
    parse: wholeNumber('--stride', 1),
  },
  ...readingOptions,
];

/** The names of the recording options that go with a file only. */
export const RECORDING_FLAGS = [
  ...['from', 'to', 'stride', 'delimiter', 'decimal', 'encoding', 'headerRow', 'timeColumn'],
  ...['timeFormat', 'timeZone', 'samplePeriod', 'long', 'sheet', 'where'],
] as const;

/** What the recording options gave. */
export function recordingOptionsOf(args: Readonly<Record<string, unknown>>): RecordingOptions {
  const given = (name: string, as = name) => (args[name] === undefined ? {} : { [as]: args[name] });
  return {
    ...given('from'),
    ...given('to'),
    ...given('stride'),
    ...given('delimiter'),
    ...(args.decimal === undefined ? {} : { decimal: args.decimal as '.' | ',' }),
    ...given('encoding'),
    ...given('headerRow'),
    ...given('timeColumn'),
    ...(args.timeFormat === undefined ? {} : { timeFormat: args.timeFormat as TimeFormat }),
    ...given('timeZone'),
    ...given('samplePeriod', 'samplePeriodS'),
    ...given('long'),
    ...given('sheet'),
    ...given('where'),
  };
}

/** Tells on stderr what was read. */
export function printAccount(account: RecordingAccount, io: CommandIo, told = false): void {
  if (told) return;
  for (const line of accountLines(account)) printLine(io.stderr, line);
}
