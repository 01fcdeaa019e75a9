import { messageOf, TwinError } from '../../core/index.js';

/** Rows that are read at a time. */
const ROWS = 50_000;

const isoOf = (ns: bigint): string => {
  const second = 1_000_000_000n;
  const s = ns >= 0n ? ns / second : -((-ns + second - 1n) / second);
  const fraction = String(ns - s * second).padStart(9, '0');
  return `${new Date(Number(s) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
};

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return String(value);
}

/**
 * The rows of a Parquet file as texts, the first its column names. Timestamps keep their nanoseconds.
 *
 * @throws TwinError `FILE_INVALID`
 */
export async function* parquetRows(path: string): AsyncGenerator<string[][]> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead, parquetSchema } = await import(
    'hyparquet'
  );
  const { compressors } = await import('hyparquet-compressors');
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map((c) => c.element.name);
    yield [names];
    const rows = Number(metadata.num_rows);
    for (let rowStart = 0; rowStart < rows; rowStart += ROWS) {
      let batch: string[][] = [];
      await parquetRead({
        file,
        metadata,
        compressors,
        rowStart,
        rowEnd: Math.min(rows, rowStart + ROWS),
        parsers: {
          timestampFromMilliseconds: (v: bigint) => isoOf(v * 1_000_000n),
          timestampFromMicroseconds: (v: bigint) => isoOf(v * 1000n),
          timestampFromNanoseconds: (v: bigint) => isoOf(v),
        },
        onComplete: (values) => {
          batch = (values as unknown[][]).map((row) => row.map(cellText));
        },
      });
      yield batch;
    }
  } catch (error) {
    throw new TwinError('FILE_INVALID', `Could not read ${path} as Parquet: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}
