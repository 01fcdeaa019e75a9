import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outbox } from '../../../edge-component/outbox/outbox.js';
import { ManualClock, packageFile, silentLogger } from '../../../shared/core/index.js';
import { temporaryFolder } from '../../support/edge.js';

const T0 = 1_795_000_000_000_000_000n;
const QUALITIES = ['GOOD', 'BAD', 'UNCERTAIN'] as const;
const DATA_TYPES = ['DOUBLE', 'INTEGER', 'BOOLEAN', 'STRING'] as const;

let folder: { path: string; remove: () => Promise<void> };
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const openOutbox = () =>
  Outbox.open({
    directory: folder.path,
    maxBytes: 1e9,
    slowAt: 0.8,
    batchMs: 0,
    clock: new ManualClock(T0 + 1_000_000_000n),
    logger: silentLogger,
  });

/** The sample that the older version was given as the k-th. */
function sampleAt(k: number) {
  const dataType = DATA_TYPES[k % 4] ?? 'DOUBLE';
  const values = { DOUBLE: k / 7, INTEGER: k, BOOLEAN: k % 8 < 4, STRING: `t${k}ü` };
  return {
    alias: `/a/${k % 8}`,
    timeNs: T0 + BigInt(k) * 1_000_000n,
    quality: QUALITIES[k % 3] ?? 'GOOD',
    value: values[dataType],
    dataType,
  };
}

/** The raw file, as lmdb has it. */
async function withFile(use: (root: ReturnType<typeof open>) => Promise<void>): Promise<void> {
  const path = join(folder.path, 'outbox');
  await mkdir(path, { recursive: true });
  const root = open({
    path,
    noSubdir: false,
    maxDbs: 8,
    keyEncoding: 'binary',
    encoding: 'binary',
  });
  try {
    await use(root);
  } finally {
    await root.close();
  }
}

test('an outbox of November 2026, from before layouts and ledgers, gives up all it holds', async () => {
  const file = packageFile('test/fixtures/older/outbox.json');
  const { tables } = JSON.parse(await readFile(file, 'utf8')) as {
    tables: Record<string, [string, string][]>;
  };
  await withFile(async (root) => {
    for (const [name, rows] of Object.entries(tables)) {
      // As the older version opened them: the aliases have numbers as keys.
      const numbered = name === 'aliases';
      const table = root.openDB<Buffer, Buffer | number>({
        name,
        keyEncoding: numbered ? 'uint32' : 'binary',
        encoding: 'binary',
      });
      for (const [key, value] of rows) {
        const bytes = Buffer.from(key, 'base64');
        await table.put(numbered ? bytes.readUInt32LE() : bytes, Buffer.from(value, 'base64'));
      }
    }
  });
  const outbox = await openOutbox();
  const entries = outbox.peek({ limit: 100 });
  expect(entries.map((e) => e.sample)).toEqual(Array.from({ length: 12 }, (_, k) => sampleAt(k)));
  expect(outbox.checkpoint('s1')).toBe('p11');
  await outbox.remove(entries);
  expect(outbox.account).toMatchObject({
    stored: 12,
    accepted: 12,
    waiting: 0,
    missing: 0,
    gap: 0,
  });
  await outbox.close();
});

test('an outbox that a newer version wrote is refused, with what to do, and left as it is', async () => {
  const first = await openOutbox();
  await first.append([sampleAt(0)]);
  await first.close();
  await withFile(async (root) => {
    const ledger = root.openDB<string, string>({
      name: 'ledger',
      encoding: 'string',
      keyEncoding: 'ordered-binary',
    });
    expect(ledger.get('layout')).toBe('1');
    await ledger.put('layout', '2');
  });
  await expect(openOutbox()).rejects.toMatchObject({
    code: 'STATE_MISMATCH',
    message: expect.stringMatching(/layout 2.*reads layout 1: run the version that wrote it/),
  });
  await withFile(async (root) => {
    const ledger = root.openDB<string, string>({
      name: 'ledger',
      encoding: 'string',
      keyEncoding: 'ordered-binary',
    });
    await ledger.put('layout', '1');
  });
  const again = await openOutbox();
  expect(again.peek({ limit: 10 }).map((e) => e.sample)).toEqual([sampleAt(0)]);
  await again.close();
});
