import { filterSettings } from '../../filter/settings.js';
import { refitSchedule } from '../../refit/schedule.js';
import type { TransientMemory } from '../../state/filter-state.js';
import { habitsAlong } from '../../transient/input-habits.js';
import { lastingErrors } from '../../transient/stated-lead.js';
import type { CalibratorState, Sample, Twin, TwinModel } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { foundInputStd } from '../input-noise/found-input-noise.js';
import { fitPointAt, whiteFloor } from '../least-squares/fit-problem.js';
import type { FitModel } from '../model/fit-model.js';
import { statedStdOfHidden } from '../outputs/stated-outputs.js';
import type { FitRecord } from '../record/record.js';
import { withStatedError } from '../stated/stated-errors.js';
import { twoSided } from '../stated/two-sided.js';
import { valueAt } from '../unknowns/coordinates.js';
import { rateAt } from '../wear/wear-course.js';
import { type EndStates, endStatesOf } from './end-states.js';

/**
 * A calibrator's state at the end of a fitted record, so that a worker goes on from there: the
 * fitted parameters, and in transient mode the states of the free run's end, with their joint
 * covariance (parameters alone would let the states be believed too much).
 *
 * P_sθ = (∂s/∂q) C, P_ss = (∂s/∂q) C (∂s/∂q)ᵀ, q parameters and start states; the part of the last
 * residual that the free run does not explain widens the states.
 *
 * @param initial the calibrator's state before any data
 * @param model of the calibrator, where it is a moving one
 */
export async function stateAfterFit(
  twin: Twin,
  fitModel: FitModel,
  fit: Fit,
  samples: readonly Sample[],
  initial: CalibratorState,
  model: TwinModel,
): Promise<CalibratorState> {
  const { record, coordinates } = fit;
  const moving = model.transient !== undefined && fitModel.states.length > 0;
  const ends = moving ? await endStatesOf(twin, fitModel, fit) : undefined;
  const belief = beliefAfter(twin, fit, ends, initial);
  const refits = moving && refitSchedule(twin.definition, coordinates.length) !== undefined;
  const last = samples.findLast((s) => s.timeS === record.timesS.at(-1));
  return {
    ...initial,
    timeS: record.timesS.at(-1)!,
    timeNs: last?.timeNs ?? 0n,
    sampleCount: record.timesS.length,
    filter: {
      ...initial.filter,
      x: belief.x,
      S: belief.S,
      noiseStd: sensorNoise(twin, fit, record),
      ...(refits
        ? {
            refit: {
              timeS: record.timesS.at(-1)!,
              samples: record.timesS.length,
              fitted: true,
              ...(fit.wear === undefined ? {} : { trendScale: fit.wear.trendScale }),
            },
          }
        : {}),
      ...(ends === undefined || model.transient === undefined
        ? {}
        : {
            transient: {
              ...movingMemory(fit, ends, belief, model.transient),
              ...(await whatErrorsDid(twin, fitModel, fit, belief, refits)),
            },
          }),
    },
  };
}

/** Parameters, trends and states together, as a filter has them. */
interface Belief {
  /** How they follow the fit's unknowns, N × unknowns. */
  follow: Float64Array;
  /** Parameters and trends, and the root of their covariance, 2n × 2n. */
  x: Float64Array;
  S: Float64Array;
  /** Rows of the states in the root of all, states × N. */
  stateFactor: Float64Array;
  /** How many there are of all. */
  N: number;
}

