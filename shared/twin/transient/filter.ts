import type { StatedError } from '../definition/stated-errors.js';
import { RELINEARISE_FROM } from '../filter/filter.js';
import { gateChannels, isRegimeChange, regateChannels } from '../filter/gate.js';
import type { Gaussian, UpdateResult } from '../filter/gaussian-update.js';
import { MISMATCH_SHARE } from '../filter/jump-search.js';
import { predict } from '../filter/predict.js';
import { inflate, REGIME_JUMP } from '../filter/regime.js';
import type { FilterSettings } from '../filter/settings.js';
import type { FilterStep } from '../filter/step.js';
import type { DriveOf } from './input-drive.js';
import { type Carried, carried, compact, leading, ofParameters, widenStates } from './joint.js';
import { type LinearRun, lineariseRun, type PropagatePoints } from './linearise.js';
import { measurement } from './measurement.js';
import { leadAfter, type StatedDriveOf, statedOfMoving } from './stated-lead.js';

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
  /** How far stated errors have led parameters, trends and states off by then; where they are followed. */
  lead: Float64Array | undefined;
}

/** Stated errors that a filter follows beside its estimate. */
export interface FollowedErrors {
  errors: readonly StatedError[];
  /** How far they have led parameters, trends and states off at the last sample. */
  lead: Float64Array;
  driveOf: StatedDriveOf;
  /** Inputs whose effect on the states' beginning is not known. */
  unknown: readonly number[];
}

/** Least noise of a state, as a share of its scale, so that no direction vanishes. */
const LEAST_STATE_STD = 1e-9;

/** What a step of the joint filter is made from. */
export interface TransientInput {
  /** Parameters, trends and states at the last sample. */
  last: Gaussian;
  /** Seconds since then. */
  dtS: number;
  /** Per state: what the time since then adds to its uncertainty. */
  stateStd: Float64Array;
  /** Per state: its typical magnitude. */
  stateScale: Float64Array;
  /** `NaN` for channels without a value. */
  measured: Float64Array;
  /** Per channel. */
  noiseStd: Float64Array;
  /** How many samples running each channel was gated before. */
  suspicion: Float64Array;
  run: PropagatePoints;
  settings: FilterSettings;
  /** Whether points have to stay inside the parameters’ bounds. */
  withinBounds: boolean;
  /** Whether a sample that no parameters explain may be left out. */
  mayReject: boolean;
  /** Whether parameters stay as they are: their uncertainty counts, the sample does not change them. */
  constants: boolean;
  /**
   * Whether samples that contradict the model may open up states and parameters; not where a search for
   * events decides that.
   */
  mayChange: boolean;
  /** Per parameter: factor on its trend’s noise. */
  trendScale?: Float64Array | undefined;
  /** What noise of the inputs does, looked for once a step. */
  driveOf?: DriveOf | undefined;
  /** Stated errors, where the filter learns the parameters. */
  followed?: FollowedErrors | undefined;
}

/** A sample taken in: from which start, along which line, against which variances of the noise. */
interface Taken {
  start: Gaussian;
  run: LinearRun;
  update: UpdateResult;
  variance: Float64Array;
}

/**
 * One step of the filter over parameters, trends and continuous states: the model is run from
 * sigma points of the state at the last sample to this one, what disturbs the states acting at the
 * start; so outputs, states and parameters at the sample have one joint Gaussian, which the
 * measurement updates in square-root form.
 *
 * @see Särkkä, Bayesian Filtering and Smoothing (2013), 5.2; García-Fernández et al., Posterior
 *   linearization filter, IEEE Trans. Signal Process. 63 (2015)
 * @throws TwinError as the model does at the estimate; `NUMERIC`
 */
