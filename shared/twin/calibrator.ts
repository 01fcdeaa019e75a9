import type { TwinDefinition } from '../config/index.js';
import { TwinError } from '../core/index.js';
import { afterRest } from './after-rest.js';
import type { Assimilate } from './assimilate.js';
import { withoutFaulty } from './faulty-sensors.js';
import { type Bank, newBank, predictBank } from './filter/bank.js';
import { isConfirmed } from './filter/confirmed.js';
import { filterUpdate } from './filter/filter.js';
import { initialInputNoise, unstatedInputs, updateInputNoise } from './filter/input-noise.js';
import { isLeftOut } from './filter/left-out.js';
import { ownVariances } from './filter/linearise.js';
import type { ModeSet } from './filter/modes.js';
import { adaptNoise } from './filter/noise.js';
import { predict } from './filter/predict.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from './filter/settings.js';
import type { FilterStep } from './filter/step.js';
import { initialCalibratorState } from './initial-state.js';
import { updateHealth } from './report/health.js';
import { initialRedundancy, updateRedundancy } from './report/redundancy.js';
import { reportStep } from './report/report.js';
import { instantText } from './report/time-axis.js';
import type { FilterState } from './state/filter-state.js';
import { isFitted, transientAssimilation } from './transient/assimilation.js';
import type { Calibrator, CalibratorState, Sample, SkipReason, Twin, TwinModel } from './types.js';

/** A channel that repeats its value this many times while most others move is left out as frozen. */
const FROZEN_REPEATS = 20;
/** Share of its size by which an input has moved for certain. */
const INPUT_MOVED = 0.01;
/** Samples for which sigma points stay inside the bounds after the model refused one beyond. */
const WITHIN_BOUNDS_RUN = 20;

/** The part of a state that no filter can go on from. */
function unsoundPart({ filter }: CalibratorState): string | undefined {
  return (['x', 'S', 'noiseStd'] as const).find((name) => !filter[name].every(Number.isFinite));
}

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

/** Whether inputs differ so much that no reading stays the same to its last bit. */
function haveMoved(before: Float64Array, now: Float64Array): boolean {
  return before.some((v, i) => {
    const size = Math.max(Math.abs(v), Math.abs(now[i]!));
    return Math.abs(now[i]! - v) > INPUT_MOVED * size;
  });
}

/** A state's bank, if it is one of these modes: a definition may have changed since. */
function bankOf(bank: Bank | undefined, { modes }: ModeSet): Bank | undefined {
  return bank?.weights.length === modes.length ? bank : undefined;
}

/** Samples that confirm a change: until then it may turn out to be none. */
const CONFIRMED_AFTER = 5;

/** The belief without a change, until the change is confirmed. */
function keptBefore(
  filtered: FilterStep,
  earlier: FilterState['beforeChange'],
): Pick<FilterState, 'beforeChange'> {
  if (filtered.undone) return {};
  // The belief of before the first of several: what followed may be the same event.
  if (earlier !== undefined && earlier.left > 0) return { beforeChange: earlier };
  const { beforeChange } = filtered;
  return beforeChange === undefined
    ? {}
    : { beforeChange: { ...beforeChange, left: CONFIRMED_AFTER } };
}

