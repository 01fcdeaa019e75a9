import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ApiFault } from '../api/faults.js';

/** Keys that a caller may sign with. */
export interface AcceptedCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** From then on the token counts as expired, epoch milliseconds. */
  expiresAtMs?: number;
  /** The only region that may be signed for; default: any. */
  region?: string;
  /** Whether only reading is allowed. */
  readOnly?: boolean;
}

/** A request as far as its signature goes. */
export interface SignedRequest {
  method: string;
  /** Path as it was sent, still encoded, without the query. */
  path: string;
  /** Query as it was sent, without the question mark. */
  query: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Uint8Array;
}

/** What requests are signed for. S3 has rules of its own for paths and bodies. */
export type SignedService = 'iotsitewise' | 'iottwinmaker' | 's3';
const ALGORITHM = 'AWS4-HMAC-SHA256';
/** How far the signer's clock may be off. */
const MAX_SKEW_MS = 5 * 60_000;
/** Longest life of a presigned request, seconds. */
const MAX_EXPIRES_S = 7 * 86_400;

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Uint8Array, data: string) =>
  createHmac('sha256', key).update(data).digest();

/** RFC 3986: everything but letters, digits and `-._~` percent-encoded. */
const encode = (text: string) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );

interface Signature {
  accessKeyId: string;
  date: string;
  region: string;
  signedHeaders: string[];
  signature: string;
  /** `yyyymmddThhmmssZ`. */
  amzDate: string;
  sessionToken: string | undefined;
  presigned: boolean;
  expiresS: number | undefined;
}

function parseScope(
  credential: string,
  wanted: SignedService,
): { accessKeyId: string; date: string; region: string } {
  const parts = credential.split('/');
  const [accessKeyId = '', date = '', region = '', service, terminator] = parts;
  if (parts.length !== 5 || accessKeyId === '' || terminator !== 'aws4_request') {
    throw new ApiFault(
      'IncompleteSignatureException',
      `The credential must be <key>/<date>/<region>/${wanted}/aws4_request.`,
    );
  }
  if (service !== wanted) {
    throw new ApiFault(
      'InvalidSignatureException',
      `Credential should be scoped to correct service: '${wanted}'.`,
    );
  }
  return { accessKeyId, date, region };
}

const textOf = (value: string | string[] | undefined) =>
  Array.isArray(value) ? value.join(',') : value;

function parseHeader(
  authorization: string,
  request: SignedRequest,
  service: SignedService,
): Signature {
  const space = authorization.indexOf(' ');
  const fields = new Map(
    authorization
      .slice(space + 1)
      .split(',')
      .map((part) => {
        const [key = '', ...rest] = part.trim().split('=');
        return [key, rest.join('=')] as const;
      }),
  );
  const credential = fields.get('Credential');
  const signature = fields.get('Signature');
  const signedHeaders = fields.get('SignedHeaders');
  if (
    authorization.slice(0, space) !== ALGORITHM ||
    credential === undefined ||
    signature === undefined ||
    signedHeaders === undefined
  ) {
    throw new ApiFault(
      'IncompleteSignatureException',
      `The Authorization header must be ${ALGORITHM} with Credential, SignedHeaders and Signature.`,
    );
  }
  const amzDate = textOf(request.headers['x-amz-date']);
  if (amzDate === undefined) {
    throw new ApiFault('IncompleteSignatureException', 'The X-Amz-Date header is missing.');
  }
  return {
    ...parseScope(credential, service),
    signedHeaders: signedHeaders.split(';'),
    signature,
    amzDate,
    sessionToken: textOf(request.headers['x-amz-security-token']),
    presigned: false,
    expiresS: undefined,
  };
}

function parseQuery(query: URLSearchParams, service: SignedService): Signature {
  const take = (name: string) => {
    const value = query.get(name);
    if (value === null) {
      throw new ApiFault('IncompleteSignatureException', `The query parameter ${name} is missing.`);
    }
    return value;
  };
  if (take('X-Amz-Algorithm') !== ALGORITHM) {
    throw new ApiFault('IncompleteSignatureException', `X-Amz-Algorithm must be ${ALGORITHM}.`);
  }
  const expiresS = Number(take('X-Amz-Expires'));
  if (!Number.isInteger(expiresS) || expiresS < 1 || expiresS > MAX_EXPIRES_S) {
    throw new ApiFault(
      'IncompleteSignatureException',
      `X-Amz-Expires must be between 1 and ${MAX_EXPIRES_S} seconds.`,
    );
  }
  return {
    ...parseScope(take('X-Amz-Credential'), service),
    signedHeaders: take('X-Amz-SignedHeaders').split(';'),
    signature: take('X-Amz-Signature'),
    amzDate: take('X-Amz-Date'),
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
    presigned: true,
    expiresS,
  };
}

function parseAmzDate(amzDate: string): number {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate);
  const ms =
    m === null ? Number.NaN : Date.parse(`${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}Z`);
  if (Number.isNaN(ms)) {
    throw new ApiFault(
      'IncompleteSignatureException',
      'Date must be in ISO-8601 basic format, YYYYMMDDThhmmssZ.',
    );
  }
  return ms;
}

function canonicalQuery(query: string, presigned: boolean): string {
  if (query === '') return '';
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=');
      const key = at < 0 ? part : part.slice(0, at);
      const value = at < 0 ? '' : part.slice(at + 1);
      const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
      return [encode(decode(key)), encode(decode(value))] as const;
    })
    .filter(([key]) => !(presigned && key === 'X-Amz-Signature'))
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : x > y ? 1 : 0) : a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join('&');
}

