import { TwinError } from '../core/index.js';
import { filterUpdate } from './filter/filter.js';
import type { Gaussian } from './filter/gaussian-update.js';
import { adaptNoise, initialNoise } from './filter/noise.js';
import { predict } from './filter/predict.js';
import { type FilterSettings, filterSettings, keepsWithinBounds } from './filter/settings.js';
import type { FilterMemory, FilterStep } from './filter/step.js';
import { initialHealth, updateHealth } from './report/health.js';
import { reportStep } from './report/report.js';
import { transientAssimilation } from './transient/assimilation.js';
import type { Calibrator, CalibratorState, Sample, SkipReason, Twin, TwinModel } from './types.js';

/** One sample's way into the estimate, after it was checked. */
export type Assimilate = (input: {
  state: CalibratorState;
  sample: Sample;
  /** Its values; `NaN` for channels without a usable one. */
  measured: Float64Array;
  /** Seconds since the state's sample. */
  dtS: number;
  /** Whether sigma points have to stay inside the parameters' bounds. */
  withinBounds: boolean;
  /** What earlier samples found. */
  memory: FilterMemory;
  signal: AbortSignal | undefined;
}) => Promise<{
  /** Parameters and trends at the sample's time without it. */
  prior: Gaussian;
  filtered: FilterStep;
  /** What the way itself has to remember, as named arrays of the state. */
  own: Readonly<Record<string, Float64Array>>;
}>;

/** Standard deviation of the first trend, as a share of the range per wear horizon. */
const INITIAL_TREND = 0.0155;
/** Samples for which sigma points stay inside the bounds after the model refused one beyond. */
const WITHIN_BOUNDS_RUN = 20;

/** The array of a state that no filter can go on from. */
function unsoundArray({ arrays }: CalibratorState): string | undefined {
  return ['x', 'S', 'noiseStd'].find((name) => !arrays[name]!.every(Number.isFinite));
}

function skipReason(state: CalibratorState, sample: Sample): SkipReason | undefined {
  if (!(sample.timeS > state.timeS)) return 'not-newer-than-state';
  if (sample.measured.every((v) => !Number.isFinite(v))) return 'no-usable-channel';
  return sample.inputs.some((v) => !Number.isFinite(v)) ? 'input-missing' : undefined;
}

/** Takes samples as states of rest: the model is run until it settles. */
function steadyAssimilation(model: TwinModel, settings: FilterSettings): Assimilate {
  return async ({ state, sample, measured, dtS, withinBounds, memory, signal }) => {
    const a = state.arrays;
    const prior = predict({ x: a.x!, S: a.S! }, dtS, settings);
    const filtered = await filterUpdate({
      predicted: prior,
      measured,
      noiseStd: a.noiseStd!,
      suspicion: a.suspicion!,
      evaluate: (points) => model.evaluate(points, sample.inputs, signal),
      settings,
      withinBounds,
      memory,
    });
    return { prior, filtered, own: {} };
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
      arrays: {
        x,
        S,
        noiseStd: initialNoise(definition, samples),
        suspicion: new Float64Array(m),
        lastValue: new Float64Array(m).fill(Number.NaN),
        repeats: new Float64Array(m),
        faults: new Float64Array(m),
        limitRuns: new Float64Array(n + definition.virtualSensors.length),
        health: initialHealth(m),
        unexplained: Float64Array.of(0), // samples running
        rejected: new Float64Array(m).fill(Number.NaN),
        oneSided: Float64Array.of(0), // samples to go inside the bounds
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
    const unsound = unsoundArray(state);
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
    const skipped = skipReason(state, sample);
    if (skipped !== undefined) {
      return { state, result: reportStep({ twin, state, sample, skipped }) };
    }
    const a = state.arrays;
    // A channel that repeats one value to the last bit while others move says nothing.
    const repeats = Float64Array.from(sample.measured, (v, i) =>
      v === a.lastValue![i] ? a.repeats![i]! + 1 : 0,
    );
    const moving = repeats.filter((r, i) => r === 0 && Number.isFinite(sample.measured[i]!)).length;
    const frozen = (i: number) => repeats[i]! >= 20 && moving * 2 >= m;
    const measured = sample.measured.map((v, i) => (Number.isFinite(v) && !frozen(i) ? v : NaN));
    const dtS = Number.isFinite(state.timeS) ? sample.timeS - state.timeS : 0;
    const unexplained = a.unexplained?.[0] ?? 0;
    const { filtered, own } = await assimilate({
      state,
      sample,
      measured,
      dtS,
      withinBounds: keepsWithinBounds(twin, state),
      memory: { unexplained, ...(a.rejected === undefined ? {} : { rejected: a.rejected }) },
      signal,
    });
    if (filtered.rejected) {
      // Time moves on without the sample, so that nobody reads it again.
      const next: CalibratorState = {
        ...state,
        timeS: sample.timeS,
        timeNs: sample.timeNs ?? state.timeNs,
        arrays: {
          ...a,
          ...own,
          x: filtered.posterior.x,
          S: filtered.posterior.S,
          ...(filtered.outOfReach
            ? { rejected: measured }
            : { unexplained: Float64Array.of(unexplained + 1) }),
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
    const suspicion = Float64Array.from(a.suspicion!, (s, i) =>
      filtered.gated.includes(i) ? s + 1 : 0,
    );
    const quiet = filtered.gated.length === 0 && !filtered.regimeChange && state.sampleCount > 20;
    const noiseStd =
      definition.estimator.adaptNoise && quiet
        ? adaptNoise(definition, a.noiseStd!, filtered, state.sampleCount)
        : a.noiseStd!.slice();
    const next: CalibratorState = {
      twinHash: twin.hash,
      timeS: sample.timeS,
      timeNs: sample.timeNs ?? state.timeNs,
      sampleCount: state.sampleCount + 1,
      arrays: {
        ...own,
        x: filtered.posterior.x,
        S: filtered.posterior.S,
        noiseStd,
        suspicion,
        lastValue: sample.measured.map((v, i) => (Number.isFinite(v) ? v : a.lastValue![i]!)),
        repeats,
        faults: repeats.map((_, i) => (frozen(i) ? 1 : 0)),
        limitRuns: a.limitRuns!.slice(),
        health: updateHealth(a.health ?? initialHealth(m), filtered),
        unexplained: Float64Array.of(
          filtered.mismatch || filtered.regimeChange ? unexplained + 1 : 0,
        ),
        rejected: new Float64Array(m).fill(Number.NaN),
        oneSided: Float64Array.of(
          filtered.refusedBeyond ? WITHIN_BOUNDS_RUN : Math.max(0, a.oneSided![0]! - 1),
        ),
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
