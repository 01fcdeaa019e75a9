import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CholeskyDecomposition, Matrix, solve } from 'ml-matrix';
import { createRng, packageFile } from '../../shared/core/index.js';
import {
  cholesky,
  createWorkspace,
  diagonal,
  type Gaussian,
  type SigmaPoints,
  type SquareRootGaussian,
  scaledSigmaPoints,
  srUkfPredict,
  srUkfUpdate,
  ukfPredict,
  ukfUpdate,
  type VectorFunction,
} from '../../shared/kalman/index.js';
import { count, text } from '../study/common/options.js';
import { type BenchIo, defineBench } from './common/bench.js';

const CASES = [
  { n: 9, m: 9, targetMs: 0.05 },
  { n: 18, m: 9, targetMs: 0.06 },
  { n: 50, m: 25, targetMs: 0.8 },
  { n: 100, m: 50, targetMs: 5 },
  { n: 200, m: 50, targetMs: 25 },
  { n: 400, m: 100, targetMs: undefined },
] as const;

/** f is the identity, h takes the first m components: what is timed is the filter. */
function problem(n: number, m: number) {
  const rng = createRng(n * 1000 + m);
  const f: VectorFunction = (x, out) => out.set(x);
  const h: VectorFunction = (x, out) => {
    for (let j = 0; j < m; j++) out[j] = x[j]!;
  };
  const Q = diagonal(new Float64Array(n).fill(0.01));
  const R = diagonal(new Float64Array(m).fill(0.1));
  const P = diagonal(new Float64Array(n).fill(1));
  for (let i = 1; i < n; i++) {
    P[i * n + i - 1] = 0.3;
    P[(i - 1) * n + i] = 0.3;
  }
  const z = Float64Array.from({ length: m }, () => rng.normal());
  return { n, m, f, h, Q, R, P, z, x: new Float64Array(n), points: scaledSigmaPoints(n) };
}
type Problem = ReturnType<typeof problem>;

function standardForm({ f, h, Q, R, P, z, x, points }: Problem): () => unknown {
  const workspace = createWorkspace();
  let state: Gaussian = { x, P };
  return () => {
    state = ukfUpdate(
      ukfPredict(state, { f, Q, points }, workspace),
      { h, R, z, points },
      workspace,
    );
    return state;
  };
}

function squareRootForm({ n, m, f, h, Q, R, P, z, x, points }: Problem): () => unknown {
  const workspace = createWorkspace();
  const rootQ = cholesky(Q, n);
  const rootR = cholesky(R, m);
  let state: SquareRootGaussian = { x, S: cholesky(P, n) };
  return () => {
    const prior = srUkfPredict(state, { f, rootQ, points }, workspace);
    state = srUkfUpdate(prior, { h, rootR, z, points }, workspace);
    return state;
  };
}

/** The same formulas written with ml-matrix, as one would without a library of filters. */
function withMlMatrix({ n, m, f, h, Q, R, P, z, x, points }: Problem): () => unknown {
  const q = Matrix.from1DArray(n, n, Q);
  const r = Matrix.from1DArray(m, m, R);
  const draw = (mean: Matrix, p: Matrix) => {
    const L = new CholeskyDecomposition(p).lowerTriangularMatrix.mul(points.spread).transpose();
    const X = Matrix.zeros(points.count, n);
    X.setRow(0, mean);
    X.setSubMatrix(Matrix.add(L, Matrix.ones(n, 1).mmul(mean)), 1, 0);
    X.setSubMatrix(Matrix.mul(L, -1).add(Matrix.ones(n, 1).mmul(mean)), n + 1, 0);
    return X;
  };
  // ml-matrix's Cholesky refuses an asymmetry of one ulp.
  const symmetric = (a: Matrix) => Matrix.add(a, a.transpose()).mul(0.5);
  const apply = (X: Matrix, g: VectorFunction, size: number) => {
    const out = Matrix.zeros(X.rows, size);
    const to = new Float64Array(size);
    for (let k = 0; k < X.rows; k++) {
      g(Float64Array.from(X.getRow(k)), to);
      out.setRow(k, to);
    }
    return out;
  };
  const moments = (X: Matrix, rule: SigmaPoints) => {
    const mean = Matrix.rowVector(rule.Wm).mmul(X);
    const D = X.clone().subRowVector(mean);
    return { mean, D, weighted: D.clone().mulColumnVector(rule.Wc) };
  };
  let mean = Matrix.rowVector(x);
  let p = Matrix.from1DArray(n, n, P);
  const zRow = Matrix.rowVector(z);
  return () => {
    const predicted = moments(apply(draw(mean, p), f, n), points);
    const prior = symmetric(predicted.D.transpose().mmul(predicted.weighted).add(q));
    const X = draw(predicted.mean, prior);
    const measured = moments(apply(X, h, m), points);
    const S = measured.D.transpose().mmul(measured.weighted).add(r);
    const D = X.subRowVector(predicted.mean);
    const Pxz = D.transpose().mmul(measured.weighted);
    const K = solve(S, Pxz.transpose()).transpose();
    mean = Matrix.add(
      predicted.mean,
      K.mmul(Matrix.sub(zRow, measured.mean).transpose()).transpose(),
    );
    p = symmetric(Matrix.sub(prior, K.mmul(S).mmul(K.transpose())));
    return p;
  };
}

