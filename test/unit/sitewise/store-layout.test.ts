import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchPutAssetPropertyValueCommand,
  GetAssetPropertyValueCommand,
} from '@aws-sdk/client-iotsitewise';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
