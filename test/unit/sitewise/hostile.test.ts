import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Sha256 } from '@aws-crypto/sha256-js';
import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetModelCommand,
  ListAssetModelsCommand,
} from '@aws-sdk/client-iotsitewise';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock, toTimeInNanos } from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
} from '../../../shared/sitewise/index.js';
import {
  AWS_QUOTAS,
  CONTROL_PATH,
  type SiteWise,
  startSiteWise,
} from '../../../simulators/sitewise/index.js';
import { afterTest, clientOf, openSiteWise } from '../../support/sitewise.js';

interface Sent {
  method?: string;
  path?: string;
  query?: Record<string, string>;
  body?: string;
  signingDate?: Date;
  presign?: boolean;
  headers?: Record<string, string>;
  region?: string;
}

/** Signs and sends whatever it is given; undefined when the connection ends without an answer. */
async function send(siteWise: SiteWise, sent: Sent) {
  const { hostname, port, host } = new URL(siteWise.endpoint);
  const { method = 'GET', path = '/asset-models', query = {}, body } = sent;
  const signer = new SignatureV4({
    service: 'iotsitewise',
    region: sent.region ?? siteWise.region,
    credentials: siteWise.credentials,
    sha256: Sha256,
  });
  const plain = {
    method,
    protocol: 'http:',
    hostname,
    port: Number(port),
    path,
    query,
    headers: { host, ...sent.headers },
    ...(body === undefined ? {} : { body }),
  };
  const date = sent.signingDate === undefined ? {} : { signingDate: sent.signingDate };
  const signed = sent.presign
    ? await signer.presign(plain, { expiresIn: 60, ...date })
    : await signer.sign(plain, date);
  const search = new URLSearchParams(signed.query as Record<string, string>).toString();
  return await raw(siteWise, {
    method,
    path: search === '' ? path : `${path}?${search}`,
    headers: signed.headers,
    body,
  });
}

function raw(
  siteWise: SiteWise,
  sent: {
    method: string;
    path: string;
    headers?: Record<string, string>;
    body?: string | undefined;
  },
): Promise<{ status: number; errorType: string | undefined } | undefined> {
  const { hostname, port } = new URL(siteWise.endpoint);
  return new Promise((resolve) => {
    const request = httpRequest(
      { hostname, port, method: sent.method, path: sent.path, headers: sent.headers ?? {} },
      (response) => {
        response.resume();
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            errorType: response.headers['x-amzn-errortype'] as string | undefined,
          }),
        );
      },
    );
    request.on('error', () => resolve(undefined));
    request.end(sent.body);
  });
}

async function isAlive(siteWise: SiteWise): Promise<void> {
  expect((await send(siteWise, {}))?.status).toBe(200);
}

test('signatures: header and presigned are taken; wrong, old, early, foreign and missing are not', async () => {
  const siteWise = await openSiteWise();
  const errorOf = async (sent: Sent) => (await send(siteWise, sent))?.errorType;
  const inMinutes = (m: number) => new Date(Date.now() + m * 60_000);
  expect(await errorOf({})).toBeUndefined();
  expect(await errorOf({ presign: true })).toBeUndefined();
  expect(await errorOf({ query: { maxResults: '1' } })).toBeUndefined();
  expect(await errorOf({ signingDate: inMinutes(-20) })).toBe('InvalidSignatureException');
  expect(await errorOf({ signingDate: inMinutes(20) })).toBe('InvalidSignatureException');
  expect(await errorOf({ presign: true, signingDate: inMinutes(-5) })).toBe(
    'InvalidSignatureException',
  );
  const unsigned = await raw(siteWise, { method: 'GET', path: '/asset-models' });
  expect(unsigned).toEqual({ status: 403, errorType: 'MissingAuthenticationTokenException' });
  const stranger = {
    ...siteWise,
    credentials: { accessKeyId: 'AKIDNOBODY', secretAccessKey: 'x' },
  };
  expect((await send(stranger, {}))?.errorType).toBe('UnrecognizedClientException');
  const forged = { ...siteWise, credentials: { ...siteWise.credentials, secretAccessKey: 'x' } };
  expect((await send(forged, {}))?.errorType).toBe('InvalidSignatureException');
  const withToken = { ...siteWise, credentials: { ...siteWise.credentials, sessionToken: 'x' } };
  expect((await send(withToken, {}))?.errorType).toBe('UnrecognizedClientException');
});

