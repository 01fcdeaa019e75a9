import { jsonText } from '../core/index.js';

/** An object's content and the version it was read at. */
export interface StoredObject {
  body: Uint8Array;
  /** Changes whenever the content does; opaque. */
  etag: string;
}

/** When a write may go ahead. */
export interface PutCondition {
  /** Only if the object still has this ETag. */
  ifMatch?: string;
  /** Only if there is no such object. */
  ifNoneMatch?: '*';
}

/**
 * A small key-value store of whole objects: a folder on one machine, S3 in the cloud. Keys are
 * paths of plain segments; no key may be the folder of another.
 */
export interface ObjectStore {
  /**
   * @returns the object, or undefined where there is none
   * @throws TwinError `STORAGE`, `ACCESS_DENIED`, `NETWORK`, `VALUE_INVALID` (no key)
   */
  get(key: string): Promise<StoredObject | undefined>;
  /**
   * Writes a whole object; readers see the old or the new one, never a part. Of several writers
   * with the same condition exactly one succeeds, also between processes and machines.
   *
   * @returns the new ETag
   * @throws TwinError `CONFLICT` when the condition does not hold, otherwise as {@link get}
   */
  put(key: string, body: Uint8Array, condition?: PutCondition): Promise<{ etag: string }>;
  /** Keys that begin with `prefix`, in ascending order of their bytes. */
  list(prefix: string): Promise<string[]>;
  /** Removes an object; none there is no fault. */
  delete(key: string): Promise<void>;
}

/** Reads an object as UTF-8 text, or undefined where there is none. */
export async function getText(store: ObjectStore, key: string): Promise<string | undefined> {
  const found = await store.get(key);
  return found === undefined ? undefined : new TextDecoder().decode(found.body);
}

/** Writes an object as JSON; nanosecond times become strings. */
export function putJson(
  store: ObjectStore,
  key: string,
  value: unknown,
  condition?: PutCondition,
): Promise<{ etag: string }> {
  return store.put(key, new TextEncoder().encode(jsonText(value, 2)), condition);
}
