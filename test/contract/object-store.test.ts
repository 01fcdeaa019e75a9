import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiledEntry } from '../../shared/core/index.js';
import {
  createFolderStore,
  createS3Client,
  createS3Store,
  type ObjectStore,
} from '../../shared/store/index.js';
import { type S3, startS3 } from '../../simulators/s3/index.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array | undefined) => new TextDecoder().decode(body);

function contract(open: () => { store: ObjectStore; reopen: () => ObjectStore }): void {
  let store: ObjectStore;
  let reopen: () => ObjectStore;
  beforeAll(() => {
    ({ store, reopen } = open());
  });
  const key = (name: string) => `contract/${randomUUID()}/${name}`;

  test('gives back what was put, byte for byte', async () => {
    const k = key('bytes.bin');
    const body = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256);
    const { etag } = await store.put(k, body);
    const found = await reopen().get(k);
    expect(Buffer.from(found?.body ?? []).equals(Buffer.from(body))).toBe(true);
    expect(found?.etag).toBe(etag);
  });

  test('has nothing under a key that was never written', async () => {
    expect(await store.get(key('nothing'))).toBeUndefined();
  });

  test('holds empty objects', async () => {
    const k = key('empty');
    await store.put(k, new Uint8Array());
    expect((await store.get(k))?.body).toHaveLength(0);
  });

  test('creates only where nothing is when asked to', async () => {
    const k = key('create');
    await store.put(k, bytes('first'), { ifNoneMatch: '*' });
    await expect(store.put(k, bytes('second'), { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(text((await store.get(k))?.body)).toBe('first');
  });

  test('overwrites only the version that was read when asked to', async () => {
    const k = key('swap');
    const first = await store.put(k, bytes('1'));
    const second = await store.put(k, bytes('2'), { ifMatch: first.etag });
    expect(second.etag).not.toBe(first.etag);
    await expect(store.put(k, bytes('x'), { ifMatch: first.etag })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(text((await store.get(k))?.body)).toBe('2');
  });

  test('refuses to overwrite what was removed meanwhile', async () => {
    const k = key('gone');
    const { etag } = await store.put(k, bytes('1'));
    await store.delete(k);
    await expect(store.put(k, bytes('2'), { ifMatch: etag })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(await store.get(k)).toBeUndefined();
  });

  test('lets exactly one of many racing writers win', async () => {
    const k = key('race');
    const { etag } = await store.put(k, bytes('start'));
    const stores = [store, reopen(), reopen()];
    const attempts = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) =>
        (stores[i % 3] as ObjectStore).put(k, bytes(`writer ${i}`), { ifMatch: etag }),
      ),
    );
    const winners = attempts.flatMap((a, i) => (a.status === 'fulfilled' ? [i] : []));
    expect(winners).toHaveLength(1);
    for (const a of attempts) {
      if (a.status === 'rejected') expect(a.reason).toMatchObject({ code: 'CONFLICT' });
    }
    expect(text((await store.get(k))?.body)).toBe(`writer ${winners[0]}`);
  });

  test('lists by prefix in order, and no more after a removal', async () => {
    const base = key('list');
    for (const name of ['b/2', 'a/1', 'b/1', 'c']) await store.put(`${base}/${name}`, bytes(name));
    expect(await store.list(`${base}/`)).toEqual(
      ['a/1', 'b/1', 'b/2', 'c'].map((name) => `${base}/${name}`),
    );
    expect(await store.list(`${base}/b`)).toEqual([`${base}/b/1`, `${base}/b/2`]);
    await store.delete(`${base}/b/1`);
    await store.delete(`${base}/b/1`);
    expect(await store.list(`${base}/b`)).toEqual([`${base}/b/2`]);
    expect(await store.list(`${base}/zzz`)).toEqual([]);
  });

  test.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', '.store/lock', 'a/.b', 'a b', 'a\\b', 'ä'])(
    'refuses %j as a key',
    async (bad) => {
      await expect(store.get(bad)).rejects.toMatchObject({ code: 'VALUE_INVALID' });
      await expect(store.put(bad, bytes('x'))).rejects.toMatchObject({ code: 'VALUE_INVALID' });
      await expect(store.delete(bad)).rejects.toMatchObject({ code: 'VALUE_INVALID' });
    },
  );
}

