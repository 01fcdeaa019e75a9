import {
  createWorkspace,
  diagonal,
  type SquareRootGaussian,
  srKfPredict,
  srKfUpdate,
} from '../../kalman/index.js';
import { type Force, forceOfState, noiseBefore } from '../disturbances/index.js';
import type { Fit } from '../fit/fitting/fit.js';
import { foundInputStd } from '../fit/input-noise/found-input-noise.js';
import { fitPointAt, whiteFloor } from '../fit/least-squares/fit-problem.js';
import type { FitModel } from '../fit/model/fit-model.js';
import { inputsAfter } from '../fit/record/input-course.js';
import { nelderMead } from '../fit/residuals/nelder-mead.js';
import { clampU, uOf } from '../fit/unknowns/coordinates.js';
import { eventScaleOf } from '../transient/events.js';
import { stateNoiseStd } from '../transient/held-states.js';
import {
  beside,
  drivenColumns,
  first,
  inputDrive,
  interpolationsOf,
  withDrive,
  withFoundNoise,
} from '../transient/input-drive.js';
import type { TransientModel, Twin } from '../types.js';

/** The noise that suits a filter of the states, the parameters held at a fit. */
export interface StateNoise {
  /** Logarithm of the factor on `transient.stateNoise`. */
  stateNoiseLog: number;
  /** What a state's speed adds to its noise, √s; 0 where the window does not show that it does. */
  speedNoise: number;
  /** Per measured variable. */
  noiseStd: Float64Array;
  /** The filtered states at the window's end less those of the free run. */
  shift: Float64Array;
  /** Lower factor of their covariance there. */
  factor: Float64Array;
  /** Mean NIS per channel of the window under it. */
  nis: number;
  /** What the search for events divides innovations by. */
  eventScale: number;
  /** Noise of inputs that the fit found, beside which the others were. */
  inputStd: Float64Array | undefined;
}

/** Model runs at most for the slopes along the window. */
const MOST_RUNS = 3000;
/** Samples at most: noise is known from so many. */
const MOST_SAMPLES = 500;
/** Difference step, as a share of a state's scale. */
const DIFFERENCE = 1e-3;
/** How far the states may be off the free run where the slopes begin, as a share of their scale. */
const START_STD = 0.05;
/** Prior of the noise: ln share of the scale per √s. */
const PRIOR = { mean: Math.log(1e-3), std: 2.5 } as const;
/** Prior of what speed adds: ln √s. A tenth of a movement, within a factor of 12. */
const SPEED_PRIOR = { mean: Math.log(0.1), std: 2.5 } as const;
/** Where the search for it begins. */
const SPEED_STARTS = [1, 0.1] as const;
/** Noises that one search tries. */
const MOST_TRIES = 120;
/** A logarithm of a noise is so far from another that a search may not come from one to the other. */
const FAR = 1;
/** Nats from which on it is believed. */
const WORTH_IT = 3;
/** Times the states' noise where nothing was measured. */
const GAP_TIMES = 30;
/** Where the search begins: small starts alone end in a local optimum. */
const STARTS = [Math.log(0.03), Math.log(1e-4)] as const;

interface Step {
  dtS: number;
  /** That the free run began anew before it: what the states were off is over. */
  anew: boolean;
  /** Square: states at the end by those at the start, and what noise of the inputs adds beside them. */
  F: Float64Array;
  /** A row each output at the end, by the same. */
  H: Float64Array;
  /** What was measured at the end less the free run. */
  residual: Float64Array;
  /** How fast each state moves, per second. */
  speed: Float64Array;
}

/** A noise that is tried. */
interface TriedNoise {
  /** Of all states, share of their scale per √s. */
  share: number;
  /** √s: what a state's speed adds. */
  speedNoise: number;
  /** Per measured variable. */
  noiseStd: Float64Array;
}

/**
 * Noise by likelihood: the model is linearised once along the fit's free run, then states that leave it
 * are filtered under any noise without further model runs. One factor for the noise of all states, one
 * for that of the sensors whose noise is not given.
 *
 * A model that lacks something misses most while it moves: where the window shows that, noise that grows
 * with each state's speed is added.
 *
 * @param start `scale` of each state; `firstNoise` of each channel, from differences of neighbours
 * @see Mehra, IEEE Trans. Autom. Control 15 (1970); Kristensen, Madsen & Jørgensen, Automatica 40 (2004)
 */