export async function transientUpdate(input: TransientInput): Promise<TransientStep> {
  const { measured, settings, stateScale } = input;
  const n = settings.range.length;
  const N = input.last.x.length;
  const ns = N - 2 * n;
  const active: number[] = [];
  measured.forEach((v, i) => {
    if (!Number.isNaN(v)) active.push(i);
  });
  const { lineariseAt, count } = lineariser(input);
  const measure = measurement(input, active, n);
  const predicted = predict(input.last, input.dtS, settings, {
    trendScale: input.trendScale ?? 1,
    jump: 0,
  });
  const begun = widenStates(predicted, n, (i) =>
    Math.max(input.stateStd[i]!, LEAST_STATE_STD * stateScale[i]!),
  );
  const nominal = input.noiseStd.map((s) => s * s);
  const line = await lineariseAt(begun);
  const first = carried(begun, line, n);
  const straight = measure.update(begun, line, nominal.slice());
  const noiseShare = straight.precision.map((p, i) => p * nominal[active[i]!]!);
  const own = new Float64Array(measured.length).fill(Number.NaN);
  active.forEach((o, i) => {
    own[o] = straight.own[i]!;
  });
  const gate = await gatedSample(
    input,
    { start: begun, run: line, update: straight, variance: nominal.slice() },
    { active, nominal, lineariseAt, measure },
  );
  const { start, variance, gated, regimeChange, mismatch } = gate;
  let { run, update } = gate;
  const rejected = mismatch && input.mayReject;
  const data = { nis: update.nis, logLikelihood: update.logLikelihood };

  const nonlinearity = mostBend(run, active, n, ns, variance);
  if (nonlinearity > RELINEARISE_FROM && settings.kink !== 'none' && !rejected) {
    // The start as the sample shows it: there the model matters.
    run = await lineariseAt(measure.startSeen(start, run, variance));
    update = measure.update(start, run, variance);
  }
  const prior = compact(first.all, first.columns, N);
  const joint = rejected ? prior : leading(update, N);
  const led =
    input.followed &&
    (await follow(
      input.followed,
      run,
      { n, states: ns, dtS: input.dtS, settings, active, readings: first.all.x.slice(N) },
      rejected
        ? undefined
        : (off, innovation) => measure.moved(start, run, variance, off, innovation),
    ));
  // Errors that stay are in all innovations alike, as those of constants are.
  const lasting = input.constants
    ? Float64Array.from(active, (o) => lastingShare(first, o, n, nominal))
    : led && shareOf(led.innovation, first, active, nominal);
  return {
    prior,
    joint,
    own,
    innovation: measured.map((v, o) => v - first.all.x[N + o]!),
    stateSlope: stateSlopes(line, measured.length, n, ns),
    line,
    memory: run.memory,
    lead: led?.lead,
    filtered: {
      posterior: leading(joint, 2 * n),
      linearisation: ofParameters(run, n, ns),
      outputs: { mean: update.x.slice(N), std: deviationsFrom(update, N) },
      mode: 'transient',
      ...data,
      active,
      z: straight.z,
      noiseShare,
      ...(lasting && { lastingShare: lasting }),
      ...(led && { stated: led.stated }),
      gated,
      regimeChange: regimeChange && !rejected,
      nonlinearity,
      modelRuns: count.modelRuns + (led?.modelRuns ?? 0),
      mismatch,
      rejected,
      outOfReach: false,
      refusedBeyond: count.refusedBeyond,
    },
  };
}

/**
 * A sample without the channels that contradict the others; and where the machine has changed, from a start that
 * is opened up for it.
 *
 * @param taken with all channels
 */
async function gatedSample(
  input: Pick<TransientInput, 'settings' | 'stateScale' | 'suspicion' | 'mayChange' | 'constants'>,
  taken: Taken,
  {
    active,
    nominal,
    lineariseAt,
    measure,
  }: {
    active: readonly number[];
    nominal: Float64Array;
    lineariseAt: ReturnType<typeof lineariser>['lineariseAt'];
    measure: ReturnType<typeof measurement>;
  },
): Promise<Taken & { gated: number[]; regimeChange: boolean; mismatch: boolean }> {
  const { settings, stateScale, suspicion } = input;
  if (!settings.gate || active.length === 0) {
    return { ...taken, gated: [], regimeChange: false, mismatch: false };
  }
  const againFrom = (start: Gaussian, run: LinearRun) => (v: Float64Array) =>
    measure.update(start, run, v);
  const kept = gateChannels(
    taken.update,
    active,
    taken.variance,
    againFrom(taken.start, taken.run),
  );
  if (!input.mayChange || !isRegimeChange(kept.update.nis, active, kept.gated, suspicion)) {
    return { ...taken, ...kept, regimeChange: false, mismatch: false };
  }
  const n = settings.range.length;
  const opened = input.constants ? taken.start : inflate(taken.start, settings);
  const start = widenStates(opened, n, (i, had) =>
    Math.sqrt(Math.max(0, (REGIME_JUMP * stateScale[i]!) ** 2 - had)),
  );
  const variance = nominal.slice();
  const run = await lineariseAt(start);
  const update = measure.update(start, run, variance);
  const reach = Math.sqrt(n + stateScale.length) / REGIME_JUMP;
  const beyond = update.own.filter((v) => Math.abs(v) > reach).length;
  const mismatch = active.length >= 3 && beyond >= MISMATCH_SHARE * active.length;
  const again = regateChannels(update, active, suspicion, variance, againFrom(start, run));
  return { start, run, variance, ...again, regimeChange: true, mismatch };
}

