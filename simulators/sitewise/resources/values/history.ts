import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest } from '../../api/faults.js';
import { RawJson } from '../../api/handler.js';
import { decodeToken, encodeToken } from '../../api/pagination.js';
import { QUALITY_CODES } from '../../store/block.js';
import { compareTimes, END_OF_TIME, type StoredTime } from '../../store/value-store.js';
import type { Account } from '../account.js';
import { scanStream } from './samples.js';
import { requireStream, type Stream, type StreamKey } from './stream.js';
import { valueText } from './wire.js';

/** Values in one page, and its size in bytes. */
const MAX_PAGE_VALUES = 20_000;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** One entry of a history request. */
export interface HistoryRequest extends StreamKey {
  startDate?: Date | undefined;
  endDate?: Date | undefined;
  qualities?: readonly sdk.Quality[] | undefined;
  timeOrdering?: sdk.TimeOrdering | undefined;
}

/** A date as the store's time. */
export function toStoredTime(date: Date): StoredTime {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round(ms - seconds * 1000) * 1_000_000 };
}

/** The next nanosecond. */
function after(time: StoredTime): StoredTime {
  return time.nanos === 999_999_999
    ? { seconds: time.seconds + 1, nanos: 0 }
    : { seconds: time.seconds, nanos: time.nanos + 1 };
}

function before(time: StoredTime): StoredTime {
  return time.nanos === 0
    ? { seconds: time.seconds - 1, nanos: 999_999_999 }
    : { seconds: time.seconds, nanos: time.nanos - 1 };
}

/** A page's remaining room, shared by the entries of a batch. */
interface Room {
  values: number;
  bytes: number;
}

/** JSON texts of one page's values, and the last time in it when there is more. */
interface Page {
  texts: string[];
  last: StoredTime | undefined;
}

function readPage(
  account: Account,
  stream: Stream,
  request: HistoryRequest,
  resumeAfter: StoredTime | undefined,
  room: Room,
): Page {
  const descending = request.timeOrdering === 'DESCENDING';
  let from =
    request.startDate === undefined
      ? { seconds: 0, nanos: 0 }
      : after(toStoredTime(request.startDate));
  let to = request.endDate === undefined ? END_OF_TIME : toStoredTime(request.endDate);
  if (
    request.startDate !== undefined &&
    request.endDate !== undefined &&
    request.startDate >= request.endDate
  ) {
    throw invalidRequest('The startDate must be before the endDate.');
  }
  if (resumeAfter !== undefined) {
    if (descending) to = before(resumeAfter);
    else from = after(resumeAfter);
  }
  const texts: string[] = [];
  let last: StoredTime | undefined;
  let more = false;
  if (compareTimes(from, to) > 0) return { texts, last };
  const quality = QUALITY_CODES[request.qualities?.[0] ?? 'GOOD'];
  scanStream(account, stream, from, to, descending, quality, (value) => {
    if (room.values <= 0 || room.bytes <= 0) {
      more = true;
      return false;
    }
    const text = valueText(value);
    texts.push(text);
    last = { seconds: value.seconds, nanos: value.nanos };
    room.values--;
    room.bytes -= text.length + 1;
    return true;
  });
  return { texts, last: more ? (last ?? (descending ? after(to) : before(from))) : undefined };
}

const roomOf = (maxResults: number | undefined, fallback: number): Room => ({
  values: Math.min(maxResults ?? fallback, MAX_PAGE_VALUES),
  bytes: MAX_PAGE_BYTES,
});

const toPair = (time: StoredTime) => [time.seconds, time.nanos];
function fromPair(pair: unknown): StoredTime | undefined {
  if (!Array.isArray(pair)) return undefined;
  const [seconds, nanos] = pair as number[];
  return { seconds: Number(seconds), nanos: Number(nanos) };
}

/** GetAssetPropertyValueHistory. */
export function createHistory(account: Account) {
  return (input: sdk.GetAssetPropertyValueHistoryRequest) => {
    const stream = requireStream(account, input);
    const scope = `GetAssetPropertyValueHistory/${input.propertyAlias ?? input.propertyId}`;
    const resume = fromPair(decodeToken(scope, input.nextToken));
    const page = readPage(account, stream, input, resume, roomOf(input.maxResults, 100));
    const token =
      page.last === undefined ? '' : `,"nextToken":"${encodeToken(scope, toPair(page.last))}"`;
    return new RawJson(`{"assetPropertyValueHistory":[${page.texts.join(',')}]${token}}`);
  };
}

/** What a batch's token remembers of an entry: done, failed, where it goes on, or not begun. */
type EntryPosition = 'done' | 'error' | number[] | null;

/** BatchGetAssetPropertyValueHistory: entries are read one after the other until the page is full. */
export function createBatchHistory(account: Account) {
  return (input: sdk.BatchGetAssetPropertyValueHistoryRequest) => {
    const entries = input.entries ?? [];
    const ids = entries.map((e) => e.entryId ?? '');
    if (new Set(ids).size !== ids.length) {
      throw invalidRequest('Each entryId may occur once in a request.');
    }
    const scope = `BatchGetAssetPropertyValueHistory/${ids.join()}`;
    const before = (decodeToken(scope, input.nextToken) ?? {}) as Record<string, EntryPosition>;
    const room = roomOf(input.maxResults, MAX_PAGE_VALUES);
    const successes: string[] = [];
    const errors: string[] = [];
    const skipped: string[] = [];
    const position: Record<string, EntryPosition> = {};
    for (const entry of entries) {
      const id = entry.entryId ?? '';
      const state = before[id] ?? null;
      if (state === 'done' || state === 'error') {
        position[id] = state;
        const status = state === 'done' ? 'SUCCESS' : 'ERROR';
        skipped.push(`{"entryId":"${id}","completionStatus":"${status}"}`);
        continue;
      }
      try {
        const page = readPage(account, requireStream(account, entry), entry, fromPair(state), room);
        position[id] = page.last === undefined ? 'done' : toPair(page.last);
        successes.push(`{"entryId":"${id}","assetPropertyValueHistory":[${page.texts.join(',')}]}`);
      } catch (error) {
        position[id] = 'error';
        errors.push(errorText(id, error));
      }
    }
    const more = Object.values(position).some((p) => p !== 'done' && p !== 'error');
    const token = more ? `,"nextToken":"${encodeToken(scope, position)}"` : '';
    return new RawJson(
      `{"errorEntries":[${errors.join(',')}],"successEntries":[${successes.join(',')}],"skippedEntries":[${skipped.join(',')}]${token}}`,
    );
  };
}

/** An entry's fault in a batch answer. @throws whatever is no fault of the request */
export function errorText(entryId: string, error: unknown): string {
  const fault = error as { code?: string; message?: string; status?: number };
  if (fault.code !== 'ResourceNotFoundException' && fault.code !== 'InvalidRequestException') {
    throw error;
  }
  return JSON.stringify({ entryId, errorCode: fault.code, errorMessage: fault.message });
}
