import { TwinError } from '../core/index.js';
import { requireDimension } from './checks.js';
import type { Space } from './space.js';
import type { RowViews } from './workspace.js';

/**
 * A rule for sigma points of an n-dimensional Gaussian: the mean (if `centre`), then x + spread · Lᵢ
 * for the columns Lᵢ of the square root, then x − spread · Lᵢ. All points but the centre carry the
 * same weights.
 */
export interface SigmaPoints {
  readonly kind: 'scaled' | 'julier' | 'cubature';
  readonly n: number;
  /** Number of points: 2n + 1 with a centre, 2n without. */
  readonly count: number;
  readonly centre: boolean;
  /** Distance of the points from the mean in standard deviations. */
  readonly spread: number;
  /** Weights of the mean, `count`. */
  readonly Wm: Float64Array;
  /** Weights of the covariance, `count`. */
  readonly Wc: Float64Array;
}

/** Parameters of the scaled unscented transformation. */
export interface ScaledOptions {
  /** Spread; 0 < α ≤ 1 usually. Default 0.5: small α costs digits and linearises locally. */
  alpha?: number;
  /** Prior knowledge of the distribution; 2 is best for Gaussians (default). */
  beta?: number;
  /**
   * Secondary scaling, default 0: points at α√n standard deviations, and a centre's weight of
   * 1 − 1/α² whatever n is. 3 − n puts them at α√3, with a weight that grows with n.
   */
  kappa?: number;
}

/**
 * The scaled sigma points: λ = α²(n + κ) − n, spread √(n + λ).
 *
 * @throws TwinError `VALUE_INVALID` when n + κ or α is not positive
 * @see Wan & van der Merwe 2000, The unscented Kalman filter for nonlinear estimation, eq. 15
 */
export function scaledSigmaPoints(n: number, options: ScaledOptions = {}): SigmaPoints {
  requireDimension(n, 'n');
  const { alpha = 0.5, beta = 2, kappa = 0 } = options;
  const square = alpha * alpha * (n + kappa);
  requireSpread(square, `alpha² (n + kappa) with alpha ${alpha}, n ${n}, kappa ${kappa}`);
  const lambda = square - n;
  const centre = lambda / square;
  return build('scaled', n, square, centre, centre + 1 - alpha * alpha + beta);
}

/**
 * Julier's sigma points: spread √(n + κ), the same weights for mean and covariance.
 *
 * @param kappa default 3 − n
 * @throws TwinError `VALUE_INVALID` when n + κ is not positive
 * @see Julier & Uhlmann 1997, A new extension of the Kalman filter to nonlinear systems
 */
export function julierSigmaPoints(n: number, kappa = 3 - n): SigmaPoints {
  requireDimension(n, 'n');
  requireSpread(n + kappa, `n + kappa with n ${n}, kappa ${kappa}`);
  return build('julier', n, n + kappa, kappa / (n + kappa), kappa / (n + kappa));
}

/**
 * The third-degree cubature points: no centre, 2n equal positive weights, spread √n.
 *
 * @see Arasaratnam & Haykin 2009, Cubature Kalman filters
 */
export function cubatureSigmaPoints(n: number): SigmaPoints {
  requireDimension(n, 'n');
  const weights = new Float64Array(2 * n).fill(1 / (2 * n));
  return {
    kind: 'cubature',
    n,
    count: 2 * n,
    centre: false,
    spread: Math.sqrt(n),
    Wm: weights,
    Wc: weights,
  };
}

function build(
  kind: SigmaPoints['kind'],
  n: number,
  square: number,
  centreM: number,
  centreC: number,
): SigmaPoints {
  const count = 2 * n + 1;
  const Wm = new Float64Array(count).fill(0.5 / square);
  const Wc = Wm.slice();
  Wm[0] = centreM;
  Wc[0] = centreC;
  return { kind, n, count, centre: true, spread: Math.sqrt(square), Wm, Wc };
}

function requireSpread(square: number, what: string): void {
  if (!(square > 0 && square < Number.POSITIVE_INFINITY)) {
    throw new TwinError(
      'VALUE_INVALID',
      `Sigma points: ${what} gives ${square}, expected a positive number. Choose kappa above −n and alpha above 0.`,
    );
  }
}

/**
 * Draws the points of a Gaussian with mean x and lower triangular square root L.
 *
 * @param out `count` rows of n
 * @param scratch n; used where `space.add` is given
 */
export function drawSigmaPoints(
  rule: SigmaPoints,
  x: Float64Array,
  L: Float64Array,
  out: RowViews,
  space?: Space,
  scratch: Float64Array = new Float64Array(rule.n),
): void {
  const { n, spread } = rule;
  const first = rule.centre ? 1 : 0;
  if (rule.centre) out.rows[0]!.set(x);
  const { data } = out;
  for (let i = 0; i < n; i++) {
    const plus = (first + i) * n;
    const minus = plus + n * n;
    if (space?.add === undefined) {
      for (let r = 0; r < n; r++) {
        const d = spread * L[r * n + i]!;
        data[plus + r] = x[r]! + d;
        data[minus + r] = x[r]! - d;
      }
      continue;
    }
    for (let r = 0; r < n; r++) scratch[r] = spread * L[r * n + i]!;
    space.add(x, scratch, out.rows[first + i]!);
    for (let r = 0; r < n; r++) scratch[r] = -scratch[r]!;
    space.add(x, scratch, out.rows[first + n + i]!);
  }
}
