import type { TwinDefinition } from '../../config/index.js';
import { TwinError } from '../../core/index.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { predict } from '../filter/predict.js';
import type { FilterSettings } from '../filter/settings.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { CalibratorState, Sample, TransientModel } from '../types.js';
import { jointOf } from './joint.js';
import { atRest, atStart, type Start } from './starting-states.js';

/** A gap is longer than so many usual times between samples … */
const GAP_INTERVALS = 20;
/** … or than so many steps of the model. */
const GAP_STEPS = 1e5;
/** How fast the usual time between samples follows the newest: the weight of one. */
const INTERVAL_GAIN = 0.1;

/** How sure a state is when the data have shown rest, as a share of its scale. */
const REST_STD = 1e-3;
/** The same where nothing is known: the machine does not come to rest under its inputs. */
const NO_REST_STD = 0.5;

/** Where the way to a sample begins. */
export interface Beginning {
  /** Parameters, trends and states there. */
  last: Gaussian;
  /** What a state is small or large against. */
  scale: Float64Array;
  /** Seconds from there to the sample. */
  elapsedS: number;
  /** The inputs there. */
  inputsBefore: Float64Array;
  /** The FMU's time there. */
  fmuTimeS: number;
  /** Whether the states are those of the last sample. */
  known: boolean;
  /** Whether the states were begun at rest. */
  rests: boolean;
  /** Whether so long nothing was heard of the machine that its states are unknown. */
  gap: boolean;
  modelRuns: number;
}

/**
 * Where the way to a sample begins: at the last sample, where its states are known; else at rest, or as the
 * definition says that machines start.
 *
 * @param dtS seconds since the last sample
 * @param isLost whether the states at the last sample are of no use
 */
export async function beginningOf(
  definition: TwinDefinition,
  dynamics: TransientModel,
  settings: FilterSettings,
  {
    state,
    sample,
    dtS,
    isLost,
  }: { state: CalibratorState; sample: Sample; dtS: number; isLost: boolean },
  memory: TransientMemory,
  withinBounds: boolean,
  signal: AbortSignal | undefined,
): Promise<Beginning> {
  const { filter } = state;
  const gap = isLost || isGap(dtS, memory.intervalS, definition);
  if (memory.stateMean.length === dynamics.states.length && !gap) {
    return {
      last: jointOf(filter, memory),
      scale: memory.stateScale,
      elapsedS: dtS,
      inputsBefore: memory.lastInputs,
      fmuTimeS: memory.fmuTimeS ?? dynamics.startTimeS,
      known: true,
      rests: false,
      gap,
      modelRuns: 0,
    };
  }
  const stale = state.sampleCount === 0 || gap;
  // After so long a gap the machine rests by now; otherwise it did at the last sample.
  const inputsBefore = stale ? sample.inputs : memory.lastInputs;
  const parameters = stale ? predict(filter, dtS, settings) : filter;
  const begun = await startOf();
  return {
    last: begun.joint,
    scale: begun.scale,
    elapsedS: stale ? 0 : dtS,
    inputsBefore,
    fmuTimeS: dynamics.startTimeS,
    known: false,
    rests: begun.rests,
    gap,
    modelRuns: begun.modelRuns,
  };

  async function startOf(): Promise<Start> {
    const { initialState, initialStateStd } = definition.transient;
    const n = definition.parameters.length;
    const share = stale ? initialStateStd : REST_STD;
    const asStarted = (std: number) => atStart(dynamics, parameters, inputsBefore, n, std, signal);
    if (initialState !== 'settled' && stale) return asStarted(share);
    try {
      return await atRest(
        dynamics,
        parameters,
        inputsBefore,
        settings,
        withinBounds,
        share,
        signal,
      );
    } catch (error) {
      // A machine that knows no rest is somewhere: the samples tell where.
      if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
      return asStarted(Math.max(share, NO_REST_STD));
    }
  }
}

/**
 * Whether nothing is known of the states after a time without samples: it is longer than the definition
 * allows; or, where that is silent, than the model is given to come to rest, and than any wait for a sample
 * of this machine.
 */
function isGap(
  dtS: number,
  intervalS: number | undefined,
  { simulation, transient }: TwinDefinition,
): boolean {
  if (transient.maxGapS !== undefined) return dtS > transient.maxGapS;
  const { maxTimeS, stepSizeS } = simulation;
  const isUsual = dtS <= GAP_INTERVALS * (intervalS ?? dtS) && dtS <= GAP_STEPS * stepSizeS;
  return dtS > maxTimeS && !isUsual;
}

/**
 * Whether a model has failed from the same states for so long, sample after sample, that it is these which it
 * fails at.
 *
 * @param dtS seconds since the last sample that was taken
 */
export function hasFailedLong(
  dtS: number,
  { stateMean, intervalS }: Pick<TransientMemory, 'stateMean' | 'intervalS'>,
): boolean {
  return stateMean.length > 0 && intervalS !== undefined && dtS > GAP_INTERVALS * intervalS;
}

/** The usual time between samples, a running geometric mean, after one more; times of 0 tell nothing. */
export function usualInterval(intervalS: number | undefined, dtS: number): number | undefined {
  if (!(dtS > 0)) return intervalS;
  return intervalS === undefined ? dtS : intervalS * (dtS / intervalS) ** INTERVAL_GAIN;
}
