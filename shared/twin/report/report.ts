import { DISTURBED_DEVIATIONS, DISTURBED_RUN, forcesOf } from '../disturbances/index.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import { type Linearisation, predictOutputs } from '../filter/linearise.js';
import { mixtureEstimate } from '../filter/mixture.js';
import { inputsAlongOutput, type PersistentError } from '../filter/persistent-error.js';
import type { FilterStep } from '../filter/step.js';
import { truncatedEstimate } from '../filter/truncated.js';
import { trustedNoise } from '../transient/noise-watch.js';
import type {
  Alarm,
  CalibratorState,
  Estimate,
  Sample,
  SkipReason,
  StepResult,
  Twin,
} from '../types.js';
import { fitAlarms } from './fit-alarms.js';
import { healthAlarms } from './health.js';

/** Samples running that a limit must be passed before its alarm. */
const ALARM_RUN = 3;
/** Modes of less probability change no digit that is shown. */
const COUNTED = 5e-4;

/** The parameters of a state with the bounds applied. */
export function parameterEstimates(twin: Twin, state: CalibratorState): Record<string, Estimate> {
  const { parameters } = twin.definition;
  const N = 2 * parameters.length;
  return Object.fromEntries(
    parameters.map((p, i) => {
      const { x, S, bank, persistent } = state.filter;
      const lasting = lastingVariance(persistent, i, parameters.length);
      const std = (of: Gaussian) => Math.sqrt(rowNorm(of.S, i * N, N) ** 2 + lasting);
      if (bank === undefined) {
        return [p.variable, truncatedEstimate(x[i]!, std({ x, S }), p.lower, p.upper)];
      }
      const means = bank.parts.map((part) => part.x[i]!);
      const mixture = { weights: bank.weights, means, stds: bank.parts.map(std) };
      return [p.variable, mixtureEstimate(mixture, p.lower, p.upper)];
    }),
  );
}

/**
 * Variance of a parameter by errors that stay.
 *
 * @param persistent of a state of n parameters
 */
export const lastingVariance = (
  persistent: Float64Array | undefined,
  i: number,
  n: number,
): number => (persistent?.[i] ?? 0) + (persistent?.[n + i] ?? 0) + (persistent?.[2 * n + i] ?? 0);

/** Length of a row; in no way near overflow. */
function rowNorm(S: Float64Array, from: number, N: number): number {
  let sum = 0;
  for (let k = from; k < from + N; k++) sum += S[k]! ** 2;
  return Math.sqrt(sum);
}

/** @param statedStd of each virtual sensor of a moving machine, by errors that are stated */
function outputEstimates(
  twin: Twin,
  filtered: FilterStep,
  statedStd: Float64Array | undefined,
): Estimate[] {
  const { linearisation: lin, posterior, persistent, stated } = filtered;
  const known = filtered.outputs;
  if (known !== undefined) {
    const first = twin.definition.measured.length;
    return Array.from(known.mean, (value, o) =>
      // Errors that stay are not in the states' filter: what sensors and inputs have in common follows them.
      truncatedEstimate(
        value,
        Math.hypot(known.std[o]!, statedStd?.[o - first] ?? 0, stated?.outputStd?.[o] ?? 0),
      ),
    );
  }
  const n = twin.definition.parameters.length;
  const { bank } = filtered;
  const counted = [...(bank?.weights.keys() ?? [])].filter((k) => bank!.weights[k]! > COUNTED);
  if (bank === undefined || counted.length < 2) {
    const { means, stds } = outputsOf(lin, posterior, n, persistent);
    return Array.from(means, (value, o) => truncatedEstimate(value, stds[o]!));
  }
  const parts = counted.map((k) => outputsOf(lin, bank.parts[k]!, n, persistent));
  const weights = counted.map((k) => bank.weights[k]!);
  return Array.from(lin.mean, (_, o) =>
    mixtureEstimate({
      weights,
      means: parts.map((part) => part.means[o]!),
      stds: parts.map((part) => part.stds[o]!),
    }),
  );
}

/** Variance that a covariance of the parameters gives an output. */
export function alongOutput(
  { slope }: Pick<Linearisation, 'slope'>,
  P: Float64Array,
  output: number,
  n: number,
): number {
  let variance = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      variance += slope[output * n + i]! * P[i * n + j]! * slope[output * n + j]!;
    }
  }
  return variance;
}

/** Every output's mean and deviation under a belief, on a linearisation. */
function outputsOf(
  lin: Linearisation,
  { x, S }: Gaussian,
  n: number,
  persistent: PersistentError | undefined,
) {
  const N = 2 * n;
  const outputs = lin.mean.length;
  const means = predictOutputs(lin, x.slice(0, n));
  const stds = means.map((_, o) => {
    let variance = Math.max(0, lin.omega[o * outputs + o]!);
    for (let k = 0; k < n; k++) {
      let sum = 0;
      for (let j = k; j < n; j++) sum += lin.slope[o * n + j]! * S[j * N + k]!;
      variance += sum * sum;
    }
    if (persistent !== undefined) {
      for (const P of [persistent.model, persistent.offsets]) {
        variance += alongOutput(lin, P, o, n);
      }
      if (persistent.inputs !== undefined) {
        variance += inputsAlongOutput(lin, persistent.inputs, o, n);
      }
    }
    return Math.sqrt(variance);
  });
  return { means, stds };
}

