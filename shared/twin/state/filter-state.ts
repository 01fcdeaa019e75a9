import { TwinError } from '../../core/index.js';
import type { Bank } from '../filter/bank.js';
import type { FirstValues } from '../filter/first-values.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import type { InputNoise } from '../filter/input-noise.js';
import type { LeftOut } from '../filter/left-out.js';
import type { Lines } from '../filter/lines.js';
import type { Readings } from '../filter/readings.js';
import { SOURCES } from '../filter/sources.js';
import type { InputSlopes } from '../filter/stated-inputs.js';
import type { EventMemory } from '../transient/events.js';
import type { HeldStates } from '../transient/held-states.js';
import type { InputHabits } from '../transient/input-habits.js';
import {
  decodeBank,
  decodeBeforeChange,
  decodeFirstValues,
  decodeInputNoise,
  decodeInputSlopes,
  decodeLeftOut,
  decodeLines,
  decodeReadings,
  encodeFirstValues,
  encodeInputNoise,
  encodeInputSlopes,
  encodeLeftOut,
  LINES,
  lowerTriangle,
  READINGS,
} from './rest-memory.js';
import { decodeTransient, encodeTransient } from './transient-memory.js';

/** What transient mode remembers between samples. */
export interface TransientMemory {
  /** Continuous states at the last sample; none where it was one of rest. */
  readonly stateMean: Float64Array;
  /** Their rows of the joint factor, behind those of parameters and trends. */
  readonly stateFactor: Float64Array;
  /** Typical magnitude of each. */
  readonly stateScale: Float64Array;
  /** Logarithm of the factor on their noise. */
  readonly stateNoiseLog: number;
  /** Own innovations of the last sample; none where it was one of rest. */
  readonly lastInnovation: Float64Array;
  readonly lastInputs: Float64Array;
  /** The FMU's time at the last sample, seconds; absent before the first. */
  readonly fmuTimeS?: number | undefined;
  /** Usual time between samples, seconds, gaps left out; absent before the second sample. */
  readonly intervalS?: number | undefined;
  /** How inputs have moved lately, see transient/input-habits.ts; absent in states of before. */
  readonly inputHabits?: InputHabits | undefined;
  /** In mode `auto`: the newest samples. */
  readonly window: Float64Array;
  /** In mode `auto`: how long the machine takes to settle, once that was measured. */
  readonly settlingTimeS?: number | undefined;
  /** What the search for events remembers; absent before the first fit of the constants. */
  readonly events?: EventMemory | undefined;
  /** The states if the parameters are exactly the newest fit's; absent before the first. */
  readonly held?: HeldStates | undefined;
  /** What innovations say of the noise that the newest fit found, see transient/noise-watch.ts; empty before. */
  readonly noiseWatch?: Float64Array | undefined;
  /** What a state's speed adds to its noise, √s; absent before the first fit. */
  readonly speedNoise?: number | undefined;
  /** Noise of inputs that the newest fit found and nobody stated, in their units; 0 where it found none. */
  readonly inputStd?: Float64Array | undefined;
  /** Deviation of each virtual sensor by errors that the definition states, as the newest fit has it; absent where none is. */
  readonly statedStd?: Float64Array | undefined;
  /** How far a deviation of each stated error has led parameters, trends and states off, see transient/stated-lead.ts; absent where fits hold them, and where samples came before they were followed. */
  readonly statedLead?: Float64Array | undefined;
  /** How fast the model moved each state before the last sample, per second; empty where that adds nothing. */
  readonly speed?: Float64Array | undefined;
  /** What innovations are divided by before the search for events: the fit's window showed as large ones. */
  readonly eventScale?: number | undefined;
  /** All that the FMU remembers at the last sample, modes included, where it tells. */
  readonly modelMemory?: Uint8Array | undefined;
}

