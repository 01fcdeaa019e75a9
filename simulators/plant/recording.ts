import type { TwinDefinition } from '../../shared/config/index.js';
import { partitionPoint } from '../../shared/core/index.js';
import { type ReadOptions, readTable, recordingColumn } from '../../shared/recordings/index.js';
import type { Machine } from './machine.js';

export interface RecordingOptions {
  twin: TwinDefinition;
  csv: string;
  /** How it is written, where that is not to be found out. */
  reading?: Omit<ReadOptions, 'columns' | 'texts'>;
  /** Variable → column; default: the twin definition's `column`, or the variable itself. */
  columns?: Readonly<Record<string, string>>;
}

/**
 * A machine that was recorded: its readings are the rows of a recording, each at its own time
 * counted from the first. Inputs without a column are not read; measured variables must have one.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`
 */
export async function openRecording(options: RecordingOptions): Promise<Machine> {
  const { twin, csv, columns = {} } = options;
  const items = [...twin.measured, ...twin.inputs];
  const nameOf = ({ variable, column }: (typeof items)[number]) =>
    columns[variable] ?? column ?? variable;
  const table = await readTable(csv, {
    ...options.reading,
    columns: items.map(nameOf),
    texts: Object.fromEntries(
      items.flatMap((i) => (i.texts === undefined ? [] : [[nameOf(i), i.texts]])),
    ),
  });
  const times = table.timeS;
  const columnOf = (name: string) => recordingColumn(table, name).values;
  const channels = new Map<string, Float64Array>();
  for (const { variable, column } of twin.measured) {
    channels.set(variable, columnOf(columns[variable] ?? column ?? variable));
  }
  for (const { variable, column, alias } of twin.inputs) {
    const name = columns[variable] ?? column;
    if (alias !== undefined && name !== undefined) {
      channels.set(variable, columnOf(name));
    }
  }
  const start = times[0] ?? 0;
  return {
    sensors: [...channels.keys()],
    next(afterS) {
      const row = partitionPoint(times.length, (k) => times[k]! <= start + afterS);
      if (row >= times.length) return Promise.resolve(undefined);
      const sensors: Record<string, number> = {};
      for (const [variable, values] of channels) sensors[variable] = values[row] ?? Number.NaN;
      return Promise.resolve({ machineS: times[row]! - start, sensors, truth: {} });
    },
    close: () => Promise.resolve(),
  };
}
