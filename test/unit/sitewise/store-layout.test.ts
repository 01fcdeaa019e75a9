import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchPutAssetPropertyValueCommand,
  DescribeAssetCommand,
  GetAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
} from '@aws-sdk/client-iotsitewise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/sitewise/index.js';
import { openLmdbStore } from '../../../simulators/sitewise/store/key-value.js';
import { RecordTable } from '../../../simulators/sitewise/store/records.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'twinloop-layout-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

type Setting = Record<string, unknown>;

/** Changes the note of a closed store's layout. */
async function note(change: (settings: RecordTable<Setting>) => void): Promise<void> {
  const store = openLmdbStore(join(dataDir, 'store'));
  const settings = new RecordTable<Setting>(store, 'setting');
  expect(settings.get('layout')).toEqual({ version: 1 });
  change(settings);
  await store.commit(settings.collect());
  await store.close();
}

async function withServer<T>(
  use: (client: ReturnType<typeof createSiteWiseClient>) => Promise<T>,
): Promise<T> {
  const siteWise = await startSiteWise({ dataDir });
  const client = createSiteWiseClient({ ...siteWise, maxAttempts: 1 });
  try {
    return await use(client);
  } finally {
    client.destroy();
    await siteWise.close();
  }
}

const put = () =>
  withServer((client) =>
    client.send(
      new BatchPutAssetPropertyValueCommand({
        entries: [
          {
            entryId: 'a',
            propertyAlias: '/a',
            propertyValues: [
              {
                value: { doubleValue: 1.5 },
                timestamp: { timeInSeconds: Math.floor(Date.now() / 1000) },
              },
            ],
          },
        ],
      }),
    ),
  );

test('a store from before layouts were noted is read as it is', async () => {
  await put();
  await note((settings) => settings.delete('layout'));
  const { propertyValue } = await withServer((client) =>
    client.send(new GetAssetPropertyValueCommand({ propertyAlias: '/a' })),
  );
  expect(propertyValue?.value?.doubleValue).toBe(1.5);
});

test('a store of November 2026 is read value for value, and written to', async () => {
  const file = packageFile('test/fixtures/older/sitewise-store.json');
  const older = JSON.parse(await readFile(file, 'utf8'));
  await mkdir(join(dataDir, 'store'));
  const store = openLmdbStore(join(dataDir, 'store'));
  await store.commit(
    older.rows.map(([key, value]: [string, string]) => ({
      key: Buffer.from(key, 'base64'),
      value: Buffer.from(value, 'base64'),
    })),
  );
  await store.close();
  const expected: Record<string, (k: number) => unknown> = {
    '/pump/flow': (k) => k / 7,
    '/free/text': (k) => `t${k}`,
    '/free/int': (k) => k,
    '/free/bool': (k) => k % 2 === 0,
  };
  await withServer(async (client) => {
    for (const [propertyAlias, value] of Object.entries(expected)) {
      for (const [i, quality] of (['GOOD', 'BAD', 'UNCERTAIN'] as const).entries()) {
        const { assetPropertyValueHistory = [] } = await client.send(
          new GetAssetPropertyValueHistoryCommand({
            propertyAlias,
            startDate: new Date((older.now - 1) * 1000),
            endDate: new Date((older.now + 100) * 1000),
            qualities: [quality],
          }),
        );
        const ks = Array.from({ length: 20 }, (_, k) => k).filter((k) => k % 3 === i);
        expect(
          assetPropertyValueHistory.map((v) => [
            v.timestamp?.timeInSeconds,
            v.timestamp?.offsetInNanos,
            Object.values(v.value ?? {})[0],
          ]),
        ).toEqual(ks.map((k) => [older.now + k, 5, value(k)]));
      }
    }
    const asset = await client.send(new DescribeAssetCommand({ assetId: older.assetId }));
    expect(asset.assetName).toBe('pump 1');
    const twice = asset.assetProperties?.find((p) => p.name === 'twice');
    const { propertyValue } = await client.send(
      new GetAssetPropertyValueCommand({ assetId: older.assetId, propertyId: twice?.id }),
    );
    // The newest good value, doubled by the model's transform.
    expect(propertyValue?.value?.doubleValue).toBe((2 * 18) / 7);
  });
  await put();
});

test('a store that a newer version wrote is refused, with what to do, and left as it is', async () => {
  await put();
  await note((settings) => settings.set('layout', { version: 2 }));
  await expect(startSiteWise({ dataDir })).rejects.toMatchObject({
    code: 'STATE_MISMATCH',
    message: expect.stringMatching(/layout 2.*reads layout 1: use the version that wrote it/),
  });
  // The folder is free again.
  const store = openLmdbStore(join(dataDir, 'store'));
  const settings = new RecordTable<Setting>(store, 'setting');
  expect(settings.get('layout')).toEqual({ version: 2 });
  settings.set('layout', { version: 1 });
  await store.commit(settings.collect());
  await store.close();
  await put();
});
