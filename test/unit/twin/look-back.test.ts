import { describe, expect, it } from 'vitest';
import { secondsToNs, type Tqv } from '../../../shared/core/index.js';
import { readBack } from '../../../shared/twin/data/look-back.js';
import { smallTwin } from './fixtures.js';

const { definition } = smallTwin();
const DAY_S = 86_400;
const untilNs = secondsToNs(20_000 * DAY_S);

/** SiteWise with one reading of each stream at each of so many days ago. */
const source = (daysAgo: readonly number[]) => {
  const spans: number[] = [];
  const read = async (afterNs: bigint, endNs: bigint) => {
    spans.push(Number((untilNs - afterNs) / secondsToNs(DAY_S)));
    const values = daysAgo
      .map((d): Tqv => ({ timeNs: untilNs - secondsToNs(d * DAY_S), quality: 'GOOD', value: d }))
      .filter(({ timeNs }) => timeNs > afterNs && timeNs <= endNs)
      .reverse();
    return new Map(definition.measured.map((m) => [m.alias, [...values]]));
  };
  return { read, spans };
};
const every = (days: number, n: number) => Array.from({ length: n }, (_, i) => (i + 0.5) * days);

async function readOf(daysAgo: readonly number[]) {
  const { read, spans } = source(daysAgo);
  const { streams, afterNs } = await readBack(definition, read, untilNs);
  const first = streams.get(definition.measured[0]!.alias)!;
  const times = first.map((v) => v.timeNs);
  expect(times).toEqual([...new Set(times)].sort((a, b) => (a < b ? -1 : 1)));
  expect(times[0] === undefined || times[0] > afterNs).toBe(true);
  return { count: first.length, spans };
}

describe('how far back a stream is read where nothing says so', () => {
  it('reads a month of samples that come often, at once', async () => {
    expect(await readOf(every(1 / 24, 2000))).toEqual({ count: 720, spans: [30] });
  });

  it('reads 500 samples of a machine that is read once a day', async () => {
    const { count } = await readOf(every(1, 730));
    expect(count).toBeGreaterThanOrEqual(500);
    expect(count).toBeLessThan(530);
  });

  it('finds samples that come less often than once a month', async () => {
    expect((await readOf(every(60, 40))).count).toBe(40);
    expect((await readOf(every(1, 3).map((d) => d + 400))).count).toBe(3);
  });

  it('ends where there is no more', async () => {
    expect((await readOf(every(1, 12))).count).toBe(12);
    const { count, spans } = await readOf([]);
    expect(count).toBe(0);
    expect(spans.length).toBeLessThan(8);
  });
});
