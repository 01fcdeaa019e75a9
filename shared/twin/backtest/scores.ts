import { normalCdf, normalPdf, normalQuantile } from '../../kalman/index.js';
import type { HorizonScore, Pit } from './types.js';

const SHARES = [0.5, 0.8, 0.95] as const;
const Z = SHARES.map((share) => normalQuantile(0.5 + share / 2));
const PIT_BINS = 10;

/**
 * The continuous ranked probability score of a Gaussian prediction.
 *
 * @see Gneiting & Raftery, J. Am. Stat. Assoc. 102 (2007), equation 21 with the sign turned
 */
export function gaussianCrps(error: number, std: number): number {
  const z = error / std;
  return std * (z * (2 * normalCdf(z) - 1) + 2 * normalPdf(z) - 1 / Math.sqrt(Math.PI));
}

/** Takes down how predictions of one channel at one horizon come true. */
export class ScoreCard {
  readonly #inside = new Float64Array(SHARES.length);
  #raw95 = 0;
  #n = 0;
  #crps = 0;
  #squares = 0;
  #halfWidths = 0;
  readonly #pit = new Float64Array(PIT_BINS);

  /**
   * @param factors on the band's half-width at 50, 80 and 95 %
   */
  add(error: number, std: number, factors: readonly number[] = [1, 1, 1]): void {
    this.#n++;
    this.#squares += error * error;
    Z.forEach((z, i) => {
      if (Math.abs(error) <= z * std * factors[i]!) this.#inside[i]!++;
    });
    if (Math.abs(error) <= Z[2]! * std) this.#raw95++;
    const corrected = std * factors[2]!;
    this.#crps += gaussianCrps(error, corrected);
    this.#halfWidths += Z[2]! * corrected;
    const bin = Math.min(PIT_BINS - 1, Math.floor(PIT_BINS * normalCdf(error / corrected)));
    this.#pit[bin]!++;
  }

  get n(): number {
    return this.#n;
  }

  score(channel: string, samples: HorizonScore['samples']): HorizonScore {
    const share = (count: number) => count / this.#n;
    return {
      samples,
      channel,
      n: this.#n,
      coverage50: share(this.#inside[0]!),
      coverage80: share(this.#inside[1]!),
      coverage95: share(this.#inside[2]!),
      raw95: share(this.#raw95),
      crps: share(this.#crps),
      rmse: Math.sqrt(share(this.#squares)),
      halfWidth95: share(this.#halfWidths),
    };
  }

  pit(): Pit {
    let sum = 0;
    let distance = 0;
    this.#pit.forEach((count, i) => {
      sum += count;
      distance = Math.max(distance, Math.abs(sum / this.#n - (i + 1) / PIT_BINS));
    });
    return { counts: [...this.#pit], distance };
  }
}
