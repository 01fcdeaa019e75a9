import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { TwinError } from '../../../shared/core/index.js';
import {
  BULK_COLUMNS,
  type BulkColumn,
  bulkLines,
  splitCells,
} from '../resources/values/bulk-lines.js';
import { withAccount } from './open-account.js';

/** Lines between two commits. */
const LINES_PER_COMMIT = 50_000;
/** Faulty lines that are told one by one. */
const MAX_FAULTS = 20;

/** What an import did. */
export interface ImportResult {
  streams: number;
  values: number;
  /** Lines that could not be taken. */
  faulty: number;
  /** The first of them, with the reason. */
  faults: string[];
}

/**
 * Reads values from a file in SiteWise's bulk import format into a store; their age does not matter.
 * Faulty lines are left out and told.
 *
 * @param options.columns the file's columns in their order
 * @throws TwinError `USAGE` for columns that there are not, `FILE_NOT_FOUND`, `ALREADY_RUNNING`
 */
export async function importValues(options: {
  dataDir: string;
  file: string;
  columns: readonly string[];
}): Promise<ImportResult> {
  const columns = options.columns.map((c) => c.trim().toUpperCase());
  const unknown = columns.filter((c) => !(BULK_COLUMNS as readonly string[]).includes(c));
  const needed: BulkColumn[] = ['DATA_TYPE', 'TIMESTAMP_SECONDS', 'VALUE'];
  const missing = needed.filter((c) => !columns.includes(c));
  if (unknown.length > 0 || missing.length > 0) {
    throw new TwinError(
      'USAGE',
      `The columns ${columns.join(',')} cannot be used: ${unknown.length > 0 ? `unknown ${unknown.join(', ')}; ` : ''}${missing.length > 0 ? `missing ${missing.join(', ')}; ` : ''}there are ${BULK_COLUMNS.join(', ')}.`,
    );
  }
  const input = createReadStream(options.file);
  await new Promise<void>((resolve, reject) => {
    input.once('open', () => resolve());
    input.once('error', (cause) =>
      reject(
        new TwinError('FILE_NOT_FOUND', `No bulk import file at ${options.file}: check the path.`, {
          cause,
        }),
      ),
    );
  });
  return withAccount(options.dataDir, true, async (account) => {
    const result: ImportResult = { streams: 0, values: 0, faulty: 0, faults: [] };
    const streams = new Set<number>();
    const take = bulkLines(account, columns);
    let lineNumber = 0;
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      lineNumber++;
      try {
        if (line.trim() === '') continue;
        streams.add(take(splitCells(line)));
        result.values++;
      } catch (error) {
        result.faulty++;
        if (result.faults.length < MAX_FAULTS) {
          result.faults.push(`${options.file}:${lineNumber}: ${(error as Error).message}`);
        }
      }
      if (lineNumber % LINES_PER_COMMIT === 0) await account.commit();
    }
    result.streams = streams.size;
    return result;
  });
}
