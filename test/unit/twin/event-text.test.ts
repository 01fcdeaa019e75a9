import { expect, it } from 'vitest';
import { eventLines, eventRows, gapLines } from '../../../shared/twin/report/event-text.js';

it('tells events of a run after its first sample, the first ten of many', () => {
  const lid = { sinceS: 1_700_002_057, untilS: 1_700_002_290, foundS: 1_700_002_066 };
  const lasting = { sinceS: 1_700_009_000, foundS: 1_700_009_300 };
  expect(eventLines([], 1_700_000_000)).toEqual([]);
  expect(eventLines([lid, lasting], 1_700_000_000)).toEqual([
    '  2 events that the model lacks, parameters kept meanwhile; after the first sample: 34.3 min (2057 s) to 38.2 min (2290 s), since 2.5 h (9000 s)',
  ]);
  expect(eventRows([lid, lasting], 1_700_000_000)).toEqual([
    ['34.3 min (2057 s)', '38.2 min (2290 s)', '9 s'],
    ['2.5 h (9000 s)', 'lasts', '5.0 min'],
  ]);
  const [line = ''] = eventLines(
    Array.from({ length: 22 }, () => lid),
    1_700_000_000,
  );
  expect(line).toContain('22 events');
  expect(line).toMatch(/, 12 more \(summary\.events\)$/);
});

it('tells gaps without samples after the first sample, the first ten of many', () => {
  const gap = { sinceS: 1_700_000_600, untilS: 1_700_200_000 };
  expect(gapLines([], 0, 'fit')).toEqual([]);
  expect(gapLines([gap], 1_700_000_000, 'fit')).toEqual([
    '  1 gap without samples, in which nothing tells what drove the machine: states begin anew; after the first sample: 10.0 min (600 s) to 2.3 days (2.00e5 s)',
  ]);
  const [line = ''] = gapLines(Array(12).fill(gap), 1_700_000_000, 'filter');
  expect(line).toMatch(/^ {2}12 gaps .* widened by .* 2 more \(summary\.gaps\)$/);
});

it('tells events of a machine whose whole record lasts for parts of a second', () => {
  expect(eventRows([{ sinceS: 0.0157, untilS: 0.0172, foundS: 0.0161 }], 0)).toEqual([
    ['0.0157 s', '0.0172 s', expect.any(String)],
  ]);
});
