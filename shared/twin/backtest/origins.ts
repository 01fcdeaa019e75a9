import type { FitRecord } from '../fit/record/record.js';
import type { Finding } from '../report/verdict.js';
import type { BacktestOptions } from './options.js';
import type { HorizonScore } from './types.js';

/** Share of the record that the first fit sees. */
const FIRST_SHARE = 0.4;
/** Times that the twin is fitted anew. */
const FOLDS = 3;

/** Where parts of a record begin that predictions are tested on. */
export const originsOf = (samples: number, folds = FOLDS): number[] =>
  Array.from({ length: folds }, (_, f) =>
    Math.round(samples * (FIRST_SHARE + ((1 - FIRST_SHARE) * f) / folds)),
  );

/** What was asked for, and no part of the record is long enough for. */
export function untestedFindings(
  scores: readonly HorizonScore[],
  record: FitRecord,
  { horizons = [], folds }: BacktestOptions,
): Finding[] {
  const untested = horizons.filter((h) => !scores.some((s) => s.samples === h));
  if (untested.length === 0) return [];
  const n = record.timesS.length;
  const origins = originsOf(n, folds);
  const longest = Math.max(...origins.map((origin, f) => (origins[f + 1] ?? n) - origin));
  return [
    {
      grade: 'care',
      reason: `predictions ${untested.join(', ')} samples ahead were asked for and none could be tested: they are made within parts of the record of ${longest} samples; fewer --folds make longer ones`,
    },
  ];
}
