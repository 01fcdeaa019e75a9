import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  BatchPutAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { afterEach, expect, test } from 'vitest';
import { compiledEntry } from '../../../shared/core/index.js';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(dataDir: string): Promise<{ child: ChildProcess; client: IoTSiteWiseClient }> {
  const child = spawn(
    process.execPath,
    [compiledEntry('cli'), 'sitewise', 'serve', '--json', '--data', dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  closers.push(() => child.kill('SIGKILL'));
  let text = '';
  for await (const line of createInterface({ input: child.stdout })) {
    text += line;
    if (line === '}') break;
  }
  const client = createSiteWiseClient({ ...JSON.parse(text), maxAttempts: 1 });
  closers.push(() => client.destroy());
  return { child, client };
}

const ALIASES = Array.from({ length: 10 }, (_, i) => `/crash/${i}`);

test('after kill -9 every acknowledged batch is there, and no part of any other', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-crash-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const began = Math.floor(Date.now() / 1000) - 3600;
  const acknowledged = new Set<number>();
  let batch = 0;
  for (let round = 0; round < 3; round++) {
    const { child, client } = await serve(dataDir);
    const enough = acknowledged.size + 40 + 13 * round;
    let dead = false;
    const lane = async () => {
      while (!dead) {
        const n = batch++;
        try {
          await client.send(
            new BatchPutAssetPropertyValueCommand({
              entries: ALIASES.map((propertyAlias, i) => ({
                entryId: String(i),
                propertyAlias,
                propertyValues: [
                  { value: { doubleValue: n }, timestamp: { timeInSeconds: began + n } },
                ],
              })),
            }),
          );
          acknowledged.add(n);
          if (acknowledged.size >= enough && !dead) {
            dead = true;
            child.kill('SIGKILL');
          }
        } catch {
          // The server is gone in the middle of this batch: it is there as a whole or not at all.
        }
      }
    };
    const exited = once(child, 'exit');
    await Promise.all([lane(), lane(), lane(), lane()]);
    await exited;
  }
  const { child, client } = await serve(dataDir);
  const stored = await Promise.all(
    ALIASES.map(async (propertyAlias) => {
      const { assetPropertyValueHistory } = await client.send(
        new GetAssetPropertyValueHistoryCommand({ propertyAlias, maxResults: 20_000 }),
      );
      return (assetPropertyValueHistory ?? []).map((v) => v.value?.doubleValue ?? -1);
    }),
  );
  for (const values of stored) expect(values).toEqual(stored[0]);
  const there = new Set(stored[0]);
  expect([...acknowledged].filter((n) => !there.has(n))).toEqual([]);
  expect(there.size).toBeGreaterThanOrEqual(acknowledged.size);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}, 90_000);
