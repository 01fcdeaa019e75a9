import {
  createWorkspace,
  diagonal,
  type SquareRootGaussian,
  srKfPredict,
  srKfUpdate,
} from '../../kalman/index.js';
import { type Force, forceOfState, noiseBefore } from '../disturbances/index.js';
import { type Fit, fitPointAt } from '../fit/fit.js';
import type { FitModel } from '../fit/fit-model.js';
import { nelderMead } from '../fit/nelder-mead.js';
import type { TransientModel, Twin } from '../types.js';

/** The noise that suits a filter of the states, the parameters held at a fit. */
export interface StateNoise {
  /** Logarithm of the factor on `transient.stateNoise`. */
  stateNoiseLog: number;
  /** Per measured variable. */
  noiseStd: Float64Array;
  /** The filtered states at the window's end less those of the free run. */
  shift: Float64Array;
  /** Lower factor of their covariance there. */
  factor: Float64Array;
  /** Mean NIS per channel of the window under it. */
  nis: number;
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
/** Times the states' noise where nothing was measured. */
const GAP_TIMES = 30;
/** Where the search begins: small starts alone end in a local optimum. */
const STARTS = [Math.log(0.03), Math.log(1e-4)] as const;

interface Step {
  dtS: number;
  /** ns × ns: states at the end by those at the start. */
  A: Float64Array;
  /** m × ns: outputs at the end by states at the start. */
  C: Float64Array;
  /** What was measured at the end less the free run. */
  residual: Float64Array;
}

/**
 * Noise by likelihood: the model is linearised once along the fit's free run, then states that leave it
 * are filtered under any noise without further model runs. One factor for the noise of all states, one
 * for that of the sensors whose noise is not given.
 *
 * @param scale of each state
 * @see Mehra, IEEE Trans. Autom. Control 15 (1970); Kristensen, Madsen & Jørgensen, Automatica 40 (2004)
 */
export async function stateNoiseOf(
  twin: Twin,
  fitModel: FitModel,
  model: TransientModel,
  fit: Fit,
  scale: Float64Array,
  signal?: AbortSignal,
): Promise<StateNoise | undefined> {
  const steps = await stepsAlong(fitModel, model, fit, scale, signal);
  if (steps.length < 10) return undefined;
  const { measured, transient } = twin.definition;
  const base = Float64Array.from(
    measured,
    (c, i) => c.noiseStd ?? Math.max(fit.residualModels[i]!.white, 1e-12),
  );
  const { forces = [] } = model;
  const open = measured.map((c) => c.noiseStd === undefined);
  const noiseAt = (logR: number) => base.map((s, i) => (open[i] ? s * Math.exp(logR) : s));
  const objective = (at: Float64Array) => {
    const [logQ = 0, logR = 0] = at;
    const run = filterAlong(steps, scale, Math.exp(logQ), noiseAt(logR), forces);
    const prior = ((logQ - PRIOR.mean) / PRIOR.std) ** 2 + (logR / PRIOR.std) ** 2;
    return -run.logLikelihood + prior / 2;
  };
  const found = STARTS.map((logQ) =>
    nelderMead(
      objective,
      open.includes(true) ? Float64Array.of(logQ, 0) : Float64Array.of(logQ),
      0.7,
      120,
    ),
  ).reduce((a, b) => (b.value < a.value ? b : a));
  const [logQ = 0, logR = 0] = found.x;
  const noiseStd = noiseAt(logR);
  const { shift, factor, nis } = filterAlong(steps, scale, Math.exp(logQ), noiseStd, forces);
  return {
    stateNoiseLog: logQ - Math.log(Math.max(transient.stateNoise, 1e-300)),
    noiseStd,
    shift,
    factor,
    nis,
  };
}

/** Slopes from sample to sample along the free run's last part. */
async function stepsAlong(
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
  const count = Math.min(n - 1, MOST_SAMPLES, Math.floor(MOST_RUNS / (ns + 1)));
  const inputsAt = (k: number) => Float64Array.from(record.inputs, (column) => column[k]!);
  const t0 = record.timesS[0]!;
  const steps: Step[] = [];
  for (let k = n - 1 - count; k < n - 1; k++) {
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
    const ends = await model.propagate(
      points,
      {
        fromS: model.startTimeS + (record.timesS[k]! - t0),
        toS: model.startTimeS + (record.timesS[k + 1]! - t0),
        inputs: inputsAt(k),
        inputsTo: inputsAt(k + 1),
        aroundFirst: true,
      },
      signal,
    );
    const centre = ends[0];
    if (centre === undefined || centre instanceof Error) continue;
    const A = new Float64Array(ns * ns);
    const C = new Float64Array(m * ns);
    for (let j = 0; j < ns; j++) {
      const end = ends[1 + j];
      if (end === undefined || end instanceof Error) continue;
      const h = DIFFERENCE * scale[j]!;
      for (let i = 0; i < ns; i++) A[i * ns + j] = (end.states[i]! - centre.states[i]!) / h;
      for (let c = 0; c < m; c++) C[c * ns + j] = (end.outputs[c]! - centre.outputs[c]!) / h;
    }
    steps.push({
      dtS: record.timesS[k + 1]! - record.timesS[k]!,
      A,
      C,
      residual: Float64Array.from({ length: m }, (_, c) => {
        const i = (k + 1) * m + c;
        return record.data[i]! - fit.prediction[i]!;
      }),
    });
  }
  return steps;
}

/** A Kalman filter of what the states are off the free run, noise added after each step. */
function filterAlong(
  steps: readonly Step[],
  scale: Float64Array,
  share: number,
  noiseStd: Float64Array,
  forces: readonly Force[],
): Pick<StateNoise, 'shift' | 'factor' | 'nis'> & { logLikelihood: number } {
  const workspace = createWorkspace();
  const rootR = diagonal(noiseStd);
  const forceOf = (i: number) => forceOfState(forces, scale.length, i);
  let state: SquareRootGaussian = {
    x: new Float64Array(scale.length),
    S: diagonal(scale.map((s, i) => forceOf(i)?.std ?? START_STD * s)),
  };
  let logLikelihood = 0;
  let nis = 0;
  let channels = 0;
  for (const { dtS, A, C, residual } of steps) {
    const { innovation, ...seen } = srKfUpdate(state, { H: C, rootR, z: residual }, workspace);
    logLikelihood += innovation.logLikelihood;
    nis += innovation.nis;
    channels += innovation.used.length;
    // Through a gap the states may have gone anywhere (an event is one): that is not their usual noise.
    const times = innovation.used.length === 0 ? GAP_TIMES : 1;
    const rootQ = diagonal(
      scale.map((s, i) => {
        const force = forceOf(i);
        if (force !== undefined) return noiseBefore(force, dtS);
        return times * share * Math.sqrt(dtS) * s;
      }),
    );
    state = srKfPredict(seen, { F: A, rootQ }, workspace);
  }
  return { logLikelihood, shift: state.x, factor: state.S, nis: nis / Math.max(1, channels) };
}
