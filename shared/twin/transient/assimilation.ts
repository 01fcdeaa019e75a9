import { TwinError } from '../../core/index.js';
import type { Assimilate } from '../calibrator/assimilate.js';
import { type Force, forceOfState, noiseBefore } from '../disturbances/index.js';
import type { FilterSettings } from '../filter/settings.js';
import type { TransientMemory } from '../state/filter-state.js';
import type { Sample, Twin, TwinModel } from '../types.js';
import { type Beginning, beginningOf, usualInterval } from './beginning.js';
import { transientUpdate } from './filter.js';
import { stateNoiseStd } from './held-states.js';
import { inputDrive, withFoundNoise } from './input-drive.js';
import { leading } from './joint.js';
import type { LinearRun, PropagatePoints } from './linearise.js';
import { trustedNoise, trustOf } from './noise-watch.js';
import { restIn } from './rest-mode.js';
import { lastingErrors, leadAtRest, leadBefore, leadOfRest, statedDrive } from './stated-lead.js';
import { eventsBefore, isFitted, watchSample } from './watch.js';

/** How fast the states' noise follows the correlation of innovations, per sample. */
const STATE_NOISE_GAIN = 0.05;
/** Bounds of the factor that it may come to, as a logarithm. */
const STATE_NOISE_LOG = [-7, 14] as const;

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
        const { prior, filtered, inputSlopes } = await steady(input);
        const before = leadOf(false);
        const followed =
          before &&
          leadOfRest(
            before,
            errors,
            definition,
            {
              ...{ dtS, inputs: sample.inputs, noiseStd: a.noiseStd, prior, filtered },
              slopes: inputSlopes ?? a.inputSlopes,
            },
            settings,
          );
        const transient: TransientMemory = {
          ...memory,
          stateMean: NONE,
          stateFactor: NONE,
          lastInnovation: NONE,
          lastInputs: sample.inputs.slice(),
          modelMemory: undefined,
          ...(followed && { statedLead: followed.lead, statedStd: undefined }),
        };
        return {
          prior,
          filtered: followed
            ? { ...filtered, stated: followed.stated, persistent: followed.persistent }
            : filtered,
          transient,
          ...(inputSlopes && { inputSlopes }),
        };
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
          ? inputDrive(withFoundNoise(definition, memory.inputStd), dynamics, span, signal)
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
        ...(gap ? { gapS: dtS } : {}),
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
        ...(memory.speedNoise ? { speed: speedOf(step.line, n, ns, elapsedS) } : {}),
        ...watched.remembered,
        modelMemory: step.memory,
        ...(step.lead && { statedLead: step.lead, statedStd: undefined }),
      },
    };
  };
}

/**
 * What the time to a sample adds to the states' deviations.
 *
 * @param share the definition's: of a state's scale, per √s
 * @param boost factor per state during an event
 */
function stateNoise(
  memory: TransientMemory,
  { scale, elapsedS, known }: Beginning,
  share: number,
  forces: readonly Force[],
  boost: Float64Array | undefined,
): Float64Array {
  const ns = scale.length;
  const trust = trustOf(memory.noiseWatch);
  const noise = {
    share: trust * share * Math.exp(memory.stateNoiseLog),
    speedNoise: trust * (memory.speedNoise ?? 0),
  };
  const speed = known && memory.speed?.length === ns ? memory.speed : new Float64Array(ns);
  return scale.map((s, i) => {
    const force = forceOfState(forces, ns, i);
    if (force !== undefined) return noiseBefore(force, elapsedS);
    return stateNoiseStd(s, speed[i]!, noise, Math.max(0, elapsedS)) * (boost?.[i] ?? 1);
  });
}

/** What inputs were in the last seconds before a sample, counted from their beginning. */
function betweenOf({ timeS, between }: Sample, elapsedS: number): Sample['between'] {
  const beganS = timeS - elapsedS;
  return between
    ?.filter((at) => at.timeS > beganS)
    .map((at) => ({ timeS: at.timeS - beganS, inputs: at.inputs }));
}

/** How fast the model moves each state, per second, whatever the sample says. */
function speedOf(line: LinearRun, n: number, ns: number, elapsedS: number): Float64Array {
  return Float64Array.from({ length: ns }, (_, i) =>
    elapsedS > 0 ? (line.mean[i]! - line.centre[n + i]!) / elapsedS : 0,
  );
}

/**
 * The states' noise after a sample: innovations that follow each other say that the states were
 * trusted too much, such that turn round each time that they were trusted too little.
 *
 * @see Mehra, On the identification of variances and adaptive Kalman filtering (1970)
 */
function adaptedLog(memory: TransientMemory, innovation: Float64Array): number {
  let sum = 0;
  let count = 0;
  innovation.forEach((value, i) => {
    const product = value * memory.lastInnovation[i]!;
    if (!Number.isFinite(product)) return;
    sum += Math.max(-4, Math.min(4, product));
    count++;
  });
  const before = memory.stateNoiseLog;
  if (count === 0) return before;
  const [least, most] = STATE_NOISE_LOG;
  return Math.min(most, Math.max(least, before + (STATE_NOISE_GAIN * sum) / count));
}
