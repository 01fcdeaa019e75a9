import type { TwinDefinition } from '../../shared/config/index.js';
import { columnOf, parseNumericCsv, readUserFile, timeColumnOf } from '../../shared/core/index.js';
import type { Machine } from './machine.js';

export interface RecordingOptions {
  twin: TwinDefinition;
  csv: string;
  /** Default: the first column. */
  timeColumn?: string | undefined;
  headerRow?: number | undefined;
  /** Variable → column; default: the twin definition's `column`, or the variable itself. */
  columns?: Readonly<Record<string, string>>;
}

/**
 * A machine that was recorded: its readings are the rows of a CSV file, each at its own time
 * counted from the first. Inputs without a column are not read; measured variables must have one.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`
 */
export async function openRecording(options: RecordingOptions): Promise<Machine> {
  const { twin, csv, columns = {} } = options;
  const text = (await readUserFile(csv, 'recording')).toString('utf8');
  const table = parseNumericCsv(text, csv, options.headerRow);
  const times = timeColumnOf(table, csv, options.timeColumn);
  const channels = new Map<string, Float64Array>();
  for (const { variable, column } of twin.measured) {
    channels.set(variable, columnOf(table, columns[variable] ?? column ?? variable, csv));
  }
  for (const { variable, column, alias } of twin.inputs) {
    const name = columns[variable] ?? column;
    if (alias !== undefined && name !== undefined) {
      channels.set(variable, columnOf(table, name, csv));
    }
  }
  const start = times[0] ?? 0;
  return {
    sensors: [...channels.keys()],
    next(afterS) {
      const row = firstAfter(times, start + afterS);
      if (row >= times.length) return Promise.resolve(undefined);
      const sensors: Record<string, number> = {};
      for (const [variable, values] of channels) sensors[variable] = values[row] ?? Number.NaN;
      return Promise.resolve({ machineS: times[row]! - start, sensors, truth: {} });
    },
    close: () => Promise.resolve(),
  };
}

/** Index of the first time that is greater. */
function firstAfter(times: Float64Array, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! > time) high = middle;
    else low = middle + 1;
  }
  return low;
}
