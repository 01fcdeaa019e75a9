import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { csvCell, messageOf, TwinError } from '../../../shared/core/index.js';
import type { Account, SeriesRecord } from '../resources/account.js';
import { type Block, KIND, QUALITY_NAMES } from '../store/block.js';
import { END_OF_TIME, type StoredTime } from '../store/value-store.js';
import { withAccount } from './open-account.js';

const BEGINNING: StoredTime = { seconds: 0, nanos: 0 };

function cellOf(block: Block, row: number): string {
  const number = block.numbers[row] ?? 0;
  switch (block.kind(row)) {
    case KIND.double:
    case KIND.integer:
      return String(number);
    case KIND.boolean:
      return String(number === 1);
    case KIND.string:
      return csvCell(block.texts?.[row] ?? '');
    default:
      return '';
  }
}

const TYPE_OF_KIND: Readonly<Record<number, string>> = {
  [KIND.integer]: 'INTEGER',
  [KIND.boolean]: 'BOOLEAN',
  [KIND.string]: 'STRING',
  [KIND.nullInteger]: 'INTEGER',
  [KIND.nullBoolean]: 'BOOLEAN',
  [KIND.nullString]: 'STRING',
};

/** Values that are made to text at a time. */
const VALUES_PER_CHUNK = 50_000;

/** Hands over a series' rows, and pauses after every chunk of them. */
function* scanChunks(
  account: Account,
  series: SeriesRecord,
  visit: (block: Block, row: number) => void,
): Generator<number> {
  let from = BEGINNING;
  for (;;) {
    let count = 0;
    account.values.scan(series.number, from, END_OF_TIME, false, (block, low, high) => {
      for (let row = low; row < high; row++) visit(block, row);
      count += high - low;
      // A timestamp never lies in two blocks: the next chunk begins right after it.
      const nanos = block.nanos[high - 1] ?? 0;
      const seconds = block.seconds[high - 1] ?? 0;
      from =
        nanos === 999_999_999 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos: nanos + 1 };
      return count < VALUES_PER_CHUNK;
    });
    if (count === 0) return;
    yield count;
  }
}

function* bulkLines(account: Account, all: readonly SeriesRecord[], count: { values: number }) {
  for (const series of all) {
    const key =
      series.alias === undefined
        ? `,${series.assetId},${series.propertyId}`
        : `${csvCell(series.alias)},,`;
    let text = '';
    const chunks = scanChunks(account, series, (block, row) => {
      const type = TYPE_OF_KIND[block.kind(row)] ?? 'DOUBLE';
      text += `${key},${type},${block.seconds[row]},${block.nanos[row]},${QUALITY_NAMES[block.quality(row)]},${cellOf(block, row)}\n`;
    });
    for (const written of chunks) {
      count.values += written;
      yield text;
      text = '';
    }
  }
}

/** One row a timestamp, one column a stream, GOOD values only: for spreadsheets and `calibrate`. */
function* tableLines(account: Account, all: readonly SeriesRecord[], count: { values: number }) {
  yield `time,${all.map((s) => csvCell(s.alias ?? `${s.assetId}/${s.propertyId}`)).join(',')}\n`;
  const rows = new Map<string, string[]>();
  all.forEach((series, column) => {
    const chunks = scanChunks(account, series, (block, row) => {
      if (block.quality(row) !== 0) return;
      const nanos = String(block.nanos[row] ?? 0)
        .padStart(9, '0')
        .replace(/0+$/, '');
      const time = `${block.seconds[row]}${nanos === '' ? '' : `.${nanos}`}`;
      const cells = rows.get(time) ?? new Array<string>(all.length).fill('');
      cells[column] = cellOf(block, row);
      rows.set(time, cells);
      count.values++;
    });
    for (const _chunk of chunks);
  });
  const order = [...rows.keys()].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  for (const key of order) yield `${key},${rows.get(key)?.join(',')}\n`;
}

/**
 * Writes a store's values to a CSV file; a file that is there is replaced once the new one is whole.
 * The bulk format's columns are ALIAS, ASSET_ID, PROPERTY_ID, DATA_TYPE, TIMESTAMP_SECONDS,
 * TIMESTAMP_NANO_OFFSET, QUALITY, VALUE, without a header.
 *
 * @throws TwinError `NOT_FOUND`, `ALREADY_RUNNING`, `STORAGE`
 */
export function exportValues(options: {
  dataDir: string;
  file: string;
  format: 'bulk' | 'table';
  aliasPrefix?: string | undefined;
}): Promise<{ streams: number; values: number }> {
  return withAccount(options.dataDir, false, async (account) => {
    const prefix = options.aliasPrefix;
    const all = [...account.series.values()]
      .filter((s) => prefix === undefined || s.alias?.startsWith(prefix) === true)
      .sort((a, b) => a.number - b.number);
    const count = { values: 0 };
    const lines =
      options.format === 'bulk' ? bulkLines(account, all, count) : tableLines(account, all, count);
    const temporary = `${options.file}.${process.pid}.tmp`;
    try {
      await pipeline(Readable.from(lines), createWriteStream(temporary, { flags: 'wx' }));
      await rename(temporary, options.file);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw new TwinError('STORAGE', `Could not write ${options.file}: ${messageOf(cause)}`, {
        cause,
      });
    }
    return { streams: all.length, values: count.values };
  });
}
