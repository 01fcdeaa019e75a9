import fc from 'fast-check';
import { CholeskyDecomposition, EigenvalueDecomposition, SVD, solve } from 'ml-matrix';
import { describe, expect, test } from 'vitest';
import {
  cholesky,
  choleskySolve,
  choleskyUpdate,
  conditionSquareRoot,
  diagonal,
  identity,
  invertFromCholesky,
  logDeterminant,
  matMul,
  matMulTransposed,
  matTransposedMul,
  matTransposedVec,
  matVec,
  sandwich,
  solveLower,
  solveLowerTransposed,
  solveRightTransposed,
  solveUpper,
  squareRootOfStack,
  svd,
  symmetricEigen,
  symmetricRankK,
  transpose,
  triangularize,
  triangularizeOnto,
} from '../../../shared/kalman/index.js';
import {
  fromMatrix,
  problem,
  randomCovariance,
  randomMatrix,
  relativeDifference,
  rngOf,
  toMatrix,
} from './arbitraries.js';

const TIGHT = 1e-12;

describe('products agree with ml-matrix', () => {
  test('A B, Aᵀ B, A Bᵀ, A x, Aᵀ x', () => {
    fc.assert(
      fc.property(problem(13, 11), fc.integer({ min: 1, max: 9 }), ({ seed, n, m }, k) => {
        const rng = rngOf(seed);
        const a = randomMatrix(rng, n, k);
        const b = randomMatrix(rng, k, m);
        const expected = fromMatrix(toMatrix(a, n, k).mmul(toMatrix(b, k, m)));
        expect(relativeDifference(matMul(a, b, n, k, m), expected)).toBeLessThan(TIGHT);
        expect(
          relativeDifference(matTransposedMul(transpose(a, n, k), b, n, k, m), expected),
        ).toBeLessThan(TIGHT);
        expect(
          relativeDifference(matMulTransposed(a, transpose(b, k, m), n, k, m), expected),
        ).toBeLessThan(TIGHT);
        const x = randomMatrix(rng, k, 1);
        const ax = fromMatrix(toMatrix(a, n, k).mmul(toMatrix(x, k, 1)));
        expect(relativeDifference(matVec(a, x, n, k), ax)).toBeLessThan(TIGHT);
        expect(relativeDifference(matTransposedVec(transpose(a, n, k), x, k, n), ax)).toBeLessThan(
          TIGHT,
        );
      }),
    );
  });

  test('C ± A Aᵀ is exactly symmetric, also in place', () => {
    fc.assert(
      fc.property(problem(14, 9), fc.constantFrom(1, -1), ({ seed, n, m: k }, sign) => {
        const rng = rngOf(seed);
        const a = randomMatrix(rng, n, k);
        const c = randomCovariance(rng, n);
        const A = toMatrix(a, n, k);
        const expected = fromMatrix(toMatrix(c, n, n).add(A.mmul(A.transpose()).mul(sign)));
        const out = symmetricRankK(a, n, k, undefined, c, sign as 1 | -1);
        expect(relativeDifference(out, expected)).toBeLessThan(TIGHT);
        expect(transpose(out, n, n)).toEqual(out);
        expect(symmetricRankK(a, n, k, c, c, sign as 1 | -1)).toEqual(out);
      }),
    );
  });

  test('F P Fᵀ', () => {
    const rng = rngOf(7);
    const f = randomMatrix(rng, 5, 8);
    const p = randomCovariance(rng, 8);
    const F = toMatrix(f, 5, 8);
    const expected = fromMatrix(F.mmul(toMatrix(p, 8, 8)).mmul(F.transpose()));
    expect(relativeDifference(sandwich(f, p, 5, 8), expected)).toBeLessThan(TIGHT);
  });

  test('a wrong size is refused by name', () => {
    expect(() => matMul(new Float64Array(5), new Float64Array(6), 2, 3, 2)).toThrow(
      /A has 5 elements, expected 6 \(2 × 3/,
    );
  });
});

describe('Cholesky', () => {
  test('factors, solves and log determinants agree with ml-matrix', () => {
    fc.assert(
      fc.property(problem(17, 9), ({ seed, n, m }) => {
        const rng = rngOf(seed);
        const a = randomCovariance(rng, n);
        const b = randomMatrix(rng, n, m);
        const oracle = new CholeskyDecomposition(toMatrix(a, n, n));
        const l = cholesky(a, n);
        expect(relativeDifference(l, fromMatrix(oracle.lowerTriangularMatrix))).toBeLessThan(TIGHT);
        expect(
          relativeDifference(
            choleskySolve(l, b, n, m),
            fromMatrix(oracle.solve(toMatrix(b, n, m))),
          ),
        ).toBeLessThan(1e-11);
        const bt = transpose(b, n, m);
        const w = solveRightTransposed(l, bt, n, m);
        expect(relativeDifference(matMulTransposed(w, l, m, n, n), bt)).toBeLessThan(TIGHT);
        expect(transpose(solveLower(l, b, n, m), n, m)).toSatisfy(
          (x: Float64Array) => relativeDifference(x, w) < TIGHT,
        );
        const y = solveLowerTransposed(l, b, n, m);
        expect(relativeDifference(y, solveUpper(transpose(l, n, n), b, n, m))).toBeLessThan(TIGHT);
        expect(
          relativeDifference(matMul(a, invertFromCholesky(l, n), n, n, n), identity(n)),
        ).toBeLessThan(1e-10);
        const eigen = symmetricEigen(a, n).values.reduce((s, v) => s + Math.log(v), 0);
        expect(logDeterminant(l, n)).toBeCloseTo(eigen, 9);
        const inPlace = a.slice();
        expect(cholesky(inPlace, n, inPlace)).toEqual(l);
      }),
    );
  });

  test('a pivot that is not positive is named; an asymmetry of one ulp is not an error', () => {
    const indefinite = Float64Array.of(4, 0, 0, 0, -1e-9, 0, 0, 0, 2);
    expect(() => cholesky(indefinite, 3, undefined, 'P')).toThrow(/P \(3 × 3\).*pivot 1 is -1e-9/);
    expect(() => cholesky(diagonal([1, 0]), 2)).toThrow(/pivot 1 is 0/);
    expect(() => cholesky(diagonal([1, Number.NaN]), 2)).toThrow(/pivot 1 is NaN/);
    expect(() => cholesky(diagonal([Number.POSITIVE_INFINITY]), 1)).toThrow(/pivot 0 is Infinity/);
    expect(cholesky(Float64Array.of(2, 1 + 2e-16, 1, 2), 2)[2]).toBeCloseTo(Math.SQRT1_2, 14);
  });

  test('rank-one update and downdate are each other’s inverse and match the refactored matrix', () => {
    fc.assert(
      fc.property(problem(12, 1), ({ seed, n }) => {
        const rng = rngOf(seed);
        const a = randomCovariance(rng, n);
        const v = randomMatrix(rng, n, 1);
        const l = cholesky(a, n);
        const up = choleskyUpdate(l.slice(), v.slice(), n, 1);
        const sum = symmetricRankK(v, n, 1, undefined, a);
        expect(relativeDifference(up, cholesky(sum, n))).toBeLessThan(TIGHT);
        const down = choleskyUpdate(up.slice(), v.slice(), n, -1);
        expect(relativeDifference(down, l)).toBeLessThan(1e-10);
      }),
    );
    expect(() => choleskyUpdate(identity(2), Float64Array.of(0, 1.5), 2, -1)).toThrow(/pivot 1/);
  });
});

describe('QR', () => {
  test('R has RᵀR = AᵀA, a diagonal ≥ 0 and zeros below', () => {
    fc.assert(
      fc.property(problem(20, 9), ({ seed, n: rows, m: cols }) => {
        const rng = rngOf(seed);
        const a = randomMatrix(rng, rows, cols);
        const A = toMatrix(a, rows, cols);
        const gram = fromMatrix(A.transpose().mmul(A));
        const r = triangularize(a.slice(), rows, cols);
        expect(relativeDifference(matTransposedMul(r, r, cols, rows, cols), gram)).toBeLessThan(
          TIGHT,
        );
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < Math.min(i, cols); j++) expect(r[i * cols + j]).toBe(0);
          if (i < cols) expect(r[i * cols + i]).toBeGreaterThanOrEqual(0);
        }
        const s = squareRootOfStack(a.slice(), rows, cols);
        expect(relativeDifference(matMulTransposed(s, s, cols, cols, cols), gram)).toBeLessThan(
          TIGHT,
        );
      }),
    );
  });

  test('a stack on a triangle gives the same R as the whole', () => {
    fc.assert(
      fc.property(problem(9, 12), ({ seed, n, m: rows }) => {
        const rng = rngOf(seed);
        const u = transpose(cholesky(randomCovariance(rng, n), n), n, n);
        const b = randomMatrix(rng, rows, n);
        const whole = new Float64Array((n + rows) * n);
        whole.set(u);
        whole.set(b, n * n);
        const expected = triangularize(whole, n + rows, n).subarray(0, n * n);
        expect(relativeDifference(triangularizeOnto(u, b, rows, n), expected)).toBeLessThan(TIGHT);
      }),
    );
  });

  test('columns of 1e±160 neither overflow nor vanish', () => {
    for (const scale of [1e160, 1e-160]) {
      const r = triangularize(Float64Array.of(3 * scale, 4 * scale), 2, 1);
      expect(r[0]! / scale).toBeCloseTo(5, 12);
    }
  });
});

