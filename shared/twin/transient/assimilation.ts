import type { TwinDefinition } from '../../config/index.js';
import { TwinError } from '../../core/index.js';
import type { Assimilate } from '../calibrator/assimilate.js';
import type { FilterSettings } from '../filter/settings.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { Sample, Twin, TwinModel } from '../types.js';
import { beginningOf, usualInterval } from './beginning.js';
import { transientUpdate } from './filter.js';
import { inputDrive, interpolationsOf, withFoundNoise } from './input-drive.js';
import { habitsAfter, strayingsOf } from './input-habits.js';
import { leading } from './joint.js';
import type { PropagatePoints } from './linearise.js';
import { trustedNoise } from './noise-watch.js';
import { restIn } from './rest-mode.js';
import { adaptedLog, speedOf, stateNoise } from './state-noise.js';
import { lastingErrors, leadAtRest, leadBefore, leadOfRest, statedDrive } from './stated-lead.js';
import { eventsBefore, isFitted, watchSample } from './watch.js';

/** Samples running that may be left out because no parameters explain them. */
const MISMATCH_MOST = 2;

const NONE = new Float64Array();

const NOTHING: TransientMemory = {
  stateMean: NONE,
  stateFactor: NONE,
  stateScale: NONE,
  stateNoiseLog: 0,
  lastInnovation: NONE,
  lastInputs: NONE,
  window: NONE,
};

/**
 * Takes samples as moments of a moving machine, whose continuous states are estimated together with
 * the parameters; in mode `auto` as states of rest where the data show rest.
 *
 * @param steady the way of samples at rest
 * @throws TwinError `FMU_UNSUPPORTED` for a model without states that can be set
 */
export function transientAssimilation(
  twin: Twin,
  model: TwinModel,
  settings: FilterSettings,
  steady: Assimilate,
): Assimilate {
  const { definition } = twin;
  const { simulation, transient: options, estimator } = definition;
  const dynamics = model.transient;
  if (dynamics === undefined) {
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `"${definition.name}" has mode "${simulation.mode}", but its model offers no states.`,
    );
  }
  const n = definition.parameters.length;
  const ns = dynamics.states.length;
  const { forces = [] } = dynamics;
  const stated = lastingErrors(definition);

  return async (input) => {
    const { state, sample, measured, dtS, signal } = input;
    const a = state.filter;
    let memory = a.transient ?? NOTHING;
    // Where parameters come from fits, these hold what is stated.
    const errors = a.refit === undefined ? stated : [];
    const isFirst = state.sampleCount === 0 && a.transient === undefined;
    const leadOf = (known: boolean) =>
      errors.length === 0
        ? undefined
        : leadBefore(memory.statedLead, { n, states: ns, errors: errors.length }, isFirst, known);
    if (simulation.mode === 'auto') {
      const found = await restIn(twin, dynamics, memory, a, input, signal);
      memory = found.memory;
      if (found.isRest) {
        return takenAtRest(definition, settings, steady, input, memory, errors, leadOf(false));
      }
    }

    // Constants are not learnt here, so nothing is lost by keeping points inside, where a model beyond
    // its bounds need not refuse but may blow up, or lie. Where the filter learns them, points kept
    // inside have no room beside a bound and what they would have told is lost: until it refuses.
    const withinBounds = input.withinBounds || a.refit !== undefined;
    const beginning = await beginningOf(
      definition,
      dynamics,
      settings,
      input,
      memory,
      withinBounds,
      signal,
    );
    const { scale, elapsedS, known, gap } = beginning;
    const span = {
      fromS: beginning.fmuTimeS,
      toS: beginning.fmuTimeS + elapsedS,
      inputs: beginning.inputsBefore,
      inputsTo: sample.inputs,
      between: betweenOf(sample, elapsedS),
      memory: known ? memory.modelMemory : undefined,
    };
    const run: PropagatePoints = (points, aroundFirst) =>
      dynamics.propagate(points, { ...span, aroundFirst }, signal);
    const noiseStd = trustedNoise(definition, a);
    const lead = leadOf(known);
    const unknown =
      lead !== undefined && beginning.rests
        ? await leadAtRest(
            lead,
            errors,
            dynamics,
            beginning.last.x.slice(0, n),
            beginning.inputsBefore,
            settings,
            signal,
          )
        : [];
    const strayings = known
      ? strayingsOf(definition, interpolationsOf(definition, dynamics), memory, span)
      : [];
    const { events, during } = eventsBefore(a, memory, ns);
    const boost = during ? events.boost : undefined;
    const stateStd = stateNoise(memory, beginning, options.stateNoise, forces, boost);
    const step = await transientUpdate({
      last: beginning.last,
      dtS: elapsedS,
      stateStd,
      stateScale: scale,
      measured,
      noiseStd,
      suspicion: a.suspicion,
      run,
      // What an event shows is no outlier.
      settings: during ? { ...settings, gate: false } : settings,
      withinBounds,
      mayReject: input.memory.unexplained < MISMATCH_MOST,
      constants: a.refit !== undefined,
      mayChange: !isFitted(a),
      trendScale: a.refit?.trendScale,
      // Before the first sample nothing runs.
      driveOf:
        elapsedS > 0
          ? inputDrive(
              withFoundNoise(definition, memory.inputStd),
              dynamics,
              span,
              signal,
              strayings,
            )
          : undefined,
      followed: lead && {
        ...{ errors, lead, unknown },
        driveOf: statedDrive(errors, dynamics, span, signal),
      },
    });
    const watched = watchSample(a, memory, step, {
      timeS: sample.timeS,
      dtS,
      measured,
      known,
      noiseStd,
      stateStd,
      stateScale: scale,
      forces,
    });
    const { filtered, joint } = step;
    const N = 2 * n + ns;
    const calm = filtered.gated.length === 0 && !filtered.regimeChange && !filtered.rejected;
    const { eventSinceS, statesNis } = watched;
    return {
      prior: leading(step.prior, 2 * n),
      filtered: {
        ...filtered,
        modelRuns: filtered.modelRuns + beginning.modelRuns,
        ...(eventSinceS === undefined ? {} : { eventSinceS }),
        ...(gap || strayings.length > 0 ? { gapS: dtS } : {}),
        ...(statesNis === undefined ? {} : { statesNis }),
      },
      transient: {
        ...memory,
        stateMean: joint.x.slice(2 * n),
        stateFactor: joint.S.slice(2 * n * N),
        stateScale: scale,
        stateNoiseLog:
          estimator.adaptNoise && calm && known && !isFitted(a)
            ? adaptedLog(memory, step.own)
            : memory.stateNoiseLog,
        lastInnovation: step.own,
        lastInputs: sample.inputs.slice(),
        fmuTimeS: span.toS,
        intervalS: usualInterval(memory.intervalS, gap ? 0 : dtS),
        inputHabits: habitsAfter(memory, sample.inputs, gap ? 0 : dtS),
        ...(memory.speedNoise ? { speed: speedOf(step.line, n, ns, elapsedS) } : {}),
        ...watched.remembered,
        modelMemory: step.memory,
        ...(step.lead && { statedLead: step.lead, statedStd: undefined }),
      },
    };
  };
}

