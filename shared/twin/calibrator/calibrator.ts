import { TwinError } from '../../core/index.js';
import { isConfirmed } from '../filter/confirmed.js';
import { noiseOfFirstValue } from '../filter/first-values.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { ownVariances } from '../filter/linearise.js';
import { predict } from '../filter/predict.js';
import { filterSettings, keepsWithinBounds } from '../filter/settings.js';
import type { FilterStep } from '../filter/step.js';
import { withContradictions } from '../report/past-alarms.js';
import { reportStep } from '../report/report.js';
import { instantText } from '../report/time-axis.js';
import { withoutFaulty } from '../sensors/sensor-watch.js';
import type { FilterState } from '../state/filter-state.js';
import { transientAssimilation } from '../transient/assimilation.js';
import { isFitted } from '../transient/watch.js';
import type { Calibrator, CalibratorState, Sample, SkipReason, Twin, TwinModel } from '../types.js';
import { afterRest } from './after-rest.js';
import { hearChannels } from './heard-channels.js';
import { initialCalibratorState } from './initial-state.js';
import { type Found, stateAfter, stateUnmeasured, stateWithout } from './state-after.js';
import { steadyAssimilation } from './steady-assimilation.js';

/** The part of a state that no filter can go on from. */
function unsoundPart({ filter }: CalibratorState): string | undefined {
  return (['x', 'S', 'noiseStd'] as const).find((name) => !filter[name].every(Number.isFinite));
}

/**
 * Refuses a state that the twin can't go on from, and a sample that is not of its shape.
 *
 * @throws TwinError `STATE_MISMATCH`, `NUMERIC`, `VALUE_INVALID`
 */
function checkStep({ definition, hash }: Twin, state: CalibratorState, sample: Sample): void {
  const { name, measured, inputs } = definition;
  if (state.twinHash !== hash) {
    throw new TwinError(
      'STATE_MISMATCH',
      `The saved state belongs to another definition of "${name}" (or another FMU). Put the old definition back, or start afresh with another --state.`,
    );
  }
  const unsound = unsoundPart(state);
  if (unsound !== undefined) {
    throw new TwinError(
      'NUMERIC',
      `The state of "${name}" at ${instantText(state.timeS)} holds values in ${unsound} that are not finite numbers: go back to a sound one (\`twinloop state list\`, \`twinloop state restore\`), or start afresh.`,
    );
  }
  if (sample.measured.length !== measured.length || sample.inputs.length !== inputs.length) {
    throw new TwinError(
      'VALUE_INVALID',
      `A sample has ${sample.measured.length} measured values and ${sample.inputs.length} inputs: expected ${measured.length} and ${inputs.length}, as in the twin definition.`,
    );
  }
}

/** Why a sample is passed over before the model is run; undefined where it is not. */
function skipReason(
  state: CalibratorState,
  sample: Sample,
  isMoving: boolean,
): SkipReason | undefined {
  if (!(sample.timeS > state.timeS)) return 'not-newer-than-state';
  if (sample.inputs.some((v) => !Number.isFinite(v))) return 'input-missing';
  // A moving machine goes on under its inputs, measured or not.
  const measured = sample.measured.some((v) => Number.isFinite(v));
  return measured || isMoving ? undefined : 'no-usable-channel';
}

/** A filter's state before a sample that brings the first value of a channel whose noise nobody stated. */
function hearingFirstValues(filter: FilterState, measured: Float64Array): FilterState {
  const { firstValues, firstNoise, noiseStd } = filter;
  if (firstValues === undefined || firstNoise === undefined || isFitted(filter)) return filter;
  const now = noiseOfFirstValue(firstValues, noiseStd, measured);
  if (now === noiseStd) return filter;
  return {
    ...filter,
    noiseStd: now,
    firstNoise: noiseOfFirstValue(firstValues, firstNoise, measured),
  };
}

/** A sample that no parameters explain, with the alarm that says so. */
function leftOut(
  twin: Twin,
  state: CalibratorState,
  sample: Sample,
  { nis, active, gapS }: FilterStep,
): Awaited<ReturnType<Calibrator['step']>> {
  const alarm = {
    code: 'model-mismatch' as const,
    subject: twin.definition.name,
    message: `No parameter values explain this sample (NIS ${nis.toPrecision(4)} for ${active.length} channels): it is left out. Is the machine standing still?`,
  };
  const skipped = 'model-mismatch';
  return { state, result: reportStep({ twin, state, sample, skipped, gapS, alarms: [alarm] }) };
}

