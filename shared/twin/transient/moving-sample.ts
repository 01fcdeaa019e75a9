import type { TwinDefinition } from '../../config/index.js';
import type { Assimilate } from '../calibrator/assimilate.js';
import type { StatedError } from '../definition/stated-errors.js';
import type { FilterSettings } from '../filter/settings.js';
import { isModelFault } from '../model/model-faults.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { Sample, TransientModel } from '../types.js';
import { type Beginning, beginningOf, hasFailedLong, usualInterval } from './beginning.js';
import { type FollowedErrors, type TransientStep, transientUpdate } from './filter.js';
import { inputDrive, interpolationsOf, withFoundNoise } from './input-drive.js';
import { habitsAfter, strayingsOf } from './input-habits.js';
import { leading } from './joint.js';
import type { PropagatePoints } from './linearise.js';
import { trustedNoise } from './noise-watch.js';
import { adaptedLog, speedOf, stateNoise } from './state-noise.js';
import { leadAtRest, statedDrive } from './stated-lead.js';
import { eventsBefore, isFitted, type Watched, watchSample } from './watch.js';

/** Samples running that may be left out because no parameters explain them. */
const MISMATCH_MOST = 2;

type Span = Parameters<TransientModel['propagate']>[1];

/** A machine that moves, as samples are taken of it. */
interface Moving {
  definition: TwinDefinition;
  dynamics: TransientModel;
  settings: FilterSettings;
}

/**
 * Takes a sample as a moment of a moving machine: its states go from those at the last sample to this one's. Where
 * the model has failed from those for long, they begin anew.
 *
 * @param errors that are stated and last; `leadOf` what they have led off so far, by whether states are known
 * @throws TwinError as the model does at the estimate
 */
export async function takenMoving(
  machine: Moving,
  input: Parameters<Assimilate>[0],
  memory: TransientMemory,
  errors: readonly StatedError[],
  leadOf: (known: boolean) => Float64Array | undefined,
): ReturnType<Assimilate> {
  try {
    return await takenFrom(machine, input, memory, errors, leadOf, false);
  } catch (error) {
    if (!isModelFault(error) || !hasFailedLong(input.dtS, memory)) throw error;
    try {
      return await takenFrom(machine, input, memory, errors, leadOf, true);
    } catch {
      // Then it is not the states alone.
      input.signal?.throwIfAborted();
      throw error;
    }
  }
}

/** @param isLost whether the states at the last sample are of no use */
async function takenFrom(
  machine: Moving,
  input: Parameters<Assimilate>[0],
  memory: TransientMemory,
  errors: readonly StatedError[],
  leadOf: (known: boolean) => Float64Array | undefined,
  isLost: boolean,
): ReturnType<Assimilate> {
  const { definition, dynamics, settings } = machine;
  const { state, sample, measured, dtS, signal } = input;
  const { filter } = state;
  const { forces = [] } = dynamics;
  const n = definition.parameters.length;
  // Constants are not learnt here, so nothing is lost by keeping points inside, where a model beyond
  // its bounds need not refuse but may blow up, or lie. Where the filter learns them, points kept
  // inside have no room beside a bound and what they would have told is lost: until it refuses.
  const withinBounds = input.withinBounds || filter.refit !== undefined;
  const beginning = await beginningOf(
    definition,
    dynamics,
    settings,
    { state, sample, dtS, isLost },
    memory,
    withinBounds,
    signal,
  );
  const { scale, elapsedS, known, gap } = beginning;
  const span = spanOf(beginning, sample, memory);
  const run: PropagatePoints = (points, aroundFirst) =>
    dynamics.propagate(points, { ...span, aroundFirst }, signal);
  const noiseStd = trustedNoise(definition, filter);
  const followed = await followedErrors(machine, beginning, span, errors, leadOf(known), signal);
  const strayings = known
    ? strayingsOf(definition, interpolationsOf(definition, dynamics), memory, span)
    : [];
  const { events, during } = eventsBefore(filter, memory, dynamics.states.length);
  const boost = during ? events.boost : undefined;
  const stateStd = stateNoise(memory, beginning, definition.transient.stateNoise, forces, boost);
  const step = await transientUpdate({
    last: beginning.last,
    dtS: elapsedS,
    stateStd,
    stateScale: scale,
    measured,
    noiseStd,
    suspicion: filter.suspicion,
    run,
    // What an event shows is no outlier.
    settings: during ? { ...settings, gate: false } : settings,
    withinBounds,
    mayReject: input.memory.unexplained < MISMATCH_MOST,
    constants: filter.refit !== undefined,
    mayChange: !isFitted(filter),
    trendScale: filter.refit?.trendScale,
    // Before the first sample nothing runs.
    driveOf:
      elapsedS > 0
        ? inputDrive(withFoundNoise(definition, memory.inputStd), dynamics, span, signal, strayings)
        : undefined,
    followed,
  });
  const watched = watchSample(filter, memory, step, {
    timeS: sample.timeS,
    dtS,
    measured,
    known,
    noiseStd,
    stateStd,
    stateScale: scale,
    forces,
  });
  const { eventSinceS, statesNis } = watched;
  return {
    prior: leading(step.prior, 2 * n),
    filtered: {
      ...step.filtered,
      modelRuns: step.filtered.modelRuns + beginning.modelRuns,
      ...(eventSinceS === undefined ? {} : { eventSinceS }),
      ...(gap || strayings.length > 0 ? { gapS: dtS } : {}),
      ...(statesNis === undefined ? {} : { statesNis }),
    },
    transient: rememberedOf(machine, input, memory, { beginning, toS: span.toS, step, watched }),
  };
}

