import type { TwinDefinition } from '../../config/index.js';
import { updateFactored } from '../../kalman/index.js';
import { type StatedError, statedErrors } from '../definition/stated-errors.js';
import type { Gaussian } from '../filter/gaussian-update.js';
import type { Linearisation } from '../filter/linearise.js';
import type { PersistentError } from '../filter/persistent-error.js';
import { predictError } from '../filter/predict.js';
import { inflate } from '../filter/regime.js';
import type { FilterSettings } from '../filter/settings.js';
import { type InputSlopes, misreadInputs } from '../filter/stated-inputs.js';
import type { FilterStep, StatedStep } from '../filter/step.js';
import type { TransientModel } from '../types.js';
import type { LinearRun } from './linearise.js';

type Span = Parameters<TransientModel['propagate']>[1];

/** Errors that a definition states of its signals and that stay: a sensor's drift passes for wear in a filter. */
export const lastingErrors = (
  definition: Pick<TwinDefinition, 'measured' | 'inputs'>,
): StatedError[] => statedErrors(definition).filter(({ kind }) => kind !== 'drift');

/** Inputs with one of them off by so many of an error's deviations. */
function inputsOff(inputs: Float64Array, error: StatedError, times: number): Float64Array {
  const moved = Float64Array.from(inputs);
  const at = moved[error.index]!;
  moved[error.index] =
    error.kind === 'scale' ? at * (1 + times * error.std) : at + times * error.std;
  return moved;
}

/** What one deviation of each error does to the ends of a run, ends × errors. */
export type StatedDriveOf = (
  run: Pick<LinearRun, 'centre' | 'middle'>,
) => Promise<{ drive: Float64Array; unknown: readonly number[]; modelRuns: number }>;

/**
 * What a deviation of each stated error of an input does to states and outputs at the end of a span: a run
 * of the model with the input that much off, to the other side where the model fails.
 *
 * @returns errors whose effect is not known, as the model fails on both sides, are 0 and named as indices of inputs
 */
export const statedDrive =
  (
    errors: readonly StatedError[],
    model: TransientModel,
    span: Span,
    signal: AbortSignal | undefined,
  ): StatedDriveOf =>
  async ({ centre, middle }) => {
    const n = centre.length - model.states.length;
    const k = errors.length;
    const point = { parameters: centre.slice(0, n), states: centre.slice(n) };
    const drive = new Float64Array(middle.length * k);
    const unknown: number[] = [];
    let modelRuns = 0;
    const ends = async (error: StatedError, side: number) => {
      modelRuns++;
      const [found] = await model.propagate(
        [point],
        {
          ...span,
          inputs: inputsOff(span.inputs, error, side),
          inputsTo: inputsOff(span.inputsTo, error, side),
          between: span.between?.map(({ timeS, inputs }) => ({
            timeS,
            inputs: inputsOff(inputs, error, side),
          })),
        },
        signal,
      );
      return found === undefined || found instanceof Error
        ? undefined
        : [...found.states, ...found.outputs];
    };
    await Promise.all(
      errors.map(async (error, e) => {
        if (error.of === 'sensors') return;
        for (const side of [1, -1]) {
          const found = await ends(error, side);
          if (found === undefined) continue;
          for (let o = 0; o < middle.length; o++) {
            drive[o * k + e] = side * (found[o]! - middle[o]!);
          }
          return;
        }
        unknown.push(error.index);
      }),
    );
    return { drive, unknown, modelRuns };
  };

/** What one deviation of an error adds to a value of its signal. */
const offBy = ({ kind, std }: StatedError, value: number): number =>
  kind === 'scale' ? std * value : std;

/**
 * How far one deviation of each error has led an estimate off before a sample, (2n + states) × errors: what is
 * remembered; nothing before the first sample; what rest makes of it where the states are begun there.
 *
 * @param remembered of the last sample: parameters and trends, and states behind them where they were known
 * @param isFirst whether no sample came before
 * @param known whether the states are those of the last sample
 * @returns undefined where samples came before that nobody followed the errors through
 */
export function leadBefore(
  remembered: Float64Array | undefined,
  { n, states, errors }: { n: number; states: number; errors: number },
  isFirst: boolean,
  known: boolean,
): Float64Array | undefined {
  const rows = 2 * n + states;
  if (remembered === undefined) {
    return isFirst ? new Float64Array(rows * errors) : undefined;
  }
  const lead = new Float64Array(rows * errors);
  if (![lead.length, 2 * n * errors].includes(remembered.length)) return undefined;
  const isWhole = known && remembered.length === lead.length;
  lead.set(isWhole ? remembered : remembered.subarray(0, 2 * n * errors));
  return lead;
}

