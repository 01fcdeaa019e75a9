import type * as sdk from '@aws-sdk/client-iotsitewise';
import { nsToSeconds } from '../../../../shared/core/index.js';
import { ApiFault, type FaultCode, invalidRequest } from '../../api/faults.js';
import type { RequestContext } from '../../api/handler.js';
import { injectedFault } from '../../http/fault-rules.js';
import type { Throttle } from '../../http/quotas.js';
import { KIND, type Kind, QUALITY_CODES, type StoredValue } from '../../store/block.js';
import type { Account } from '../account.js';
import { type Notify, notifyOf } from '../notifications.js';
import { checkStreamKey, findStream, type Stream } from './stream.js';

/** How old and how far ahead a value may be, seconds. */
const MAX_AGE_S = 7 * 86_400;
const MAX_AHEAD_S = 600;
/** Longest text of a value, bytes. */
const MAX_TEXT_BYTES = 1024;

const NULL_KINDS: Readonly<Record<string, Kind>> = {
  D: KIND.nullDouble,
  I: KIND.nullInteger,
  B: KIND.nullBoolean,
  S: KIND.nullString,
  U: KIND.nullUnknown,
};
const DATA_TYPE_OF_KIND: Readonly<Record<number, sdk.PropertyDataType | undefined>> = {
  [KIND.double]: 'DOUBLE',
  [KIND.integer]: 'INTEGER',
  [KIND.boolean]: 'BOOLEAN',
  [KIND.string]: 'STRING',
  [KIND.nullDouble]: 'DOUBLE',
  [KIND.nullInteger]: 'INTEGER',
  [KIND.nullBoolean]: 'BOOLEAN',
  [KIND.nullString]: 'STRING',
};

/** A value that goes ahead, and the series for it, which is made then. */
interface Accepted {
  series: () => number;
  value: StoredValue;
  stream: Stream | undefined;
}

/** A fault of one value or entry, in the batch's answer. */
interface EntryFault {
  code: FaultCode;
  message: string;
  /** Empty where the whole entry is at fault. */
  timestamps: sdk.TimeInNanos[];
}

/**
 * One value as the store takes it.
 *
 * @throws ApiFault `InvalidRequestException`, `TimestampOutOfRangeException` as an entry's code
 */
function toStored(value: sdk.AssetPropertyValue): StoredValue {
  const variant = value.value ?? {};
  const given = Object.keys(variant);
  if (given.length !== 1) {
    throw invalidRequest('A value is exactly one of double, integer, boolean, string and null.');
  }
  const quality = QUALITY_CODES[value.quality ?? 'GOOD'];
  const time = {
    seconds: value.timestamp?.timeInSeconds ?? 0,
    nanos: value.timestamp?.offsetInNanos ?? 0,
    quality,
  };
  if (variant.nullValue !== undefined) {
    if (quality === QUALITY_CODES.GOOD) {
      throw invalidRequest('A null value must be of quality BAD or UNCERTAIN.');
    }
    const kind = NULL_KINDS[variant.nullValue.valueType ?? 'U'] ?? KIND.nullUnknown;
    return { ...time, kind, number: 0 };
  }
  if (variant.doubleValue !== undefined) {
    if (Number.isNaN(variant.doubleValue) && quality === QUALITY_CODES.GOOD) {
      throw invalidRequest('NaN must be of quality BAD or UNCERTAIN.');
    }
    if (Math.abs(variant.doubleValue) === Number.POSITIVE_INFINITY) {
      throw invalidRequest('A double must be finite, or NaN.');
    }
    return { ...time, kind: KIND.double, number: variant.doubleValue };
  }
  if (variant.integerValue !== undefined) {
    return { ...time, kind: KIND.integer, number: variant.integerValue };
  }
  if (variant.booleanValue !== undefined) {
    return { ...time, kind: KIND.boolean, number: variant.booleanValue ? 1 : 0 };
  }
  const text = variant.stringValue ?? '';
  // A character has one UTF-16 unit at least, and three bytes a unit at most.
  if (text.length * 3 > MAX_TEXT_BYTES && Buffer.byteLength(text) > MAX_TEXT_BYTES) {
    throw invalidRequest(`A string has at most ${MAX_TEXT_BYTES} bytes.`);
  }
  return { ...time, kind: KIND.string, number: 0, text };
}

/** Whether a value may be written to a stream of a data type. */
function fits(kind: Kind, dataType: string): boolean {
  if (kind === KIND.nullUnknown) return true;
  const actual = DATA_TYPE_OF_KIND[kind];
  return actual === dataType || (dataType === 'STRUCT' && actual === 'STRING');
}