/** What a fit says of parameters, trends and states at its record's end. */
function beliefAfter(
  twin: Twin,
  fit: Fit,
  ends: EndStates | undefined,
  initial: CalibratorState,
): Belief {
  const { coordinates, u } = fit;
  const n = twin.definition.parameters.length;
  const q = coordinates.length;
  const N = 2 * n + (ends?.mean.length ?? 0);
  const { horizonS, trend } = filterSettings(twin);
  const B = followUnknowns(fit, n, N, { horizonS, trend }, ends);
  const P = carriedCovariance(B, fit.covariance.covariance, N, q);
  for (let j = n; j < 2 * n; j++) {
    if (coordinates.some((c) => c.course?.parameter === j - n)) continue;
    const row = initial.filter.S.subarray(j * 2 * n, (j + 1) * 2 * n);
    P[j * N + j] =
      fit.wear === undefined
        ? row.reduce((sum, v) => sum + v * v, 0)
        : trend[j - n]
          ? (horizonS[j - n]! * fit.wear.rateStd[j - n]!) ** 2
          : 0;
  }
  ends?.extra.forEach((std, s) => {
    P[(2 * n + s) * N + 2 * n + s]! += std * std;
  });
  const L = lowerRoot(P, N);
  const S = new Float64Array(4 * n * n);
  for (let i = 0; i < 2 * n; i++) S.set(L.subarray(i * N, i * N + 2 * n), i * 2 * n);
  const x = initial.filter.x.slice();
  for (let j = 0; j < n; j++) {
    x[j] = valueAt(coordinates[j]!, u[j]!);
    x[n + j] = 0;
    for (let k = 0; k < q; k++) x[n + j]! += B[(n + j) * q + k]! * u[k]!;
  }
  return { follow: B, x, S, stateFactor: L.slice(2 * n * N), N };
}

/** How parameters, trends (as before any data) and states follow the fit's unknowns, N × unknowns. */
function followUnknowns(
  { coordinates, u }: Fit,
  n: number,
  N: number,
  { horizonS, trend }: Pick<ReturnType<typeof filterSettings>, 'horizonS' | 'trend'>,
  ends: EndStates | undefined,
): Float64Array {
  const q = coordinates.length;
  const B = new Float64Array(N * q);
  for (let j = 0; j < n; j++) {
    const c = coordinates[j]!;
    B[j * q + j] = c.scale * (c.transform === 'log' ? valueAt(c, u[j]!) : 1);
  }
  // Trends are kept per wear horizon.
  coordinates.forEach(({ course }, k) => {
    if (course === undefined || !trend[course.parameter]) return;
    const c = coordinates[course.parameter]!;
    B[(n + course.parameter) * q + k] =
      horizonS[course.parameter]! * rateAt(c, u[course.parameter]!, course.rate);
  });
  ends?.slope.forEach((v, i) => {
    B[2 * n * q + i] = v;
  });
  return B;
}

/** B C Bᵀ, N × N. */
function carriedCovariance(B: Float64Array, C: Float64Array, N: number, q: number): Float64Array {
  const P = new Float64Array(N * N);
  for (let i = 0; i < N; i++) {
    for (let k = 0; k < N; k++) {
      let sum = 0;
      for (let a = 0; a < q; a++) {
        if (B[i * q + a] === 0) continue;
        for (let b = 0; b < q; b++) sum += B[i * q + a]! * C[a * q + b]! * B[k * q + b]!;
      }
      P[i * N + k] = sum;
    }
  }
  return P;
}

/** Where the states of a moving machine are, for the next sample to go on from. */
function movingMemory(
  { record }: Fit,
  ends: EndStates,
  { stateFactor }: Belief,
  { nominal, startTimeS }: NonNullable<TwinModel['transient']>,
): TransientMemory {
  return {
    stateMean: ends.mean,
    stateFactor,
    stateScale: nominal.map((v, s) => (v > 0 ? v : Math.abs(ends.mean[s] ?? 1) || 1)),
    stateNoiseLog: 0,
    lastInnovation: new Float64Array(),
    lastInputs: Float64Array.from(record.inputs, (column) => column.at(-1)!),
    ...habitsAlong(record),
    fmuTimeS: startTimeS + (record.timesS.at(-1)! - record.timesS[0]!),
    window: new Float64Array(),
  };
}

/**
 * What is known of the noise of inputs and of stated errors at the record's end. A filter that learns the parameters
 * follows stated errors from there on; else the next fit tells them anew.
 */
