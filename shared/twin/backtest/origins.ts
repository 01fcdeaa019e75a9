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

/** Samples ahead that are tested where nobody says which. */
export const HORIZONS = [1, 10, 100] as const;

/** Horizons that no part of the record is long enough for. */
export interface Untested {
  /** Samples ahead. */
  samples: number[];
  /** The longest part of the record that predictions are made within. */
  longest: number;
}

/** What no prediction could be tested of, for want of rows. */
export function untestedHorizons(
  scores: readonly HorizonScore[],
  record: FitRecord,
  { horizons = HORIZONS, folds }: BacktestOptions,
): Untested | undefined {
  const samples = horizons.filter((h) => !scores.some((s) => s.samples === h));
  if (samples.length === 0) return undefined;
  const n = record.timesS.length;
  const origins = originsOf(n, folds);
  const longest = Math.max(...origins.map((origin, f) => (origins[f + 1] ?? n) - origin));
  return { samples, longest };
}

/** That some predictions could not be tested, as a line. */
export const untestedText = ({ samples, longest }: Untested): string =>
  `none could be tested ${samples.join(', ')} samples ahead: they are made within parts of the record of ${longest} samples; fewer --folds make longer ones`;

/** What was asked for, and could not be tested; what nobody asked for is a remark. */
export const untestedFindings = (
  untested: Untested | undefined,
  { horizons }: BacktestOptions,
): Finding[] =>
  untested === undefined || horizons === undefined
    ? []
    : [{ grade: 'care', reason: `of the predictions asked for ${untestedText(untested)}` }];