/** Takes samples as states of rest: the model is run until it settles. */
function steadyAssimilation(
  model: TwinModel,
  settings: FilterSettings,
  { inputs: definitions }: TwinDefinition,
): Assimilate {
  const unstated = unstatedInputs(definitions);
  return async ({ state, sample, measured, dtS, withinBounds, memory, signal }) => {
    const a = state.filter;
    const m = a.noiseStd.length;
    const account = a.inputNoise ?? initialInputNoise(m, unstated.length);
    const inputNoise = Float64Array.from(definitions, (input, i) => {
      const found = unstated.indexOf(i);
      return input.noiseStd ?? (found < 0 ? 0 : account.used[found]!);
    });
    const noisy = [...inputNoise.keys()].filter((i) => inputNoise[i]! > 0);
    const { modes } = settings;
    const carried =
      modes === undefined
        ? undefined
        : predictBank(modes, bankOf(a.bank, modes) ?? newBank(modes, a), dtS, settings);
    const prior = carried?.calm ?? predict(a, dtS, settings);
    const filtered = await filterUpdate({
      predicted: prior,
      bank: carried?.bank,
      measured,
      noiseStd: a.noiseStd,
      suspicion: a.suspicion,
      evaluate: (points) => model.evaluate(points, sample.inputs, signal),
      settings,
      withinBounds,
      memory,
      noisyInputs: {
        count: noisy.length,
        async evaluate(point, k, deviations) {
          const inputs = sample.inputs.slice();
          inputs[noisy[k]!]! += deviations * inputNoise[noisy[k]!]!;
          return (await model.evaluate([point], inputs, signal))[0]!;
        },
      },
      lines: settings.reuse ? { lines: a.lines, inputs: sample.inputs } : undefined,
    });
    if (unstated.length === 0) return { prior, filtered };
    const before = a.inputs;
    const { noise, modelRuns } = await updateInputNoise(account, {
      prior,
      filtered,
      measured,
      inputs: unstated.map((i) => sample.inputs[i]!),
      before: before === undefined ? [] : unstated.map((i) => before[i]!),
      noiseStd: a.firstNoise ?? a.noiseStd,
      async evaluate(k, by) {
        const inputs = sample.inputs.slice();
        inputs[unstated[k]!]! += by;
        const { centre } = filtered.linearisation;
        return (await model.evaluate([centre], inputs, signal))[0]!;
      },
    });
    const { lines, ...rest } = filtered;
    // Lines hold what the noise of inputs does: where that changes they are none to go on from.
    const holds = lines !== undefined && noise.used.every((v, i) => v === account.used[i]);
    return {
      prior,
      filtered: { ...rest, ...(holds && { lines }), modelRuns: filtered.modelRuns + modelRuns },
      inputNoise: noise,
    };
  };
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
  const offsetStd = Float64Array.from(definition.measured, (c) => c.offsetStd ?? 0);
  const steady = steadyAssimilation(model, settings, definition);
  const assimilate =
    definition.simulation.mode === 'steady-state'
      ? steady
      : transientAssimilation(twin, model, settings, steady);
  const mayMove = definition.simulation.mode !== 'steady-state';
  const m = definition.measured.length;

  const initialState = (samples?: readonly Sample[]) => initialCalibratorState(twin, samples);

  const step = async (
    given: CalibratorState,
    sample: Sample,
    signal?: AbortSignal,
  ): ReturnType<Calibrator['step']> => {
    const filter = mayMove ? given.filter : withoutFaulty(given.filter, given.timeS, settings);
    const state = filter === given.filter ? given : { ...given, filter };
    if (state.twinHash !== twin.hash) {
      throw new TwinError(
        'STATE_MISMATCH',
        `The saved state belongs to another definition of "${definition.name}" (or another FMU). Put the old definition back, or start afresh with another --state.`,
      );
    }
    const unsound = unsoundPart(state);
    if (unsound !== undefined) {
      throw new TwinError(
        'NUMERIC',
        `The state of "${definition.name}" at ${instantText(state.timeS)} holds values in ${unsound} that are not finite numbers: go back to a sound one (\`twinloop state list\`, \`twinloop state restore\`), or start afresh.`,
      );
    }
    if (sample.measured.length !== m || sample.inputs.length !== definition.inputs.length) {
      throw new TwinError(
        'VALUE_INVALID',
        `A sample has ${sample.measured.length} measured values and ${sample.inputs.length} inputs: expected ${m} and ${definition.inputs.length}, as in the twin definition.`,
      );
    }
    const skipped = skipReason(state, sample, mayMove);
    if (skipped !== undefined) {
      return { state: given, result: reportStep({ twin, state: given, sample, skipped }) };
    }
    const a = state.filter;
    // A channel that repeats one value to the last bit while others move says nothing.
    const repeats = Float64Array.from(sample.measured, (v, i) =>
      v === a.lastValue[i] ? a.repeats[i]! + 1 : 0,
    );
    const moving = repeats.filter((r, i) => r === 0 && Number.isFinite(sample.measured[i]!)).length;
    const heldInputs = repeats.some((r) => r > 0) ? a.heldInputs : sample.inputs.slice();
    const driven = moving === 0 && haveMoved(heldInputs, sample.inputs);
    const frozen = (i: number) => repeats[i]! >= FROZEN_REPEATS && (moving * 2 >= m || driven);
    const heard = sample.measured.map((v, i) => (Number.isFinite(v) && !frozen(i) ? v : NaN));
    const measured = heard.map((v, i) => (isLeftOut(a.leftOut, i) ? NaN : v));
    const faults = repeats.map((_, i) => (frozen(i) ? 1 : 0));
    const dtS = Number.isFinite(state.timeS) ? sample.timeS - state.timeS : 0;
    const { unexplained } = a;
    const beforeChange =
      a.beforeChange === undefined
        ? undefined
        : { ...predict(a.beforeChange, dtS, settings), left: a.beforeChange.left - 1 };
    const {
      filtered: found,
      transient,
      prior,
      inputNoise,
    } = await assimilate({
      state,
      sample,
      measured,
      dtS,
      withinBounds: keepsWithinBounds(twin, state),
      memory: { unexplained, rejected: a.rejected, beforeChange },
      signal,
    });
    const filtered = isConfirmed(a, prior, measured, found)
      ? { ...found, regimeChange: true }
      : found;
    if (filtered.active.length === 0) {
      // Nothing was measured: the machine moves under its inputs, and the bands widen.
      const next: CalibratorState = {
        ...state,
        timeS: sample.timeS,
        timeNs: sample.timeNs ?? state.timeNs,
        filter: {
          ...a,
          ...filtered.posterior,
          bank: undefined,
          repeats,
          faults,
          heldInputs,
          ...(transient && { transient }),
        },
      };
      const result = reportStep({
        twin,
        state: next,
        sample,
        filtered,
        skipped: 'no-usable-channel',
      });
      return { state: next, result };
    }
    if (filtered.rejected) {
      // Time moves on without the sample, so that nobody reads it again.
      const next: CalibratorState = {
        ...state,
        timeS: sample.timeS,
        timeNs: sample.timeNs ?? state.timeNs,
        filter: {
          ...a,
          ...(transient === undefined ? {} : { transient }),
          x: filtered.posterior.x,
          S: filtered.posterior.S,
          bank: undefined,
          lines: undefined,
          beforeChange: beforeChange && beforeChange.left > 0 ? beforeChange : undefined,
          ...(filtered.outOfReach ? { rejected: measured } : { unexplained: unexplained + 1 }),
        },
      };
      const alarm = {
        code: 'model-mismatch' as const,
        subject: definition.name,
        message: `No parameter values explain this sample (NIS ${filtered.nis.toPrecision(4)} for ${filtered.active.length} channels): it is left out. Is the machine standing still?`,
      };
      const result = reportStep({
        twin,
        state: next,
        sample,
        skipped: 'model-mismatch',
        gapS: filtered.gapS,
        alarms: [alarm],
      });
      return { state: next, result };
    }
    if (![...filtered.posterior.x, ...filtered.posterior.S].every(Number.isFinite)) {
      throw new TwinError(
        'NUMERIC',
        `The estimate left the finite numbers at ${instantText(sample.timeS)}. The last good state is kept; check the model's outputs at this sample.`,
      );
    }
    const suspicion = Float64Array.from(a.suspicion, (s, i) =>
      filtered.gated.includes(i) ? s + 1 : 0,
    );
    const quiet = filtered.gated.length === 0 && !filtered.regimeChange && state.sampleCount > 20;
    const noiseStd =
      definition.estimator.adaptNoise && quiet && !isFitted(a)
        ? adaptNoise(definition, a.noiseStd, filtered, state.sampleCount, a.firstNoise)
        : a.noiseStd.slice();
    const taken: CalibratorState = {
      twinHash: twin.hash,
      timeS: sample.timeS,
      timeNs: sample.timeNs ?? state.timeNs,
      sampleCount: state.sampleCount + 1,
      filter: {
        ...(transient === undefined ? {} : { transient }),
        ...(inputNoise === undefined ? {} : { inputNoise }),
        ...(a.refit === undefined ? {} : { refit: a.refit }),
        inputs: sample.inputs.slice(),
        x: filtered.posterior.x,
        S: filtered.posterior.S,
        ...(filtered.bank === undefined ? {} : { bank: filtered.bank }),
        ...(filtered.lines === undefined ? {} : { lines: filtered.lines }),
        ...keptBefore(filtered, beforeChange),
        noiseStd,
        ...(a.firstNoise === undefined ? {} : { firstNoise: a.firstNoise }),
        ...(a.integration === undefined ? {} : { integration: a.integration }),
        suspicion,
        lastValue: sample.measured.map((v, i) => (Number.isFinite(v) ? v : a.lastValue[i]!)),
        repeats,
        heldInputs,
        faults,
        limitRuns: a.limitRuns.slice(),
        ...(transient !== undefined || filtered.mode === 'transient'
          ? {}
          : {
              redundancy: updateRedundancy(
                a.redundancy ?? initialRedundancy(m),
                filtered,
                measured,
                a.noiseStd,
                settings.range,
              ),
            }),
        health: updateHealth(a.health, filtered),
        unexplained: filtered.mismatch || filtered.regimeChange ? unexplained + 1 : 0,
        rejected: new Float64Array(m).fill(Number.NaN),
        oneSided: filtered.refusedBeyond ? WITHIN_BOUNDS_RUN : Math.max(0, a.oneSided - 1),
        ...(a.leftOut === undefined ? {} : { leftOut: a.leftOut }),
      },
    };
    const atRest = mayMove
      ? undefined
      : afterRest(
          a,
          taken.filter,
          { prior, filtered, measured: heard, timeS: sample.timeS, dtS },
          settings,
          offsetStd,
        );
    const next = atRest === undefined ? taken : { ...taken, filter: atRest.state };
    return {
      state: next,
      result: reportStep({
        twin,
        state: next,
        sample,
        filtered: atRest?.persistent ? { ...filtered, persistent: atRest.persistent } : filtered,
      }),
      slopes: {
        slope: filtered.linearisation.slope,
        noiseStd,
        active: filtered.active,
        own: ownVariances(filtered.linearisation),
        persistent: atRest?.persistent,
      },
    };
  };

  return { twin, initialState, step };
}
