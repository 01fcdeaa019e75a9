import { requireShape } from './checks.js';

/**
 * The square-root measurement update as one orthogonal transformation:
 *
 *     [ Rᵀ^½   0  ]        [ Szᵀ   Wᵀ ]
 *     [ B      Sᵀ ]   →    [ 0    S⁺ᵀ ]
 *
 * where S Sᵀ is the prior covariance, B = ∂h in units of S's columns (row i answers column i of S),
 * R the measurement noise. Then Sz Szᵀ = R + BᵀB is the innovation covariance, W = Pxz Sz⁻ᵀ, and
 * S⁺ S⁺ᵀ the posterior covariance: no subtraction, so it can't lose definiteness. Rows of B are
 * rotated in from the last, which keeps the state block triangular.
 *
 * @param rootR m × m upper triangular with rootRᵀ rootR = R; becomes Szᵀ
 * @param B n × m; destroyed
 * @param rootP n × n upper triangular Sᵀ; becomes S⁺ᵀ
 * @param Wt m × n; receives Wᵀ
 * @see Kailath, Sayed & Hassibi 2000, Linear Estimation, chapter 12 (array algorithms)
 */
export function conditionSquareRoot(
  rootR: Float64Array,
  B: Float64Array,
  rootP: Float64Array,
  Wt: Float64Array,
  n: number,
  m: number,
): void {
  requireShape(rootR, m, m, 'rootR');
  requireShape(B, n, m, 'B');
  requireShape(rootP, n, n, 'rootP');
  requireShape(Wt, m, n, 'Wt');
  Wt.fill(0);
  for (let i = n - 1; i >= 0; i--) {
    const b = i * m;
    const p = i * n;
    for (let j = 0; j < m; j++) {
      const y = B[b + j]!;
      if (y === 0) continue;
      const r = j * m;
      const x = rootR[r + j]!;
      const root = Math.sqrt(x * x + y * y);
      // Where squares neither overflow nor vanish; `hypot` costs several times as much.
      const h = root > 1e-150 && root < 1e150 ? root : Math.hypot(x, y);
      const c = x / h;
      const s = y / h;
      rootR[r + j] = h;
      for (let k = j + 1; k < m; k++) {
        const u = rootR[r + k]!;
        const v = B[b + k]!;
        rootR[r + k] = c * u + s * v;
        B[b + k] = c * v - s * u;
      }
      const w = j * n;
      for (let k = i; k < n; k++) {
        const u = Wt[w + k]!;
        const v = rootP[p + k]!;
        Wt[w + k] = c * u + s * v;
        rootP[p + k] = c * v - s * u;
      }
    }
    if (rootP[p + i]! < 0) for (let k = i; k < n; k++) rootP[p + k] = -rootP[p + k]!;
  }
}