function limitAlarms(
  items: readonly {
    variable: string;
    alarm?: { above?: number | undefined; below?: number | undefined } | undefined;
  }[],
  estimates: Record<string, Estimate>,
  runs: Float64Array,
  offset: number,
): Alarm[] {
  return items.flatMap((item, i) => {
    const estimate = estimates[item.variable]!;
    const { above, below } = item.alarm ?? {};
    if (above === undefined && below === undefined) return [];
    const over = above !== undefined && estimate.lower95 > above;
    const under = below !== undefined && estimate.upper95 < below;
    runs[offset + i] = over || under ? runs[offset + i]! + 1 : 0;
    if (runs[offset + i]! < ALARM_RUN) return [];
    const message = over
      ? `${item.variable} is above its limit ${above}: 95 % certain to be at least ${estimate.lower95.toPrecision(4)}.`
      : `${item.variable} is below its limit ${below}: 95 % certain to be at most ${estimate.upper95.toPrecision(4)}.`;
    return [{ code: 'limit' as const, subject: item.variable, message }];
  });
}

/** Disturbances that are away from zero for certain, sample after sample; counted where limits are. */
function disturbanceAlarms(
  { definition }: Twin,
  estimates: Record<string, Estimate>,
  runs: Float64Array,
): Alarm[] {
  const forces = forcesOf(definition);
  const first = runs.length - forces.length;
  return forces.flatMap(({ name, on }, i) => {
    const { mean, std, lower95, upper95 } = estimates[name]!;
    const away = Math.abs(mean) > DISTURBED_DEVIATIONS * std;
    runs[first + i] = away ? runs[first + i]! + 1 : 0;
    if (runs[first + i]! < DISTURBED_RUN) return [];
    const text = (v: number) => v.toPrecision(3);
    return [
      {
        code: 'disturbance' as const,
        subject: name,
        message: `Something acts on ${on} that the model does not know: ${text(mean)}, 95 % certain to be ${text(lower95)} to ${text(upper95)}, for ${runs[first + i]} samples running.`,
      },
    ];
  });
}

/** Turns a filter step, or a skipped sample, into what is reported. Counts runs beyond limits in the state. */
export function reportStep(input: {
  twin: Twin;
  state: CalibratorState;
  sample: Sample;
  filtered?: FilterStep;
  skipped?: SkipReason;
  /** Time without samples of which nothing is known, s. */
  gapS?: number | undefined;
  /** Of a skipped sample. */
  alarms?: readonly Alarm[];
}): StepResult {
  const { twin, state, sample, filtered, skipped, gapS = filtered?.gapS } = input;
  const { definition } = twin;
  const names = definition.measured.map((c) => c.variable);
  const parameters = parameterEstimates(twin, state);
  const noiseStd = trustedNoise(definition, state.filter);
  const outputs =
    filtered === undefined
      ? []
      : outputEstimates(twin, filtered, state.filter.transient?.statedStd);
  const measured = Object.fromEntries(outputs.slice(0, names.length).map((e, i) => [names[i]!, e]));
  const virtualSensors = Object.fromEntries(
    outputs.slice(names.length).map((e, i) => [definition.virtualSensors[i]!.variable, e]),
  );
  const alarms: Alarm[] = [...(input.alarms ?? []), ...fitAlarms(twin, state.filter.refit)];
  if (filtered !== undefined) {
    const runs = state.filter.limitRuns;
    alarms.push(
      ...limitAlarms(definition.parameters, parameters, runs, 0),
      ...limitAlarms(definition.virtualSensors, virtualSensors, runs, definition.parameters.length),
      ...disturbanceAlarms(twin, virtualSensors, runs),
      ...healthAlarms(twin, state, filtered),
    );
  }
  return {
    timeS: sample.timeS,
    ...(sample.timeNs === undefined ? {} : { timeNs: sample.timeNs }),
    ...(sample.row === undefined ? {} : { row: sample.row }),
    ...(skipped === undefined ? {} : { skipped }),
    nis: filtered?.nis ?? Number.NaN,
    ...(filtered?.statesNis === undefined ? {} : { statesNis: filtered.statesNis }),
    channels: filtered?.active.length ?? 0,
    logLikelihood: filtered?.logLikelihood ?? 0,
    parameters,
    virtualSensors,
    measured,
    alarms,
    ...(state.filter.refit?.fitted === false ? { beforeFit: true } : {}),
    ...(filtered?.eventSinceS === undefined ? {} : { eventSinceS: filtered.eventSinceS }),
    ...(gapS === undefined ? {} : { gapS }),
    diagnostics: {
      mode:
        filtered?.mode ??
        (definition.simulation.mode === 'transient' ? 'transient' : 'steady-state'),
      modelRuns: filtered?.modelRuns ?? 0,
      gated: (filtered?.gated ?? []).map((i) => names[i]!),
      leftOut: names.filter(
        (_, i) => filtered && Number.isFinite(sample.measured[i]!) && !filtered.active.includes(i),
      ),
      regimeChange: filtered?.regimeChange ?? false,
      nonlinearity: filtered?.nonlinearity ?? 0,
      noiseStd: Object.fromEntries(names.map((name, i) => [name, noiseStd[i]!])),
      ...(state.filter.persistent && {
        lastingStd: Object.fromEntries(
          definition.parameters.map(({ variable }, i, { length }) => [
            variable,
            Math.sqrt(lastingVariance(state.filter.persistent, i, length)),
          ]),
        ),
      }),
    },
  };
}