/**
 * Adds what errors make of states that are begun at rest: the model settles with parameters and inputs as
 * they are taken, and as they would be with the error.
 *
 * @param parameters as they are estimated, n
 * @returns indices of inputs whose effect is not known, as the model comes to no rest with them
 */
export async function leadAtRest(
  lead: Float64Array,
  errors: readonly StatedError[],
  model: TransientModel,
  parameters: Float64Array,
  inputs: Float64Array,
  { bounds }: Pick<FilterSettings, 'bounds'>,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  const n = parameters.length;
  const k = errors.length;
  const inside = (at: Float64Array) =>
    at.map((v, i) => Math.min(bounds.upper[i]!, Math.max(bounds.lower[i]!, v)));
  const restOf = async (at: Float64Array, under: Float64Array) => {
    const [found] = await model.settle([inside(at)], under, signal);
    return found === undefined || found instanceof Error ? undefined : found.states;
  };
  const middle = await restOf(parameters, inputs);
  const unknown: number[] = [];
  for (const [e, error] of errors.entries()) {
    const off = parameters.map((v, i) => v + lead[i * k + e]!);
    const isInput = error.of === 'inputs';
    if (!isInput && off.every((v, i) => v === parameters[i])) continue;
    const found = await restOf(off, isInput ? inputsOff(inputs, error, 1) : inputs);
    if (middle === undefined || found === undefined) {
      if (isInput) unknown.push(error.index);
      continue;
    }
    for (let s = 0; s < middle.length; s++) lead[(2 * n + s) * k + e] = found[s]! - middle[s]!;
  }
  return unknown;
}

/** What a sample makes of the errors. */
export interface LeadStep {
  /** Parameters, trends, states and outputs × errors. */
  lead: Float64Array;
  /** Variance that they give each active channel's innovation. */
  innovation: Float64Array;
}

/**
 * One step of Schmidt's filter for errors that are not estimated: an error e leaves the estimate off by δ e, with
 *
 *   δ⁻ = F δ + G e,   δ⁺ = δ⁻ + K (d − H δ⁻),
 *
 * G what an input that reads too much does to the run, d what a sensor's error adds to its reading. It changes
 * neither the estimate nor its gain: readings to come are as wrong as those before, and no number of them
 * averages δ away.
 *
 * @param before of the last sample, (2n + states) × errors
 * @param run,drive the run to this sample, and what the inputs' errors add to its ends
 * @param readings per measured variable, as the model has it
 * @param update parameters, trends, states and outputs that are off by so much, with innovations of the active
 *   channels, after the sample; left out where it was not taken
 * @see Schmidt, Application of State-Space Methods to Navigation Problems (1966); Jazwinski, Stochastic
 *   Processes and Filtering Theory (1970), 8.4
 */
export function leadAfter(
  before: Float64Array,
  errors: readonly StatedError[],
  run: Pick<LinearRun, 'slope'>,
  drive: Float64Array,
  {
    n,
    states,
    dtS,
    settings,
    active,
    readings,
  }: {
    n: number;
    states: number;
    dtS: number;
    settings: FilterSettings;
    active: readonly number[];
    readings: Float64Array;
  },
  update: ((off: Float64Array, innovation: Float64Array) => Float64Array) | undefined,
): LeadStep {
  const k = errors.length;
  const p = n + states;
  const ends = drive.length / k;
  const rows = 2 * n + ends;
  const start = predictError(before, k, dtS, settings);
  const lead = new Float64Array(rows * k);
  const variance = new Float64Array(active.length);
  for (const [e, error] of errors.entries()) {
    const off = new Float64Array(rows);
    for (let i = 0; i < 2 * n; i++) off[i] = start[i * k + e]!;
    for (let o = 0; o < ends; o++) {
      let sum = drive[o * k + e]!;
      for (let j = 0; j < p; j++) {
        sum += run.slope[o * p + j]! * start[(j < n ? j : j + n) * k + e]!;
      }
      off[2 * n + o] = sum;
    }
    const innovation = Float64Array.from(active, (o) => {
      const d = error.of === 'sensors' && error.index === o ? offBy(error, readings[o]!) : 0;
      return d - off[2 * n + states + o]!;
    });
    innovation.forEach((v, i) => {
      variance[i]! += v * v;
    });
    const after = update === undefined ? off : update(off, innovation);
    for (let i = 0; i < rows; i++) lead[i * k + e] = after[i]!;
  }
  return { lead, innovation: variance };
}

/** Variances of some rows of a lead, a sum over its errors. */
const variancesOf = (
  lead: Float64Array,
  errors: readonly StatedError[],
  from: number,
  to: number,
  of?: StatedError['of'],
): Float64Array => {
  const k = errors.length;
  return Float64Array.from({ length: to - from }, (_, i) =>
    errors.reduce(
      (sum, error, e) =>
        of === undefined || error.of === of ? sum + lead[(from + i) * k + e]! ** 2 : sum,
      0,
    ),
  );
};

