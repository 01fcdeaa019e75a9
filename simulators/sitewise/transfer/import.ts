import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { PropertyDataType } from '@aws-sdk/client-iotsitewise';
import { TwinError } from '../../../shared/core/index.js';
import type { Account } from '../resources/account.js';
import { findStream } from '../resources/values/stream.js';
import { KIND, type Kind, QUALITY_CODES, type StoredValue } from '../store/block.js';
import { withAccount } from './open-account.js';

/** The columns that a bulk import may have. */
export const BULK_COLUMNS = [
  'ALIAS',
  'ASSET_ID',
  'PROPERTY_ID',
  'DATA_TYPE',
  'TIMESTAMP_SECONDS',
  'TIMESTAMP_NANO_OFFSET',
  'QUALITY',
  'VALUE',
] as const;
type Column = (typeof BULK_COLUMNS)[number];

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

function splitCells(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((m) =>
    m[1] === undefined ? (m[2] ?? '') : m[1].replaceAll('""', '"'),
  );
}

function toKind(dataType: string, value: string): { kind: Kind; number: number } {
  const number = Number(value);
  switch (dataType) {
    case 'DOUBLE':
      if (value === '') return { kind: KIND.nullDouble, number: 0 };
      if (Number.isNaN(number) && value !== 'NaN') throw new Error(`"${value}" is no number`);
      return { kind: KIND.double, number };
    case 'INTEGER':
      if (value === '') return { kind: KIND.nullInteger, number: 0 };
      if (!Number.isInteger(number)) throw new Error(`"${value}" is no whole number`);
      return { kind: KIND.integer, number };
    case 'BOOLEAN':
      if (value === '') return { kind: KIND.nullBoolean, number: 0 };
      if (!/^(true|false)$/i.test(value)) throw new Error(`"${value}" is neither true nor false`);
      return { kind: KIND.boolean, number: Number(value.toLowerCase() === 'true') };
    case 'STRING':
      return { kind: KIND.string, number: 0 };
    default:
      throw new Error(`the data type "${dataType}" is not DOUBLE, INTEGER, BOOLEAN or STRING`);
  }
}

function toValue(cell: (column: Column) => string): StoredValue {
  const seconds = Number(cell('TIMESTAMP_SECONDS'));
  const nanos = Number(cell('TIMESTAMP_NANO_OFFSET') || '0');
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new Error(`TIMESTAMP_SECONDS "${cell('TIMESTAMP_SECONDS')}" is no epoch second`);
  }
  if (!Number.isInteger(nanos) || nanos < 0 || nanos > 999_999_999) {
    throw new Error(
      `TIMESTAMP_NANO_OFFSET "${cell('TIMESTAMP_NANO_OFFSET')}" is not 0 to 999999999`,
    );
  }
  const qualityName = cell('QUALITY') || 'GOOD';
  if (!(qualityName in QUALITY_CODES)) throw new Error(`the quality "${qualityName}" is unknown`);
  const quality = QUALITY_CODES[qualityName as keyof typeof QUALITY_CODES];
  const kind = toKind(cell('DATA_TYPE'), cell('VALUE'));
  return {
    seconds,
    nanos,
    quality,
    ...kind,
    ...(kind.kind === KIND.string ? { text: cell('VALUE') } : {}),
  };
}

function seriesFor(account: Account, cell: (column: Column) => string): number {
  const alias = cell('ALIAS');
  const key =
    alias === ''
      ? { assetId: cell('ASSET_ID'), propertyId: cell('PROPERTY_ID') }
      : { propertyAlias: alias };
  const dataType = cell('DATA_TYPE') as PropertyDataType;
  const stream = findStream(account, key);
  if (stream === undefined && alias === '') throw new Error('no such asset and property');
  if (stream !== undefined && stream.dataType !== dataType) {
    throw new Error(`the stream holds ${stream.dataType}, not ${dataType}`);
  }
  if (stream?.series !== undefined) return stream.series;
  return account.createSeries({
    alias: alias === '' ? undefined : alias,
    assetId: stream?.asset?.id,
    propertyId: stream?.property?.id,
    dataType,
  }).number;
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
  const needed: Column[] = ['DATA_TYPE', 'TIMESTAMP_SECONDS', 'VALUE'];
  const missing = needed.filter((c) => !columns.includes(c));
  if (unknown.length > 0 || missing.length > 0) {
    throw new TwinError(
      'USAGE',
      `The columns ${columns.join(',')} cannot be used: ${unknown.length > 0 ? `unknown ${unknown.join(', ')}; ` : ''}${missing.length > 0 ? `missing ${missing.join(', ')}; ` : ''}there are ${BULK_COLUMNS.join(', ')}.`,
    );
  }
  const place = new Map(columns.map((name, i) => [name, i]));
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
    let lineNumber = 0;
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      lineNumber++;
      if (line.trim() === '') continue;
      const cells = splitCells(line);
      const cell = (column: Column) => (cells[place.get(column) ?? -1] ?? '').trim();
      try {
        const value = toValue(cell);
        const series = seriesFor(account, cell);
        account.values.put(series, value);
        streams.add(series);
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
