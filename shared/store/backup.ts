import { createHash } from 'node:crypto';
import { messageOf, TwinError } from '../core/index.js';
import { getText, type ObjectStore, putJson } from './object-store.js';

const FORMAT = 'twinloop-backup';
/** The list of a backup, written last: a backup without it is not complete. */
const LIST = 'backup.json';
const OBJECTS = 'objects/';
/** What a store holds of its own: reports are left out, as are objects that others put there. */
const PREFIXES = [
  'state/',
  'states/',
  'versions/',
  'migrated/',
  'latest/',
  'quarantine/',
  'fleet/',
];
/** Objects that are copied at a time. */
const AT_A_TIME = 8;

/** An object of a backup. */
export interface BackedUp {
  key: string;
  bytes: number;
  sha256: string;
}

const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');

async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await act(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}

/**
 * Copies what a store keeps of twins into another place: states with their history, the versions of
 * twins with their FMUs, newest reports, samples set aside, the fleet. Each asset's state is one object,
 * so that a backup is sound while workers run.
 *
 * @param to an empty place of its own
 * @param options.reports also the reports of all runs
 * @throws TwinError `USAGE` where `to` holds a backup, `NOT_FOUND` where there is nothing to back up
 */
export async function backUpStore(
  from: ObjectStore,
  to: ObjectStore,
  options: { reports?: boolean; madeAt?: Date } = {},
): Promise<BackedUp[]> {
  if ((await to.get(LIST)) !== undefined) {
    throw new TwinError('USAGE', 'There is a backup already: name a place of its own.');
  }
  const prefixes = options.reports === true ? [...PREFIXES, 'reports/'] : PREFIXES;
  const keys = (await Promise.all(prefixes.map((prefix) => from.list(prefix)))).flat();
  const objects: BackedUp[] = [];
  await eachOf(keys, async (key) => {
    const found = await from.get(key);
    // Removed meanwhile.
    if (found === undefined) return;
    await to.put(`${OBJECTS}${key}`, found.body);
    objects.push({ key, bytes: found.body.length, sha256: sha256(found.body) });
  });
  if (!objects.some((o) => o.key.startsWith('state'))) {
    throw new TwinError('NOT_FOUND', 'The store holds no states: there is nothing to back up.');
  }
  objects.sort((a, b) => (a.key < b.key ? -1 : 1));
  const madeAt = (options.madeAt ?? new Date()).toISOString();
  await putJson(to, LIST, { format: FORMAT, version: 1, madeAt, objects });
  return objects;
}

/** What a backup lists. @throws TwinError `NOT_FOUND`, `FILE_INVALID` */
async function readList(from: ObjectStore): Promise<BackedUp[]> {
  const text = await getText(from, LIST);
  if (text === undefined) {
    throw new TwinError(
      'NOT_FOUND',
      `There is no ${LIST}: no backup was made there, or it was not finished.`,
    );
  }
  try {
    const list = JSON.parse(text) as { format?: unknown; version?: unknown; objects: BackedUp[] };
    if (list.format !== FORMAT || list.version !== 1) {
      throw new Error(`its format is ${String(list.format)} ${String(list.version)}`);
    }
    return list.objects.map(({ key, bytes, sha256: sum }) => ({ key, bytes, sha256: sum }));
  } catch (cause) {
    throw new TwinError('FILE_INVALID', `${LIST} is no list of a backup: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

/** What {@link restoreStore} did. */
export interface Restored {
  restored: string[];
  /** Objects that were there with the same content. */
  same: number;
}

/**
 * Brings a backup back. All of it is checked before the first object is written; what is there with
 * other content stays, unless it is to be overwritten; nothing is removed.
 *
 * @param options.prefix only keys that begin so, e.g. `state/plant/line1.json`
 * @throws TwinError `FILE_INVALID` where an object is missing or damaged, `CONFLICT` where the store
 *   holds other content, or a run writes meanwhile
 */
export async function restoreStore(
  from: ObjectStore,
  to: ObjectStore,
  options: { overwrite?: boolean; prefix?: string } = {},
): Promise<Restored> {
  const wanted = (await readList(from)).filter((o) => o.key.startsWith(options.prefix ?? ''));
  if (wanted.length === 0) {
    throw new TwinError(
      'NOT_FOUND',
      `The backup holds nothing that begins with "${options.prefix}".`,
    );
  }
  const read = async (o: BackedUp): Promise<Uint8Array | undefined> => {
    const body = (await from.get(`${OBJECTS}${o.key}`))?.body;
    return body !== undefined && sha256(body) === o.sha256 ? body : undefined;
  };
  const damaged: string[] = [];
  const changed: { object: BackedUp; etag: string | undefined }[] = [];
  let same = 0;
  await eachOf(wanted, async (object) => {
    if ((await read(object)) === undefined) damaged.push(object.key);
    const there = await to.get(object.key);
    if (there !== undefined && sha256(there.body) === object.sha256) same++;
    else changed.push({ object, etag: there?.etag });
  });
  const few = (keys: string[]) =>
    `${keys.sort().slice(0, 5).join(', ')}${keys.length > 5 ? ` and ${keys.length - 5} more` : ''}`;
  if (damaged.length > 0) {
    throw new TwinError(
      'FILE_INVALID',
      `Of the backup ${few(damaged)} can't be read as it was written: nothing was restored.`,
    );
  }
  const others = changed.filter((c) => c.etag !== undefined).map((c) => c.object.key);
  if (others.length > 0 && options.overwrite !== true) {
    throw new TwinError(
      'CONFLICT',
      `The store has other content under ${few(others)}: nothing was restored. Restore into an empty store, or with --overwrite.`,
    );
  }
  const restored: string[] = [];
  await eachOf(changed, async ({ object, etag }) => {
    const body = await read(object);
    if (body === undefined)
      throw new TwinError('FILE_INVALID', `${object.key} has changed in the backup.`);
    await to.put(object.key, body, etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag });
    restored.push(object.key);
  });
  return { restored: restored.sort(), same };
}