/** @throws TwinError `NUMERIC` where an estimate is not of finite numbers */
function requireFinite({ posterior }: FilterStep, sample: Sample): void {
  if ([...posterior.x, ...posterior.S].every(Number.isFinite)) return;
  throw new TwinError(
    'NUMERIC',
    `The estimate left the finite numbers at ${instantText(sample.timeS)}. The last good state is kept; check the model's outputs at this sample.`,
  );
}

/**
 * Joins a twin and its model to a calibrator.
 *
 * @param options.model outputs must begin with the twin's measured variables, its virtual sensors
 *   following
 */
export function createCalibrator(options: { twin: Twin; model: TwinModel }): Calibrator {
  const { twin, model } = options;
  const { definition } = twin;
  const settings = filterSettings(twin);
  const steady = steadyAssimilation(model, settings, definition);
  const assimilate =
    definition.simulation.mode === 'steady-state'
      ? steady
      : transientAssimilation(twin, model, settings, steady);
  const mayMove = definition.simulation.mode !== 'steady-state';

  const initialState = (samples?: readonly Sample[]) => initialCalibratorState(twin, samples);

  /** What the filter makes of a sample, before it is decided what becomes of it. */
  const look = async (
    state: CalibratorState,
    sample: Sample,
    signal: AbortSignal | undefined,
  ): Promise<Found & { prior: Gaussian; dtS: number }> => {
    const a = state.filter;
    const channels = hearChannels(a, sample);
    const dtS = Number.isFinite(state.timeS) ? sample.timeS - state.timeS : 0;
    const beforeChange =
      a.beforeChange === undefined
        ? undefined
        : { ...predict(a.beforeChange, dtS, settings), left: a.beforeChange.left - 1 };
    const { filtered, transient, prior, inputNoise, inputSlopes } = await assimilate({
      state,
      sample,
      measured: channels.measured,
      dtS,
      withinBounds: keepsWithinBounds(twin, state),
      memory: { unexplained: a.unexplained, rejected: a.rejected, beforeChange },
      signal,
    });
    const confirmed = isConfirmed(a, prior, channels.measured, filtered);
    return {
      filtered: confirmed ? { ...filtered, regimeChange: true } : filtered,
      transient,
      inputNoise,
      inputSlopes,
      beforeChange,
      channels,
      prior,
      dtS,
    };
  };

  /** Goes on with a sample that the filter took. */
  const goOn = (
    state: CalibratorState,
    sample: Sample,
    found: Awaited<ReturnType<typeof look>>,
  ): Awaited<ReturnType<Calibrator['step']>> => {
    const { filtered, prior, channels, dtS } = found;
    const taken = stateAfter(twin, settings, state, sample, found);
    const atRest = mayMove
      ? undefined
      : afterRest(
          state.filter,
          taken.filter,
          { prior, filtered, measured: channels.heard, timeS: sample.timeS, dtS },
          settings,
          definition,
          sample.inputs,
        );
    const next = atRest === undefined ? taken : { ...taken, filter: atRest.state };
    const result = reportStep({
      twin,
      state: next,
      sample,
      filtered: atRest?.persistent ? { ...filtered, persistent: atRest.persistent } : filtered,
    });
    return {
      state: withContradictions(twin, next, result),
      result,
      slopes: {
        slope: filtered.linearisation.slope,
        noiseStd: taken.filter.noiseStd,
        active: filtered.active,
        own: ownVariances(filtered.linearisation),
        persistent: atRest?.persistent,
        statedUnknown: filtered.stated?.unknown,
      },
    };
  };

  const step = async (
    given: CalibratorState,
    sample: Sample,
    signal?: AbortSignal,
  ): ReturnType<Calibrator['step']> => {
    const heard = hearingFirstValues(given.filter, sample.measured);
    const filter = mayMove ? heard : withoutFaulty(heard, given.timeS, settings);
    const state = filter === given.filter ? given : { ...given, filter };
    checkStep(twin, state, sample);
    const skipped = skipReason(state, sample, mayMove);
    if (skipped !== undefined) {
      return { state: given, result: reportStep({ twin, state: given, sample, skipped }) };
    }
    const found = await look(state, sample, signal);
    const { filtered } = found;
    if (filtered.active.length === 0) {
      const next = stateUnmeasured(state, sample, found);
      const skipped = 'no-usable-channel';
      return { state: next, result: reportStep({ twin, state: next, sample, filtered, skipped }) };
    }
    if (filtered.rejected)
      return leftOut(twin, stateWithout(state, sample, found), sample, filtered);
    requireFinite(filtered, sample);
    return goOn(state, sample, found);
  };

  return { twin, initialState, step };
}
