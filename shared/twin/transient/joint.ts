import { squareRootOfStack } from '../../kalman/index.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import type { Linearisation } from '../filter/linearise.js';
import type { TransientMemory } from '../state/filter-state.js';
import { drivenOf } from './input-drive.js';
import type { LinearRun } from './linearise.js';

/** Parameters, trends and states as one Gaussian. */
export function jointOf(
  a: Gaussian,
  memory: Pick<TransientMemory, 'stateMean' | 'stateFactor'>,
): Gaussian {
  const trendsEnd = a.x.length;
  const N = trendsEnd + memory.stateMean.length;
  const S = new Float64Array(N * N);
  for (let i = 0; i < trendsEnd; i++) {
    S.set(a.S.subarray(i * trendsEnd, (i + 1) * trendsEnd), i * N);
  }
  S.set(memory.stateFactor, trendsEnd * N);
  return { x: Float64Array.of(...a.x, ...memory.stateMean), S };
}

/** The same Gaussian with independent noise on its states, which follow parameters and trends. */
export function widenStates(
  state: Gaussian,
  n: number,
  std: (i: number, variance: number) => number,
): Gaussian {
  const N = state.x.length;
  const ns = N - 2 * n;
  const stack = new Float64Array((N + ns) * N);
  for (let k = 0; k < N; k++) {
    for (let i = 0; i < N; i++) stack[k * N + i] = state.S[i * N + k]!;
  }
  for (let i = 0; i < ns; i++) {
    const row = 2 * n + i;
    let variance = 0;
    for (let k = 0; k <= row; k++) variance += state.S[row * N + k]! ** 2;
    stack[(N + i) * N + row] = std(i, variance);
  }
  return { x: state.x, S: squareRootOfStack(stack, N + ns, N) };
}

/** Parameters, trends, states at a run's end and outputs there, as one Gaussian. */
export interface Carried {
  all: Gaussian;
  /** Of its factor, which is no square one. */
  columns: number;
  /** The first output. */
  from: number;
}

/** Carries a Gaussian along a run. */
export function carried(start: Gaussian, run: LinearRun, n: number): Carried {
  const N = start.x.length;
  const ns = N - 2 * n;
  const p = n + ns;
  const ends = run.mean.length;
  const rows = 2 * n + ends;
  const driven = drivenOf(run);
  const columns = N + p + driven;
  const x = new Float64Array(rows);
  const S = new Float64Array(rows * columns);
  x.set(start.x.subarray(0, 2 * n));
  for (let i = 0; i < 2 * n; i++) S.set(start.S.subarray(i * N, i * N + N), i * columns);
  for (let o = 0; o < ends; o++) {
    const row = (2 * n + o) * columns;
    let value = run.mean[o]!;
    for (let j = 0; j < p; j++) {
      const from = j < n ? j : j + n;
      const slope = run.slope[o * p + j]!;
      value += slope * (start.x[from]! - run.centre[j]!);
      if (slope !== 0) for (let k = 0; k < N; k++) S[row + k]! += slope * start.S[from * N + k]!;
      S[row + N + j] = run.bend[o * p + j]!;
    }
    for (let i = 0; i < driven; i++) S[row + N + p + i] = run.drive![o * driven + i]!;
    x[2 * n + o] = value;
  }
  return { all: { x, S }, columns, from: N };
}

/** The leading variables of a Gaussian with a lower triangular factor. */
export function leading(g: Gaussian, count: number): Gaussian {
  const N = g.x.length;
  const S = new Float64Array(count * count);
  for (let i = 0; i < count; i++) S.set(g.S.subarray(i * N, i * N + i + 1), i * count);
  return { x: g.x.slice(0, count), S };
}

/** A Gaussian with a factor of any shape, brought to a lower triangular one. */
export function compact(g: Gaussian, columns: number, count: number): Gaussian {
  const stack = new Float64Array(columns * count);
  for (let k = 0; k < columns; k++) {
    for (let i = 0; i < count; i++) stack[k * count + i] = g.S[i * columns + k]!;
  }
  return { x: g.x.slice(0, count), S: squareRootOfStack(stack, columns, count) };
}

/** What the outputs at the end owe to the parameters alone. */
export function ofParameters(run: LinearRun, n: number, ns: number): Linearisation {
  const p = n + ns;
  const outputs = run.mean.length - ns;
  const driven = drivenOf(run);
  const slope = new Float64Array(outputs * n);
  const omega = new Float64Array(outputs * outputs);
  for (let o = 0; o < outputs; o++) {
    const from = (ns + o) * p;
    for (let j = 0; j < n; j++) slope[o * n + j] = run.slope[from + j]!;
    for (let q = 0; q < outputs; q++) {
      for (let k = 0; k < p; k++) {
        omega[o * outputs + q]! += run.bend[from + k]! * run.bend[(ns + q) * p + k]!;
      }
      for (let i = 0; i < driven; i++) {
        omega[o * outputs + q]! +=
          run.drive![(ns + o) * driven + i]! * run.drive![(ns + q) * driven + i]!;
      }
    }
  }
  return {
    centre: run.centre.slice(0, n),
    mean: run.mean.slice(ns),
    slope,
    omega,
    modelRuns: run.modelRuns,
    oneSided: false,
    refusedBeyond: run.refusedBeyond,
  };
}
