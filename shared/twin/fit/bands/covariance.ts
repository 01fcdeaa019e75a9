import {
  cholesky,
  invertFromCholesky,
  sandwich as sandwichOf,
  Z95,
} from '../../../kalman/index.js';
import type { LeastSquaresProblem } from '../least-squares/objective.js';
import { type ResidualModel, timesResidualCovariance } from '../residuals/residual-model.js';
import { addPrior, type Prior } from '../unknowns/prior.js';
import { capAtPrior, larger } from './loewner.js';
import { studentTQuantile } from './student-t.js';

/** How sure a fit is, in the coordinates' own units. */
export interface FitCovariance {
  /** n × n; residuals' memory and shortness included, no variance above the prior's. */
  covariance: Float64Array;
  /** The sandwich alone, in no direction below what white residuals give: without Student's factor. */
  sandwich: Float64Array;
  /** What white residuals would give, n × n. */
  white: Float64Array;
  /** Information of the data alone under white residuals, n × n. */
  information: Float64Array;
  /** Independent samples that all channels are worth together. */
  nEff: number;
  /** Student's factor on standard deviations. */
  tFactor: number;
}

/** Fewest degrees of freedom: below, Student's factor would be infinite. */
const LEAST_DOF = 1.5;

/**
 * The sandwich covariance: sensitivities weighted as if residuals were white, their true covariance
 * in between.
 *
 * C = A⁻¹ (Σ GᵀΓG/σ⁴ + Λ) A⁻¹ with A = Σ GᵀG/σ² + Λ, Λ the prior's precision, in no direction below A⁻¹;
 * standard deviations times t₀.₉₇₅(n_eff − p)/1.96, capped at the prior's.
 *
 * @param columns sensitivities, a column per coordinate
 * @param residualModels one per channel
 * @param prior of the unknowns
 * @param parameters number of coordinates that are parameters, which come first
 * @see White, Econometrica 50 (1982); Newey & West, Econometrica 55 (1987)
 */
export function fitCovariance(
  problem: Pick<LeastSquaresProblem, 'data' | 'channels'>,
  timesS: Float64Array,
  columns: readonly Float64Array[],
  noiseStd: Float64Array,
  residualModels: readonly ResidualModel[],
  prior: Prior,
  parameters: number,
): FitCovariance {
  const n = columns.length;
  const { data, channels } = problem;
  const rows = timesS.length;
  const information = new Float64Array(n * n);
  const middle = new Float64Array(n * n);
  for (let c = 0; c < channels; c++) {
    const use = (row: number) => !Number.isNaN(data[row * channels + c]!);
    const of = columns.map((column) =>
      Float64Array.from({ length: rows }, (_, row) => (use(row) ? column[row * channels + c]! : 0)),
    );
    const w = 1 / noiseStd[c]! ** 2;
    const correlated = of.map((g) => timesResidualCovariance(residualModels[c]!, timesS, use, g));
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) {
        let plain = 0;
        let weighted = 0;
        for (let row = 0; row < rows; row++) {
          plain += of[j]![row]! * of[k]![row]!;
          weighted += of[j]![row]! * correlated[k]![row]!;
        }
        information[j * n + k]! += w * plain;
        middle[j * n + k]! += w * w * weighted;
      }
    }
  }
  const A = precisionOf(information, prior);
  addPrior({ information: middle }, prior);
  const white = invertFromCholesky(cholesky(A, n), n);
  const sandwich = larger(white, sandwichOf(white, middle, n, n), n);
  const nEff = residualModels.reduce((sum, r) => sum + r.nEff, 0);
  const tFactor = studentTQuantile(0.975, Math.max(nEff - parameters, LEAST_DOF)) / Z95;
  const covariance = sandwich.map((v) => v * tFactor ** 2);
  capAtPrior(covariance, n, prior);
  capAtPrior(sandwich, n, prior);
  return { covariance, sandwich, white, information, nEff, tFactor };
}

/** The precision of unknowns under white residuals: what the data tell of them and what is known before. */
export function precisionOf(information: Float64Array, prior: Prior): Float64Array {
  const precision = information.slice();
  addPrior({ information: precision }, prior);
  return precision;
}
