import type { RecordingSummary } from '../report/recording-summary.js';
import type { Verdict } from '../report/verdict.js';
import type { Untested } from './origins.js';

/** How predictions at one horizon came true. */
export interface HorizonScore {
  /** Samples ahead; `free-run` where no sample of the test was used. */
  samples: number | 'free-run';
  channel: string;
  /** Predictions that could be checked. */
  n: number;
  /** Shares that lay inside the corrected 50, 80 and 95 % bands. */
  coverage50: number;
  coverage80: number;
  coverage95: number;
  /** The same of 95 % bands before their correction by earlier errors. */
  raw95: number;
  /** Continuous ranked probability score, mean, in the channel's unit. */
  crps: number;
  rmse: number;
  /** Mean half-width of the 95 % band. */
  halfWidth95: number;
}

/** A sensor that the fit did not see, against the free run. */
export interface HeldOutSensor {
  channel: string;
  coverage95: number;
  rmse: number;
  /** Of the channel's values about their mean. */
  std: number;
}

/** Whether parameters from separate parts of the record agree within their bands. */
export interface SplitHalf {
  /** Share of comparisons that agree; null where none could be made. */
  agree: number | null;
  /** Pairs of parts. */
  pairs: number;
  parameters: Record<
    string,
    {
      /** One value per part. */
      means: number[];
      stds: number[];
      /** Largest difference, in standard deviations of a difference. */
      z: number;
      agree: boolean;
    }
  >;
  /** Parameters that say where a record begins, which is elsewhere in each part: not compared. Left out where there is none. */
  ofStart?: string[];
  /** Parameters that wear along the record: not compared. Left out where there is none. */
  wearing?: string[];
}

/** Histogram of the probability integral transform: flat where bands are right. */
export interface Pit {
  /** Predictions per tenth of probability. */
  counts: number[];
  /** Greatest distance of the cumulated histogram from a flat one. */
  distance: number;
}

/** What a backtest gives out. */
export interface BacktestOutput {
  twin: string;
  horizons: HorizonScore[];
  /** Horizons of which no prediction could be tested; left out where there are none. */
  untested?: Untested;
  heldOut: HeldOutSensor[];
  splitHalf: SplitHalf;
  /** Per channel, then per horizon. */
  pit: Record<string, Record<string, Pit>>;
  /** The same tests on a record that the twin itself made, with the noise that was fitted. */
  yardstick?: { horizons: HorizonScore[]; splitHalf: SplitHalf };
  /** Rows where a fit ended and its test began, counted in used samples. */
  origins: number[];
  /** One per parameter and measured variable. */
  quantities: Record<string, Verdict>;
  verdict: Verdict;
  summary: {
    samples: number;
    used: number;
    modelRuns: number;
    wallS: number;
    verdict: Verdict;
    recording: RecordingSummary;
  };
}