export async function stateNoiseOf(
  twin: Twin,
  fitModel: FitModel,
  model: TransientModel,
  fit: Fit,
  start: {
    scale: Float64Array;
    firstNoise: Float64Array;
    signal?: AbortSignal | undefined;
  },
): Promise<StateNoise | undefined> {
  const { scale, firstNoise, signal } = start;
  const inputStd = foundInputStd(twin.definition, fit.inputNoise?.found);
  const definition = withFoundNoise(twin.definition, inputStd);
  const steps = await stepsAlong(definition, fitModel, model, fit, scale, signal);
  if (steps.length < 10) return undefined;
  const { measured, transient } = twin.definition;
  const floor = whiteFloor(twin, fit.record);
  const base = Float64Array.from(
    measured,
    (c, i) => c.noiseStd ?? Math.max(fit.residualModels[i]!.white, floor[i]!),
  );
  const { forces = [] } = model;
  const open = measured.map((c) => c.noiseStd === undefined);
  const isOpen = open.includes(true);
  // What differences of neighbours say, where the residuals' memory took all of it.
  const logR0 = Math.max(0, ...firstNoise.map((s, i) => (open[i] ? Math.log(s / base[i]!) : 0)));
  const noiseAt = (at: Float64Array, withSpeed: boolean): TriedNoise => {
    const logR = isOpen ? at[withSpeed ? 2 : 1]! : 0;
    return {
      share: Math.exp(at[0]!),
      speedNoise: withSpeed ? Math.exp(at[1]!) : 0,
      noiseStd: base.map((s, i) => (open[i] ? Math.max(floor[i]!, s * Math.exp(logR)) : s)),
    };
  };
  const search = (withSpeed: boolean, from: readonly Float64Array[]) => {
    const objective = (at: Float64Array) => {
      const run = filterAlong(steps, scale, noiseAt(at, withSpeed), forces);
      const off = [
        (at[0]! - PRIOR.mean) / PRIOR.std,
        ...(withSpeed ? [(at[1]! - SPEED_PRIOR.mean) / SPEED_PRIOR.std] : []),
        ...(isOpen ? [at.at(-1)! / PRIOR.std] : []),
      ];
      return -run.logLikelihood + off.reduce((sum, v) => sum + v * v, 0) / 2;
    };
    return from
      .map((at) => nelderMead(objective, at, 0.7, MOST_TRIES))
      .reduce((a, b) => (b.value < a.value ? b : a));
  };
  const point = (...at: number[]) => Float64Array.from(isOpen ? at : at.slice(0, -1));
  const plain = search(false, [
    ...STARTS.map((logQ) => point(logQ, 0)),
    ...(isOpen && logR0 > FAR ? [point(STARTS[1], logR0)] : []),
  ]);
  const [logQ = 0, logR] = plain.x;
  const moving = search(
    true,
    SPEED_STARTS.map((c) => point(logQ - 1, Math.log(c), logR ?? 0)),
  );
  const withSpeed = plain.value - moving.value > WORTH_IT;
  const found = noiseAt(withSpeed ? moving.x : plain.x, withSpeed);
  const along = filterAlong(steps, scale, found, forces, true);
  return {
    stateNoiseLog: Math.log(found.share) - Math.log(Math.max(transient.stateNoise, 1e-300)),
    speedNoise: found.speedNoise,
    noiseStd: found.noiseStd,
    shift: along.shift,
    factor: along.factor,
    nis: along.nis,
    eventScale: eventScaleOf(along.innovations),
    inputStd,
  };
}

/**
 * A fit's record and free run with other values of its parameters, for the noise that a filter has with
 * these; undefined where the model fails there.
 */
export async function heldAt(
  fitModel: FitModel,
  fit: Fit,
  parameters: Float64Array,
): Promise<Fit | undefined> {
  const u = fit.u.map((at, j) => {
    const c = fit.coordinates[j]!;
    if (c.kind === 'parameter') return clampU(c, uOf(c, parameters[j]!));
    return c.kind === 'wear' ? 0 : at;
  });
  const [run] = await fitModel.run([fitPointAt(fit.coordinates, u, fit.record.timesS)], fit.record);
  return run === undefined || run instanceof Error
    ? undefined
    : { ...fit, u, prediction: run.outputs };
}