/** Runs of the model about a Gaussian, and what they came to. */
function lineariser(
  input: Pick<
    TransientInput,
    'run' | 'settings' | 'stateScale' | 'withinBounds' | 'constants' | 'driveOf'
  >,
) {
  const { settings } = input;
  const count = { modelRuns: 0, refusedBeyond: false };
  let drive: Float64Array | undefined;
  const lineariseAt = async (g: Gaussian): Promise<LinearRun> => {
    const run = await lineariseRun(
      input.run,
      g,
      settings.range.length,
      input.stateScale,
      settings.spread,
      settings.bounds,
      input.withinBounds || count.refusedBeyond,
      input.constants,
    );
    count.modelRuns += run.modelRuns;
    count.refusedBeyond ||= run.refusedBeyond;
    if (input.driveOf !== undefined && drive === undefined) {
      const found = await input.driveOf(run);
      drive = found.drive;
      count.modelRuns += found.modelRuns;
    }
    return { ...run, drive };
  };
  return { lineariseAt, count };
}

/** What a sample makes of stated errors, with the runs of the model that tell it. */
async function follow(
  { errors, lead, driveOf, unknown }: FollowedErrors,
  run: LinearRun,
  sample: Parameters<typeof leadAfter>[4],
  update: Parameters<typeof leadAfter>[5],
) {
  const found = await driveOf(run);
  const step = leadAfter(lead, errors, run, found.drive, sample, update);
  const { n, states } = sample;
  return {
    lead: step.lead.slice(0, (2 * n + states) * errors.length),
    innovation: step.innovation,
    stated: statedOfMoving(step, errors, n, states, [...unknown, ...found.unknown]),
    modelRuns: found.modelRuns,
  };
}

/** Variances of active channels' innovations as shares of what is predicted of them. */
function shareOf(
  variance: Float64Array,
  { all, columns, from }: Carried,
  active: readonly number[],
  noise: Float64Array,
): Float64Array {
  return variance.map((v, i) => {
    const row = all.S.subarray((from + active[i]!) * columns, (from + active[i]! + 1) * columns);
    return v / (Math.hypot(...row) ** 2 + noise[active[i]!]!);
  });
}

/** Share of a channel's predicted variance that is the parameters' own. */
function lastingShare(
  { all, columns, from }: Carried,
  channel: number,
  n: number,
  noise: Float64Array,
): number {
  // The factor's first columns are the parameters', the others are independent of them.
  const row = all.S.subarray((from + channel) * columns, (from + channel + 1) * columns);
  return Math.hypot(...row.subarray(0, 2 * n)) ** 2 / (Math.hypot(...row) ** 2 + noise[channel]!);
}

/** Measured variables by the states at the run's start, channels × states. */
function stateSlopes(run: LinearRun, channels: number, n: number, ns: number): Float64Array {
  const slopes = new Float64Array(channels * ns);
  for (let o = 0; o < channels; o++) {
    const from = (ns + o) * (n + ns) + n;
    slopes.set(run.slope.subarray(from, from + ns), o * ns);
  }
  return slopes;
}

/** The largest of the channels' variances that a straight line leaves out, in the noise's. */
function mostBend(
  { bend }: LinearRun,
  channels: readonly number[],
  n: number,
  ns: number,
  noise: Float64Array,
): number {
  const p = n + ns;
  return channels.reduce((most, o) => {
    const row = bend.subarray((ns + o) * p, (ns + o + 1) * p);
    return Math.max(most, Math.hypot(...row) ** 2 / noise[o]!);
  }, 0);
}

/** Standard deviations of a Gaussian's variables from one on. */
function deviationsFrom({ x, S }: Gaussian, from: number): Float64Array {
  const N = x.length;
  return Float64Array.from({ length: N - from }, (_, i) =>
    Math.hypot(...S.subarray((from + i) * N, (from + i + 1) * N)),
  );
}
