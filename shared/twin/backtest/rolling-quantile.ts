import { normalQuantile } from '../../kalman/index.js';

/** Finished errors that a factor is taken from. */
const WINDOW = 100;
/** Gaussian errors that stand in for those not yet made. */
const PSEUDO = 20;
/** A factor beyond these is held there: a tracker without limits runs away at long horizons. */
const LEAST = 0.6;
const MOST = 6;

/**
 * What predictive bands are too narrow or too wide by, from the errors of predictions whose time has
 * come: a quantile of the last 100 |z| and 20 Gaussian ones, against the Gaussian quantile.
 *
 * @see Gibbs & Candès, Adaptive conformal inference under distribution shift, NeurIPS 2021
 */
export class RollingQuantile {
  readonly #errors: number[] = [];
  readonly #pseudo = Array.from({ length: PSEUDO }, (_, i) =>
    normalQuantile(0.5 + (i + 0.5) / (2 * PSEUDO)),
  );

  /** A prediction's time has come. @param z its error in standard deviations */
  add(z: number): void {
    if (!Number.isFinite(z)) return;
    this.#errors.push(Math.abs(z));
    if (this.#errors.length > WINDOW) this.#errors.shift();
  }

  /** The factor on a band's half-width. @param share of the band, e.g. 0.95 */
  factor(share: number): number {
    const sorted = [...this.#errors, ...this.#pseudo].sort((a, b) => a - b);
    const at = Math.min(sorted.length - 1, Math.ceil(share * (sorted.length + 1)) - 1);
    const gaussian = normalQuantile(0.5 + share / 2);
    return Math.min(MOST, Math.max(LEAST, sorted[at]! / gaussian));
  }
}
