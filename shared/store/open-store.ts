import { TwinError } from '../core/index.js';
import { createFolderStore } from './folder-store.js';
import type { ObjectStore } from './object-store.js';
import { createS3Client, createS3Store, type S3ClientOptions } from './s3-store.js';

/** Whether a store's location is a folder, rather than an address. */
export const isFolder = (location: string): boolean => !/^[a-z][a-z0-9+.-]+:\/\//i.test(location);

/**
 * Opens the store that a user named: a folder, or `s3://bucket/prefix`.
 *
 * @throws TwinError `VALUE_INVALID` for an address that is neither
 */
export function openStore(location: string, s3: S3ClientOptions = {}): ObjectStore {
  if (isFolder(location)) return createFolderStore(location);
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(location);
  const bucket = match?.[1];
  if (bucket === undefined) {
    throw new TwinError(
      'VALUE_INVALID',
      `"${location}" is no store: expected a folder or s3://bucket/prefix.`,
    );
  }
  return createS3Store({ bucket, prefix: match?.[2] ?? '', client: createS3Client(s3) });
}