/** Writes values, entry by entry. */
export function createPut(
  account: Account,
  throttle: Throttle,
  onValues: (count: number) => void,
  notify: Notify | undefined,
) {
  function faultsOfEntry(
    entry: sdk.PutAssetPropertyValueEntry,
    partial: boolean,
    nowS: number,
    accepted: Accepted[],
  ): EntryFault[] {
    const whole = (code: FaultCode, message: string): EntryFault[] => [
      { code, message, timestamps: [] },
    ];
    let stream: Stream | undefined;
    try {
      checkStreamKey(entry);
      stream = findStream(account, entry);
    } catch (error) {
      if (error instanceof ApiFault) return whole(error.code, error.message);
      throw error;
    }
    if (stream === undefined && entry.propertyAlias === undefined) {
      return whole(
        'ResourceNotFoundException',
        `Property ${entry.assetId}/${entry.propertyId} was not found.`,
      );
    }
    if (
      stream === undefined &&
      account.settings.get('storage')?.disassociatedDataStorage === 'DISABLED'
    ) {
      return whole(
        'ResourceNotFoundException',
        `No property has the alias ${entry.propertyAlias}, and storing values without one is disabled.`,
      );
    }
    if (
      stream?.property?.type?.transform !== undefined ||
      stream?.property?.type?.metric !== undefined
    ) {
      return whole('InvalidRequestException', 'Transforms and metrics are computed, not written.');
    }
    if (stream?.asset !== undefined && stream.asset.status.state === 'DELETING') {
      return whole('ConflictingOperationException', `Asset ${stream.asset.id} is being deleted.`);
    }

    const faults = new Map<string, EntryFault>();
    const good: StoredValue[] = [];
    let dataType = stream?.dataType;
    for (const value of entry.propertyValues ?? []) {
      try {
        const stored = toStored(value);
        checkWindow(stored, nowS);
        dataType ??= DATA_TYPE_OF_KIND[stored.kind];
        if (dataType === undefined || !fits(stored.kind, dataType)) {
          throw invalidRequest(
            `The stream holds ${dataType ?? 'nothing yet'}; the value is ${DATA_TYPE_OF_KIND[stored.kind] ?? 'null of unknown type'}.`,
          );
        }
        good.push(stored);
      } catch (error) {
        const [code, message] = toEntryCode(error);
        const key = `${code}\n${message}`;
        const fault = faults.get(key) ?? { code, message, timestamps: [] };
        if (value.timestamp !== undefined) fault.timestamps.push(value.timestamp);
        faults.set(key, fault);
      }
    }
    if (faults.size === 0 || partial) {
      const target = targetOf(entry, stream, dataType);
      for (const value of good) accepted.push({ series: target, value, stream });
    }
    return [...faults.values()];
  }

  /** The series to write to, made when the batch is known to go ahead. */
  function targetOf(
    entry: sdk.PutAssetPropertyValueEntry,
    stream: Stream | undefined,
    dataType: string | undefined,
  ): () => number {
    return () => {
      const known = stream?.series ?? findStream(account, entry)?.series;
      if (known !== undefined) return known;
      return account.createSeries({
        alias: entry.propertyAlias,
        assetId: stream?.asset?.id,
        propertyId: stream?.property?.id,
        dataType: (dataType ?? 'DOUBLE') as sdk.PropertyDataType,
      }).number;
    };
  }

  /** Faults that stop an entry before anyone looks at its values. */
  function stopped(
    entry: sdk.PutAssetPropertyValueEntry,
    injected: FaultCode | undefined,
  ): EntryFault[] {
    if (injected !== undefined) {
      return [{ code: injected, message: injectedFault(injected).message, timestamps: [] }];
    }
    const key = entry.propertyAlias ?? `${entry.assetId}/${entry.propertyId}`;
    const perQuality = new Map<string, number>();
    for (const { quality = 'GOOD' } of entry.propertyValues ?? []) {
      perQuality.set(quality, (perQuality.get(quality) ?? 0) + 1);
    }
    const admitted =
      throttle.take('entriesPerPropertyPerS', key, 1) &&
      [...perQuality].every(([quality, count]) =>
        throttle.take('valuesPerPropertyPerS', `${key}/${quality}`, count),
      );
    if (admitted) return [];
    const message = `Rate exceeded for property ${key}.`;
    return [{ code: 'ThrottlingException', message, timestamps: [] }];
  }

  return async (input: sdk.BatchPutAssetPropertyValueRequest, context: RequestContext) => {
    const entries = input.entries ?? [];
    if (new Set(entries.map((e) => e.entryId)).size !== entries.length) {
      throw invalidRequest('Each entryId may occur once in a request.');
    }
    const nowS = nsToSeconds(account.clock.nowNs());
    const errorEntries: sdk.BatchPutAssetPropertyErrorEntry[] = [];
    const accepted: Accepted[] = [];
    for (const entry of entries) {
      let faults = stopped(entry, context.entryFault());
      if (faults.length === 0) {
        const partial = input.enablePartialEntryProcessing === true;
        faults = faultsOfEntry(entry, partial, nowS, accepted);
      }
      if (faults.length === 0) continue;
      errorEntries.push({
        entryId: entry.entryId,
        errors: faults.map((f) => ({
          errorCode: f.code as sdk.BatchPutAssetPropertyValueErrorCode,
          errorMessage: f.message,
          timestamps: f.timestamps,
        })),
      });
    }
    for (const { series, value } of accepted) account.values.put(series(), value);
    await account.commit();
    onValues(accepted.length);
    if (notify !== undefined) notifyOf(accepted, notify);
    return { errorEntries };
  };
}

class TimestampOutOfRange extends Error {}

function checkWindow(value: StoredValue, nowS: number): void {
  const ageS = nowS - value.seconds - value.nanos / 1e9;
  if (ageS > MAX_AGE_S) {
    throw new TimestampOutOfRange('The timestamp is more than 7 days in the past.');
  }
  if (ageS < -MAX_AHEAD_S) {
    throw new TimestampOutOfRange('The timestamp is more than 10 minutes in the future.');
  }
}

function toEntryCode(error: unknown): [FaultCode, string] {
  if (error instanceof TimestampOutOfRange) {
    return ['TimestampOutOfRangeException' as FaultCode, error.message];
  }
  if (error instanceof ApiFault) return [error.code, error.message];
  throw error;
}