/**
 * Takes a sample as a state of rest: of the states nothing is known from there on.
 *
 * @param errors that are stated and last, `lead` what they have led off so far
 */
async function takenAtRest(
  definition: TwinDefinition,
  settings: FilterSettings,
  steady: Assimilate,
  input: Parameters<Assimilate>[0],
  memory: TransientMemory,
  errors: ReturnType<typeof lastingErrors>,
  lead: ReturnType<typeof leadBefore> | undefined,
): ReturnType<Assimilate> {
  const { state, sample, dtS } = input;
  const { noiseStd, inputSlopes: before } = state.filter;
  const { prior, filtered, inputSlopes } = await steady(input);
  const followed =
    lead &&
    leadOfRest(
      lead,
      errors,
      definition,
      {
        ...{ dtS, inputs: sample.inputs, noiseStd, prior, filtered },
        slopes: inputSlopes ?? before,
      },
      settings,
    );
  return {
    prior,
    filtered: followed
      ? { ...filtered, stated: followed.stated, persistent: followed.persistent }
      : filtered,
    transient: {
      ...memory,
      stateMean: NONE,
      stateFactor: NONE,
      lastInnovation: NONE,
      lastInputs: sample.inputs.slice(),
      inputHabits: habitsAfter(memory, sample.inputs, dtS),
      modelMemory: undefined,
      ...(followed && { statedLead: followed.lead, statedStd: undefined }),
    },
    ...(inputSlopes && { inputSlopes }),
  };
}

/** What inputs were in the last seconds before a sample, counted from their beginning. */
function betweenOf({ timeS, between }: Sample, elapsedS: number): Sample['between'] {
  const beganS = timeS - elapsedS;
  return between
    ?.filter((at) => at.timeS > beganS)
    .map((at) => ({ timeS: at.timeS - beganS, inputs: at.inputs }));
}
