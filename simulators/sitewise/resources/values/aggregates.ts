import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest } from '../../api/faults.js';
import { RawJson } from '../../api/handler.js';
import { decodeToken, encodeToken } from '../../api/pagination.js';
import { QUALITY_CODES, QUALITY_NAMES } from '../../store/block.js';
import type { Account } from '../account.js';
import { errorText, toStoredTime } from './history.js';
import { scanNumbers } from './samples.js';
import { requireStream, type StreamKey } from './stream.js';

/** Aggregates in one page: of a single request, and of a batch. */
const MAX_PAGE = 2500;
const MAX_BATCH_PAGE = 4000;

const RESOLUTIONS: Readonly<Record<string, number>> = {
  '1m': 60,
  '15m': 900,
  '1h': 3600,
  '1d': 86_400,
};

/** One entry of an aggregates request. */
export interface AggregatesRequest extends StreamKey {
  aggregateTypes: readonly sdk.AggregateType[] | undefined;
  resolution: string | undefined;
  startDate: Date | undefined;
  endDate: Date | undefined;
  qualities?: readonly sdk.Quality[] | undefined;
  timeOrdering?: sdk.TimeOrdering | undefined;
}

/** What is gathered over one interval; the spread by Welford's method. */
interface Bucket {
  /** The interval's end, epoch seconds. */
  end: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  mean: number;
  m2: number;
}

function gather(account: Account, request: AggregatesRequest): Bucket[] {
  const stream = requireStream(account, request);
  if (stream.dataType === 'STRING') {
    throw invalidRequest('Aggregates are of numbers and booleans, not of texts.');
  }
  const { startDate, endDate } = request;
  if (startDate === undefined || endDate === undefined || startDate >= endDate) {
    throw invalidRequest('The startDate must be before the endDate.');
  }
  const width = RESOLUTIONS[request.resolution ?? ''] ?? 60;
  // Start exclusive, end inclusive, in whole intervals: an aggregate carries its interval's end.
  const firstEnd = (Math.floor(startDate.getTime() / 1000 / width) + 1) * width;
  const lastEnd = Math.floor(endDate.getTime() / 1000 / width) * width;
  const from = { seconds: firstEnd - width, nanos: 0 };
  const to = { seconds: lastEnd - 1, nanos: 999_999_999 };
  const quality = QUALITY_CODES[request.qualities?.[0] ?? 'GOOD'];
  const buckets: Bucket[] = [];
  let bucket: Bucket | undefined;
  let until = Number.NEGATIVE_INFINITY;
  scanNumbers(account, stream, from, to, quality, (seconds, _nanos, number) => {
    if (bucket === undefined || seconds >= until) {
      until = Math.floor(seconds / width) * width + width;
      bucket = {
        end: until,
        count: 0,
        sum: 0,
        min: Number.POSITIVE_INFINITY,
        max: Number.NEGATIVE_INFINITY,
        mean: 0,
        m2: 0,
      };
      buckets.push(bucket);
    }
    bucket.count++;
    bucket.sum += number;
    if (number < bucket.min) bucket.min = number;
    if (number > bucket.max) bucket.max = number;
    const delta = number - bucket.mean;
    bucket.mean += delta / bucket.count;
    bucket.m2 += delta * (number - bucket.mean);
    return true;
  });
  if (request.timeOrdering === 'DESCENDING') buckets.reverse();
  return buckets;
}

function bucketText(bucket: Bucket, request: AggregatesRequest): string {
  const members: Record<string, [string, number]> = {
    AVERAGE: ['average', bucket.mean],
    COUNT: ['count', bucket.count],
    MAXIMUM: ['maximum', bucket.max],
    MINIMUM: ['minimum', bucket.min],
    SUM: ['sum', bucket.sum],
    STANDARD_DEVIATION: ['standardDeviation', Math.sqrt(bucket.m2 / bucket.count)],
  };
  const value = (request.aggregateTypes ?? [])
    .map((type) => members[type])
    .filter((m) => m !== undefined)
    .map(([name, number]) => `"${name}":${number}`)
    .join(',');
  const quality = QUALITY_NAMES[QUALITY_CODES[request.qualities?.[0] ?? 'GOOD']];
  return `{"timestamp":${bucket.end},"quality":"${quality}","value":{${value}}}`;
}

/** GetAssetPropertyAggregates. */
export function createAggregates(account: Account) {
  return (input: sdk.GetAssetPropertyAggregatesRequest) => {
    const scope = `GetAssetPropertyAggregates/${input.propertyAlias ?? input.propertyId}`;
    const start = Number(decodeToken(scope, input.nextToken) ?? 0);
    const buckets = gather(account, input);
    const end = start + Math.min(input.maxResults ?? 100, MAX_PAGE);
    const texts = buckets.slice(start, end).map((b) => bucketText(b, input));
    const token = end < buckets.length ? `,"nextToken":"${encodeToken(scope, end)}"` : '';
    return new RawJson(`{"aggregatedValues":[${texts.join(',')}]${token}}`);
  };
}

