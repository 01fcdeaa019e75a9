import { describe, expect, it } from 'vitest';
import { isWorn } from '../../../shared/fmi/lanes/wear.js';

const quick = { runs: 5000, workedMs: 500, startedMs: 400, rssBytes: 1e8 };
const limits = { recycleAfter: undefined, memoryLimitBytes: 1e9 };

describe('a process of a pool', () => {
  it('is replaced after 5000 runs, and of quick runs once they took twenty times as long as its start', () => {
    expect(isWorn(quick, limits)).toBe(false);
    expect(isWorn({ ...quick, workedMs: 8000 }, limits)).toBe(true);
    expect(isWorn({ ...quick, workedMs: 8000, runs: 4999 }, limits)).toBe(false);
  });

  it('is replaced after the runs that somebody named, or when it takes too much memory', () => {
    expect(isWorn({ ...quick, runs: 3 }, { ...limits, recycleAfter: 3 })).toBe(true);
    expect(isWorn({ ...quick, runs: 2 }, { ...limits, recycleAfter: 3 })).toBe(false);
    expect(isWorn({ ...quick, runs: 1, rssBytes: 2e9 }, limits)).toBe(true);
    expect(isWorn({ ...quick, runs: 1e9 }, { ...limits, recycleAfter: Infinity })).toBe(false);
  });
});
