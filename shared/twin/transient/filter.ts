import { squareRootOfStack, updateConsidering, updateFactored } from '../../kalman/index.js';
import { RELINEARISE_FROM } from '../filter/filter.js';
import { gateChannels, isRegimeChange, regateChannels } from '../filter/gate.js';
import type { Gaussian, UpdateResult } from '../filter/gaussian-update.js';
import { MISMATCH_SHARE } from '../filter/jump-search.js';
import type { Linearisation } from '../filter/linearise.js';
import { predict } from '../filter/predict.js';
import { inflate, REGIME_JUMP } from '../filter/regime.js';
import type { FilterSettings } from '../filter/settings.js';
import type { FilterStep } from '../filter/step.js';
import { type DriveOf, drivenOf } from './input-drive.js';
import { type LinearRun, lineariseRun, type PropagatePoints } from './linearise.js';

/** The outcome of one step of the joint filter. */
export interface TransientStep {
  filtered: FilterStep;
  /** Parameters, trends and states at the sample's time, without the sample. */
  prior: Gaussian;
  /** The same with it. */
  joint: Gaussian;
  /** Innovations against their own predicted deviation; `NaN` for channels not used. */
  own: Float64Array;
  /** Measured less predicted, likewise. */
  innovation: Float64Array;
  /** Channels × states, row-major: measured variables by the states at the last sample. */
  stateSlope: Float64Array;
  /** The line that the sample was first compared with. */
  line: LinearRun;
  /** What the FMU remembers at the sample's time, where it tells. */
  memory: Uint8Array | undefined;
}

/** Least noise of a state, as a share of its scale, so that no direction vanishes. */
const LEAST_STATE_STD = 1e-9;

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

/** Parameters, trends, states at the run's end and outputs there, as one Gaussian. */
function carried(start: Gaussian, run: LinearRun, n: number): { all: Gaussian; columns: number } {
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
  return { all: { x, S }, columns };
}

/** The leading variables of a Gaussian with a lower triangular factor. */
function leading(g: Gaussian, count: number): Gaussian {
  const N = g.x.length;
  const S = new Float64Array(count * count);
  for (let i = 0; i < count; i++) S.set(g.S.subarray(i * N, i * N + i + 1), i * count);
  return { x: g.x.slice(0, count), S };
}

/** A Gaussian with a factor of any shape, brought to a lower triangular one. */
function compact(g: Gaussian, columns: number, count: number): Gaussian {
  const stack = new Float64Array(columns * count);
  for (let k = 0; k < columns; k++) {
    for (let i = 0; i < count; i++) stack[k * count + i] = g.S[i * columns + k]!;
  }
  return { x: g.x.slice(0, count), S: squareRootOfStack(stack, columns, count) };
}

