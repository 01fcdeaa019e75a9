import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  angularSpace,
  augmentedUkfUpdate,
  cholesky,
  createWorkspace,
  cubatureSigmaPoints,
  diagonal,
  type Gaussian,
  julierSigmaPoints,
  kfPredict,
  kfUpdate,
  matMulTransposed,
  type SquareRootGaussian,
  scaledSigmaPoints,
  semidefiniteSquareRoot,
  srKfPredict,
  srKfUpdate,
  srUkfPredict,
  srUkfUpdate,
  triangularize,
  ukfPredict,
  ukfUpdate,
  type VectorFunction,
} from '../../../shared/kalman/index.js';
import { relativeDifference } from './arbitraries.js';

const stay: VectorFunction = (x, out) => out.set(x.subarray(0, out.length));
const square = (S: Float64Array, n: number) => matMulTransposed(S, S, n, n, n);

describe('bad input is refused by name', () => {
  const points = scaledSigmaPoints(2);
  const good = { x: new Float64Array(2), P: diagonal([1, 1]) };
  const Q = diagonal([1, 1]);
  const R = Float64Array.of(1);
  const z = Float64Array.of(0);

  test.each<[string, () => unknown, RegExp]>([
    [
      'NaN in x',
      () => ukfPredict({ ...good, x: Float64Array.of(0, Number.NaN) }, { f: stay, Q, points }),
      /x\[1\] is NaN/,
    ],
    [
      'infinity in P',
      () => kfPredict({ ...good, P: diagonal([1, Infinity]) }, { F: Q, Q }),
      /P\[3\] is Infinity/,
    ],
    [
      'a P that is indefinite',
      () => ukfPredict({ ...good, P: Float64Array.of(1, 2, 2, 1) }, { f: stay, Q, points }),
      /P has 2 at \[1,0\], expected at most 1/,
    ],
    [
      'f that returns NaN',
      () => ukfPredict(good, { f: (_x, out) => out.fill(Number.NaN), Q, points }),
      /f of the sigma points\[0\] is NaN/,
    ],
    [
      'h that returns infinity',
      () =>
        srUkfUpdate({ x: good.x, S: Q }, { h: (_x, o) => o.fill(-Infinity), rootR: R, z, points }),
      /h of the sigma points\[0\] is -Infinity/,
    ],
    [
      'an infinite measurement',
      () => ukfUpdate(good, { h: stay, R, z: Float64Array.of(Infinity), points }),
      /z\[0\] is Infinity.*NaN for a missing channel/,
    ],
    [
      'a wrong size of R',
      () => ukfUpdate(good, { h: stay, R: Q, z, points }),
      /R has 4 elements, expected 1 \(1 × 1/,
    ],
    [
      'NaN in Q',
      () => srKfPredict({ x: good.x, S: Q }, { F: Q, rootQ: diagonal([1, Number.NaN]) }),
      /rootQ\[3\] is NaN/,
    ],
    [
      'points of another dimension',
      () => ukfPredict(good, { f: stay, Q, points: cubatureSigmaPoints(3) }),
      /sigma points are for n = 3, expected 2/,
    ],
    ['α of zero', () => scaledSigmaPoints(2, { alpha: 0 }), /expected a positive number/],
    ['κ at −n', () => julierSigmaPoints(3, -3), /Choose kappa above −n/],
    ['n of zero', () => cubatureSigmaPoints(0), /n is 0, expected an integer of at least 1/],
    ['an empty z', () => kfUpdate(good, { H: R, R, z: new Float64Array(0) }), /length of z is 0/],
    ['an angle outside', () => angularSpace(2, [2]), /index 2 is no component/],
    [
      'noise of negative variance',
      () =>
        augmentedUkfUpdate(good, {
          h: stay,
          R: Float64Array.of(-1),
          z,
          points: scaledSigmaPoints(3),
        }),
      /R has -1 at \[0,0\], expected a variance/,
    ],
  ])('%s', (_name, call, message) => {
    expect(call).toThrow(message);
  });

  test('a failed step leaves the state and a reused workspace usable', () => {
    const workspace = createWorkspace();
    const before = ukfPredict(good, { f: stay, Q, points }, workspace);
    const failing = { f: (_x: Float64Array, out: Float64Array) => out.fill(Number.NaN), Q, points };
    expect(() => ukfPredict(good, failing as never, workspace)).toThrow(/NaN/);
    expect(ukfPredict(good, { f: stay, Q, points }, workspace)).toEqual(before);
  });
});

describe('missing channels', () => {
  test('all missing: the prediction stays, likelihood and NIS are zero', () => {
    const state = { x: Float64Array.of(1, 2), P: diagonal([1, 4]) };
    const z = new Float64Array(2).fill(Number.NaN);
    const points = scaledSigmaPoints(2);
    const R = diagonal([1, 1]);
    const standard = ukfUpdate(state, { h: stay, R, z, points });
    expect(standard).toMatchObject(state);
    const root = { x: state.x, S: diagonal([1, 2]) };
    const { innovation, ...same } = srUkfUpdate(root, { h: stay, rootR: R, z, points });
    expect(same).toEqual(root);
    expect(innovation).toMatchObject({ used: [], dof: 0, nis: 0, logLikelihood: 0 });
    expect(innovation.std[1]).toBeCloseTo(Math.sqrt(5), 12);
  });

  test('a missing channel with correlated noise equals a measurement without it', () => {
    const state = { x: Float64Array.of(1, 2), P: Float64Array.of(1, 0.5, 0.5, 4) };
    const R = Float64Array.of(1, 0.6, 0.2, 0.6, 2, 0.3, 0.2, 0.3, 1.5);
    const H = Float64Array.of(1, 0, 1, 1, 0, 1);
    const z = Float64Array.of(0.3, Number.NaN, 1.1);
    const picked = {
      H: Float64Array.of(1, 0, 0, 1),
      R: Float64Array.of(1, 0.2, 0.2, 1.5),
      z: Float64Array.of(0.3, 1.1),
    };
    const expected = kfUpdate(state, picked);
    const actual = kfUpdate(state, { H, R, z });
    expect(relativeDifference(actual.P, expected.P)).toBeLessThan(1e-14);
    const root = srKfUpdate(
      { x: state.x, S: cholesky(state.P, 2) },
      { H, rootR: cholesky(R, 3), z },
    );
    expect(relativeDifference(root.x, expected.x)).toBeLessThan(1e-13);
    expect(relativeDifference(square(root.S, 2), expected.P)).toBeLessThan(1e-13);
    expect(root.innovation.logLikelihood).toBeCloseTo(expected.innovation.logLikelihood, 12);
    expect(root.innovation.used).toEqual([0, 2]);
    expect(root.innovation.y[1]).toBeNaN();
  });
});

describe('gates', () => {
  const state = { x: Float64Array.of(0, 0), P: diagonal([1, 1]) };
  const root = { x: state.x, S: diagonal([1, 1]) };
  const R = diagonal([1, 1]);
  const z = Float64Array.of(50, 0.5);
  const points = scaledSigmaPoints(2);

  test('per channel: the outlier is left out, the other used, in both forms', () => {
    const gate = { channelSigma: 4 };
    const a = ukfUpdate(state, { h: stay, R, z, points, gate });
    const b = srUkfUpdate(root, { h: stay, rootR: R, z, points, gate });
    for (const { x, innovation } of [a, b]) {
      expect(innovation).toMatchObject({ used: [1], gated: [0], dof: 1 });
      expect(x[0]).toBe(0);
      expect(x[1]).toBeCloseTo(0.25, 14);
      expect(innovation.y[0]).toBe(50);
    }
  });

  test('jointly: the whole sample is left out and its NIS still told', () => {
    const gate = { jointProbability: 0.9999 };
    const a = kfUpdate(state, { H: diagonal([1, 1]), R, z, gate });
    const b = srKfUpdate(root, { H: diagonal([1, 1]), rootR: R, z, gate });
    for (const { x, innovation } of [a, b]) {
      expect(x).toEqual(state.x);
      expect(innovation).toMatchObject({ used: [], gated: [0, 1], dof: 2 });
      expect(innovation.nis).toBeCloseTo(1250.125, 10);
    }
    expect(a.P).toEqual(state.P);
    expect(b.S).toEqual(root.S);
  });
});

describe('zero noise', () => {
  test('an exact linear measurement pins what it sees, in square-root form and for every rule', () => {
    for (const points of [
      scaledSigmaPoints(9),
      julierSigmaPoints(9),
      cubatureSigmaPoints(9),
      scaledSigmaPoints(9, { alpha: 1e-3 }),
    ]) {
      const P = diagonal(Float64Array.from({ length: 9 }, (_, i) => 10 ** (i - 4)));
      const h: VectorFunction = (x, out) => {
        out[0] = 3 * x[0]! - x[4]!;
        out[1] = 1e3 + x[8]!;
      };
      const z = Float64Array.of(0.25, 1001);
      const x0 = new Float64Array(9);
      const { x, S } = srUkfUpdate(
        { x: x0, S: cholesky(P, 9) },
        { h, rootR: new Float64Array(4), z, points },
      );
      // With α = 1e-3 differences of h near 1000 have lost digits: that is what small α costs.
      const digits = points.spread < 0.01 ? 4 : 9;
      expect(3 * x[0]! - x[4]!).toBeCloseTo(0.25, digits);
      expect(x[8]).toBeCloseTo(1, digits);
      expect(S[80]).toBeLessThan(1e-4);
    }
  });

  test('measuring the same thing twice without noise is refused, not answered with NaN', () => {
    const z = Float64Array.of(1, 1);
    const P = Float64Array.of(1, 0.3, 0.3, 2);
    const none = new Float64Array(4);
    // The second row: equal, and equal up to a factor that rounds.
    for (const factor of [1, 1 / 3, 0.7]) {
      const H = Float64Array.of(1, 0.1, factor, 0.1 * factor);
      expect(() => kfUpdate({ x: new Float64Array(2), P }, { H, R: none, z })).toThrow(
        /innovation covariance S.*is not positive definite/,
      );
      const root = { x: new Float64Array(2), S: cholesky(P, 2) };
      expect(() => srKfUpdate(root, { H, rootR: none, z })).toThrow(
        /z\[1\] has a standard deviation of .* which is zero to rounding/,
      );
    }
  });

  test('no process noise: the square-root forms bear a singular rootQ', () => {
    const points = cubatureSigmaPoints(2);
    let state: SquareRootGaussian = { x: Float64Array.of(1, 0), S: diagonal([1, 1]) };
    for (let k = 0; k < 500; k++) {
      state = srUkfPredict(state, { f: stay, rootQ: new Float64Array(4), points });
      state = srUkfUpdate(state, {
        ...{ h: stay, rootR: Float64Array.of(1e-3), z: Float64Array.of(0.5), points },
      });
    }
    expect(state.x[0]).toBeCloseTo(0.5, 8);
    expect(state.S[0]).toBeCloseTo(1e-3 / Math.sqrt(500), 8);
    expect(state.S[3]).toBeCloseTo(1, 12);
  });

  test('a semidefinite square root squares to what it came from', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 8 }),
        (seed, n, rank) => {
          const rng = createRng(seed);
          const k = Math.max(1, Math.min(rank, n));
          const g = Float64Array.from({ length: n * k }, () => (rank === 0 ? 0 : rng.normal()));
          const a = matMulTransposed(g, g, n, k, n);
          expect(relativeDifference(square(semidefiniteSquareRoot(a, n), n), a)).toBeLessThan(
            1e-12,
          );
        },
      ),
    );
    expect(semidefiniteSquareRoot(diagonal([4, 0, 9]), 3)).toEqual(diagonal([2, 0, 3]));
    expect(() => semidefiniteSquareRoot(diagonal([1, -1]), 2)).toThrow(/row 1 leaves -1/);
    expect(() => semidefiniteSquareRoot(Float64Array.of(0, 1, 1, 1), 2)).toThrow(/semidefinite/);
  });
});

