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

/** −2 ln L, up to a constant, of residuals under white noise plus an OU process. */
function deviance(
  residuals: Float64Array,
  timesS: Float64Array,
  white: number,
  std: number,
  tauS: number,
): number {
  let mean = 0;
  let variance = std * std;
  let lastS = Number.NaN;
  let sum = 0;
  for (let k = 0; k < residuals.length; k++) {
    const e = residuals[k]!;
    if (Number.isNaN(e)) continue;
    if (!Number.isNaN(lastS)) {
      const a = Math.exp(-(timesS[k]! - lastS) / tauS);
      mean *= a;
      variance = a * a * variance + std * std * (1 - a * a);
    }
    lastS = timesS[k]!;
    const S = variance + white * white;
    const v = e - mean;
    sum += Math.log(S) + (v * v) / S;
    const gain = variance / S;
    mean += gain * v;
    variance -= gain * variance;
  }
  return sum;
}

/**
 * Splits residuals into white noise and an Ornstein-Uhlenbeck process by the likelihood of a scalar
 * Kalman filter along them: no further model runs. The time constant's prior is log-normal about a
 * fifth of the record: longer ones cannot be told from an offset.
 *
 * @param residuals one channel's, `NaN` where there is none
 * @param floor least white noise, e.g. the sensor's resolution
 * @see Uhlenbeck & Ornstein, Physical Review 36 (1930); Kristensen, Madsen & Jørgensen, Automatica 40 (2004)
 */
export function fitResidualModel(
  residuals: Float64Array,
  timesS: Float64Array,
  floor: number,
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
  const { x } = nelderMead(
    (p) =>
      0.5 * deviance(residuals, timesS, stdOf(p[0]!), Math.exp(p[1]!), Math.exp(p[2]!)) +
      0.5 * (p[2]! - Math.log(spanS / 5)) ** 2 +
      0.5 * ((p[1]! - Math.log(rms / 2)) / 1.5) ** 2,
    Float64Array.of(Math.log(rms / 2), Math.log(rms), Math.log(spanS / 10)),
    0.5,
  );
  const white = stdOf(x[0]!);
  const std = Math.exp(x[1]!);
  const timeConstantS = Math.exp(x[2]!);
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
