import { choleskySolve } from '../../../kalman/index.js';
import type { LeastSquaresProblem, SearchPoint } from '../least-squares/objective.js';
import { gaussNewtonStep, residualsAfter } from '../least-squares/steps.js';
import type { FitRecord } from '../record/record.js';
import { type ResidualModel, timesResidualCovariance } from './residual-model.js';

/** Noise from which a lone residual is an outlier, … */
const OUTLIER = 5;
/** … where they are no more than this share. */
const FEW = 0.05;

/** Residuals of a fit at its optimum in the sensors' noise, and scores of what they may follow beside the unknowns. */
export interface ResidualScores {
  rows: number;
  /** Per channel: as it is stated, with what its resolution makes, else as the fit found it. */
  noise: Float64Array;
  /** Sensitivities in the noise, a column per unknown. */
  inNoise: readonly Float64Array[];
  /** Lone residuals that are left out, per channel. */
  outliers: readonly number[];
  /** Residuals of a channel that are there. */
  usedOf(channel: number): Float64Array;
  /** Scores of columns that live on one channel: Xᵀe, XᵀMX, k × k, and what each does to the unknowns, n × k. */
  scores(
    channel: number,
    xs: readonly Float64Array[],
  ): { xe: Float64Array; S: Float64Array; moved: Float64Array };
  /** (MX)ᵀΓ(MX): the variance of a score where residuals follow each other. */
  correlated(channel: number, x: Float64Array, moved: Float64Array): number;
  /** The residuals at the optimum that is there without the outliers, which have pulled the unknowns. */
  withoutOutliers(): { residuals: Float64Array; L: Float64Array };
}

/**
 * @param residualModels what residuals remember
 * @param stated the sensors' noise where it is given, else `NaN`
 */
export function residualScores(
  problem: LeastSquaresProblem,
  record: FitRecord,
  fit: SearchPoint,
  columns: readonly Float64Array[],
  residualModels: readonly ResidualModel[],
  stated: Float64Array,
): ResidualScores {
  const { channels, data } = problem;
  const p = columns.length;
  const rows = record.timesS.length;
  const noise = fit.noiseStd.map((s, c) =>
    Number.isNaN(stated[c]!) ? s : Math.hypot(stated[c]!, record.resolution[c]! / Math.sqrt(12)),
  );
  const inNoise = (values: Float64Array) => values.map((v, i) => v / noise[i % channels]!);
  const residualsOf = (step: Float64Array, of: Float64Array) =>
    inNoise(residualsAfter(step, of, fit.prediction, columns));
  const atNoise = { ...fit, noiseStd: noise };
  // Scores are those of the optimum, by the noise that the search itself has found.
  const e: Float64Array = residualsOf(gaussNewtonStep(problem, columns, fit).step, data);
  const { L } = gaussNewtonStep(problem, columns, atNoise);
  const outliers = Array.from({ length: channels }, (_, c) => withoutOutliers(e, c, channels));
  const scores = (c: number, xs: readonly Float64Array[]) => {
    const k = xs.length;
    const xe = new Float64Array(k);
    const xg = new Float64Array(p * k);
    const S = new Float64Array(k * k);
    for (let row = 0; row < rows; row++) {
      const i = row * channels + c;
      if (Number.isNaN(e[i]!)) continue;
      for (let a = 0; a < k; a++) {
        const x = xs[a]![row]!;
        xe[a]! += x * e[i]!;
        for (let j = 0; j < p; j++) xg[j * k + a]! += (x * columns[j]![i]!) / noise[c]!;
        for (let b = 0; b <= a; b++) S[a * k + b]! += x * xs[b]![row]!;
      }
    }
    const moved = choleskySolve(L, xg, p, k);
    for (let a = 0; a < k; a++) {
      for (let b = 0; b <= a; b++) {
        for (let j = 0; j < p; j++) S[a * k + b]! -= xg[j * k + a]! * moved[j * k + b]!;
        S[b * k + a] = S[a * k + b]!;
      }
    }
    return { xe, S, moved };
  };
  const correlated = (c: number, x: Float64Array, moved: Float64Array) => {
    let sum = 0;
    for (let d = 0; d < channels; d++) {
      const use = (row: number) => !Number.isNaN(e[row * channels + d]!);
      const left = Float64Array.from({ length: rows }, (_, row) => {
        if (!use(row)) return 0;
        let v = d === c ? x[row]! : 0;
        for (let j = 0; j < p; j++) v -= (columns[j]![row * channels + d]! / noise[d]!) * moved[j]!;
        return v;
      });
      const seen = timesResidualCovariance(residualModels[d]!, record.timesS, use, left);
      for (let row = 0; row < rows; row++) sum += (left[row]! * seen[row]!) / noise[d]! ** 2;
    }
    return sum;
  };
  return {
    rows,
    noise,
    inNoise: columns.map(inNoise),
    outliers,
    usedOf: (c) => e.filter((v, i) => i % channels === c && !Number.isNaN(v)),
    scores,
    correlated,
    withoutOutliers: () => {
      const kept = data.map((v, i) => (Number.isNaN(e[i]!) ? Number.NaN : v));
      const others = gaussNewtonStep({ ...problem, data: kept }, columns, atNoise);
      return { residuals: residualsOf(others.step, kept), L: others.L };
    },
  };
}

/** Makes the few residuals that are far beyond the others missing. @returns how many */
function withoutOutliers(e: Float64Array, c: number, channels: number): number {
  const of = (v: number, i: number) => i % channels === c && !Number.isNaN(v);
  const sizes = e.filter(of).map(Math.abs).sort();
  const least = OUTLIER * Math.max(1, (sizes[sizes.length >> 1] ?? 0) / 0.6745);
  const many = sizes.filter((v) => v > least).length;
  if (many === 0 || many > FEW * sizes.length) return 0;
  e.forEach((v, i) => {
    if (of(v, i) && Math.abs(v) > least) e[i] = Number.NaN;
  });
  return many;
}