/** BatchGetAssetPropertyAggregates: entries are read one after the other until the page is full. */
export function createBatchAggregates(account: Account) {
  return (input: sdk.BatchGetAssetPropertyAggregatesRequest) => {
    const entries = input.entries ?? [];
    const ids = entries.map((e) => e.entryId ?? '');
    if (new Set(ids).size !== ids.length) {
      throw invalidRequest('Each entryId may occur once in a request.');
    }
    const scope = `BatchGetAssetPropertyAggregates/${ids.join()}`;
    const before = (decodeToken(scope, input.nextToken) ?? {}) as Record<string, number | string>;
    let room = Math.min(input.maxResults ?? MAX_BATCH_PAGE, MAX_BATCH_PAGE);
    const successes: string[] = [];
    const errors: string[] = [];
    const skipped: string[] = [];
    const position: Record<string, number | string> = {};
    for (const entry of entries) {
      const id = entry.entryId ?? '';
      const state = before[id] ?? 0;
      if (typeof state === 'string') {
        position[id] = state;
        skipped.push(`{"entryId":"${id}","completionStatus":"${state}"}`);
        continue;
      }
      try {
        const buckets = gather(account, entry);
        const texts = buckets.slice(state, state + room).map((b) => bucketText(b, entry));
        room -= texts.length;
        position[id] = state + texts.length < buckets.length ? state + texts.length : 'SUCCESS';
        successes.push(`{"entryId":"${id}","aggregatedValues":[${texts.join(',')}]}`);
      } catch (error) {
        position[id] = 'ERROR';
        errors.push(errorText(id, error));
      }
    }
    const more = Object.values(position).some((p) => typeof p === 'number');
    const token = more ? `,"nextToken":"${encodeToken(scope, position)}"` : '';
    return new RawJson(
      `{"errorEntries":[${errors.join(',')}],"successEntries":[${successes.join(',')}],"skippedEntries":[${skipped.join(',')}]${token}}`,
    );
  };
}

/** Interpolated values in one page at most, and by default. */
const MAX_INTERPOLATED = 10_000;
const DEFAULT_INTERPOLATED = 10;

/** GetInterpolatedAssetPropertyValues, linear or last observation carried forward. */
export function createInterpolated(account: Account) {
  return (input: sdk.GetInterpolatedAssetPropertyValuesRequest) => {
    if (input.type !== 'LINEAR_INTERPOLATION' && input.type !== 'LOCF_INTERPOLATION') {
      throw invalidRequest(
        `type must be LINEAR_INTERPOLATION or LOCF_INTERPOLATION, not ${input.type}.`,
      );
    }
    const stream = requireStream(account, input);
    if (stream.dataType === 'STRING' || stream.dataType === 'BOOLEAN') {
      throw invalidRequest(`Values of type ${stream.dataType} cannot be interpolated.`);
    }
    const start = (input.startTimeInSeconds ?? 0) + (input.startTimeOffsetInNanos ?? 0) / 1e9;
    const end = (input.endTimeInSeconds ?? 0) + (input.endTimeOffsetInNanos ?? 0) / 1e9;
    const interval = input.intervalInSeconds ?? 1;
    if (start >= end) throw invalidRequest('The start must be before the end.');
    const window = input.intervalWindowInSeconds ?? interval;
    const quality = QUALITY_CODES[input.quality ?? 'GOOD'];
    const times: number[] = [];
    const values: number[] = [];
    scanNumbers(
      account,
      stream,
      toStoredTime(new Date((start - window) * 1000)),
      toStoredTime(new Date((end + window) * 1000)),
      quality,
      (seconds, nanos, number) => {
        times.push(seconds + nanos / 1e9);
        values.push(number);
        return true;
      },
    );
    const scope = `GetInterpolatedAssetPropertyValues/${input.propertyAlias ?? input.propertyId}`;
    const first = Number(decodeToken(scope, input.nextToken) ?? 0);
    const count = Math.floor((end - start) / interval) + 1;
    const room = Math.min(input.maxResults ?? DEFAULT_INTERPOLATED, MAX_INTERPOLATED);
    const last = Math.min(count, first + room);
    const texts: string[] = [];
    let at = 0;
    for (let i = first; i < last; i++) {
      const time = start + i * interval;
      while (at < times.length && (times[at] ?? 0) <= time) at++;
      const value = interpolate(times, values, at, time, window, input.type);
      if (value === undefined) continue;
      const seconds = (input.startTimeInSeconds ?? 0) + i * interval;
      const nanos = input.startTimeOffsetInNanos ?? 0;
      texts.push(
        `{"timestamp":{"timeInSeconds":${seconds},"offsetInNanos":${nanos}},"value":{"doubleValue":${value}}}`,
      );
    }
    const token = last < count ? `,"nextToken":"${encodeToken(scope, last)}"` : '';
    return new RawJson(`{"interpolatedAssetPropertyValues":[${texts.join(',')}]${token}}`);
  };
}

/** @param next index of the first sample after `time` */
function interpolate(
  times: readonly number[],
  values: readonly number[],
  next: number,
  time: number,
  window: number,
  type: string,
): number | undefined {
  const before = times[next - 1];
  const value = values[next - 1];
  if (before === undefined || value === undefined || time - before > window) return undefined;
  if (before === time || type === 'LOCF_INTERPOLATION') return value;
  const after = times[next];
  const valueAfter = values[next];
  if (after === undefined || valueAfter === undefined || after - time > window) return undefined;
  return value + ((valueAfter - value) * (time - before)) / (after - before);
}
