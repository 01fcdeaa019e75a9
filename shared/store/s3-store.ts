import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { messageOf, TwinError } from '../core/index.js';
import { checkKey } from './keys.js';
import type { ObjectStore } from './object-store.js';

/** Options of {@link createS3Store}. */
export interface S3StoreOptions {
  bucket: string;
  /** Put before every key; without a slash at its end one is added. */
  prefix?: string;
  client: S3Client;
  /** A KMS key's ARN for the objects; default: the bucket's own encryption. */
  kmsKeyId?: string;
}

const DENIED = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'CredentialsProviderError',
]);
const CONFLICT = new Set(['PreconditionFailed', 'ConditionalRequestConflict']);
const THROTTLED = new Set(['SlowDown', 'RequestLimitExceeded', 'ServiceUnavailable']);

function toTwinError(error: unknown, what: string): TwinError {
  if (error instanceof TwinError) return error;
  const name = (error as Error).name;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const message = `${what}: ${name}: ${messageOf(error)}`;
  const options = { cause: error };
  if (CONFLICT.has(name) || status === 412 || status === 409) {
    return new TwinError('CONFLICT', `${what}: somebody else wrote it first.`, options);
  }
  if (DENIED.has(name) || status === 403) {
    return new TwinError('ACCESS_DENIED', `${message}. Check the credentials and policy.`, options);
  }
  if (name === 'NoSuchBucket') {
    return new TwinError('NOT_FOUND', `${message}. Create the bucket or check its name.`, options);
  }
  if (THROTTLED.has(name) || status === 429 || status === 503) {
    return new TwinError('THROTTLED', message, { ...options, retryable: true });
  }
  if (status === undefined) {
    return new TwinError('NETWORK', message, { ...options, retryable: true });
  }
  return new TwinError('STORAGE', message, { ...options, retryable: status >= 500 });
}

function isMissing(error: unknown): boolean {
  const name = (error as Error).name;
  return name === 'NoSuchKey' || name === 'NotFound';
}

/**
 * An object store in a bucket; conditional writes are S3's own.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { bucket, client } = options;
  const given = options.prefix ?? '';
  const prefix = given === '' || given.endsWith('/') ? given : `${given}/`;
  const keyOf = (key: string) => {
    checkKey(key);
    return prefix + key;
  };
  const at = (key: string) => `s3://${bucket}/${prefix}${key}`;

  return {
    async get(key) {
      const Key = keyOf(key);
      try {
        const output = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
        const body = (await output.Body?.transformToByteArray()) ?? new Uint8Array();
        return { body, etag: output.ETag ?? '' };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw toTwinError(error, `Could not read ${at(key)}`);
      }
    },

    async put(key, body, condition = {}) {
      const Key = keyOf(key);
      try {
        const output = await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key,
            Body: body,
            ...(condition.ifMatch === undefined ? {} : { IfMatch: condition.ifMatch }),
            ...(condition.ifNoneMatch === undefined ? {} : { IfNoneMatch: condition.ifNoneMatch }),
            ...(options.kmsKeyId === undefined
              ? {}
              : { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: options.kmsKeyId }),
          }),
        );
        return { etag: output.ETag ?? '' };
      } catch (error) {
        if (isMissing(error)) {
          // S3 answers a condition on an object that is gone as it answers a read of it.
          throw new TwinError('CONFLICT', `${at(key)} is gone: somebody else removed it.`, {
            cause: error,
          });
        }
        throw toTwinError(error, `Could not write ${at(key)}`);
      }
    },

    async list(under) {
      const keys: string[] = [];
      let token: string | undefined;
      try {
        do {
          const output = await client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix + under,
              ...(token === undefined ? {} : { ContinuationToken: token }),
            }),
          );
          for (const { Key } of output.Contents ?? []) {
            if (Key !== undefined) keys.push(Key.slice(prefix.length));
          }
          token = output.IsTruncated === true ? output.NextContinuationToken : undefined;
        } while (token !== undefined);
      } catch (error) {
        throw toTwinError(error, `Could not list ${at(under)}`);
      }
      return keys;
    },

    async delete(key) {
      const Key = keyOf(key);
      try {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
      } catch (error) {
        if (!isMissing(error)) throw toTwinError(error, `Could not delete ${at(key)}`);
      }
    },
  };
}

/** Where S3 is and how to get in; what is left out comes from the AWS SDK's own chain. */
export interface S3ClientOptions {
  /** An S3-compatible server of one's own; left out, AWS. */
  endpoint?: string;
  region?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** The SDK's client for S3, also for compatible servers. */
export function createS3Client(options: S3ClientOptions = {}): S3Client {
  return new S3Client({
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    // Compatible servers have no host name per bucket.
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000 },
  });
}