describe('folder store', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'twinloop-store-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  contract(() => ({
    store: createFolderStore(directory),
    reopen: () => createFolderStore(directory),
  }));

  test('loses no increment of a counter that processes race for', async () => {
    const store = createFolderStore(directory);
    await store.put('counter', bytes('0'));
    const entry = pathToFileURL(compiledEntry('shared/store/index')).href;
    const script = `
      const { createFolderStore } = await import(${JSON.stringify(entry)});
      const store = createFolderStore(${JSON.stringify(directory)});
      for (let done = 0; done < 25; ) {
        const { body, etag } = await store.get('counter');
        const next = String(Number(new TextDecoder().decode(body)) + 1);
        try {
          await store.put('counter', new TextEncoder().encode(next), { ifMatch: etag });
          done++;
        } catch (error) {
          if (error.code !== 'CONFLICT') throw error;
        }
      }`;
    const run = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    await Promise.all([run(), run(), run()]);
    expect(text((await store.get('counter'))?.body)).toBe('75');
  });
});

// Any S3-compatible server will do, e.g. moto's: TWINLOOP_TEST_S3=http://127.0.0.1:5000
const endpoint = process.env.TWINLOOP_TEST_S3;
describe.skipIf(endpoint === undefined)('S3 store (set TWINLOOP_TEST_S3 to its endpoint)', () => {
  const bucket = `twinloop-${randomUUID()}`;
  const client = createS3Client({
    endpoint: endpoint ?? '',
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  beforeAll(async () => {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  afterAll(() => client.destroy());

  contract(() => ({
    store: createS3Store({ bucket, prefix: 'state', client }),
    reopen: () => createS3Store({ bucket, prefix: 'state/', client }),
  }));
});

describe('S3 store on the stand-in for S3', () => {
  const bucket = 'contract';
  const accessKeyId = 'ASIACONTRACT';
  const denied = new Set<string>();
  let folder = '';
  let s3: S3 | undefined;
  let client = createS3Client();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'twinloop-s3-'));
    s3 = await startS3({
      folderOf: (name) => (name === bucket ? folder : undefined),
      keyOf: () => undefined,
      principals: [
        { accessKeyId, secretAccessKey: 'secret', allows: (action) => !denied.has(action) },
      ],
    });
    client = open('secret');
  });
  afterAll(async () => {
    client.destroy();
    await s3?.close();
    await rm(folder, { recursive: true, force: true });
  });
  const open = (secretAccessKey: string) =>
    createS3Client({
      endpoint: s3?.endpoint ?? '',
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
    });

  contract(() => ({
    store: createS3Store({ bucket, prefix: 'state', client }),
    reopen: () => createS3Store({ bucket, prefix: 'state/', client }),
  }));

  test('refuses what policies do not allow, keys that are wrong and buckets that are not there', async () => {
    const store = createS3Store({ bucket, client });
    const refused = { code: 'ACCESS_DENIED' };
    for (const [action, act] of [
      ['s3:GetObject', () => store.get('a')],
      ['s3:PutObject', () => store.put('a', bytes('x'))],
      ['s3:ListBucket', () => store.list('')],
      ['s3:DeleteObject', () => store.delete('a')],
    ] as const) {
      denied.add(action);
      await expect(act()).rejects.toMatchObject(refused);
      denied.delete(action);
    }
    const stranger = open('guessed');
    await expect(createS3Store({ bucket, client: stranger }).get('a')).rejects.toMatchObject(
      refused,
    );
    stranger.destroy();
    await expect(createS3Store({ bucket: 'elsewhere', client }).get('a')).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