/** The way from where a sample's begins to the sample, as the model is run along it. */
function spanOf(
  { fmuTimeS, elapsedS, inputsBefore, known }: Beginning,
  sample: Sample,
  memory: TransientMemory,
): Span {
  return {
    fromS: fmuTimeS,
    toS: fmuTimeS + elapsedS,
    inputs: inputsBefore,
    inputsTo: sample.inputs,
    between: betweenOf(sample, elapsedS),
    memory: known ? memory.modelMemory : undefined,
  };
}

/** Stated errors as a step follows them; undefined where none are followed. */
async function followedErrors(
  { definition, dynamics, settings }: Moving,
  { rests, last, inputsBefore }: Beginning,
  span: Span,
  errors: readonly StatedError[],
  lead: Float64Array | undefined,
  signal: AbortSignal | undefined,
): Promise<FollowedErrors | undefined> {
  if (lead === undefined) return undefined;
  const parameters = () => last.x.slice(0, definition.parameters.length);
  const unknown = rests
    ? await leadAtRest(lead, errors, dynamics, parameters(), inputsBefore, settings, signal)
    : [];
  return { errors, lead, unknown, driveOf: statedDrive(errors, dynamics, span, signal) };
}

/** What the next sample begins from. */
function rememberedOf(
  { definition, dynamics }: Moving,
  { state, sample, dtS }: Parameters<Assimilate>[0],
  memory: TransientMemory,
  {
    beginning,
    toS,
    step,
    watched,
  }: { beginning: Beginning; toS: number; step: TransientStep; watched: Watched },
): TransientMemory {
  const { scale, elapsedS, known, gap } = beginning;
  const n = definition.parameters.length;
  const ns = dynamics.states.length;
  const { filtered, joint } = step;
  const calm = filtered.gated.length === 0 && !filtered.regimeChange && !filtered.rejected;
  const adapts = definition.estimator.adaptNoise && calm && known && !isFitted(state.filter);
  return {
    ...memory,
    stateMean: joint.x.slice(2 * n),
    stateFactor: joint.S.slice(2 * n * (2 * n + ns)),
    stateScale: scale,
    stateNoiseLog: adapts ? adaptedLog(memory, step.own) : memory.stateNoiseLog,
    lastInnovation: step.own,
    lastInputs: sample.inputs.slice(),
    fmuTimeS: toS,
    intervalS: usualInterval(memory.intervalS, gap ? 0 : dtS),
    inputHabits: habitsAfter(memory, sample.inputs, gap ? 0 : dtS),
    ...(memory.speedNoise ? { speed: speedOf(step.line, n, ns, elapsedS) } : {}),
    ...watched.remembered,
    modelMemory: step.memory,
    ...(step.lead && { statedLead: step.lead, statedStd: undefined }),
  };
}

/** What inputs were in the last seconds before a sample, counted from their beginning. */
function betweenOf({ timeS, between }: Sample, elapsedS: number): Sample['between'] {
  const beganS = timeS - elapsedS;
  return between
    ?.filter((at) => at.timeS > beganS)
    .map((at) => ({ timeS: at.timeS - beganS, inputs: at.inputs }));
}
