import { cholesky, choleskySolve } from '../../../kalman/index.js';
import type { LeastSquaresProblem } from '../least-squares/objective.js';
import { nelderMead } from './nelder-mead.js';

/** What one channel's residuals are made of: white noise, and a disturbance that fades. */
export interface ResidualModel {
  /** Standard deviation of what is new in each sample. */
  white: number;
  /** An Ornstein-Uhlenbeck process: its standard deviation and time constant. */
  ou: { std: number; timeConstantS: number };
  /** Samples that are worth as much as so many independent ones. */
  nEff: number;
  samples: number;
}

/** Fewer residuals are taken for white: nothing else can be told from them. */
const LEAST_SAMPLES = 8;

/**
 * What the unknowns of a fit have taken out of a channel's residuals: a disturbance that they could
 * follow is larger than what it has left.
 */
export interface Absorbed {
  /** Sensitivities of this channel, a column per unknown. */
  columns: readonly Float64Array[];
  /** Precision of the unknowns without this channel, n × n: their priors' and the other channels'. */
  precision: Float64Array;
  /** Where those pull the unknowns to from the fit, times their precision. */
  pull: Float64Array;
}

/**
 * Residuals and sensitivities side by side through the scalar Kalman filter of white noise plus an OU
 * process: what the data say of the unknowns is added to A and b.
 *
 * @param A precision of the unknowns, its lower triangle, n × n
 * @param b its pull
 * @returns −2 ln L at the fit, up to a constant
 */
export function throughFilter(
  residuals: Float64Array,
  timesS: Float64Array,
  noise: { white: number; std: number; tauS: number },
  columns: readonly Float64Array[],
  A: Float64Array,
  b: Float64Array,
): number {
  const { white, std, tauS } = noise;
  const n = columns.length;
  const means = new Float64Array(n + 1);
  const innovations = new Float64Array(n + 1);
  let variance = std * std;
  let lastS = Number.NaN;
  let sum = 0;
  for (let k = 0; k < residuals.length; k++) {
    const e = residuals[k]!;
    if (Number.isNaN(e)) continue;
    if (!Number.isNaN(lastS)) {
      const a = Math.exp(-(timesS[k]! - lastS) / tauS);
      for (let j = 0; j <= n; j++) means[j]! *= a;
      variance = a * a * variance + std * std * (1 - a * a);
    }
    lastS = timesS[k]!;
    const S = variance + white * white;
    const gain = variance / S;
    for (let j = 0; j <= n; j++) {
      const v = (j === n ? e : columns[j]![k]!) - means[j]!;
      innovations[j] = v;
      means[j]! += gain * v;
    }
    variance -= gain * variance;
    const v = innovations[n]!;
    sum += Math.log(S) + (v * v) / S;
    for (let j = 0; j < n; j++) {
      const w = innovations[j]! / S;
      b[j]! += w * v;
      for (let i = 0; i <= j; i++) A[j * n + i]! += w * innovations[i]!;
    }
  }
  return sum;
}

/** What integrating the unknowns out adds to −2 ln L: ln |A| − bᵀ A⁻¹ b, A's lower triangle given. */
export function integratedOut(A: Float64Array, b: Float64Array): number {
  const n = b.length;
  if (n === 0) return 0;
  for (let j = 0; j < n; j++) for (let i = 0; i < j; i++) A[i * n + j] = A[j * n + i]!;
  const L = cholesky(A, n);
  const moved = choleskySolve(L, b, n);
  let sum = 0;
  for (let j = 0; j < n; j++) sum += 2 * Math.log(L[j * n + j]!) - b[j]! * moved[j]!;
  return sum;
}

/**
 * −2 ln L, up to a constant, of residuals under white noise plus an OU process. Where unknowns were
 * fitted, they are integrated out (restricted likelihood).
 *
 * @see Patterson & Thompson, Biometrika 58 (1971); Harville, J. Am. Stat. Assoc. 72 (1977)
 */
function deviance(
  residuals: Float64Array,
  timesS: Float64Array,
  white: number,
  std: number,
  tauS: number,
  absorbed?: Absorbed,
): number {
  const A = absorbed?.precision.slice() ?? new Float64Array();
  const b = absorbed?.pull.slice() ?? new Float64Array();
  const columns = absorbed?.columns ?? [];
  const sum = throughFilter(residuals, timesS, { white, std, tauS }, columns, A, b);
  return sum + integratedOut(A, b);
}