/** What the filter remembers between samples, for n parameters, m channels and v virtual sensors. */
export interface FilterState {
  /** Parameters and trends, 2n. */
  readonly x: Float64Array;
  /** Lower factor of their covariance, 2n × 2n. */
  readonly S: Float64Array;
  /** Assumed noise per channel, m. */
  readonly noiseStd: Float64Array;
  /** Noise first estimated, m; absent in states of fits, and of before 0.1. */
  readonly firstNoise?: Float64Array | undefined;
  /** What that rests on, while it is little. */
  readonly firstValues?: FirstValues | undefined;
  /** How many samples running each channel was gated, m. */
  readonly suspicion: Float64Array;
  /** Newest value of each channel, m. */
  readonly lastValue: Float64Array;
  /** How many samples running each repeated it, m. */
  readonly repeats: Float64Array;
  /** Inputs when a channel's reading last changed; none before the first sample. */
  readonly heldInputs: Float64Array;
  /** 1 for channels that are left out as frozen, m. */
  readonly faults: Float64Array;
  /** How many samples running each parameter and virtual sensor was beyond its limit, n + v. */
  readonly limitRuns: Float64Array;
  /** Memory of the tests on innovations, see filter/innovation-tests.ts. */
  readonly health: Float64Array;
  /** What sensors say of each other, see report/redundancy.ts; absent before the first sample of rest. */
  readonly redundancy?: Float64Array | undefined;
  /** Where the parameters' uncertainty comes from, see filter/sources.ts; absent before the first sample of rest. */
  readonly sources?: Float64Array | undefined;
  /** Variance of each parameter by what the model lacks, by stated errors of sensors, then of inputs: 2n, or 3n where some of inputs are; absent where there is none. */
  readonly persistent?: Float64Array | undefined;
  /** Contradictions of the samples since it began, where it learns constants, see report/past-alarms.ts; absent before the first. */
  readonly contradictions?: Float64Array | undefined;
  /** Channels that are left out as faulty; absent where none can be told, and before the first sample of rest. */
  readonly leftOut?: LeftOut | undefined;
  /** What is known of the noise of inputs that is not stated; absent where all is, and before the first sample of rest. */
  readonly inputNoise?: InputNoise | undefined;
  /** How outputs follow inputs whose error is stated; absent where none is, and before the first sample of rest. */
  readonly inputSlopes?: InputSlopes | undefined;
  /** What integration by steps misses, m, and its tolerance: measured once by a worker, see model/integration-error.ts. */
  readonly integration?: Float64Array | undefined;
  /** What samples of rest said of each parameter; absent before the first, and of moving machines. */
  readonly readings?: Readings | undefined;
  /** Samples running that the belief before them did not explain. */
  readonly unexplained: number;
  /** The values of the last sample where it was rejected, else `NaN`, m. */
  readonly rejected: Float64Array;
  /** Samples to go for which sigma points stay inside the parameters' bounds. */
  readonly oneSided: number;
  /** Inputs of the newest sample that was assimilated; absent before the first. */
  readonly inputs?: Float64Array | undefined;
  readonly transient?: TransientMemory | undefined;
  /** What is believed in each mode of steady-state mode; absent where there is but one, and before the first sample. */
  readonly bank?: Bank | undefined;
  /** The newest linearisation, where the next sample may go on from it. */
  readonly lines?: Lines | undefined;
  /** What would be believed without a change found a few samples ago, and for how many samples to go it is kept. */
  readonly beforeChange?: (Gaussian & { readonly left: number }) | undefined;
  /** Where parameters come from fits of a window, not from the filter: the newest of them. */
  readonly refit?: RefitMark | undefined;
}

/** The newest fit that gave a state its parameters. */
export interface RefitMark {
  /** Time of its last sample, seconds; `-Infinity` before the first. */
  readonly timeS: number;
  /** Samples that it took. */
  readonly samples: number;
  /** Whether parameters and noise are a fit's; otherwise parameters are the priors. */
  readonly fitted: boolean;
  /** What the newest fit's verdict was; absent before the first, and in states of before 0.1. */
  readonly grade?: 'good' | 'care' | 'unusable' | undefined;
  /** The gravest that spoke against it, and how many more; left out where nothing did. */
  readonly reason?: string | undefined;
  /** When a parameter last stepped, seconds. */
  readonly changeS?: number | undefined;
  /** Per parameter: factor on its trend's noise until the next, where wear was looked for. */
  readonly trendScale?: Float64Array | undefined;
}

