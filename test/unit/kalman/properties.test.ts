import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Rng } from '../../../shared/core/index.js';
import {
  augmentedUkfPredict,
  augmentedUkfStep,
  augmentedUkfUpdate,
  cholesky,
  createWorkspace,
  cubatureSigmaPoints,
  type Gaussian,
  julierSigmaPoints,
  kfPredict,
  kfUpdate,
  linearSmootherStep,
  matMulTransposed,
  matVec,
  rtsSmoother,
  type SigmaPoints,
  scaledSigmaPoints,
  srKfPredict,
  srKfUpdate,
  srUkfPredict,
  srUkfUpdate,
  symmetricEigen,
  ukfPredict,
  ukfUpdate,
  unscentedSmootherStep,
  type VectorFunction,
} from '../../../shared/kalman/index.js';
import {
  problem,
  randomCovariance,
  randomMatrix,
  relativeDifference,
  rngOf,
} from './arbitraries.js';

const TIGHT = 1e-12;

const rules: [string, (n: number) => SigmaPoints][] = [
  ['scaled, α 0.5', (n) => scaledSigmaPoints(n)],
  ['scaled, α 1, κ 0', (n) => scaledSigmaPoints(n, { alpha: 1, kappa: 0 })],
  ['Julier', (n) => julierSigmaPoints(n, 1)],
  ['cubature', (n) => cubatureSigmaPoints(n)],
];

const square = (S: Float64Array, n: number) => matMulTransposed(S, S, n, n, n);

/** A random linear problem with a stable F, and a measurement with some channels missing. */
function linearProblem(rng: Rng, n: number, m: number) {
  const F = randomMatrix(rng, n, n).map((v) => (0.7 * v) / Math.sqrt(n));
  const H = randomMatrix(rng, m, n);
  const Q = randomCovariance(rng, n, 0.05);
  const R = randomCovariance(rng, m, 0.2);
  const linear =
    (a: Float64Array, rows: number): VectorFunction =>
    (x, out) => {
      matVec(a, x, rows, n, out);
    };
  return {
    F,
    H,
    Q,
    R,
    rootQ: cholesky(Q, n),
    rootR: cholesky(R, m),
    f: linear(F, n),
    h: linear(H, m),
    start: { x: randomMatrix(rng, n, 1), P: randomCovariance(rng, n) },
    z: () => randomMatrix(rng, m, 1).map((v) => (rng.uniform() < 0.2 ? Number.NaN : v)),
  };
}

describe.each(rules)('%s points', (_name, points) => {
  test('on a linear problem every form equals the Kalman filter, step after step', () => {
    fc.assert(
      fc.property(problem(8, 5), ({ seed, n, m }) => {
        const p = linearProblem(rngOf(seed), n, m);
        const rule = points(n);
        const workspace = createWorkspace();
        let kf: Gaussian = p.start;
        let ukf: Gaussian = p.start;
        let srKf = { x: p.start.x, S: cholesky(p.start.P, n) };
        let srUkf = srKf;
        for (let k = 0; k < 6; k++) {
          const z = p.z();
          kf = kfPredict(kf, { F: p.F, Q: p.Q });
          ukf = ukfPredict(ukf, { f: p.f, Q: p.Q, points: rule }, workspace);
          expect(relativeDifference(ukf.P, kf.P)).toBeLessThan(TIGHT);
          srKf = srKfPredict(srKf, { F: p.F, rootQ: p.rootQ });
          srUkf = srUkfPredict(srUkf, { f: p.f, rootQ: p.rootQ, points: rule }, workspace);
          const a = kfUpdate(kf, { H: p.H, R: p.R, z });
          const b = ukfUpdate(ukf, { h: p.h, R: p.R, z, points: rule }, workspace);
          const c = srKfUpdate(srKf, { H: p.H, rootR: p.rootR, z });
          const d = srUkfUpdate(srUkf, { h: p.h, rootR: p.rootR, z, points: rule }, workspace);
          const scale = Math.max(...a.x.map(Math.abs), ...kf.x.map(Math.abs), 1);
          for (const other of [b, c, d]) {
            for (let i = 0; i < n; i++) {
              expect(Math.abs(other.x[i]! - a.x[i]!) / scale).toBeLessThan(TIGHT);
            }
            expect(Math.abs(other.innovation.nis - a.innovation.nis)).toBeLessThan(
              1e-11 * (1 + a.innovation.nis),
            );
            expect(other.innovation.used).toEqual(a.innovation.used);
          }
          expect(relativeDifference(b.P, a.P)).toBeLessThan(TIGHT);
          expect(relativeDifference(square(c.S, n), a.P)).toBeLessThan(TIGHT);
          expect(relativeDifference(square(d.S, n), a.P)).toBeLessThan(TIGHT);
          [kf, ukf, srKf, srUkf] = [a, b, c, d];
        }
      }),
      { numRuns: 40 },
    );
  });

  test('the points have the mean and covariance of what they were drawn from', () => {
    fc.assert(
      fc.property(problem(15, 1), ({ seed, n }) => {
        const rng = rngOf(seed);
        const state = { x: randomMatrix(rng, n, 1), P: randomCovariance(rng, n) };
        const out = ukfPredict(state, {
          f: (x, to) => to.set(x),
          Q: new Float64Array(n * n),
          points: points(n),
        });
        // The centre's weight multiplies rounding: some digits for large n.
        expect(relativeDifference(out.x, state.x)).toBeLessThan(1e-12);
        expect(relativeDifference(out.P, state.P)).toBeLessThan(1e-12);
      }),
    );
  });
});

