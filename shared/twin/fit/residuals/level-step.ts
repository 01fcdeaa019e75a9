import { upperMedian } from '../../../core/index.js';

/** Where the level of a channel's residuals steps. */
export interface LevelStep {
  /** How much more it is afterwards. */
  by: number;
  /** Its first row of the new level. */
  row: number;
}

/** Fewer residuals do not tell a step from what wanders. */
const FEWEST = 40;
/** Share of the record, at either end, in which none is looked for: that is a start, or a swing at the end. */
const END = 0.1;
/**
 * Share of what is too much in the residuals that the step alone must explain. The best step explains three
 * quarters of a ramp, and 0.81 of one swing of a sine.
 */
const SHARE = 0.9;
/** Median size of a normal variable's differences, in its deviations. */
const MEDIAN_OF_DIFFERENCES = 0.6745 * Math.SQRT2;

/**
 * Looks for one step in the level of a channel's residuals that explains nearly all that follows each other in
 * them: as of a sensor that was replaced, or set anew.
 *
 * @param residuals per row; `NaN` where there is none
 */
export function levelStep(residuals: Float64Array): LevelStep | undefined {
  const rows = [...residuals.keys()].filter((row) => Number.isFinite(residuals[row]!));
  const n = rows.length;
  if (n < FEWEST) return undefined;
  const values = rows.map((row) => residuals[row]!);
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const differences = values.slice(1).map((v, k) => Math.abs(v - values[k]!));
  const white = (upperMedian(differences) / MEDIAN_OF_DIFFERENCES) ** 2;
  const excess = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) - (n - 1) * white;
  if (!(excess > 0)) return undefined;
  let best = { explained: 0, by: 0, row: 0 };
  let before = 0;
  for (let k = 1; k < n; k++) {
    before += values[k - 1]! - mean;
    if (k < END * n || k > (1 - END) * n) continue;
    // Deviations from the mean add up to nothing.
    const by = -before / (n - k) - before / k;
    const explained = ((k * (n - k)) / n) * by ** 2;
    if (explained > best.explained) best = { explained, by, row: rows[k]! };
  }
  return best.explained >= SHARE * excess ? { by: best.by, row: best.row } : undefined;
}