/** The least white noise of a channel's residuals: where they are smaller than its least noise, what they lack of it. */
export function leastWhite(
  { noiseFloor, whiteFloor }: Pick<LeastSquaresProblem, 'noiseFloor' | 'whiteFloor'>,
  channel: number,
  residuals: Float64Array,
): number {
  const used = residuals.filter((e) => !Number.isNaN(e));
  const square = used.reduce((sum, e) => sum + e * e, 0) / Math.max(used.length, 1);
  const lacking = noiseFloor[channel]! ** 2 - square;
  return Math.max(whiteFloor[channel]!, Math.sqrt(Math.max(0, lacking)));
}

/**
 * Splits residuals into white noise and an Ornstein-Uhlenbeck process by the restricted likelihood of
 * a scalar Kalman filter along them: no further model runs. The time constant's prior is log-normal
 * about a fifth of the record: longer ones cannot be told from an offset.
 *
 * @param residuals one channel's, `NaN` where there is none
 * @param floor least white noise, e.g. the sensor's resolution
 * @param absorbed where residuals are those of a fit
 * @see Uhlenbeck & Ornstein, Physical Review 36 (1930); Kristensen, Madsen & Jørgensen, Automatica 40 (2004)
 */
export function fitResidualModel(
  residuals: Float64Array,
  timesS: Float64Array,
  floor: number,
  absorbed?: Absorbed,
): ResidualModel {
  const used = residuals.filter((e) => !Number.isNaN(e));
  const n = used.length;
  const rms = Math.max(Math.sqrt(used.reduce((sum, e) => sum + e * e, 0) / Math.max(n, 1)), floor);
  const spanS = (timesS.at(-1) ?? 0) - (timesS[0] ?? 0);
  const periodS = spanS / Math.max(1, timesS.length - 1);
  if (n < LEAST_SAMPLES || !(spanS > 0)) {
    return { white: rms, ou: { std: 0, timeConstantS: Math.max(periodS, 0) }, nEff: n, samples: n };
  }
  const stdOf = (x: number) => Math.hypot(Math.exp(x), floor);
  const tauOf = (x: number) => Math.min(Math.exp(x), spanS);
  const { x } = nelderMead(
    (p) =>
      0.5 * deviance(residuals, timesS, stdOf(p[0]!), Math.exp(p[1]!), tauOf(p[2]!), absorbed) +
      0.5 * (p[2]! - Math.log(spanS / 5)) ** 2 +
      0.5 * ((p[1]! - Math.log(rms / 2)) / 1.5) ** 2,
    Float64Array.of(Math.log(rms / 2), Math.log(rms), Math.log(spanS / 10)),
    0.5,
  );
  const white = stdOf(x[0]!);
  const std = Math.exp(x[1]!);
  const timeConstantS = tauOf(x[2]!);
  const a = Math.exp(-periodS / timeConstantS);
  const w2 = white * white;
  const s2 = std * std;
  const nEff = (n * (w2 + s2)) / (w2 + s2 * Math.min(n, (1 + a) / (1 - a)));
  return { white, ou: { std, timeConstantS }, nEff, samples: n };
}

/**
 * Γ g: the residuals' covariance times a column, in time proportional to its length (the
 * exponential kernel is a recursion forwards plus one backwards).
 *
 * @param use whether a sample has a residual
 */
export function timesResidualCovariance(
  model: ResidualModel,
  timesS: Float64Array,
  use: (row: number) => boolean,
  g: Float64Array,
): Float64Array {
  const n = g.length;
  const out = new Float64Array(n);
  const w2 = model.white ** 2;
  const s2 = model.ou.std ** 2;
  const sweep = (from: number, to: number, step: number) => {
    let carried = 0;
    let lastS = Number.NaN;
    for (let k = from; k !== to; k += step) {
      if (!use(k)) continue;
      if (!Number.isNaN(lastS)) {
        carried *= Math.exp(-Math.abs(timesS[k]! - lastS) / model.ou.timeConstantS);
      }
      lastS = timesS[k]!;
      out[k]! += s2 * carried;
      carried += g[k]!;
    }
  };
  sweep(0, n, 1);
  sweep(n - 1, -1, -1);
  for (let k = 0; k < n; k++) if (use(k)) out[k]! += (w2 + s2) * g[k]!;
  return out;
}