test('P stays symmetric positive definite through a nonlinear model with gaps and gates', () => {
  fc.assert(
    fc.property(
      problem(5, 4),
      fc.constantFrom(...rules.slice(1, 2), rules[3]!),
      (p, [, points]) => {
        const { seed, n, m } = p;
        const rng = rngOf(seed);
        const linear = linearProblem(rng, n, m);
        const f: VectorFunction = (x, out) => {
          linear.f(x, out);
          for (let i = 0; i < n; i++) out[i] = Math.sin(out[i]!) + 0.1 * x[i]! ** 2;
        };
        const h: VectorFunction = (x, out) => {
          linear.h(x, out);
          for (let j = 0; j < m; j++) out[j] = Math.abs(out[j]!) + Math.tanh(out[j]!);
        };
        const rule = points(n);
        let state: Gaussian = linear.start;
        let root = { x: state.x, S: cholesky(state.P, n) };
        for (let k = 0; k < 10; k++) {
          const z = linear.z();
          const gate = { channelSigma: 3, jointProbability: 0.999 };
          state = ukfPredict(state, { f, Q: linear.Q, points: rule });
          state = ukfUpdate(state, { h, R: linear.R, z, points: rule, gate });
          expect(symmetricEigen(state.P, n).values.at(-1)).toBeGreaterThan(0);
          for (let i = 0; i < n; i++) {
            for (let j = 0; j < i; j++) expect(state.P[i * n + j]).toBe(state.P[j * n + i]);
          }
          root = srUkfPredict(root, { f, rootQ: linear.rootQ, points: rule });
          root = srUkfUpdate(root, { h, rootR: linear.rootR, z, points: rule, gate });
          expect(relativeDifference(root.x, state.x)).toBeLessThan(1e-9);
          expect(relativeDifference(square(root.S, n), state.P)).toBeLessThan(1e-9);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('saving and restoring a state changes nothing, to the bit; a workspace neither', () => {
  fc.assert(
    fc.property(problem(6, 4), ({ seed, n, m }) => {
      const p = linearProblem(rngOf(seed), n, m);
      const points = scaledSigmaPoints(n);
      const h: VectorFunction = (x, out) => {
        p.h(x, out);
        for (let j = 0; j < m; j++) out[j] = Math.sin(out[j]!);
      };
      const workspace = createWorkspace();
      const step = (state: { x: Float64Array; S: Float64Array }, z: Float64Array, reuse: boolean) =>
        srUkfUpdate(
          srUkfPredict(state, { f: p.f, rootQ: p.rootQ, points }, reuse ? workspace : undefined),
          { h, rootR: p.rootR, z, points },
          reuse ? workspace : undefined,
        );
      let state = { x: p.start.x, S: cholesky(p.start.P, n) };
      let restored = state;
      for (let k = 0; k < 5; k++) {
        const z = p.z();
        state = step(state, z, true);
        restored = step(restored, z, false);
        const bytes = Buffer.from(new Float64Array([...restored.x, ...restored.S]).buffer);
        const copy = new Float64Array(new Uint8Array(bytes).buffer);
        restored = { x: copy.slice(0, n), S: copy.slice(n) };
      }
      expect(restored.x).toEqual(state.x);
      expect(restored.S).toEqual(state.S);
    }),
    { numRuns: 30 },
  );
});

test('arguments are not changed', () => {
  const p = linearProblem(rngOf(3), 4, 3);
  const points = scaledSigmaPoints(4);
  const copy = { x: p.start.x.slice(), P: p.start.P.slice(), Q: p.Q.slice(), R: p.R.slice() };
  const z = p.z();
  const zCopy = z.slice();
  ukfUpdate(ukfPredict(p.start, { f: p.f, Q: p.Q, points }), { h: p.h, R: p.R, z, points });
  kfUpdate(p.start, { H: p.H, R: p.R, z });
  srUkfUpdate({ x: p.start.x, S: cholesky(p.start.P, 4) }, { h: p.h, rootR: p.rootR, z, points });
  expect({ x: p.start.x, P: p.start.P, Q: p.Q, R: p.R }).toEqual(copy);
  expect(z).toEqual(zCopy);
});

describe('the augmented forms', () => {
  test('equal the Kalman filter where the noise is additive', () => {
    fc.assert(
      fc.property(problem(5, 3), ({ seed, n, m }) => {
        const p = linearProblem(rngOf(seed), n, m);
        const z = p.z();
        const prior = kfPredict(p.start, { F: p.F, Q: p.Q });
        const posterior = kfUpdate(prior, { H: p.H, R: p.R, z });
        const f = (x: Float64Array, w: Float64Array, out: Float64Array) => {
          p.f(x, out);
          for (let i = 0; i < n; i++) out[i]! += w[i]!;
        };
        const h = (x: Float64Array, v: Float64Array, out: Float64Array) => {
          p.h(x, out);
          for (let j = 0; j < m; j++) out[j]! += v[j]!;
        };
        const whole = augmentedUkfStep(p.start, {
          ...{ f, Q: p.Q, h, R: p.R, z },
          points: cubatureSigmaPoints(2 * n + m),
        });
        const predicted = augmentedUkfPredict(p.start, {
          ...{ f, Q: p.Q },
          points: scaledSigmaPoints(2 * n),
        });
        const updated = augmentedUkfUpdate(predicted, {
          ...{ h, R: p.R, z },
          points: scaledSigmaPoints(n + m),
        });
        for (const state of [whole.predicted, predicted]) {
          expect(relativeDifference(state.P, prior.P)).toBeLessThan(TIGHT);
        }
        for (const state of [whole.updated, updated]) {
          expect(relativeDifference(state.P, posterior.P)).toBeLessThan(TIGHT);
          for (let i = 0; i < n; i++) {
            expect(Math.abs(state.x[i]! - posterior.x[i]!)).toBeLessThan(1e-11);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('see noise that multiplies: the variance of x·w is that of a product', () => {
    const x0 = 3;
    const predicted = augmentedUkfPredict(
      { x: Float64Array.of(x0), P: Float64Array.of(1e-8) },
      {
        f: (x, w, out) => {
          out[0] = x[0]! * (1 + w[0]!);
        },
        Q: Float64Array.of(0.04),
        points: scaledSigmaPoints(2),
      },
    );
    expect(predicted.P[0]).toBeCloseTo(x0 * x0 * 0.04, 6);
  });
});

test('smoothing a linear problem: the unscented smoother equals RTS, which equals the batch solution', () => {
  fc.assert(
    fc.property(problem(3, 2), ({ seed, n, m }) => {
      const p = linearProblem(rngOf(seed), n, m);
      const filtered: Gaussian[] = [];
      let state: Gaussian = kfUpdate(p.start, { H: p.H, R: p.R, z: p.z() });
      filtered.push(state);
      for (let k = 1; k < 5; k++) {
        state = kfUpdate(kfPredict(state, { F: p.F, Q: p.Q }), { H: p.H, R: p.R, z: p.z() });
        filtered.push(state);
      }
      const linear = rtsSmoother(
        filtered,
        filtered.slice(0, -1).map((f) => linearSmootherStep(f, { F: p.F, Q: p.Q })),
      );
      const unscented = rtsSmoother(
        filtered,
        filtered
          .slice(0, -1)
          .map((f) => unscentedSmootherStep(f, { f: p.f, Q: p.Q, points: cubatureSigmaPoints(n) })),
      );
      for (const [k, s] of linear.entries()) {
        expect(relativeDifference(unscented[k]!.P, s.P)).toBeLessThan(1e-11);
        for (let i = 0; i < n; i++) {
          expect(s.P[i * n + i]).toBeLessThanOrEqual(filtered[k]!.P[i * n + i]! * (1 + 1e-12));
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('a smoothed first state equals conditioning the first state on the whole record at once', () => {
  // Two scalar steps, stacked: z = [x0; F x0 + w] + v.
  const [F, Q, R, P] = [0.9, 0.3, 0.2, 2].map((v) => Float64Array.of(v)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const one = Float64Array.of(1);
  const prior = { x: Float64Array.of(1), P };
  const z0 = Float64Array.of(1.7);
  const z1 = Float64Array.of(-0.4);
  const a = kfUpdate(prior, { H: one, R, z: z0 });
  const b = kfUpdate(kfPredict(a, { F, Q }), { H: one, R, z: z1 });
  const [smoothed] = rtsSmoother([a, b], [linearSmootherStep(a, { F, Q })]);
  const batch = kfUpdate(prior, {
    H: Float64Array.of(1, F[0]!),
    R: Float64Array.of(R[0]!, 0, 0, R[0]! + Q[0]!),
    z: Float64Array.of(z0[0]!, z1[0]!),
  });
  expect(smoothed!.x[0]).toBeCloseTo(batch.x[0]!, 13);
  expect(smoothed!.P[0]).toBeCloseTo(batch.P[0]!, 13);
});
