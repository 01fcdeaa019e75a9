import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  BLOCK_CAPACITY,
  Block,
  KIND,
  type StoredValue,
} from '../../../simulators/sitewise/store/block.js';
import {
  createMemoryStore,
  type KeyValueStore,
  openLmdbStore,
} from '../../../simulators/sitewise/store/key-value.js';
import { END_OF_TIME, ValueStore } from '../../../simulators/sitewise/store/value-store.js';

const value: fc.Arbitrary<StoredValue> = fc.record({
  seconds: fc.integer({ min: 1, max: 400 }),
  nanos: fc.constantFrom(0, 1, 999_999_999),
  quality: fc.integer({ min: 0, max: 2 }),
  kind: fc.constantFrom(KIND.double, KIND.integer, KIND.boolean),
  number: fc.double({ noNaN: true }),
});

/** What a store of values should hold: a map by key, in order. */
function expected(values: readonly StoredValue[]): StoredValue[] {
  const byKey = new Map(values.map((v) => [`${v.seconds}/${v.nanos}/${v.quality}`, v]));
  return [...byKey.values()].sort(
    (a, b) => a.seconds - b.seconds || a.nanos - b.nanos || a.quality - b.quality,
  );
}

function all(store: ValueStore, series: number, descending = false): StoredValue[] {
  const found: StoredValue[] = [];
  store.scan(series, { seconds: 0, nanos: 0 }, END_OF_TIME, descending, (block, low, high) => {
    for (let i = low; i < high; i++) found.push(block.row(descending ? low + high - 1 - i : i));
    return true;
  });
  return found;
}

const sequences = fc.array(value, { minLength: 1, maxLength: 1200 });

test('values come back sorted and once, in whatever order they are put, also from the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(sequences, async (values) => {
      const kv = createMemoryStore();
      const store = new ValueStore(kv, 1);
      for (const [i, v] of values.entries()) {
        store.put(1, v);
        if (i % 97 === 0) await kv.commit(store.collect());
      }
      expect(all(store, 1)).toEqual(expected(values));
      expect(all(store, 1, true)).toEqual(expected(values).reverse());
      await kv.commit(store.collect());
      const again = new ValueStore(kv, 2);
      expect(all(again, 1)).toEqual(expected(values));
      expect(again.latest(1)).toEqual(expected(values).pop());
    }),
    { numRuns: 25 },
  );
});

test('a block is the same after its bytes, with texts, nulls and times before and after', () => {
  const block = new Block();
  const rows: StoredValue[] = [
    { seconds: 5, nanos: 3, quality: 0, kind: KIND.string, number: 0, text: 'ärger "x"' },
    { seconds: 5, nanos: 4, quality: 1, kind: KIND.nullDouble, number: 0 },
    { seconds: 4e9, nanos: 0, quality: 2, kind: KIND.double, number: Number.NaN },
  ];
  for (const row of rows) block.put(row);
  block.put({ ...(rows[0] as StoredValue), text: 'later' });
  const copy = Block.decode(block.encode());
  expect([0, 1, 2].map((i) => copy.row(i))).toEqual([
    { ...rows[0], text: 'later' },
    rows[1],
    rows[2],
  ]);
});

test('retention takes away whole blocks that have ended', async () => {
  const kv = createMemoryStore();
  const store = new ValueStore(kv, 1);
  for (let i = 1; i <= 5 * BLOCK_CAPACITY; i++) {
    store.put(1, { seconds: i, nanos: 0, quality: 0, kind: KIND.double, number: i });
  }
  await kv.commit(store.collect());
  const cutoff = { seconds: 2.5 * BLOCK_CAPACITY, nanos: 0 };
  expect(store.dropBefore(1, cutoff)).toBe(2);
  await kv.commit(store.collect());
  const again = new ValueStore(kv, 2);
  expect(all(again, 1)[0]?.seconds).toBe(2 * BLOCK_CAPACITY + 1);
});

const stores: [string, (dir: string) => KeyValueStore][] = [
  ['memory', () => createMemoryStore()],
  ['lmdb', openLmdbStore],
];
test.each(stores)('key-value contract: %s', async (_name, open) => {
  const dir = await mkdtemp(join(tmpdir(), 'twinloop-kv-'));
  const store = open(dir);
  const key = (text: string) => Buffer.from(text);
  await store.commit([
    { key: key('Bb'), value: Buffer.from([2]) },
    { key: key('Ba'), value: Buffer.from([1]) },
    { key: key('C'), value: Buffer.from([3]) },
  ]);
  const keys = () => [...store.keys(key('B'))].map((k) => Buffer.from(k).toString());
  expect(keys()).toEqual(['Ba', 'Bb']);
  expect([...(store.get(key('Bb')) ?? [])]).toEqual([2]);
  expect(store.get(key('X'))).toBeUndefined();
  await store.commit([
    { key: key('Ba'), value: undefined },
    { key: key('Bb'), value: Buffer.from([9]) },
  ]);
  expect(keys()).toEqual(['Bb']);
  expect([...(store.get(key('Bb')) ?? [])]).toEqual([9]);
  await store.close();
  await rm(dir, { recursive: true });
});

test('what is being written is not forgotten meanwhile, however many blocks there are', () => {
  const kv = createMemoryStore();
  const store = new ValueStore(kv, 1);
  const one = { seconds: 1, nanos: 0, quality: 0, kind: KIND.double, number: 1 };
  store.put(1, one);
  // The commit is under way: nothing of it can be read back from the store yet.
  store.collect();
  for (let series = 2; series < 3000; series++) store.put(series, one);
  expect(store.latest(1)).toEqual(one);
});
