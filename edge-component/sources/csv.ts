import { resolve } from 'node:path';
import type { CsvSourceConfig } from '../../shared/config/index.js';
import {
  type Clock,
  columnOf,
  type NumericTable,
  parseNumericCsv,
  readUserFile,
  secondsToNs,
  TwinError,
} from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';
import type { Source } from './source.js';

/** Rows handed over at a time when many are due. */
const MAX_ROWS = 500;

/** Where a replay is: kept with the values of that row, so that none is left out or said twice. */
interface Position {
  row: number;
  /** Gateway time that stands for the first row, nanoseconds. */
  originNs: string;
}

/** Replays a recording, in its own rhythm or faster. */
export function createCsvSource(options: {
  config: CsvSourceConfig;
  baseDir: string;
  clock: Clock;
}): Source {
  const { config, clock } = options;
  const path = resolve(options.baseDir, config.file);
  return {
    run: async (sink, signal) => {
      const text = (await readUserFile(path, 'recording')).toString('utf8');
      const table = parseNumericCsv(text, path, config.headerRow);
      const times = timesOf(table, config, path);
      const columns = config.signals.map((s) => columnOf(table, s.column, path));
      const kept = parsePosition(sink.position);
      let row = kept?.row ?? 0;
      let originNs = kept === undefined ? clock.nowNs() : BigInt(kept.originNs);
      const firstS = times[0] ?? 0;
      const dueNs = (r: number) =>
        originNs + secondsToNs(((times[r] ?? firstS) - firstS) / config.timeScale);
      sink.up();
      while (!signal.aborted) {
        if (row >= table.rowCount) {
          if (!config.repeat) return;
          // The last row is held for as long as the one before it.
          const last = dueNs(table.rowCount - 1);
          originNs = last + (last - dueNs(Math.max(0, table.rowCount - 2))) + 1n;
          row = 0;
        }
        const waitMs = Number(dueNs(row) - clock.nowNs()) / 1e6;
        if (waitMs > 0) await clock.sleep(waitMs, signal).catch(() => {});
        await sink.ready(signal).catch(() => {});
        if (signal.aborted) return;
        const samples: RawSample[] = [];
        const nowNs = clock.nowNs();
        const begin = row;
        while (row < table.rowCount && row - begin < MAX_ROWS && dueNs(row) <= nowNs) {
          const timeNs = config.epoch === 'now' ? dueNs(row) : secondsToNs(times[row] ?? 0);
          for (let i = 0; i < columns.length; i++) {
            const value = columns[i]?.[row];
            samples.push({
              signal: i,
              timeNs,
              quality: Number.isNaN(value) ? 'BAD' : 'GOOD',
              value: Number.isNaN(value) ? null : value,
            });
          }
          row++;
        }
        const position: Position = { row, originNs: originNs.toString() };
        if (row > begin) await sink.deliver(samples, JSON.stringify(position));
      }
    },
  };
}

function timesOf(table: NumericTable, config: CsvSourceConfig, path: string): Float64Array {
  const column =
    config.timeColumn === undefined ? table.data[0] : columnOf(table, config.timeColumn, path);
  if (column === undefined || column.some((t) => !Number.isFinite(t))) {
    throw new TwinError(
      'FILE_INVALID',
      `${path}: its time column "${config.timeColumn ?? table.columns[0]}" holds something that is not a number of seconds.`,
    );
  }
  for (let i = 1; i < column.length; i++) {
    if ((column[i] ?? 0) < (column[i - 1] ?? 0)) {
      throw new TwinError(
        'FILE_INVALID',
        `${path}: its times go back at row ${i + 1} (${column[i - 1]} s, then ${column[i]} s). Sort it by time.`,
      );
    }
  }
  return column;
}

function parsePosition(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined;
  try {
    const { row, originNs } = JSON.parse(text) as Position;
    return Number.isInteger(row) && /^-?\d+$/.test(originNs) ? { row, originNs } : undefined;
  } catch {
    return undefined;
  }
}