/** What the outputs at the end owe to the parameters alone. */
function ofParameters(run: LinearRun, n: number, ns: number): Linearisation {
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

/**
 * One step of the filter over parameters, trends and continuous states: the model is run from
 * sigma points of the state at the last sample to this one, what disturbs the states acting at the
 * start; so outputs, states and parameters at the sample have one joint Gaussian, which the
 * measurement updates in square-root form.
 *
 * @param last parameters, trends and states at the last sample
 * @param stateStd per state: what the time since then adds to its uncertainty
 * @param stateScale per state: its typical magnitude
 * @param measured `NaN` for channels without a value
 * @param suspicion how many samples running each channel was gated before
 * @param constants whether parameters stay as they are: their uncertainty counts, the sample does not
 *   change them
 * @param mayChange whether samples that contradict the model may open up states and parameters; not
 *   where a search for events decides that
 * @param driveOf what noise of the inputs does, looked for once a step
 * @param trendScale per parameter: factor on its trend's noise
 * @see Särkkä, Bayesian Filtering and Smoothing (2013), 5.2; García-Fernández et al., Posterior
 *   linearization filter, IEEE Trans. Signal Process. 63 (2015)
 * @throws TwinError as the model does at the estimate; `NUMERIC`
 */
export async function transientUpdate(input: {
  last: Gaussian;
  dtS: number;
  stateStd: Float64Array;
  stateScale: Float64Array;
  measured: Float64Array;
  noiseStd: Float64Array;
  suspicion: Float64Array;
  run: PropagatePoints;
  settings: FilterSettings;
  withinBounds: boolean;
  mayReject: boolean;
  constants: boolean;
  mayChange: boolean;
  trendScale?: Float64Array | undefined;
  driveOf?: DriveOf | undefined;
}): Promise<TransientStep> {
  const { measured, settings, stateScale, suspicion } = input;
  const n = settings.range.length;
  const N = input.last.x.length;
  const ns = N - 2 * n;
  const active: number[] = [];
  measured.forEach((v, i) => {
    if (!Number.isNaN(v)) active.push(i);
  });
  let modelRuns = 0;
  let refusedBeyond = false;
  let drive: Float64Array | undefined;
  const lineariseAt = async (g: Gaussian) => {
    const within = input.withinBounds || refusedBeyond;
    const run = await lineariseRun(
      input.run,
      g,
      n,
      stateScale,
      settings.spread,
      settings.bounds,
      within,
      input.constants,
    );
    modelRuns += run.modelRuns;
    refusedBeyond ||= run.refusedBeyond;
    if (input.driveOf !== undefined && drive === undefined) {
      const found = await input.driveOf(run);
      drive = found.drive;
      modelRuns += found.modelRuns;
    }
    return { ...run, drive };
  };
  const noiseRoot = (variance: Float64Array) => {
    const m = active.length;
    const root = new Float64Array(m * m);
    active.forEach((o, i) => {
      root[i * m + i] = Math.sqrt(variance[o]!);
    });
    return root;
  };
  const against = (all: Gaussian, columns: number) => {
    const hs = new Float64Array(active.length * columns);
    active.forEach((o, r) => {
      const row = N + o;
      hs.set(all.S.subarray(row * columns, (row + 1) * columns), r * columns);
    });
    const innovation = Float64Array.from(active, (o) => measured[o]! - all.x[N + o]!);
    return { hs, innovation };
  };
  const conditioned = (
    prior: Gaussian,
    hs: Float64Array,
    innovation: Float64Array,
    root: Float64Array,
  ) =>
    input.constants
      ? updateConsidering(prior, hs, innovation, root, 2 * n)
      : updateFactored(prior, hs, innovation, root);
  const updateWith = (from: Gaussian, run: LinearRun, variance: Float64Array): UpdateResult => {
    const { all, columns } = carried(from, run, n);
    const { hs, innovation } = against(all, columns);
    return conditioned(all, hs, innovation, noiseRoot(variance));
  };

  const predicted = predict(input.last, input.dtS, settings, {
    trendScale: input.trendScale ?? 1,
    jump: 0,
  });
  let start = widenStates(predicted, n, (i) =>
    Math.max(input.stateStd[i]!, LEAST_STATE_STD * stateScale[i]!),
  );
  const nominal = input.noiseStd.map((s) => s * s);
  let variance = nominal.slice();
  let run = await lineariseAt(start);
  const line = run;
  const first = carried(start, run, n);
  let update = updateWith(start, run, variance);
  const firstZ = update.z;
  const noiseShare = update.precision.map((p, i) => p * nominal[active[i]!]!);
  const lastingShareOf = (o: number) => {
    // The factor's first columns are the parameters', the others are independent of them.
    const row = first.all.S.subarray((N + o) * first.columns, (N + o + 1) * first.columns);
    const own = Math.hypot(...row.subarray(0, 2 * n)) ** 2;
    return own / (Math.hypot(...row) ** 2 + nominal[o]!);
  };
  const own = new Float64Array(measured.length).fill(Number.NaN);
  active.forEach((o, i) => {
    own[o] = update.own[i]!;
  });
  const stateSlope = new Float64Array(measured.length * ns);
  for (let o = 0; o < measured.length; o++) {
    const from = (ns + o) * (n + ns) + n;
    stateSlope.set(run.slope.subarray(from, from + ns), o * ns);
  }
  let gated: number[] = [];
  let regimeChange = false;
  let mismatch = false;
  if (settings.gate && active.length > 0) {
    ({ update, gated } = gateChannels(update, active, variance, (v) => updateWith(start, run, v)));
    regimeChange = input.mayChange && isRegimeChange(update.nis, active, gated, suspicion);
    if (regimeChange) {
      start = widenStates(input.constants ? start : inflate(start, settings), n, (i, had) =>
        Math.sqrt(Math.max(0, (REGIME_JUMP * stateScale[i]!) ** 2 - had)),
      );
      variance = nominal.slice();
      gated = [];
      run = await lineariseAt(start);
      update = updateWith(start, run, variance);
      const reach = Math.sqrt(n + ns) / REGIME_JUMP;
      const beyond = update.own.filter((v) => Math.abs(v) > reach).length;
      mismatch = active.length >= 3 && beyond >= MISMATCH_SHARE * active.length;
      const again = (v: Float64Array) => updateWith(start, run, v);
      ({ update, gated } = regateChannels(update, active, suspicion, variance, again));
    }
  }
  const rejected = mismatch && input.mayReject;
  const data = { nis: update.nis, logLikelihood: update.logLikelihood };

  let nonlinearity = 0;
  const p = n + ns;
  for (const o of active) {
    const bend = run.bend.subarray((ns + o) * p, (ns + o + 1) * p);
    nonlinearity = Math.max(nonlinearity, Math.hypot(...bend) ** 2 / variance[o]!);
  }
  if (nonlinearity > RELINEARISE_FROM && settings.kink !== 'none' && !rejected) {
    // The start as the sample shows it: there the model matters.
    const { all, columns } = carried(start, run, n);
    const { hs, innovation } = against(all, columns);
    const S = new Float64Array(N * columns);
    for (let i = 0; i < N; i++) S.set(start.S.subarray(i * N, i * N + N), i * columns);
    const seen = conditioned({ x: start.x, S }, hs, innovation, noiseRoot(variance));
    run = await lineariseAt({ x: seen.x, S: seen.S });
    update = updateWith(start, run, variance);
  }
  const prior = compact(first.all, first.columns, N);
  const joint = rejected ? prior : leading(update, N);
  const outputs = update.x.length - N;
  const std = new Float64Array(outputs);
  for (let o = 0; o < outputs; o++) {
    const row = (N + o) * update.x.length;
    std[o] = Math.hypot(...update.S.subarray(row, row + update.x.length));
  }
  return {
    prior,
    joint,
    own,
    innovation: measured.map((v, o) => v - first.all.x[N + o]!),
    stateSlope,
    line,
    memory: run.memory,
    filtered: {
      posterior: leading(joint, 2 * n),
      linearisation: ofParameters(run, n, ns),
      outputs: { mean: update.x.slice(N), std },
      mode: 'transient',
      ...data,
      active,
      z: firstZ,
      noiseShare,
      ...(input.constants && { lastingShare: Float64Array.from(active, lastingShareOf) }),
      gated,
      regimeChange: regimeChange && !rejected,
      nonlinearity,
      modelRuns,
      mismatch,
      rejected,
      outOfReach: false,
      refusedBeyond,
    },
  };
}