test('the array update equals the covariance update', () => {
  fc.assert(
    fc.property(problem(11, 7), ({ seed, n, m }) => {
      const rng = rngOf(seed);
      const P = randomCovariance(rng, n);
      const R = randomCovariance(rng, m);
      const H = randomMatrix(rng, m, n);
      const S = cholesky(P, n);
      const rootP = transpose(S, n, n);
      const rootR = transpose(cholesky(R, m), m, m);
      const B = matTransposedMul(S, transpose(H, m, n), n, n, m);
      const Wt = new Float64Array(m * n);
      conditionSquareRoot(rootR, B, rootP, Wt, n, m);

      const Hm = toMatrix(H, m, n);
      const Pm = toMatrix(P, n, n);
      const innovation = Hm.mmul(Pm)
        .mmul(Hm.transpose())
        .add(toMatrix(R, m, m));
      const K = solve(innovation, Hm.mmul(Pm)).transpose();
      const posterior = fromMatrix(Pm.clone().sub(K.mmul(innovation).mmul(K.transpose())));
      expect(
        relativeDifference(matTransposedMul(rootR, rootR, m, m, m), fromMatrix(innovation)),
      ).toBeLessThan(TIGHT);
      expect(relativeDifference(matTransposedMul(rootP, rootP, n, n, n), posterior)).toBeLessThan(
        1e-11,
      );
      const gain = matMul(transpose(Wt, m, n), invert(transpose(rootR, m, m), m), n, m, m);
      expect(relativeDifference(gain, fromMatrix(K))).toBeLessThan(1e-10);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < i; j++) expect(rootP[i * n + j]).toBe(0);
        expect(rootP[i * n + i]).toBeGreaterThan(0);
      }
    }),
  );
});

