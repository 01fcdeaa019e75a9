/** An object's content and the version it was read at. */
export interface StoredObject {
  body: Uint8Array;
  /** Changes with every write; opaque. */
  etag: string;
}

/** When a write may go ahead. */
export interface PutCondition {
  /** Only if the object still has this ETag. */
  ifMatch?: string;
  /** Only if there is no such object. */
  ifNoneMatch?: '*';
}

/** A small key-value store of whole objects: a folder on one machine, S3 in the cloud. */
export interface ObjectStore {
  /** @returns the object, or undefined where there is none */
  get(key: string): Promise<StoredObject | undefined>;
  /**
   * Writes a whole object; readers see the old or the new one, never a part.
   *
   * @returns the new ETag
   * @throws TwinError `CONFLICT` when the condition does not hold, `STORAGE`, `ACCESS_DENIED`
   */
  put(key: string, body: Uint8Array, condition?: PutCondition): Promise<{ etag: string }>;
  /** Keys that begin with `prefix`, in ascending order. */
  list(prefix: string): Promise<string[]>;
  /** Removes an object; none there is no fault. */
  delete(key: string): Promise<void>;
}
