/** How times are written. Numbers: seconds, ms, µs, ns since 1970 or since any origin, days of Excel. */
export const TIME_FORMATS = [
  'iso',
  'dmy',
  'mdy',
  'ymd',
  's',
  'ms',
  'us',
  'ns',
  'min',
  'h',
  'd',
  'excel',
] as const;
export type TimeFormat = (typeof TIME_FORMATS)[number];

/** Columns of a recording in long form: one row per reading. */
export interface LongForm {
  tag: string;
  value: string;
  quality?: string;
}

/** What the reader is told instead of finding out. All optional: what is left out is recognised. */
export interface ReadOptions {
  /** One character between cells. */
  delimiter?: string;
  /** The decimal mark. */
  decimal?: '.' | ',';
  /** As the Encoding Standard names it, e.g. `utf-8`, `utf-16le`, `windows-1252`. */
  encoding?: string;
  /** Name of the time column; of two, date and time of day, joined by `+`. */
  timeColumn?: string;
  timeFormat?: TimeFormat;
  /** IANA name of the zone of times that carry none, e.g. `Europe/Berlin`; default: UTC. */
  timeZone?: string;
  /** 1-based line of the header. */
  headerRow?: number;
  /** Whether rows are readings (true, or the columns), or instants (false). */
  long?: boolean | LongForm;
  /** Seconds between rows of a recording that has no times. */
  samplePeriodS?: number;
  /** The sheet of a workbook, by name; default: the first. */
  sheet?: string;
  /** Names of columns to take, with or without their units; default: all. */
  columns?: readonly string[];
  /** Takes the rows that have this text in this column: those of one machine among several. */
  where?: { column: string; value: string };
  /** Texts that stand for numbers, by column. */
  texts?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
