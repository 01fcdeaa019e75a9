/** How parameters wear along a record, in the definition's order; 0 where they do not. */
export interface Wear {
  /** The hypothesis that each is fitted under. */
  kinds: readonly string[];
  /** Rate at the record's end that the fit itself does not carry: its standard deviation, per second. */
  rateStd: Float64Array;
  /** Factor on the noise of each trend that goes on as it went along the record. */
  trendScale: Float64Array;
  /** Nats that the fitted hypotheses gain over parameters that stay. */
  gain: number;
  /** When a step was looked at, s: a time that was given, or found. */
  changeS?: number;
}

/** The noise of an input that nobody stated, as a fit's residuals show it. */
export interface FoundInput {
  /** Index of the definition's inputs. */
  input: number;
  /** In the input's unit. */
  std: number;
  /** As a share of the input's largest value. */
  share: number;
  /** Inputs whose noise would explain the residuals in its place. */
  orElse: readonly number[];
}

/** What the noise of inputs does to a fit, stated or found. */
export interface FitInputNoise {
  /** Inputs whose noise nobody stated and the residuals show. */
  found: readonly FoundInput[];
  /** Variance that it gives each unknown, in the coordinates' units. */
  variance: Float64Array;
  /** Model runs that it was found by, and those of them that failed. */
  runs: number;
  failed: number;
  /** Why it is not known, where no run with other inputs came to its end. */
  unknown?: string;
}
