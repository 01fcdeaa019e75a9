import { updateConsidering, updateFactored } from '../../kalman/index.js';
import type { Gaussian, UpdateResult } from '../filter/gaussian-update.js';
import { type Carried, carried } from './joint.js';
import type { LinearRun } from './linearise.js';

/** How a sample's values are taken into a Gaussian that the model carries to its time. */
export function measurement(
  { measured, constants }: { measured: Float64Array; constants: boolean },
  active: readonly number[],
  n: number,
) {
  const noiseRoot = (variance: Float64Array) => {
    const m = active.length;
    const root = new Float64Array(m * m);
    active.forEach((o, i) => {
      root[i * m + i] = Math.sqrt(variance[o]!);
    });
    return root;
  };
  /** `g` with the values, of which `all` and its `columns` tell what they were expected to be. */
  const conditioned = (
    g: Gaussian,
    { all, columns, from }: Carried,
    variance: Float64Array,
    innovation: Float64Array = Float64Array.from(active, (o) => measured[o]! - all.x[from + o]!),
  ) => {
    const hs = new Float64Array(active.length * columns);
    active.forEach((o, r) => {
      const row = from + o;
      hs.set(all.S.subarray(row * columns, (row + 1) * columns), r * columns);
    });
    return constants
      ? updateConsidering(g, hs, innovation, noiseRoot(variance), 2 * n)
      : updateFactored(g, hs, innovation, noiseRoot(variance));
  };
  return {
    /** Parameters, trends, states and outputs at the sample with its values. */
    update: (start: Gaussian, run: LinearRun, variance: Float64Array): UpdateResult => {
      const ahead = carried(start, run, n);
      return conditioned(ahead.all, ahead, variance);
    },
    /** What the values make of an error of all these, with what it adds to the innovations. */
    moved: (
      start: Gaussian,
      run: LinearRun,
      variance: Float64Array,
      off: Float64Array,
      innovation: Float64Array,
    ): Float64Array => {
      const ahead = carried(start, run, n);
      return conditioned({ x: off, S: ahead.all.S }, ahead, variance, innovation).x;
    },
    /** Parameters, trends and states at the start with them. */
    startSeen: (start: Gaussian, run: LinearRun, variance: Float64Array): Gaussian => {
      const ahead = carried(start, run, n);
      const { columns } = ahead;
      const N = start.x.length;
      const S = new Float64Array(N * columns);
      for (let i = 0; i < N; i++) S.set(start.S.subarray(i * N, i * N + N), i * columns);
      const { x, S: seen } = conditioned({ x: start.x, S }, ahead, variance);
      return { x, S: seen };
    },
  };
}