async function whatErrorsDid(
  twin: Twin,
  model: FitModel,
  fit: Fit,
  { follow, N }: Belief,
  refits: boolean,
): Promise<Pick<TransientMemory, 'inputStd' | 'statedStd' | 'statedLead'>> {
  const inputStd = foundInputStd(twin.definition, fit.inputNoise?.found);
  const statedStd = refits ? await statedStdOfHidden(twin, model, fit) : undefined;
  const statedLead = refits ? undefined : await ledBy(twin, model, fit, follow, N);
  return {
    ...(inputStd === undefined ? {} : { inputStd }),
    ...(statedStd === undefined ? {} : { statedStd }),
    ...(statedLead === undefined ? {} : { statedLead }),
  };
}

/**
 * How far a deviation of each stated error has led parameters, trends and states off, N × errors: what the unknowns
 * have made of it, and of an input what it did to the states along the record.
 *
 * @param B how parameters, trends and states follow the fit's unknowns, N × unknowns
 */
async function ledBy(
  { definition }: Twin,
  model: FitModel,
  { stated, coordinates, record, u }: Fit,
  B: Float64Array,
  N: number,
): Promise<Float64Array | undefined> {
  const errors = lastingErrors(definition);
  if (errors.length === 0) return undefined;
  const q = coordinates.length;
  const k = errors.length;
  const ns = model.states.length;
  const first = 2 * definition.parameters.length;
  const point = fitPointAt(coordinates, u, record.timesS);
  const lead = new Float64Array(N * k);
  for (const [e, { of, index, kind }] of errors.entries()) {
    const at = stated?.errors.findIndex((s) => s.of === of && s.index === index && s.kind === kind);
    // One whose effect the fit does not know is one of the samples to come, too: they name it.
    const shift = at === undefined ? undefined : stated?.shift[at];
    if (shift === undefined) continue;
    for (let i = 0; i < N; i++) {
      for (let a = 0; a < q; a++) lead[i * k + e]! += B[i * q + a]! * shift[a]!;
    }
    if (of === 'sensors') continue;
    const endAt = async (side: number) => {
      const along = side === 0 ? record : withStatedError(record, errors[e]!, side);
      const [run] = await model.run([point], along, { keepStates: true });
      return run instanceof Error ? run : run?.states?.slice(-ns);
    };
    const found = await twoSided(endAt, () => endAt(0));
    if (found instanceof Error) continue;
    for (let i = 0; i < ns; i++) lead[(first + i) * k + e]! += found[i]!;
  }
  return lead;
}

/** What is new in each sample: white noise, and what a disturbance does within a period. */
function sensorNoise(twin: Twin, fit: Fit, record: FitRecord): Float64Array {
  const { timesS } = record;
  const periodS = (timesS.at(-1)! - timesS[0]!) / Math.max(1, timesS.length - 1);
  const floor = whiteFloor(twin, record);
  return Float64Array.from(twin.definition.measured, ({ noiseStd }, c) => {
    if (noiseStd !== undefined) return noiseStd;
    const { white, ou } = fit.residualModels[c]!;
    const a = Math.exp(-periodS / Math.max(ou.timeConstantS, 1e-300));
    const found = Math.hypot(white, ou.std * Math.sqrt(1 - a * a)) || fit.noiseStd[c]!;
    return Math.max(found, floor[c]!);
  });
}

/** The lower triangular root of a covariance; what has no variance gets a row of zeros. */
function lowerRoot(a: Float64Array, n: number): Float64Array {
  const L = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    let pivot = a[j * n + j]!;
    for (let k = 0; k < j; k++) pivot -= L[j * n + k]! ** 2;
    if (!(pivot > 1e-14 * a[j * n + j]!)) continue;
    L[j * n + j] = Math.sqrt(pivot);
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= L[i * n + k]! * L[j * n + k]!;
      L[i * n + j] = sum / L[j * n + j]!;
    }
  }
  return L;
}
