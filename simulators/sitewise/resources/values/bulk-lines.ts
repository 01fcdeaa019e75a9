import type { PropertyDataType } from '@aws-sdk/client-iotsitewise';
import { KIND, type Kind, QUALITY_CODES, type StoredValue } from '../../store/block.js';
import type { Account } from '../account.js';
import { findStream } from './stream.js';

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
export type BulkColumn = (typeof BULK_COLUMNS)[number];

/** Columns without which a line is no value. */
const NEEDED = ['DATA_TYPE', 'TIMESTAMP_SECONDS', 'VALUE'] as const;

/** @returns why a file with these columns can't be imported; nothing when it can */
export function columnFault(columns: readonly string[]): string | undefined {
  const missing = NEEDED.filter((c) => !columns.includes(c));
  const named =
    columns.includes('ALIAS') || (columns.includes('ASSET_ID') && columns.includes('PROPERTY_ID'));
  if (missing.length === 0 && named && new Set(columns).size === columns.length) return undefined;
  return `each column must occur once, and there must be ${NEEDED.join(', ')}, and ALIAS or both ASSET_ID and PROPERTY_ID; found ${columns.join(', ') || 'none'}`;
}

/** The cells of a line of CSV. */
export function splitCells(line: string): string[] {
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

function toValue(cell: (column: BulkColumn) => string): StoredValue {
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

function seriesFor(account: Account, cell: (column: BulkColumn) => string): number {
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
 * Takes lines of a bulk import into a store.
 *
 * @param columns the lines' columns in their order
 * @returns a function that stores the value of a line, given as its cells, and tells the number of its
 * series; it throws an Error with the reason why a line can't be taken
 */
export function bulkLines(
  account: Account,
  columns: readonly string[],
): (cells: readonly string[]) => number {
  const place = new Map(columns.map((name, i) => [name, i]));
  return (cells) => {
    const cell = (column: BulkColumn) => (cells[place.get(column) ?? -1] ?? '').trim();
    const value = toValue(cell);
    const series = seriesFor(account, cell);
    account.values.put(series, value);
    return series;
  };
}
