import { splitCells } from './bulk-lines.js';

/** Lines that are given at a time. */
const BATCH = 10_000;

/** A file of a bulk import: its columns, and its lines as cells in batches. */
export interface BulkFile {
  columns: readonly string[];
  /** A blank line is an empty list: it counts, and has no value. */
  batches: AsyncIterable<readonly (readonly string[])[]>;
}

/** @param columns the job's, for a file of CSV has no header here */
export function csvFile(body: Uint8Array, columns: readonly string[]): BulkFile {
  async function* batches() {
    const lines = Buffer.from(body).toString('utf8').split(/\r?\n/);
    for (let i = 0; i < lines.length; i += BATCH) {
      yield lines.slice(i, i + BATCH).map((line) => (line.trim() === '' ? [] : splitCells(line)));
    }
  }
  return { columns, batches: batches() };
}

/**
 * A file of Parquet. Its columns are those of CSV by their names, in either case; what AWS demands of
 * them it does not document.
 *
 * @throws Error when it is none, or damaged
 */
export async function parquetFile(body: Uint8Array): Promise<BulkFile> {
  // Loaded for the few jobs that need it.
  const { parquetMetadataAsync, parquetRead, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const file = new Uint8Array(body).buffer;
  const metadata = await parquetMetadataAsync(file);
  const columns = parquetSchema(metadata).children.map((c) => c.element.name.toUpperCase());
  async function* batches() {
    const rows = Number(metadata.num_rows);
    for (let rowStart = 0; rowStart < rows; rowStart += BATCH) {
      let batch: string[][] = [];
      await parquetRead({
        file,
        metadata,
        compressors,
        rowStart,
        rowEnd: Math.min(rows, rowStart + BATCH),
        onComplete: (values) => {
          batch = (values as unknown[][]).map((row) => row.map((cell) => String(cell ?? '')));
        },
      });
      yield batch;
    }
  }
  return { columns, batches: batches() };
}
