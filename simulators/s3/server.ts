import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, TwinError } from '../../shared/core/index.js';
import { createFolderStore, type ObjectStore } from '../../shared/store/index.js';
import { ApiFault } from '../sitewise/api/faults.js';
import { type AcceptedCredentials, createSignatureVerifier } from '../sitewise/http/signature.js';

/** Longest body of a put, bytes. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** Keys in one page of a list. */
const PAGE = 1000;

/** Who may use the server, each within what its policies allow. */
export interface S3Principal extends AcceptedCredentials {
  allows(action: string, resource: string): boolean;
}

export interface S3Options {
  /** The folder of a bucket; undefined where there is no such bucket. */
  folderOf(bucket: string): string | undefined;
  /** The key that a bucket's objects are encrypted with, by its ARN. */
  keyOf(bucket: string): string | undefined;
  principals: readonly S3Principal[];
}

/** A stand-in for S3: objects in folders, by path-style requests. */
export interface S3 {
  endpoint: string;
  close(): Promise<void>;
}

class S3Fault extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const xmlText = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const quoted = (etag: string) => `"${etag}"`;
const header = (request: IncomingMessage, name: string) => {
  const value = request.headers[name];
  return typeof value === 'string' ? value.replaceAll('"', '') : undefined;
};

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new S3Fault('EntityTooLarge', 400, 'The object is too large.');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function toFault(error: unknown): S3Fault {
  if (error instanceof S3Fault) return error;
  if (error instanceof ApiFault) {
    const code =
      error.code === 'UnrecognizedClientException' ? 'InvalidAccessKeyId' : 'SignatureDoesNotMatch';
    return new S3Fault(code, 403, error.message);
  }
  if (error instanceof TwinError && error.code === 'CONFLICT') {
    return new S3Fault('PreconditionFailed', 412, error.message);
  }
  if (error instanceof TwinError && error.code === 'VALUE_INVALID') {
    return new S3Fault('InvalidArgument', 400, error.message);
  }
  return new S3Fault('InternalError', 500, messageOf(error));
}

/**
 * Starts the stand-in on a free loopback port: GetObject, PutObject (with `If-Match` and
 * `If-None-Match`), DeleteObject and ListObjectsV2. Signatures are checked, and policies: those of
 * the bucket's key, too.
 */
export async function startS3(options: S3Options): Promise<S3> {
  const principals = new Map(options.principals.map((p) => [p.accessKeyId, p]));
  const verifier = createSignatureVerifier((id) => principals.get(id), Date.now, 's3');

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/', query = ''] = (request.url ?? '/').split('?');
    const method = request.method ?? 'GET';
    const body = await bodyOf(request);
    const { accessKeyId } = verifier.verify({
      method,
      path,
      query,
      headers: request.headers,
      body,
    });
    const principal = principals.get(accessKeyId) as S3Principal;
    const [bucket = '', ...rest] = path.slice(1).split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const require = (action: string, resource: string) => {
      if (principal.allows(action, resource)) return;
      throw new S3Fault(
        'AccessDenied',
        403,
        `The policies of this principal do not allow ${action} on ${resource}.`,
      );
    };
    const arn = `arn:aws:s3:::${bucket}`;
    const kmsKey = options.keyOf(bucket);
    const requireKey = (action: string) => {
      if (kmsKey !== undefined) require(action, kmsKey);
    };
    const open = (): ObjectStore => {
      const folder = options.folderOf(bucket);
      if (folder === undefined) {
        throw new S3Fault('NoSuchBucket', 404, `There is no bucket ${bucket}.`);
      }
      return createFolderStore(folder);
    };
    if (key === '' && method === 'GET') {
      require('s3:ListBucket', arn);
      return list(open(), bucket, new URLSearchParams(query), response);
    }
    if (key === '')
      throw new S3Fault('NotImplemented', 501, `${method} of a bucket is not offered.`);
    const object = `${arn}/${key}`;
    if (method === 'GET') {
      require('s3:GetObject', object);
      requireKey('kms:Decrypt');
      const found = await open().get(key);
      if (found === undefined) {
        throw new S3Fault('NoSuchKey', 404, 'The specified key does not exist.');
      }
      response.writeHead(200, {
        etag: quoted(found.etag),
        'content-length': found.body.length,
        'content-type': 'application/octet-stream',
      });
      response.end(found.body);
    } else if (method === 'PUT') {
      require('s3:PutObject', object);
      requireKey('kms:GenerateDataKey');
      const ifMatch = header(request, 'if-match');
      const ifNoneMatch = header(request, 'if-none-match');
      const { etag } = await open().put(key, body, {
        ...(ifMatch === undefined ? {} : { ifMatch }),
        ...(ifNoneMatch === '*' ? { ifNoneMatch } : {}),
      });
      response.writeHead(200, { etag: quoted(etag), 'content-length': 0 });
      response.end();
    } else if (method === 'DELETE') {
      require('s3:DeleteObject', object);
      await open().delete(key);
      response.writeHead(204);
      response.end();
    } else throw new S3Fault('NotImplemented', 501, `${method} of an object is not offered.`);
  }

  async function list(
    store: ObjectStore,
    bucket: string,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const keys = (await store.list(prefix)).filter((k) => after === '' || k > after);
    const page = keys.slice(0, PAGE);
    const more = keys.length > PAGE;
    const text = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${xmlText(bucket)}</Name><Prefix>${xmlText(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${PAGE}</MaxKeys><IsTruncated>${more}</IsTruncated>${page.map((k) => `<Contents><Key>${xmlText(k)}</Key></Contents>`).join('')}${more ? `<NextContinuationToken>${xmlText(page.at(-1) ?? '')}</NextContinuationToken>` : ''}</ListBucketResult>`;
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(text);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const { code, status, message } = toFault(error);
      if (response.headersSent) {
        response.destroy();
        return;
      }
      response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' });
      response.end(
        `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${xmlText(message)}</Message></Error>`,
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