/** Grades of a fit in the order in which states hold them. */
const FIT_GRADES = ['good', 'care', 'unusable'] as const;

/** A state as it is stored: named arrays of doubles. */
export type StoredArrays = Readonly<Record<string, Float64Array>>;

const VECTORS = [
  'x',
  'S',
  'noiseStd',
  'suspicion',
  'lastValue',
  'repeats',
  'faults',
  'limitRuns',
  'health',
  'rejected',
] as const satisfies readonly (keyof FilterState)[];
const COUNTERS = ['unexplained', 'oneSided'] as const satisfies readonly (keyof FilterState)[];
/** A filter's state as named arrays. {@link decodeFilterState} gives the same bits. */
export function encodeFilterState(state: FilterState): StoredArrays {
  const arrays: Record<string, Float64Array> = {};
  for (const name of VECTORS) arrays[name] = state[name];
  for (const name of COUNTERS) arrays[name] = Float64Array.of(state[name]);
  arrays.heldInputs = state.heldInputs;
  const { transient, inputs, refit, bank, firstNoise, redundancy, beforeChange, lines } = state;
  if (lines !== undefined) {
    for (const name of LINES) arrays[`lines.${name}`] = lines[name];
    if (lines.drive !== undefined) arrays['lines.drive'] = lines.drive;
    if (lines.local) arrays['lines.local'] = Float64Array.of(1);
  }
  if (beforeChange !== undefined) {
    arrays['beforeChange.x'] = beforeChange.x;
    arrays['beforeChange.S'] = beforeChange.S;
    arrays['beforeChange.left'] = Float64Array.of(beforeChange.left);
  }
  if (redundancy !== undefined) arrays.redundancy = redundancy;
  if (state.sources !== undefined) arrays.sources = state.sources;
  if (state.persistent !== undefined) arrays.persistent = state.persistent;
  if (state.contradictions !== undefined) arrays.contradictions = state.contradictions;
  if (state.leftOut !== undefined) encodeLeftOut(state.leftOut, arrays);
  if (state.inputNoise !== undefined) encodeInputNoise(state.inputNoise, arrays);
  if (state.inputSlopes !== undefined) encodeInputSlopes(state.inputSlopes, arrays);
  if (state.readings !== undefined) {
    for (const name of READINGS) arrays[`readings.${name}`] = state.readings[name];
  }
  if (firstNoise !== undefined) arrays.firstNoise = firstNoise;
  if (state.firstValues !== undefined) encodeFirstValues(state.firstValues, arrays);
  if (state.integration !== undefined) arrays.integration = state.integration;
  if (bank !== undefined) {
    arrays['bank.weights'] = bank.weights;
    arrays['bank.x'] = Float64Array.from(bank.parts.flatMap(({ x }) => [...x]));
    arrays['bank.S'] = Float64Array.from(bank.parts.flatMap(lowerTriangle));
  }
  if (inputs !== undefined) arrays.inputs = inputs;
  if (refit !== undefined)
    arrays.refit = Float64Array.of(
      refit.timeS,
      refit.samples,
      refit.fitted ? 1 : 0,
      ...(refit.grade === undefined && refit.trendScale === undefined
        ? []
        : [refit.grade === undefined ? -1 : FIT_GRADES.indexOf(refit.grade)]),
      ...(refit.trendScale === undefined ? [] : [refit.changeS ?? Number.NaN, ...refit.trendScale]),
    );
  if (refit?.reason !== undefined)
    arrays.refitReason = Float64Array.from(refit.reason.split(''), (c) => c.charCodeAt(0));
  if (transient !== undefined) encodeTransient(transient, arrays);
  return arrays;
}

