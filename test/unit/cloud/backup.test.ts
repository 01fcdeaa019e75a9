import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  backUpStore,
  createFolderStore,
  createS3Client,
  createS3Store,
  type ObjectStore,
  restoreStore,
} from '../../../shared/store/index.js';
import { type S3, startS3 } from '../../../simulators/s3/index.js';

let folder: string;
let s3: S3;
let count = 0;
const credentials = { accessKeyId: 'AKIATWINLOOP', secretAccessKey: 'secret' };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-backup-'));
  s3 = await startS3({
    folderOf: (bucket) => join(folder, bucket),
    keyOf: () => undefined,
    principals: [{ ...credentials, allows: () => true }],
  });
});
afterAll(async () => {
  await s3.close();
  await rm(folder, { recursive: true, force: true });
});

const text = (body: string) => new TextEncoder().encode(body);
const PLACES: [string, () => ObjectStore][] = [
  ['a folder', () => createFolderStore(join(folder, String(count++)))],
  [
    'S3',
    () =>
      createS3Store({
        bucket: `bucket-${count++}`,
        prefix: 'plant',
        client: createS3Client({ endpoint: s3.endpoint, region: 'eu-west-1', credentials }),
      }),
  ],
];

describe.each(PLACES)('a backup of a store in %s', (_name, place) => {
  async function filled(): Promise<ObjectStore> {
    const store = place();
    await store.put('state/f/a1.json', text('state of a1'));
    await store.put('state/f/a2.json', text('state of a2'));
    await store.put('versions/pump/abc/model.fmu', new Uint8Array([0, 255, 1]));
    await store.put('versions/pump/abc/twin.json', text('{}'));
    await store.put('fleet/fleet.json', text('{}'));
    await store.put('reports/f/one.json', text('report'));
    await store.put('other/thing.txt', text('not ours'));
    return store;
  }

  it('brings states and models back into an empty store, byte for byte', async () => {
    const store = await filled();
    const [backup, empty] = [place(), place()];
    const objects = await backUpStore(store, backup);
    expect(objects.map((o) => o.key)).toEqual([
      'fleet/fleet.json',
      'state/f/a1.json',
      'state/f/a2.json',
      'versions/pump/abc/model.fmu',
      'versions/pump/abc/twin.json',
    ]);
    expect(await restoreStore(backup, empty)).toMatchObject({ same: 0 });
    for (const { key } of objects) {
      expect((await empty.get(key))?.body).toEqual((await store.get(key))?.body);
    }
    expect(await restoreStore(backup, empty)).toEqual({ restored: [], same: 5 });
  });

  it('overwrites nothing that has changed unless told so, then only what is asked for', async () => {
    const store = await filled();
    const backup = place();
    await backUpStore(store, backup, { reports: true });
    await store.put('state/f/a1.json', text('newer'));
    await store.put('state/f/a2.json', text('newer'));
    await store.delete('fleet/fleet.json');
    await expect(restoreStore(backup, store)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(
        /state\/f\/a1\.json, state\/f\/a2\.json.*nothing was restored/,
      ),
    });
    expect(await store.get('fleet/fleet.json')).toBeUndefined();
    const done = await restoreStore(backup, store, { overwrite: true, prefix: 'state/f/a1' });
    expect(done.restored).toEqual(['state/f/a1.json']);
    const bodyOf = async (key: string) => new TextDecoder().decode((await store.get(key))?.body);
    expect(await bodyOf('state/f/a1.json')).toBe('state of a1');
    expect(await bodyOf('state/f/a2.json')).toBe('newer');
  });

  it('refuses a place that is taken, one without a backup, and a damaged one before it writes', async () => {
    const store = await filled();
    const [backup, empty] = [place(), place()];
    await expect(backUpStore(empty, backup)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(restoreStore(empty, store)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await backUpStore(store, backup);
    await expect(backUpStore(store, backup)).rejects.toMatchObject({ code: 'USAGE' });
    await backup.put('objects/state/f/a2.json', text('damaged'));
    await expect(restoreStore(backup, empty)).rejects.toMatchObject({
      code: 'FILE_INVALID',
      message: expect.stringContaining('state/f/a2.json'),
    });
    expect(await empty.list('')).toEqual([]);
    await backup.put('backup.json', text('{"format":"other"}'));
    await expect(restoreStore(backup, empty)).rejects.toMatchObject({ code: 'FILE_INVALID' });
  });
});

it('is not begun where the backup cannot be written', async () => {
  await writeFile(join(folder, 'a-file'), '');
  const store = createFolderStore(join(folder, 'source'));
  await store.put('state/f/a.json', text('x'));
  const place = createFolderStore(join(folder, 'a-file', 'below'));
  await expect(backUpStore(store, place)).rejects.toMatchObject({ code: 'STORAGE' });
});