function invert(l: Float64Array, n: number): Float64Array {
  return solveLower(l, identity(n), n, n);
}

describe('eigenvalues and singular values', () => {
  test('agree with ml-matrix', () => {
    fc.assert(
      fc.property(problem(10, 6), ({ seed, n, m }) => {
        const rng = rngOf(seed);
        const a = randomCovariance(rng, n);
        const { values, vectors } = symmetricEigen(a, n);
        const oracle = new EigenvalueDecomposition(toMatrix(a, n, n), { assumeSymmetric: true });
        expect(
          relativeDifference(
            values,
            oracle.realEigenvalues.sort((p, q) => q - p),
          ),
        ).toBeLessThan(TIGHT);
        const rebuilt = matMulTransposed(
          matMul(vectors, diagonal(values), n, n, n),
          vectors,
          n,
          n,
          n,
        );
        expect(relativeDifference(rebuilt, a)).toBeLessThan(TIGHT);

        const rows = n + m;
        const g = randomMatrix(rng, rows, m);
        const { U, singularValues, V } = svd(g, rows, m);
        expect(
          relativeDifference(singularValues, new SVD(toMatrix(g, rows, m)).diagonal),
        ).toBeLessThan(TIGHT);
        const back = matMulTransposed(
          matMul(U, diagonal(singularValues), rows, m, m),
          V,
          rows,
          m,
          m,
        );
        expect(relativeDifference(back, g)).toBeLessThan(TIGHT);
      }),
      { numRuns: 50 },
    );
  });

  test('small eigenvalues of a badly scaled definite matrix keep their digits', () => {
    const d = [1, 1e-6, 1e-12];
    const c = [1, 0.5, 0.2, 0.5, 1, 0.3, 0.2, 0.3, 1];
    const a = Float64Array.from(c, (v, k) => v * d[Math.floor(k / 3)]! * d[k % 3]!);
    const det = 1 + 2 * 0.5 * 0.2 * 0.3 - 0.25 - 0.04 - 0.09;
    const { values } = symmetricEigen(a, 3);
    expect((values[0]! * values[1]! * values[2]!) / (det * 1e-36)).toBeCloseTo(1, 10);
  });

  test('a rank-deficient matrix has singular values of zero', () => {
    const { singularValues } = svd(Float64Array.of(1, 2, 2, 4, 3, 6), 3, 2);
    expect(singularValues[1]! / singularValues[0]!).toBeLessThan(1e-15);
  });

  test('NaN is refused', () => {
    expect(() => symmetricEigen(Float64Array.of(Number.NaN), 1)).toThrow(/A\[0\] is NaN/);
    expect(() => svd(new Float64Array(2), 1, 2)).toThrow(/at least as many rows/);
  });
});
