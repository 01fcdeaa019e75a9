import type { TwinDefinition } from '../../config/index.js';
import { TwinError } from '../../core/index.js';
import type { Assimilate } from '../assimilate.js';
import { forceOfState, noiseBefore } from '../disturbances/index.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { predict } from '../filter/predict.js';
import type { FilterSettings } from '../filter/settings.js';
import type { FilterState, TransientMemory } from '../state/filter-state.js';
import type { Sample, Twin, TwinModel } from '../types.js';
import { isEvent, noEvents, watchForEvents } from './events.js';
import { transientUpdate } from './filter.js';
import { heldStep, stateNoiseStd, tellsOfNoise, withoutError } from './held-states.js';
import { inputDrive, withFoundNoise } from './input-drive.js';
import type { LinearRun, PropagatePoints } from './linearise.js';
import { trustedNoise, trustOf, watchNoise } from './noise-watch.js';
import { settlingTimeS } from './settling-time.js';
import { atRest, atStart, jointOf } from './starting-states.js';
import { extendWindow, windowAtRest } from './steadiness-window.js';

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
  const streamed = definition.inputs.flatMap((input, i) => (input.value === undefined ? [i] : []));

  return async (input) => {
    const { state, sample, measured, dtS, signal } = input;
    const a = state.filter;
    let memory = a.transient ?? NOTHING;
    if (simulation.mode === 'auto') {
      const spanS =
        memory.settlingTimeS ??
        options.settlingTimeS ??
        (await settlingTimeS(twin, dynamics, sample.inputs, signal));
      const window = extendWindow(
        memory.window,
        sample.timeS,
        [...measured, ...streamed.map((i) => sample.inputs[i]!)],
        spanS,
      );
      memory = { ...memory, window, settlingTimeS: spanS };
      const noiseStd = Float64Array.of(...a.noiseStd, ...streamed.map(() => Number.NaN));
      // A model that comes to no rest in time is always on its way.
      const rests = options.settlingTimeS !== undefined || spanS < simulation.maxTimeS;
      const rest =
        rests &&
        (dtS >= spanS || windowAtRest(window, noiseStd, spanS, options.steadyFalseAlarm).steady);
      if (rest) {
        const { prior, filtered } = await steady(input);
        const transient: TransientMemory = {
          ...memory,
          stateMean: NONE,
          stateFactor: NONE,
          lastInnovation: NONE,
          lastInputs: sample.inputs.slice(),
          modelMemory: undefined,
        };
        return { prior, filtered, transient };
      }
    }

    // Constants are not learnt here, so nothing is lost by keeping points inside, where a model beyond
    // its bounds need not refuse but may blow up, or lie. Where the filter learns them, points kept
    // inside have no room beside a bound and what they would have told is lost: until it refuses.
    const withinBounds = input.withinBounds || a.refit !== undefined;
    let last: Gaussian;
    let elapsedS = dtS;
    let inputsBefore = memory.lastInputs;
    let fmuTimeS = memory.fmuTimeS ?? dynamics.startTimeS;
    let scale = memory.stateScale;
    let startRuns = 0;
    const gap = isGap(dtS, memory.intervalS, definition);
    const known = memory.stateMean.length === ns && !gap;
    if (known) last = jointOf(a, memory);
    else {
      const first = state.sampleCount === 0;
      const stale = first || gap;
      // After so long a gap the machine rests by now; otherwise it did at the last sample.
      const parameters = stale ? predict(a, dtS, settings) : a;
      if (stale) {
        elapsedS = 0;
        inputsBefore = sample.inputs;
      }
      fmuTimeS = dynamics.startTimeS;
      const share = stale ? options.initialStateStd : REST_STD;
      const asStarted = (std: number) =>
        atStart(dynamics, parameters, inputsBefore, n, std, signal);
      const begun =
        options.initialState === 'settled' || !stale
          ? await atRest(
              dynamics,
              parameters,
              inputsBefore,
              settings,
              withinBounds,
              share,
              signal,
            ).catch((error: unknown) => {
              // A machine that knows no rest is somewhere: the samples tell where.
              if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
              return asStarted(Math.max(share, NO_REST_STD));
            })
          : await asStarted(share);
      ({ joint: last, scale } = begun);
      startRuns = begun.modelRuns;
    }

    const span = {
      fromS: fmuTimeS,
      toS: fmuTimeS + elapsedS,
      inputs: inputsBefore,
      inputsTo: sample.inputs,
      between: betweenOf(sample, elapsedS),
      memory: known ? memory.modelMemory : undefined,
    };
    const run: PropagatePoints = (points, aroundFirst) =>
      dynamics.propagate(points, { ...span, aroundFirst }, signal);
    const trust = trustOf(memory.noiseWatch);
    const noise = {
      share: trust * options.stateNoise * Math.exp(memory.stateNoiseLog),
      speedNoise: trust * (memory.speedNoise ?? 0),
    };
    const speed = known && memory.speed?.length === ns ? memory.speed : new Float64Array(ns);
    const noiseStd = trustedNoise(definition, a);
    // Innovations mean something once the noise is known: from the first fit on.
    const watched = isFitted(a);
    const events = memory.events ?? noEvents(measured.length);
    const during = watched && isEvent(events) && events.boost.length === ns;
    const stateStd = scale.map((s, i) => {
      const force = forceOfState(forces, ns, i);
      if (force !== undefined) return noiseBefore(force, elapsedS);
      const own = stateNoiseStd(s, speed[i]!, noise, Math.max(0, elapsedS));
      return own * (during ? events.boost[i]! : 1);
    });
    const step = await transientUpdate({
      last,
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
      mayChange: !watched,
      trendScale: a.refit?.trendScale,
      // Before the first sample nothing runs.
      driveOf:
        elapsedS > 0
          ? inputDrive(withFoundNoise(definition, memory.inputStd), dynamics, span, signal)
          : undefined,
    });
    const held =
      watched && known && memory.held?.x.length === ns
        ? heldStep(memory.held, step.line, n, {
            measured,
            noiseStd,
            stateStd,
            ignored: during ? [] : step.filtered.gated,
          })
        : undefined;
    // Where parameters may wear, an event is how their change is found.
    const apart =
      held === undefined || a.refit?.trendScale !== undefined
        ? undefined
        : withoutError(
            held,
            memory.held?.error ?? { x: new Float64Array(n), S: parametersOf(a, n).S },
          );
    const next = watched
      ? watchForEvents(events, {
          timeS: sample.timeS,
          lastTimeS: sample.timeS - dtS,
          innovation: apart?.innovation ?? held?.innovation ?? step.innovation,
          std: held?.std ?? step.innovation.map((v, i) => v / step.own[i]!),
          stateSlope: step.stateSlope,
          // What is unknown already is not where an event shows.
          stateScale: scale.map((v, i) => (forceOfState(forces, ns, i) === undefined ? v : 0)),
          scale: memory.eventScale,
        })
      : undefined;
    // Constants that are hardly known yet make innovations that are not the noise's.
    const statesNis =
      held !== undefined && (apart === undefined || tellsOfNoise(held, parametersOf(a, n).S))
        ? held.nis
        : undefined;
    const noiseWatch =
      held === undefined || next === undefined
        ? memory.noiseWatch
        : watchNoise(
            memory.noiseWatch,
            during ? events : next,
            {
              timeS: sample.timeS,
              nis: statesNis ?? 0,
              channels: statesNis === undefined ? 0 : step.filtered.active.length,
            },
            a.refit!.samples,
          );
    const { filtered, joint } = step;
    const N = 2 * n + ns;
    const calm = filtered.gated.length === 0 && !filtered.regimeChange && !filtered.rejected;
    const transient: TransientMemory = {
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
      ...(next === undefined ? {} : { events: next }),
      ...(noiseWatch === undefined ? {} : { noiseWatch }),
      ...(memory.speedNoise ? { speed: speedOf(step.line, n, ns, elapsedS) } : {}),
      // What happens during an event says nothing of the parameters.
      held:
        apart === undefined || held === undefined
          ? held?.states
          : { ...held.states, error: during ? memory.held?.error : apart.error },
      modelMemory: step.memory,
    };
    const eventSinceS = during ? events.sinceS : next?.sinceS;
    const isUnderWay = eventSinceS !== undefined && !Number.isNaN(eventSinceS);
    return {
      prior: parametersOf(step.prior, 2 * n),
      filtered: {
        ...filtered,
        modelRuns: filtered.modelRuns + startRuns,
        ...(isUnderWay ? { eventSinceS } : {}),
        ...(gap ? { gapS: dtS } : {}),
        ...(statesNis === undefined ? {} : { statesNis }),
      },
      transient,
    };
  };
}