/** What a twin definition makes of a state's lengths. */
export interface StateShape {
  parameters: number;
  measured: number;
  virtualSensors: number;
  /** Length of `health`. */
  health: number;
}

/**
 * Reads a filter's state from its arrays.
 *
 * @throws TwinError `FILE_INVALID` where an array is missing or has another length than the twin
 *   definition makes it
 */
export function decodeFilterState(arrays: StoredArrays, shape: StateShape): FilterState {
  const { parameters: n, measured: m } = shape;
  const lengths: Record<(typeof VECTORS)[number], number> = {
    x: 2 * n,
    S: 4 * n * n,
    noiseStd: m,
    suspicion: m,
    lastValue: m,
    repeats: m,
    faults: m,
    limitRuns: n + shape.virtualSensors,
    health: shape.health,
    rejected: m,
  };
  const vector = (name: (typeof VECTORS)[number]): Float64Array => {
    const found = arrays[name];
    // States of before 0.1 lack what was rejected.
    if (found === undefined && name === 'rejected') return new Float64Array(m).fill(Number.NaN);
    if (found?.length === lengths[name]) return found;
    throw new TwinError(
      'FILE_INVALID',
      `The saved state has ${found === undefined ? 'no' : found.length} values of "${name}", expected ${lengths[name]}: restore an earlier state, or remove it to start afresh.`,
    );
  };
  const vectors = Object.fromEntries(VECTORS.map((name) => [name, vector(name)]));
  const bank = decodeBank(arrays, n, arrays['bank.weights']?.length ?? 0);
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, arrays[name]?.[0] ?? 0]));
  return {
    ...(vectors as Pick<FilterState, (typeof VECTORS)[number]>),
    heldInputs: arrays.heldInputs ?? new Float64Array(),
    ...(counters as Pick<FilterState, (typeof COUNTERS)[number]>),
    ...(arrays.inputs === undefined ? {} : { inputs: arrays.inputs }),
    ...(bank === undefined ? {} : { bank }),
    ...decodeBeforeChange(arrays, n),
    ...decodeLines(arrays, n),
    ...(arrays.sources?.length === SOURCES.length * n * n ? { sources: arrays.sources } : {}),
    ...(arrays.contradictions !== undefined && { contradictions: arrays.contradictions }),
    ...([2 * n, 3 * n].includes(arrays.persistent?.length ?? -1) && {
      persistent: arrays.persistent,
    }),
    ...decodeInputSlopes(arrays),
    ...decodeReadings(arrays, n),
    ...decodeLeftOut(arrays, n, m),
    ...decodeInputNoise(arrays, m),
    ...(arrays.redundancy?.length === m + m * m ? { redundancy: arrays.redundancy } : {}),
    ...(arrays.firstNoise?.length === m ? { firstNoise: arrays.firstNoise } : {}),
    ...decodeFirstValues(arrays, m),
    ...(arrays.integration?.length === m + 1 ? { integration: arrays.integration } : {}),
    ...(arrays.refit === undefined
      ? {}
      : {
          refit: {
            timeS: arrays.refit[0]!,
            samples: arrays.refit[1]!,
            fitted: arrays.refit[2] === 1,
            ...(FIT_GRADES[arrays.refit[3]!] === undefined
              ? {}
              : { grade: FIT_GRADES[arrays.refit[3]!] }),
            ...(arrays.refitReason === undefined
              ? {}
              : { reason: String.fromCharCode(...arrays.refitReason) }),
            ...(arrays.refit.length === 5 + n ? decodeWear(arrays.refit.slice(4)) : {}),
          },
        }),
    ...(arrays.stateMean === undefined ? {} : { transient: decodeTransient(arrays) }),
  };
}

function decodeWear([changeS, ...trendScale]: Float64Array): Partial<RefitMark> {
  return {
    trendScale: Float64Array.from(trendScale),
    ...(Number.isFinite(changeS) ? { changeS } : {}),
  };
}
