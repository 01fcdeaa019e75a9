import { cholesky, solveLower, solveLowerTransposed } from '../../kalman/index.js';
import { widened } from './gate.js';
import { type Gaussian, noiseOf, slopeTimesFactor } from './gaussian-update.js';
import { predictOutputs } from './linearise.js';
import type { FilterSettings } from './settings.js';
import type { FilterStep } from './step.js';

/**
 * Beside the belief, one hypothesis per channel: that it has read wrong by some offset for a while, and
 * that the machine did what was expected of it. Each keeps what one unit of its offset has done to the
 * belief, and what the innovations say of the offset's size.
 */
export interface Companions {
  /** By how much an offset of one noise has moved parameters and trends, m × 2n. */
  readonly effect: Float64Array;
  /** Information on each offset, in its noise, m. */
  readonly information: Float64Array;
  /** Information times offset, m. */
  readonly pull: Float64Array;
}

/** Deviation of an offset before any data, in noises. */
const OFFSET = 8;
/** Variance by which an offset may have moved from one sample to the next, in noises squared. */
const DRIFT = 0.04;
/** An offset that is so improbable has not begun yet: the log of its probability against none. */
const NOT_YET = -2;

/** No channel has been looked at. */
export const noCompanions = (m: number, n: number): Companions => ({
  effect: new Float64Array(m * 2 * n),
  information: new Float64Array(m),
  pull: new Float64Array(m),
});

/** Log probability of what came if the channel reads wrong, against its being right. */
export function evidenceOf({ information, pull }: Companions, channel: number): number {
  const [info, d] = [information[channel]!, pull[channel]!];
  return 0.5 * (d ** 2 / (info + OFFSET ** -2) - Math.log(1 + OFFSET ** 2 * info));
}

/** How far the channel most probably reads wrong, in its noise. */
export const offsetOf = ({ information, pull }: Companions, channel: number): number =>
  pull[channel]! / (information[channel]! + OFFSET ** -2);

/**
 * Takes a sample into all hypotheses. An innovation that the offset b of a channel has a part in is
 * ν = ν₀ + g b, g = e − H f, f what a unit of it has done to the belief until then; f ← f + K g. The
 * gain of a belief that is a mixture is its covariance times Hᵀ R⁻¹: the derivative of its mean.
 *
 * @param prior the belief before the sample
 * @param measured `NaN` for channels without a value
 * @param noiseStd per channel
 * @see Friedland, Treatment of bias in recursive filtering, IEEE Trans. Autom. Control 14 (1969);
 *   Willsky & Jones 1976
 */
export function updateCompanions(
  of: Companions,
  prior: Gaussian,
  filtered: FilterStep,
  measured: Float64Array,
  noiseStd: Float64Array,
  dtS: number,
  settings: FilterSettings,
): Companions {
  const { linearisation: lin, posterior, active, gated, noiseScale = 1 } = filtered;
  const n = settings.range.length;
  const N = 2 * n;
  const m = noiseStd.length;
  const k = active.length;
  const outputs = lin.mean.length;
  const variance = widened(
    noiseStd.map((s) => (s * noiseScale) ** 2),
    gated,
  );
  const noise = noiseOf(lin.omega, outputs, variance, active);
  const rootNoise = cholesky(noise, k);
  const known = slopeTimesFactor(lin, prior.S, active, n);
  const covariance = noise.slice();
  for (let a = 0; a < k; a++) {
    for (let b = 0; b < k; b++) {
      let sum = 0;
      for (let c = 0; c < N; c++) sum += known[a * N + c]! * known[b * N + c]!;
      covariance[a * k + b]! += sum;
    }
  }
  const root = cholesky(covariance, k);
  const expected = predictOutputs(lin, prior.x.slice(0, n));
  const innovation = Float64Array.from(active, (o) => measured[o]! - expected[o]!);
  const whiteInnovation = solveLower(root, innovation, k);
  const after = slopeTimesFactor(lin, posterior.S, active, n);

  const effect = of.effect.slice();
  const information = of.information.slice();
  const pull = of.pull.slice();
  const f = new Float64Array(N);
  for (let j = 0; j < m; j++) {
    f.set(effect.subarray(j * N, j * N + N));
    carry(f, dtS, settings);
    const g = Float64Array.from(active, (o) => {
      let value = o === j ? noiseStd[j]! : 0;
      for (let i = 0; i < n; i++) value -= lin.slope[o * n + i]! * f[i]!;
      return value;
    });
    const white = solveLower(root, g, k);
    const share = 1 / (1 + DRIFT * information[j]!);
    let info = share * information[j]!;
    let d = share * pull[j]!;
    // What a jump of the machine did is no sensor's.
    for (let a = 0; a < k && !filtered.regimeChange; a++) {
      info += white[a]! ** 2;
      d += white[a]! * whiteInnovation[a]!;
    }
    information[j] = info;
    pull[j] = d;
    const weighted = solveLowerTransposed(rootNoise, solveLower(rootNoise, g, k), k);
    for (let c = 0; c < N; c++) {
      let along = 0;
      for (let a = 0; a < k; a++) along += after[a * N + c]! * weighted[a]!;
      for (let i = c; i < N; i++) f[i]! += posterior.S[i * N + c]! * along;
    }
    effect.set(f, j * N);
  }
  const next = { effect, information, pull };
  for (let j = 0; j < m; j++) {
    if (evidenceOf(next, j) > NOT_YET) continue;
    effect.fill(0, j * N, j * N + N);
    information[j] = 0;
    pull[j] = 0;
  }
  return next;
}

/** Carries a deviation of parameters and trends over a time. */
function carry(f: Float64Array, dtS: number, settings: FilterSettings): void {
  const n = settings.range.length;
  for (let i = 0; i < n; i++) {
    const reversion = settings.reversion[i];
    if (reversion !== undefined) f[i]! *= Math.exp(-dtS / reversion.timeConstantS);
    else if (settings.trend[i]) f[i]! += (dtS / settings.horizonS[i]!) * f[n + i]!;
  }
}