test('a session token has to be the right one', async () => {
  const credentials = { accessKeyId: 'ASIA1', secretAccessKey: 's', sessionToken: 'token' };
  const siteWise = await openSiteWise({ credentials });
  await isAlive(siteWise);
  const other = { ...siteWise, credentials: { ...credentials, sessionToken: 'other' } };
  expect((await send(other, {}))?.errorType).toBe('UnrecognizedClientException');
  expect((await send(other, { presign: true }))?.errorType).toBe('UnrecognizedClientException');
  expect((await send(siteWise, { presign: true }))?.status).toBe(200);
});

test('a gateway user logs in for keys that read, in region edge only', async () => {
  const siteWise = await openSiteWise({ edgeUsers: [{ username: 'u', password: 'p' }] });
  const login = (password: string) =>
    fetch(`${siteWise.endpoint}/authenticate`, {
      method: 'POST',
      body: JSON.stringify({ username: 'u', password, authMechanism: 'linux' }),
    });
  expect((await login('wrong')).status).toBe(403);
  const keys = (await (await login('p')).json()) as SiteWise['credentials'];
  const client = createSiteWiseClient({
    endpoint: siteWise.endpoint,
    region: 'edge',
    credentials: keys,
  });
  afterTest(() => client.destroy());
  const { assetModelSummaries } = await client.send(new ListAssetModelsCommand({}));
  expect(assetModelSummaries).toEqual([]);
  await expect(
    client.send(new CreateAssetModelCommand({ assetModelName: 'x' })),
  ).rejects.toMatchObject({ name: 'AccessDeniedException' });
  const elsewhere = { ...siteWise, region: 'us-east-1', credentials: keys };
  expect((await send(elsewhere, {}))?.errorType).toBe('InvalidSignatureException');
});