/** Slopes from sample to sample along the free run's last part. */
async function stepsAlong(
  definition: Twin['definition'],
  fitModel: FitModel,
  model: TransientModel,
  fit: Fit,
  scale: Float64Array,
  signal: AbortSignal | undefined,
): Promise<Step[]> {
  const { record, coordinates, u } = fit;
  const ns = scale.length;
  const own = fitModel.states.length;
  const m = record.channels;
  const point = fitPointAt(coordinates, u, record.timesS);
  const parametersAt = (row: number) => {
    const now = point.parameters.slice();
    for (const { parameter, values } of point.courses ?? []) now[parameter] = values[row]!;
    return now;
  };
  const [free] = await fitModel.run([point], record, { keepStates: true });
  if (free === undefined || free instanceof Error || free.states === undefined) return [];
  const n = record.timesS.length;
  const noisyEnds = drivenColumns(definition, interpolationsOf(definition, model)).length;
  const count = Math.min(n - 1, MOST_SAMPLES, Math.floor(MOST_RUNS / (ns + 1 + noisyEnds)));
  const inputsAt = (k: number) => Float64Array.from(record.inputs, (column) => column[k]!);
  const t0 = record.timesS[0]!;
  const steps: Step[] = [];
  for (let k = n - 1 - count; k < n - 1; k++) {
    // No step leads through a gap.
    if (record.beginnings.includes(k + 1)) continue;
    const anew = record.beginnings.includes(k);
    const states = Float64Array.of(
      ...free.states.slice(k * own, (k + 1) * own),
      ...(point.forces ?? []).map((values) => values[k]!),
    );
    const parameters = parametersAt(k);
    const points = [
      { parameters, states },
      ...Array.from(states, (_, j) => {
        const moved = states.slice();
        moved[j]! += DIFFERENCE * scale[j]!;
        return { parameters, states: moved };
      }),
    ];
    const span = {
      fromS: model.startTimeS + (record.timesS[k]! - t0),
      toS: model.startTimeS + (record.timesS[k + 1]! - t0),
      inputs: inputsAt(k),
      inputsTo: inputsAt(k + 1),
      between: inputsAfter(record, k),
    };
    const ends = await model.propagate(points, { ...span, aroundFirst: true }, signal);
    const centre = ends[0];
    if (centre === undefined || centre instanceof Error) continue;
    const driven = await inputDrive(
      definition,
      model,
      span,
      signal,
    )?.({
      centre: Float64Array.of(...parameters, ...states),
      middle: Float64Array.of(...centre.states, ...centre.outputs.subarray(0, m)),
    });
    const A = new Float64Array(ns * ns);
    const C = new Float64Array(m * ns);
    for (let j = 0; j < ns; j++) {
      const end = ends[1 + j];
      if (end === undefined || end instanceof Error) continue;
      const h = DIFFERENCE * scale[j]!;
      for (let i = 0; i < ns; i++) A[i * ns + j] = (end.states[i]! - centre.states[i]!) / h;
      for (let c = 0; c < m; c++) C[c * ns + j] = (end.outputs[c]! - centre.outputs[c]!) / h;
    }
    const dtS = record.timesS[k + 1]! - record.timesS[k]!;
    steps.push({
      dtS,
      anew,
      ...slopesOfStep(A, C, driven?.drive ?? new Float64Array()),
      speed: centre.states.map((v, i) => (v - states[i]!) / dtS),
      residual: Float64Array.from({ length: m }, (_, c) => {
        const i = (k + 1) * m + c;
        return record.data[i]! - fit.prediction[i]!;
      }),
    });
  }
  return steps;
}

/**
 * Slopes of a step by the states, with those by noise of the inputs beside them: it moves outputs and
 * states together.
 *
 * @param A ns × ns
 * @param C m × ns
 * @param drive (ns + m) × disturbances: what one deviation of each does to states, then outputs
 */
function slopesOfStep(
  A: Float64Array,
  C: Float64Array,
  drive: Float64Array,
): Pick<Step, 'F' | 'H'> {
  const ns = Math.sqrt(A.length);
  const driven = drive.length / (ns + C.length / ns);
  const F = new Float64Array((ns + driven) ** 2);
  F.set(withDrive(A, ns, drive, driven));
  return { F, H: withDrive(C, ns, drive.subarray(ns * driven), driven) };
}

/**
 * A Kalman filter of what the states are off the free run, noise added after each step. A search tries
 * hundreds of noises along hundreds of steps: each try allocates only what its updates give.
 */
function filterAlong(
  steps: readonly Step[],
  scale: Float64Array,
  { share, speedNoise, noiseStd }: TriedNoise,
  forces: readonly Force[],
  keepInnovations = false,
): Pick<StateNoise, 'shift' | 'factor' | 'nis'> & {
  logLikelihood: number;
  /** In predicted deviations, a vector each step, where they are asked for. */
  innovations: Float64Array[];
} {
  const ns = scale.length;
  const width = Math.sqrt(steps[0]!.F.length);
  const driven = width - ns;
  const forceOf = Array.from(scale, (_, i) => forceOfState(forces, ns, i));
  const workspace = createWorkspace();
  const rootR = diagonal(noiseStd);
  // What noise of the inputs adds comes anew with each step: it is not carried on.
  const rootQ = new Float64Array(width * width);
  const begun: SquareRootGaussian = {
    x: new Float64Array(ns),
    S: diagonal(scale.map((s, i) => forceOf[i]?.std ?? START_STD * s)),
  };
  let state = begun;
  let logLikelihood = 0;
  let nis = 0;
  let channels = 0;
  const innovations: Float64Array[] = [];
  for (const { dtS, anew, F, H, residual, speed } of steps) {
    const { innovation, ...seen } = srKfUpdate(
      beside(anew ? begun : state, driven),
      { H, rootR, z: residual },
      workspace,
    );
    logLikelihood += innovation.logLikelihood;
    if (keepInnovations) innovations.push(innovation.y.map((v, c) => v / innovation.std[c]!));
    nis += innovation.nis;
    channels += innovation.used.length;
    // Through a gap the states may have gone anywhere (an event is one): that is not their usual noise.
    const times = innovation.used.length === 0 ? GAP_TIMES : 1;
    for (let i = 0; i < ns; i++) {
      const force = forceOf[i];
      rootQ[i * width + i] =
        force === undefined
          ? times * stateNoiseStd(scale[i]!, speed[i]!, { share, speedNoise }, dtS)
          : noiseBefore(force, dtS);
    }
    state = first(srKfPredict(seen, { F, rootQ }, workspace), ns);
  }
  return {
    logLikelihood,
    innovations,
    shift: state.x,
    factor: state.S,
    nis: nis / Math.max(1, channels),
  };
}