/** Median of batches in milliseconds, after a warm-up. */
function time(step: () => unknown, budgetMs: number): number {
  const until = (ms: number, run: () => void) => {
    const end = performance.now() + ms;
    while (performance.now() < end) run();
  };
  until(budgetMs / 3, step);
  const single = performance.now();
  step();
  const batch = Math.max(1, Math.ceil(2 / Math.max(performance.now() - single, 1e-4)));
  const times: number[] = [];
  until(budgetMs, () => {
    const start = performance.now();
    for (let i = 0; i < batch; i++) step();
    times.push((performance.now() - start) / batch);
  });
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

function filterpyTimes(python: string): { times?: number[]; why?: string } {
  const script = packageFile('test/bench/kalman-filterpy.py');
  const cases = CASES.map(({ n, m }) => `${n}/${m}`);
  const run = spawnSync(python, [script, ...cases], { encoding: 'utf8', timeout: 120_000 });
  if (run.status === 0) return { times: JSON.parse(run.stdout) as number[] };
  return { why: run.error?.message ?? run.stderr.trim().split('\n').at(-1) ?? 'it failed' };
}

export const bench = defineBench({
  measures: 'One prediction and update of the UKF at several sizes, beside ml-matrix and filterpy.',
  options: {
    python: text('an interpreter with filterpy', 'FILE', 'python3'),
    budget: count('ms for each figure', 1500),
  },
  run: measureSizes,
});

async function measureSizes(
  { python, budget: budgetMs }: { python: string; budget: number },
  io: BenchIo,
): Promise<void> {
  const { times: filterpy, why } = filterpyTimes(python);
  if (filterpy === undefined) io.print(`filterpy skipped: ${why}`);
  io.print('predict + update, ms | n/m | standard | square root | ml-matrix | filterpy | target');
  for (const [k, { n, m, targetMs }] of CASES.entries()) {
    const p = problem(n, m);
    const figures = [standardForm, squareRootForm, withMlMatrix].map((form) =>
      time(form(p), budgetMs),
    );
    const columns = [...figures, filterpy?.[k]].map((ms) =>
      ms === undefined ? '–' : ms.toPrecision(3),
    );
    io.print(`| ${n}/${m} | ${columns.join(' | ')} | ${targetMs ?? '–'} |`);
  }
  flatMemory(io);
}

/** A run over 2000 samples: what is held before and after, collected. */
function flatMemory(io: BenchIo): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const step = squareRootForm(problem(18, 9));
  const usedKb = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return (heapUsed + arrayBuffers) / 1024;
  };
  for (let k = 0; k < 3000; k++) step();
  const before = usedKb();
  for (let k = 0; k < 2000; k++) step();
  const after = usedKb();
  io.print(`2000 samples at 18/9: ${(after - before).toFixed(0)} kB change of the memory held`);
}