/** The path encoded once more, as every service but S3 has it, without empty and dot segments. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  const slash = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.map(encode).join('/')}${slash}`;
}

/** The digest of the body that was signed: S3's clients send it, others leave it to the reader. */
function payloadHash(request: SignedRequest, service: SignedService): string {
  const own = sha256(request.body);
  const sent = textOf(request.headers['x-amz-content-sha256']);
  if (service !== 's3' || sent === undefined) return own;
  if (/^[0-9a-f]{64}$/.test(sent) && sent !== own) {
    throw new ApiFault(
      'InvalidSignatureException',
      'The body does not match its x-amz-content-sha256.',
    );
  }
  return sent;
}

function canonicalRequest(
  request: SignedRequest,
  signature: Signature,
  service: SignedService,
): string {
  const headers = signature.signedHeaders.map((name) => {
    const value = textOf(request.headers[name]);
    if (value === undefined) {
      throw new ApiFault('InvalidSignatureException', `The signed header ${name} was not sent.`);
    }
    return `${name}:${value.trim().replace(/\s+/g, ' ')}\n`;
  });
  return [
    request.method,
    service === 's3' ? request.path : canonicalPath(request.path),
    canonicalQuery(request.query, signature.presigned),
    headers.join(''),
    signature.signedHeaders.join(';'),
    payloadHash(request, service),
  ].join('\n');
}

function same(a: string, b: string): boolean {
  const x = Buffer.from(a);
  const y = Buffer.from(b);
  return x.length === y.length && timingSafeEqual(x, y);
}

/** Checks Signature Version 4, in the header or in the query, with or without a session token. */
export interface SignatureVerifier {
  /**
   * @returns the key that signed
   * @throws ApiFault as AWS answers: missing, incomplete, unknown key, wrong, skewed, expired
   */
  verify(request: SignedRequest): AcceptedCredentials;
}

/**
 * A verifier over the keys that `find` knows.
 *
 * @param nowMs wall time, epoch milliseconds
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function createSignatureVerifier(
  find: (accessKeyId: string) => AcceptedCredentials | undefined,
  nowMs: () => number,
  service: SignedService = 'iotsitewise',
): SignatureVerifier {
  const signingKeys = new Map<string, Buffer>();
  function signingKey(secret: string, date: string, region: string): Buffer {
    const id = `${secret}\n${date}\n${region}`;
    let key = signingKeys.get(id);
    if (key === undefined) {
      if (signingKeys.size > 1000) signingKeys.clear();
      key = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), 'aws4_request');
      signingKeys.set(id, key);
    }
    return key;
  }

  return {
    verify(request) {
      const authorization = textOf(request.headers.authorization);
      let signature: Signature;
      if (authorization !== undefined) signature = parseHeader(authorization, request, service);
      else {
        const query = new URLSearchParams(request.query);
        if (!query.has('X-Amz-Signature')) {
          throw new ApiFault('MissingAuthenticationTokenException', 'Missing Authentication Token');
        }
        signature = parseQuery(query, service);
      }
      const credentials = find(signature.accessKeyId);
      if (
        credentials === undefined ||
        (credentials.sessionToken ?? '') !== (signature.sessionToken ?? '')
      ) {
        throw new ApiFault(
          'UnrecognizedClientException',
          'The security token included in the request is invalid.',
        );
      }
      if (credentials.region !== undefined && credentials.region !== signature.region) {
        throw new ApiFault(
          'InvalidSignatureException',
          `Credential should be scoped to a valid region: '${credentials.region}'.`,
        );
      }
      const signedAtMs = parseAmzDate(signature.amzDate);
      checkTime(signature, signedAtMs, nowMs());
      if (credentials.expiresAtMs !== undefined && nowMs() >= credentials.expiresAtMs) {
        throw new ApiFault(
          'ExpiredTokenException',
          'The security token included in the request is expired.',
        );
      }
      if (!signature.signedHeaders.includes('host')) {
        throw new ApiFault('InvalidSignatureException', 'The host header must be signed.');
      }
      let canonical: string;
      try {
        canonical = canonicalRequest(request, signature, service);
      } catch (error) {
        if (error instanceof ApiFault) throw error;
        throw new ApiFault('InvalidSignatureException', 'The query is not properly encoded.');
      }
      const toSign = [
        ALGORITHM,
        signature.amzDate,
        `${signature.date}/${signature.region}/${service}/aws4_request`,
        sha256(canonical),
      ].join('\n');
      const key = signingKey(credentials.secretAccessKey, signature.date, signature.region);
      if (!same(hmac(key, toSign).toString('hex'), signature.signature)) {
        throw new ApiFault(
          'InvalidSignatureException',
          'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
        );
      }
      return credentials;
    },
  };
}

function checkTime(signature: Signature, signedAtMs: number, nowMs: number): void {
  if (!signature.amzDate.startsWith(signature.date)) {
    throw new ApiFault(
      'InvalidSignatureException',
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.',
    );
  }
  const lifeMs = signature.expiresS === undefined ? MAX_SKEW_MS : signature.expiresS * 1000;
  if (nowMs > signedAtMs + lifeMs) {
    throw new ApiFault(
      'InvalidSignatureException',
      `Signature expired: ${signature.amzDate} is now earlier than ${new Date(nowMs - lifeMs).toISOString()}.`,
    );
  }
  if (signedAtMs > nowMs + MAX_SKEW_MS) {
    throw new ApiFault(
      'InvalidSignatureException',
      `Signature not yet current: ${signature.amzDate} is still later than ${new Date(nowMs + MAX_SKEW_MS).toISOString()}.`,
    );
  }
}