/** What inputs were in the last seconds before a sample, counted from their beginning. */
function betweenOf({ timeS, between }: Sample, elapsedS: number): Sample['between'] {
  const beganS = timeS - elapsedS;
  return between
    ?.filter((at) => at.timeS > beganS)
    .map((at) => ({ timeS: at.timeS - beganS, inputs: at.inputs }));
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

/** The usual time between samples, a running geometric mean, after one more; times of 0 tell nothing. */
function usualInterval(intervalS: number | undefined, dtS: number): number | undefined {
  if (!(dtS > 0)) return intervalS;
  return intervalS === undefined ? dtS : intervalS * (dtS / intervalS) ** INTERVAL_GAIN;
}

/** Whether noise was found by likelihood over a window, so that nothing else moves it. */
export const isFitted = ({ refit }: Pick<FilterState, 'refit'>): boolean => refit?.fitted === true;

/** How fast the model moves each state, per second, whatever the sample says. */
function speedOf(line: LinearRun, n: number, ns: number, elapsedS: number): Float64Array {
  return Float64Array.from({ length: ns }, (_, i) =>
    elapsedS > 0 ? (line.mean[i]! - line.centre[n + i]!) / elapsedS : 0,
  );
}

function parametersOf(joint: Gaussian, count: number): Gaussian {
  const N = joint.x.length;
  const S = new Float64Array(count * count);
  for (let i = 0; i < count; i++) S.set(joint.S.subarray(i * N, i * N + count), i * count);
  return { x: joint.x.slice(0, count), S };
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
