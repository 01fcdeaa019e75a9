import { describe, expect, it } from 'vitest';
import type { Tqv } from '../../../shared/core/index.js';
import { alignStreams } from '../../../shared/twin/index.js';
import { smallTwin } from './fixtures.js';

const { definition } = smallTwin();
const S = 1_000_000_000n;
const good = (t: bigint, value: number): Tqv => ({ timeNs: t, quality: 'GOOD', value });

describe('alignStreams', () => {
  it('joins readings of one scan, in any order, and leaves NaN for bad ones', () => {
    const streams = new Map<string, Tqv[]>([
      ['/s/y1', [good(20n * S, 2), good(10n * S, 1)]],
      ['/s/y2', [good(10n * S + 5n, 3), { timeNs: 20n * S, quality: 'BAD', value: 4 }]],
      ['/s/y3', [good(10n * S + 9n, 5), good(20n * S, 6)]],
      ['/other', [good(1n, 1)]],
    ]);
    const { samples, ignored, pending } = alignStreams({ definition, streams, untilNs: 30n * S });
    expect(samples.map((s) => [...s.measured])).toEqual([
      [1, 3, 5],
      [2, Number.NaN, 6],
    ]);
    expect(samples[0]!.timeNs).toBe(10n * S + 9n);
    expect(samples[0]!.timeS).toBeCloseTo(10, 6);
    expect([...samples[0]!.inputs]).toEqual([1]);
    expect(ignored).toEqual({ notGood: 1, notNumber: 0, duplicate: 0 });
    expect(pending).toBe(false);
  });

  it('keeps an unfinished instant for the next run, and takes nothing twice', () => {
    const streams = new Map<string, Tqv[]>([
      ['/s/y1', [good(10n * S, 1), good(20n * S, 2)]],
      ['/s/y2', [good(10n * S, 1)]],
      ['/s/y3', [good(10n * S, 1)]],
    ]);
    const first = alignStreams({ definition, streams, untilNs: 20n * S });
    expect(first.samples).toHaveLength(1);
    expect(first.pending).toBe(true);
    streams.get('/s/y2')!.push(good(20n * S, 2));
    streams.get('/s/y3')!.push(good(20n * S, 2));
    const second = alignStreams({
      definition,
      streams,
      untilNs: 21n * S,
      afterNs: first.samples[0]!.timeNs,
    });
    expect(second.samples.map((s) => [...s.measured])).toEqual([[2, 2, 2]]);
  });
});