/** Variance of each parameter by what the model lacks, by errors of sensors, by those of inputs: 3n. */
const ofParameters = (lead: Float64Array, errors: readonly StatedError[], n: number) =>
  Float64Array.of(
    ...new Float64Array(n),
    ...variancesOf(lead, errors, 0, n, 'sensors'),
    ...variancesOf(lead, errors, 0, n, 'inputs'),
  );

/** What a sample of a moving machine says of them, for whoever reports it. */
export function statedOfMoving(
  { lead }: LeadStep,
  errors: readonly StatedError[],
  n: number,
  states: number,
  unknown: readonly number[],
): StatedStep {
  const from = 2 * n + states;
  return {
    parameters: ofParameters(lead, errors, n),
    outputStd: variancesOf(lead, errors, from, lead.length / errors.length).map(Math.sqrt),
    unknown: [...new Set(unknown)],
  };
}

/**
 * The same step at a sample of rest (mode `auto`): outputs follow parameters and inputs at once. Its gain is that of
 * the belief before it; after a sudden change that of one opened up likewise.
 *
 * @param before of the last sample; rows of states are left out
 * @param prior parameters and trends at the sample's time without it
 * @param slopes how outputs follow {@link misreadInputs}
 * @returns what is led off, 2n × errors, and what is reported of it
 */
export function leadOfRest(
  before: Float64Array,
  errors: readonly StatedError[],
  definition: Pick<TwinDefinition, 'inputs'>,
  sample: {
    dtS: number;
    inputs: Float64Array;
    noiseStd: Float64Array;
    prior: Gaussian;
    filtered: FilterStep;
    slopes: InputSlopes | undefined;
  },
  settings: FilterSettings,
): { lead: Float64Array; stated: StatedStep; persistent: PersistentError } {
  const { filtered, inputs, noiseStd, dtS, slopes } = sample;
  const lin: Linearisation = filtered.linearisation;
  const n = settings.range.length;
  const N = 2 * n;
  const k = errors.length;
  const outputs = lin.mean.length;
  const start = predictError(before, k, dtS, settings);
  const misread = misreadInputs(definition.inputs);
  const unknown = new Set<number>();
  const drive = new Float64Array(outputs * k);
  for (const [e, error] of errors.entries()) {
    if (error.of === 'sensors') continue;
    const by = offBy(error, inputs[error.index]!);
    const at = misread.indexOf(error.index);
    for (let o = 0; o < outputs; o++) {
      // An input at 0 is off by no share of itself, and is not asked.
      const slope = by === 0 ? 0 : (slopes?.slope[o * misread.length + at] ?? Number.NaN);
      if (Number.isNaN(slope)) unknown.add(error.index);
      else drive[o * k + e] = slope * by;
    }
  }
  const used = filtered.active.filter((o) => !filtered.gated.includes(o));
  const { S } = filtered.regimeChange ? inflate(sample.prior, settings) : sample.prior;
  const hs = new Float64Array(used.length * N);
  const root = new Float64Array(used.length ** 2);
  used.forEach((o, r) => {
    for (let j = 0; j < n; j++) {
      const slope = lin.slope[o * n + j]!;
      for (let c = 0; c <= j; c++) hs[r * N + c]! += slope * S[j * N + c]!;
    }
    root[r * used.length + r] = Math.sqrt(
      noiseStd[o]! ** 2 + Math.max(0, lin.omega[o * outputs + o]!),
    );
  });
  const lead = new Float64Array(N * k);
  for (const [e, error] of errors.entries()) {
    const off = Float64Array.from({ length: N }, (_, i) => start[i * k + e]!);
    const innovation = Float64Array.from(used, (o) => {
      let seen = drive[o * k + e]!;
      for (let j = 0; j < n; j++) seen += lin.slope[o * n + j]! * off[j]!;
      const d = error.of === 'sensors' && error.index === o ? offBy(error, lin.mean[o]!) : 0;
      return d - seen;
    });
    const { x } =
      filtered.rejected || used.length === 0
        ? { x: off }
        : updateFactored({ x: off, S }, hs, innovation, root);
    for (let i = 0; i < N; i++) lead[i * k + e] = x[i]!;
  }
  return {
    lead,
    stated: { parameters: ofParameters(lead, errors, n), unknown: [...unknown] },
    persistent: {
      model: new Float64Array(n * n),
      offsets: new Float64Array(n * n),
      inputs: { shift: lead.slice(0, n * k), drive, unknown: [] },
    },
  };
}