describe('ill-conditioned covariances', () => {
  /** Hilbert's matrix has a condition of 1e13 at n = 10. */
  const hilbert = (n: number) =>
    Float64Array.from({ length: n * n }, (_, k) => 1 / (1 + Math.floor(k / n) + (k % n)));

  test('drawing points from Hilbert’s matrix returns it', () => {
    const n = 10;
    const P = hilbert(n);
    for (const points of [scaledSigmaPoints(n), cubatureSigmaPoints(n)]) {
      const out = ukfPredict(
        { x: new Float64Array(n), P },
        { f: stay, Q: new Float64Array(n * n), points },
      );
      expect(relativeDifference(out.P, P)).toBeLessThan(1e-13);
    }
  });

  test('a precise sensor after a vague prior: the square-root form keeps the information', () => {
    // P drops by 1e24 in one update; in the standard form the difference is all rounding.
    const P = Float64Array.of(1e12, 1e12 - 1, 1e12 - 1, 1e12);
    const H = Float64Array.of(1, 1);
    const z = Float64Array.of(2);
    const R = Float64Array.of(1e-12);
    const S = cholesky(P, 2);
    const updated = srKfUpdate(
      { x: new Float64Array(2), S },
      { H, rootR: Float64Array.of(1e-6), z },
    );
    expect(updated.x[0]! + updated.x[1]!).toBeCloseTo(2, 9);
    // Along (1, 1) R is left, along (1, −1) the prior's ½: to what the factor of P holds.
    const [a, b, c] = [updated.S[0]!, updated.S[2]!, updated.S[3]!];
    expect(Math.hypot(a + b, c)).toBeCloseTo(1e-6, 9);
    const lost = kfUpdate({ x: new Float64Array(2), P }, { H, R, z });
    expect(lost.P[0]! + lost.P[3]! + 2 * lost.P[1]!).not.toBeCloseTo(1e-12, 14);
  });

  test('20,000 steps of a nearly noiseless, nearly unobservable system stay definite', () => {
    const f: VectorFunction = (x, out) => {
      out[0] = x[0]! + 1e-3 * x[1]!;
      out[1] = x[1]! + 1e-3 * x[2]!;
      out[2] = x[2]!;
    };
    const points = cubatureSigmaPoints(3);
    const rootQ = diagonal([1e-9, 1e-9, 1e-9]);
    const workspace = createWorkspace();
    const rng = createRng(1);
    let state: SquareRootGaussian = { x: new Float64Array(3), S: diagonal([1e3, 1e3, 1e3]) };
    let nis = 0;
    for (let k = 0; k < 20_000; k++) {
      state = srUkfPredict(state, { f, rootQ, points }, workspace);
      const z = Float64Array.of(1e-6 * rng.normal());
      const input = { h: stay, rootR: Float64Array.of(1e-6), z, points };
      const updated = srUkfUpdate(state, input, workspace);
      nis += updated.innovation.nis / 20_000;
      state = updated;
    }
    for (let i = 0; i < 3; i++) expect(state.S[i * 4]).toBeGreaterThan(0);
    expect(nis).toBeGreaterThan(0.95);
    expect(nis).toBeLessThan(1.05);
  });

  test('variances from 1e-18 to 1e18 in one state', () => {
    const variances = [1e-18, 1e-9, 1, 1e9, 1e18];
    const n = variances.length;
    const points = scaledSigmaPoints(n);
    let state: Gaussian = { x: new Float64Array(n), P: diagonal(variances) };
    const R = diagonal(variances);
    const z = Float64Array.from(variances, Math.sqrt);
    state = ukfUpdate(state, { h: stay, R, z, points });
    for (let i = 0; i < n; i++) {
      expect(state.P[i * n + i]! / variances[i]!).toBeCloseTo(0.5, 10);
      expect(state.x[i]! / z[i]!).toBeCloseTo(0.5, 8);
    }
  });

  test('QR of dependent rows and of zeros gives no NaN', () => {
    expect(triangularize(new Float64Array(6), 3, 2)).toEqual(new Float64Array(6));
    const r = triangularize(Float64Array.of(1, 1, 1, 1, 1, 1), 3, 2);
    expect(r.every(Number.isFinite)).toBe(true);
    expect(Math.abs(r[3]!)).toBeLessThan(1e-15);
    expect(triangularize(Float64Array.of(-2, 5), 1, 2)).toEqual(Float64Array.of(2, -5));
  });

  test('a downdate that a strongly negative centre weight asks for is refused with advice', () => {
    // h = |x| at the mean: the points see 1.5σ above the centre, which weighs −3.
    const n = 4;
    const points = scaledSigmaPoints(n, { alpha: 1, beta: 0, kappa: -3.5 });
    const h: VectorFunction = (x, out) => {
      out[0] = x.reduce((sum, v) => sum + Math.abs(v), 0) ** 2;
    };
    const root = { x: new Float64Array(n), S: diagonal([1, 1, 1, 1]) };
    expect(() =>
      srUkfUpdate(root, { h, rootR: Float64Array.of(1e-6), z: Float64Array.of(1), points }),
    ).toThrow(/R with the spread of h.*not positive definite/);
  });
});