test('it does not listen off loopback with keys that everyone knows', async () => {
  await expect(startSiteWise({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'USAGE' });
});

test('one data folder has one server, and a port in use is named', async () => {
  const siteWise = await openSiteWise();
  const port = Number(new URL(siteWise.endpoint).port);
  await expect(startSiteWise({ port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
});

test('malformed bodies and paths are refused, whatever they are', async () => {
  const siteWise = await openSiteWise();
  const post = (body: string) => send(siteWise, { method: 'POST', path: '/properties', body });
  for (const body of [
    '{',
    '[]',
    '7',
    'null',
    '"x"',
    '{"entries":{}}',
    '\u0000',
    '{"entries":[null]}',
  ]) {
    expect((await post(body))?.errorType).toBe('SerializationException');
  }
  const deep = `{"entries":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  expect((await post(deep))?.status).toBeGreaterThanOrEqual(400);
  const paths = [
    '/../../etc/passwd',
    '/assets/..%2f..%2fetc',
    '/assets/%',
    '/assets/%00',
    '//',
    '/x',
  ];
  for (const path of paths) {
    const answer = await raw(siteWise, { method: 'GET', path });
    expect(answer?.status).toBeGreaterThanOrEqual(400);
    expect(answer?.status).toBeLessThan(500);
  }
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 4 }), async (body) => {
      const answer = await post(body);
      expect(answer?.status).toBe(400);
    }),
    { numRuns: 150 },
  );
  await isAlive(siteWise);
  expect(siteWise.counters.faults.InternalFailureException).toBeUndefined();
});

test('a huge body is refused before it is read to its end', async () => {
  const siteWise = await openSiteWise();
  const { hostname, port } = new URL(siteWise.endpoint);
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', () => {});
    socket.write(
      'POST /properties HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000000\r\n\r\n{"entries":',
    );
  });
  expect(answer).toContain('413');
  await isAlive(siteWise);
});

test('what is no HTTP is closed', async () => {
  const siteWise = await openSiteWise();
  const { hostname, port } = new URL(siteWise.endpoint);
  const closed = await new Promise<string>((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', () => {});
    socket.write('\u0016\u0003\u0001 not http at all\r\n\r\n');
  });
  expect(closed).toContain('400');
  await isAlive(siteWise);
});

const putOf = (count: number, seconds: number) =>
  new BatchPutAssetPropertyValueCommand({
    entries: [
      {
        entryId: '1',
        propertyAlias: '/a',
        propertyValues: Array.from({ length: count }, (_, i) => ({
          value: { doubleValue: i },
          timestamp: { timeInSeconds: seconds - i },
        })),
      },
    ],
  });

test('the default quotas throttle requests, and values per property', async () => {
  const siteWise = await openSiteWise({ quotas: AWS_QUOTAS });
  const client = clientOf(siteWise);
  const now = Math.floor(Date.now() / 1000);
  const first = await client.send(putOf(10, now));
  expect(first.errorEntries).toEqual([]);
  const second = await client.send(putOf(10, now - 10));
  expect(second.errorEntries?.[0]?.errors?.[0]?.errorCode).toBe('ThrottlingException');
  const models = await Promise.allSettled(
    Array.from({ length: 40 }, () => client.send(new ListAssetModelsCommand({}))),
  );
  const refused = models.filter((r) => r.status === 'rejected').map((r) => r.reason.name);
  expect(new Set(refused)).toEqual(new Set(['ThrottlingException']));
});

test('fault rules: by control endpoint, by header, for entries and for connections', async () => {
  const siteWise = await openSiteWise();
  const client = clientOf(siteWise);
  const control = (method: string, rules?: unknown, token = siteWise.credentials.secretAccessKey) =>
    fetch(siteWise.endpoint + CONTROL_PATH, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(rules === undefined ? {} : { body: JSON.stringify(rules) }),
    });
  expect((await control('PUT', [], 'wrong')).status).toBe(403);
  expect((await control('PUT', [{ rat: 1 }])).status).toBe(400);
  const rule = { operation: 'ListAssetModels', error: 'ServiceUnavailableException', count: 2 };
  expect((await control('PUT', [rule])).status).toBe(200);
  const list = () => client.send(new ListAssetModelsCommand({}));
  await expect(list()).rejects.toMatchObject({ name: 'ServiceUnavailableException' });
  await expect(list()).rejects.toMatchObject({ name: 'ServiceUnavailableException' });
  await list();
  const header = { 'x-twinloop-fault': 'error=ThrottlingException, latencyMs=1' };
  expect((await send(siteWise, { headers: header }))?.status).toBe(429);
  const timeNs = systemClock.nowNs();
  siteWise.faults.set([{ drop: 'after', operation: 'BatchPutAssetPropertyValue', count: 1 }]);
  const lost = client.send(putOf(1, toTimeInNanos(timeNs).timeInSeconds));
  await expect(lost).rejects.toThrow();
  expect(siteWise.counters.values).toBe(1);
  await isAlive(siteWise);
});

test('a writer gets everything through partial errors, throttling and lost answers, once', async () => {
  const siteWise = await openSiteWise();
  const client = clientOf(siteWise);
  siteWise.faults.set([
    {
      operation: 'BatchPutAssetPropertyValue',
      entryError: 'InternalFailureException',
      entryRate: 0.3,
    },
    { operation: 'BatchPutAssetPropertyValue', rate: 0.2, error: 'ThrottlingException' },
    { operation: 'BatchPutAssetPropertyValue', rate: 0.1, drop: 'after' },
  ]);
  const startNs = systemClock.nowNs() - 3_600_000_000_000n;
  const samples = Array.from({ length: 1200 }, (_, i) => ({
    alias: `/s${i % 7}`,
    timeNs: startNs + BigInt(i) * 1_000_000n,
    quality: 'GOOD' as const,
    value: i,
  }));
  const writer = createSiteWiseWriter({ client, backoffMs: 1, maxAttempts: 40 });
  expect(await writer.write(samples)).toMatchObject({ accepted: 1200, rejected: [], retry: [] });
  siteWise.faults.set([]);
  const history = await createSiteWiseReader({ client }).history({
    aliases: [0, 1, 2, 3, 4, 5, 6].map((i) => `/s${i}`),
    afterNs: startNs - 1n,
    untilNs: systemClock.nowNs(),
  });
  const values = [...history.values()].flatMap((list) => list.map((v) => v.value as number));
  expect(values.sort((a, b) => a - b)).toEqual(samples.map((s) => s.value));
});
