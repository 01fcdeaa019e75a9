import { expect, it } from 'vitest';
import { isSweep, readsOf } from '../../../cloud/page/reads.js';
import { secondsToNs, type Tqv } from '../../../shared/core/index.js';

const START = secondsToNs(1_800_000_000);
const at = (s: number) => START + secondsToNs(s);
const HOUR = 3600;
const latest = (times: Record<string, number>) =>
  new Map(
    Object.entries(times).map(([alias, s]): [string, Tqv] => [
      alias,
      { timeNs: at(s), quality: 'GOOD', value: 1 },
    ]),
  );

it('reads a stream that is far behind by itself, and all others from where they are', () => {
  const newest = latest({ a: 100 * HOUR, b: 100 * HOUR, refused: 100 * HOUR, same: 90 * HOUR });
  const seen = new Map([
    ['a', at(94 * HOUR)],
    ['b', at(94 * HOUR - 5)],
    ['same', at(90 * HOUR)],
  ]);
  expect(readsOf(['a', 'b', 'refused', 'same', 'silent'], newest, seen, START, false)).toEqual([
    { aliases: ['refused'], afterNs: START },
    { aliases: ['b', 'a'], afterNs: at(94 * HOUR - 5) },
  ]);
});

it('reads all again in a sweep, but nothing from before the page begins', () => {
  const newest = latest({ a: 100, b: HOUR });
  const seen = new Map([
    ['a', at(100)],
    ['b', at(HOUR)],
  ]);
  expect(readsOf(['a', 'b'], newest, seen, START, true)).toEqual([
    { aliases: ['a'], afterNs: START },
    { aliases: ['b'], afterNs: at(HOUR - 600) },
  ]);
  expect([0, 1, 20, 40].map(isSweep)).toEqual([false, false, true, true]);
});
