import { TwinError } from '../core/index.js';
import type { Assimilate } from './assimilate.js';
import { filterUpdate } from './filter/filter.js';
import { adaptNoise, initialNoise } from './filter/noise.js';
import { predict } from './filter/predict.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from './filter/settings.js';
import { initialHealth, updateHealth } from './report/health.js';
import { reportStep } from './report/report.js';
import { isFitted, transientAssimilation } from './transient/assimilation.js';
import type { Calibrator, CalibratorState, Sample, SkipReason, Twin, TwinModel } from './types.js';

/**
 * Standard deviation of the first trend, as a share of the range per wear horizon: 1e-5 a sample on
 * the study's web line (range 0.5, horizon 777 samples; docs/explanation/calibration.md).
 */
export const INITIAL_TREND = 0.0155;
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

/** Takes samples as states of rest: the model is run until it settles. */
function steadyAssimilation(model: TwinModel, settings: FilterSettings): Assimilate {
  return async ({ state, sample, measured, dtS, withinBounds, memory, signal }) => {
    const a = state.filter;
    const prior = predict(a, dtS, settings);
    const filtered = await filterUpdate({
      predicted: prior,
      measured,
      noiseStd: a.noiseStd,
      suspicion: a.suspicion,
      evaluate: (points) => model.evaluate(points, sample.inputs, signal),
      settings,
      withinBounds,
      memory,
    });
    return { prior, filtered };
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
  const steady = steadyAssimilation(model, settings);
  const assimilate =
    definition.simulation.mode === 'steady-state'
      ? steady
      : transientAssimilation(twin, model, settings, steady);
  const mayMove = definition.simulation.mode !== 'steady-state';
  const n = definition.parameters.length;
  const m = definition.measured.length;

  const initialState = (samples: readonly Sample[] = []): CalibratorState => {
    const x = new Float64Array(2 * n);
    const S = new Float64Array(4 * n * n);
    definition.parameters.forEach((p, i) => {
      x[i] = p.prior.mean;
      S[i * 2 * n + i] = p.prior.std;
      const j = n + i;
      S[j * 2 * n + j] = settings.trend[i] ? INITIAL_TREND * settings.range[i]! : 0;
    });
    return {
      twinHash: twin.hash,
      timeS: Number.NEGATIVE_INFINITY,
      timeNs: 0n,
      sampleCount: 0,
      filter: {
        x,
        S,
        noiseStd: initialNoise(definition, samples),
        suspicion: new Float64Array(m),
        lastValue: new Float64Array(m).fill(Number.NaN),
        repeats: new Float64Array(m),
        heldInputs: new Float64Array(),
        faults: new Float64Array(m),
        limitRuns: new Float64Array(n + definition.virtualSensors.length),
        health: initialHealth(m),
        unexplained: 0,
        rejected: new Float64Array(m).fill(Number.NaN),
        oneSided: 0,
      },
    };
  };

  const step = async (
    state: CalibratorState,
    sample: Sample,
    signal?: AbortSignal,
  ): ReturnType<Calibrator['step']> => {
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
        `The state of "${definition.name}" at ${state.timeS} s holds values in ${unsound} that are not finite numbers: go back to a sound one (\`twinloop state list\`, \`twinloop state restore\`), or start afresh.`,
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
      return { state, result: reportStep({ twin, state, sample, skipped }) };
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
    const measured = sample.measured.map((v, i) => (Number.isFinite(v) && !frozen(i) ? v : NaN));
    const faults = repeats.map((_, i) => (frozen(i) ? 1 : 0));
    const dtS = Number.isFinite(state.timeS) ? sample.timeS - state.timeS : 0;
    const { unexplained } = a;
    const { filtered, transient } = await assimilate({
      state,
      sample,
      measured,
      dtS,
      withinBounds: keepsWithinBounds(twin, state),
      memory: { unexplained, rejected: a.rejected },
      signal,
    });
    if (filtered.active.length === 0) {
      // Nothing was measured: the machine moves under its inputs, and the bands widen.
      const next: CalibratorState = {
        ...state,
        timeS: sample.timeS,
        timeNs: sample.timeNs ?? state.timeNs,
        filter: {
          ...a,
          ...filtered.posterior,
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
        alarms: [alarm],
      });
      return { state: next, result };
    }
    if (![...filtered.posterior.x, ...filtered.posterior.S].every(Number.isFinite)) {
      throw new TwinError(
        'NUMERIC',
        `The estimate left the finite numbers at ${sample.timeS} s. The last good state is kept; check the model's outputs at this sample.`,
      );
    }
    const suspicion = Float64Array.from(a.suspicion, (s, i) =>
      filtered.gated.includes(i) ? s + 1 : 0,
    );
    const quiet = filtered.gated.length === 0 && !filtered.regimeChange && state.sampleCount > 20;
    const noiseStd =
      definition.estimator.adaptNoise && quiet && !isFitted(a)
        ? adaptNoise(definition, a.noiseStd, filtered, state.sampleCount)
        : a.noiseStd.slice();
    const next: CalibratorState = {
      twinHash: twin.hash,
      timeS: sample.timeS,
      timeNs: sample.timeNs ?? state.timeNs,
      sampleCount: state.sampleCount + 1,
      filter: {
        ...(transient === undefined ? {} : { transient }),
        ...(a.refit === undefined ? {} : { refit: a.refit }),
        inputs: sample.inputs.slice(),
        x: filtered.posterior.x,
        S: filtered.posterior.S,
        noiseStd,
        suspicion,
        lastValue: sample.measured.map((v, i) => (Number.isFinite(v) ? v : a.lastValue[i]!)),
        repeats,
        heldInputs,
        faults,
        limitRuns: a.limitRuns.slice(),
        health: updateHealth(a.health, filtered),
        unexplained: filtered.mismatch || filtered.regimeChange ? unexplained + 1 : 0,
        rejected: new Float64Array(m).fill(Number.NaN),
        oneSided: filtered.refusedBeyond ? WITHIN_BOUNDS_RUN : Math.max(0, a.oneSided - 1),
      },
    };
    return {
      state: next,
      result: reportStep({ twin, state: next, sample, filtered }),
      slopes: { slope: filtered.linearisation.slope, noiseStd, active: filtered.active },
    };
  };

  return { twin, initialState, step };
}
