import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetModelCommand,
  GetAssetPropertyValueHistoryCommand,
  type IoTSiteWiseClient,
} from '@aws-sdk/client-iotsitewise';
import { describe, expect, it } from 'vitest';
import { compiledEntry } from '../../../shared/core/index.js';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { afterTest } from '../../support/sitewise.js';

/** Runs the rest of its arguments where `$0` is a file system of 3 MB, seen by this process only. */
const ON_SMALL_DISK = 'mount -t tmpfs -o size=3m none "$0" && exec "$@"';
/** Runs the rest of its arguments with files of 1 MB at most. */
const SMALL_FILES = 'ulimit -f 2048; exec "$@"';

const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-Urm', 'sh', '-c', ON_SMALL_DISK, tmpdir(), 'true']).status === 0;

interface Serving {
  child: ChildProcess;
  client: IoTSiteWiseClient;
}

async function serve(dataDir: string, wrapper: readonly string[]): Promise<Serving> {
  const [command = process.execPath, ...args] = [
    ...wrapper,
    process.execPath,
    compiledEntry('cli'),
    'sitewise',
    'serve',
    '--json',
    '--data',
    dataDir,
  ];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  afterTest(() => child.kill('SIGKILL'));
  let text = '';
  for await (const line of createInterface({ input: child.stdout })) {
    text += line;
    if (line === '}') break;
  }
  const client = createSiteWiseClient({ ...JSON.parse(text), maxAttempts: 1 });
  afterTest(() => client.destroy());
  return { child, client };
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-full-'));
  afterTest(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const beganS = Math.floor(Date.now() / 1000) - 86_400;

const put = (client: IoTSiteWiseClient, batch: number) =>
  client.send(
    new BatchPutAssetPropertyValueCommand({
      entries: Array.from({ length: 10 }, (_, e) => ({
        entryId: String(e),
        propertyAlias: `/full/${e}`,
        propertyValues: Array.from({ length: 10 }, (_, i) => ({
          value: { doubleValue: batch },
          timestamp: { timeInSeconds: beganS + batch, offsetInNanos: i * 100_000_000 },
        })),
      })),
    }),
  );

/** Puts until the store has no room. @returns batches that were acknowledged */
async function fill(client: IoTSiteWiseClient): Promise<number> {
  for (let batch = 0; batch < 20_000; batch++) {
    try {
      await put(client, batch);
    } catch (error) {
      expect(error).toMatchObject({ name: 'InternalFailureException', $fault: 'server' });
      expect(error).toMatchObject({ message: expect.stringMatching(/Could not write .* changed/) });
      return batch;
    }
  }
  throw new Error('The store took everything: it is not limited.');
}

async function stored(client: IoTSiteWiseClient): Promise<Set<number>> {
  const numbers = new Set<number>();
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new GetAssetPropertyValueHistoryCommand({
        propertyAlias: '/full/7',
        maxResults: 20_000,
        nextToken,
      }),
    );
    for (const { value } of page.assetPropertyValueHistory ?? []) {
      numbers.add(value?.doubleValue ?? -1);
    }
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return numbers;
}

const upTo = (count: number) => new Set(Array.from({ length: count }, (_, i) => i));

describe.skipIf(!canMount)('a disk that is full', () => {
  it('refuses writes with an error to be retried, goes on reading, and takes writes when there is room', async () => {
    const folder = await newFolder();
    const wrapper = ['unshare', '-Urm', 'sh', '-c', ON_SMALL_DISK, folder];
    const { child, client } = await serve(join(folder, 'data'), wrapper);
    // The file system that the server sees, from outside.
    const ballast = join(`/proc/${child.pid}/root`, folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(1_000_000));
    const acknowledged = await fill(client);
    expect(acknowledged).toBeGreaterThan(10);
    for (let again = 0; again < 5; again++) {
      await expect(put(client, acknowledged)).rejects.toMatchObject({
        name: 'InternalFailureException',
      });
      expect(await stored(client)).toEqual(upTo(acknowledged));
    }
    // The disk fills up to the last byte: records, too, are refused.
    for (let step = 65_536; step >= 512; ) {
      try {
        await writeFile(ballast, Buffer.alloc(step), { flag: 'a' });
      } catch {
        step /= 2;
      }
    }
    const create = () =>
      client.send(
        new CreateAssetModelCommand({
          assetModelName: 'late',
          clientToken: 'late-late-late-late-late-late-late-late-',
          assetModelProperties: Array.from({ length: 200 }, (_, i) => ({
            name: `property ${i}`,
            dataType: 'DOUBLE' as const,
            type: { measurement: {} },
          })),
        }),
      );
    await expect(create()).rejects.toMatchObject({ name: 'InternalFailureException' });
    await truncate(ballast, 0);
    await expect(create()).resolves.toMatchObject({ assetModelStatus: { state: 'CREATING' } });
    await put(client, acknowledged);
    expect(await stored(client)).toEqual(upTo(acknowledged + 1));
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  }, 60_000);
});

describe.skipIf(process.platform === 'win32')('a file that may not grow', () => {
  it('refuses writes, goes on reading, and has lost nothing after a restart', async () => {
    const folder = await newFolder();
    const first = await serve(folder, ['bash', '-c', SMALL_FILES, 'bash']);
    const acknowledged = await fill(first.client);
    expect(await stored(first.client)).toEqual(upTo(acknowledged));
    const exited = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await exited;
    const second = await serve(folder, []);
    expect(await stored(second.client)).toEqual(upTo(acknowledged));
    await put(second.client, acknowledged);
  }, 60_000);
});
