import { columnOf, parseNumericCsv, readUserFile, TwinError } from '../../core/index.js';
import type { Sample, Twin } from '../types.js';

export interface RecordingOptions {
  /** First row to use, 0-based. */
  from?: number;
  /** Row to stop before. */
  to?: number;
  /** Use every so-manieth row. */
  stride?: number;
  /** Name of the time column, seconds; default: the first. */
  timeColumn?: string;
  /** 1-based line of the header; default: found. */
  headerRow?: number;
}

/**
 * Reads a CSV recording as samples of a twin.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`, `COLUMN_MISSING`, `USAGE` (no rows in range)
 */
export async function readRecording(
  twin: Twin,
  path: string,
  options: RecordingOptions = {},
): Promise<Sample[]> {
  const { definition } = twin;
  const text = (await readUserFile(path, 'recording')).toString('utf8');
  const table = parseNumericCsv(text, path, options.headerRow);
  const time = columnOf(table, options.timeColumn ?? table.columns[0]!, path);
  const measured = definition.measured.map((c) => columnOf(table, c.column ?? c.variable, path));
  const inputs = definition.inputs.map((input) => {
    if (input.value === undefined) return columnOf(table, input.column ?? input.variable, path);
    return new Float64Array(table.rowCount).fill(input.value);
  });
  const from = options.from ?? 0;
  const to = Math.min(options.to ?? table.rowCount, table.rowCount);
  const stride = options.stride ?? 1;
  if (from >= to) {
    throw new TwinError(
      'USAGE',
      `No rows from ${from} to ${options.to ?? table.rowCount}: ${path} has rows 0 to ${table.rowCount - 1}.`,
    );
  }
  const samples: Sample[] = [];
  for (let row = from; row < to; row += stride) {
    if (!Number.isFinite(time[row]!)) continue;
    samples.push({
      timeS: time[row]!,
      row,
      inputs: Float64Array.from(inputs, (column) => column[row]!),
      measured: Float64Array.from(measured, (column) => column[row]!),
    });
  }
  return samples;
}
