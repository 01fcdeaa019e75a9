import { modelSensors } from '../../../config/index.js';
import { createRng, messageOf, TwinError } from '../../../core/index.js';
import { Z95 } from '../../../kalman/index.js';
import { unstatedInputs } from '../../filter/input-noise.js';
import type { Finding } from '../../report/verdict.js';
import type { Twin } from '../../types.js';
import { movedBy } from '../bands/moved-by.js';
import type { Fit } from '../fitting/fit.js';
import { fitPointAt } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import { type HiddenBands, hiddenBands } from '../outputs/hidden-outputs.js';
import { roughNoise } from '../record/channel-values.js';
import { sensorNoise } from './hangs-on.js';

/** Share of an input's range that its noise may be without being odd. */
const PLAUSIBLE = 0.01;
/** Share of an input's range below which its noise is not looked at. */
const LEAST = 0.001;
/** Share of it below which noise that would pass unseen is less than a reading's own digits: of no account. */
const OF_NO_ACCOUNT = 1e-4;
/** Records with other noise of an input that the model is run along. */
const DRAWS = 4;
const SEED = 20_261_129;
/** Deviations of a sum of squares that chance may hide noise in, … */
const HIDES = 2;
/** … also where the squares are smaller than expected. */
const LEAST_HIDES = 1;

/** An input whose readings may be noisy without anything that says so. */
interface Doubted {
  input: number;
  /** From its least to its greatest reading. */
  range: number;
  /** The largest deviation of a noise that is nothing odd, and that the readings themselves allow. */
  std: number;
}

function doubted({ definition }: Twin, { record, inputNoise }: Fit): Doubted[] {
  if (definition.simulation.mode === 'steady-state') return [];
  const found = new Set(inputNoise?.found.map(({ input }) => input));
  return unstatedInputs(definition.inputs).flatMap((input) => {
    const values = record.inputs[input]!;
    const range = values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
    // What stands still from row to row, as a setpoint does, is read without noise.
    const std = Math.min(PLAUSIBLE * range, roughNoise(values));
    return found.has(input) || !(std > LEAST * range) ? [] : [{ input, range, std }];
  });
}

/**
 * The hidden outputs of a fit, where they are asked for or may hang on what nobody sees, and what speaks
 * against them.
 *
 * Noise of an input that the residuals do not show moves hidden outputs all the same: a loss of R·I² is off
 * by twice the share that I is. For each input of which no noise is stated or found, the model is run along
 * the record with some on it. The largest that may be there is {@link PLAUSIBLE} of the input's range, and
 * less where its readings bend less from row to row, or where it would raise the squares of a sensor's
 * residuals by more than chance can hide. An input is named where that moves a hidden output by more than
 * its band.
 *
 * @param asked whether the hidden outputs are published
 */
export async function seenHidden(
  context: FitContext,
  fit: Fit,
  asked: boolean,
): Promise<{ bands?: HiddenBands | { unknown: string }; findings: Finding[] }> {
  const inputs = doubted(context.twin, fit);
  const none = modelSensors(context.twin.definition).length === 0;
  if (none || (!asked && inputs.length === 0)) return { findings: [] };
  try {
    const bands = await hiddenBands(context, fit, { central: asked });
    const findings: Finding[] = [];
    for (const input of inputs) {
      const finding = await unseenNoise(context, fit, bands, input);
      if (finding !== undefined) findings.push(finding);
    }
    return { bands, findings };
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code === 'CANCELLED') throw error;
    const unknown = messageOf(error);
    if (!asked) return { bands: { unknown }, findings: [] };
    const about = modelSensors(context.twin.definition).map((s) => s.variable);
    const reason = `the virtual sensors are not told: ${unknown.replace(/\.$/, '')}`;
    return { bands: { unknown }, findings: [{ grade: 'care', reason, about }] };
  }
}

/** What noise of one input does, over draws of it. */
interface Effect {
  /** Rise of each channel's squared residuals, in its sensor's noise. */
  rise: Float64Array;
  /** Squares of what each hidden output is off by. */
  off: Float64Array;
  draws: number;
}

/** What noise of one input does to residuals and hidden outputs, what the unknowns make of it included. */
async function effectOf(
  { twin, model }: Pick<FitContext, 'twin' | 'model'>,
  fit: Fit,
  { names, values, columns }: HiddenBands,
  inputs: () => readonly Float64Array[],
): Promise<Effect> {
  const { record, coordinates, u, prediction } = fit;
  const { channels, data } = record;
  const noise = Array.from({ length: channels }, (_, c) => sensorNoise(twin, fit, c));
  const point = fitPointAt(coordinates, u, record.timesS);
  const rise = new Float64Array(channels);
  const off = new Float64Array(names.length);
  let draws = 0;
  for (let d = 0; d < DRAWS; d++) {
    const [run] = await model.run([point], { ...record, inputs: inputs() }, { keepSensors: true });
    if (run === undefined || run instanceof Error || run.sensors === undefined) continue;
    draws++;
    const moved = movedBy(fit, run.outputs);
    const less = (of: readonly Float64Array[], i: number) =>
      of.reduce((sum, g, j) => sum + g[i]! * moved[j]!, 0);
    run.outputs.forEach((v, i) => {
      if (Number.isNaN(data[i]!)) return;
      const e = v - prediction[i]! - less(fit.columns, i);
      rise[i % channels]! += (e / noise[i % channels]!) ** 2;
    });
    run.sensors.forEach((v, i) => {
      off[i % names.length]! += (v - values[i]! - less(columns, i)) ** 2;
    });
  }
  return { rise: rise.map((v) => v / draws), off: off.map((v) => v / draws), draws };
}

/** The largest share of a noise that the residuals do not exclude, at most 1. */
function mostUnseen({ definition }: Twin, { misfit, record }: Fit, { rise }: Effect): number {
  const { channels, data } = record;
  let square = 1;
  misfit.channels.forEach(({ size }, c) => {
    const n = data.filter((v, i) => i % channels === c && !Number.isNaN(v)).length;
    // Without a stated noise all that is left may be it.
    const hides =
      definition.measured[c]!.noiseStd === undefined || Number.isNaN(size)
        ? n
        : Math.max(LEAST_HIDES, size + HIDES) * Math.sqrt(2 * n);
    if (rise[c]! > 0) square = Math.min(square, hides / rise[c]!);
  });
  return Math.sqrt(square);
}

/** Names an input whose unseen noise would move a hidden output by more than its band. */
async function unseenNoise(
  context: FitContext,
  fit: Fit,
  bands: HiddenBands,
  { input, range, std }: Doubted,
): Promise<Finding | undefined> {
  const { variable, unit = '' } = context.twin.definition.inputs[input]!;
  const rng = createRng(SEED);
  const effect = await effectOf(context, fit, bands, () =>
    fit.record.inputs.map((column, i) =>
      i === input ? column.map((v) => v + std * rng.normal()) : column,
    ),
  );
  context.passes += DRAWS;
  if (effect.draws === 0) {
    return {
      grade: 'care',
      reason: `what noise of ${variable} would do to the virtual sensors is not known: the model fails with it`,
      about: bands.names,
    };
  }
  const share = mostUnseen(context.twin, fit, effect);
  if (share * std < OF_NO_ACCOUNT * range) return undefined;
  const squares = bands.names.map((_, s) =>
    bands.std.reduce((sum, v, i) => (i % bands.names.length === s ? sum + v * v : sum), 0),
  );
  const moved = bands.names
    .map((name, s) => ({ name, by: share * Math.sqrt(effect.off[s]! / squares[s]!) }))
    .filter(({ by }) => by > Z95)
    .toSorted((a, b) => b.by - a.by);
  if (moved.length === 0) return undefined;
  const size = `${(share * std).toPrecision(2)}${unit === '' ? '' : ` ${unit}`}`;
  const what = `one of ${size} (${((100 * share * std) / range).toPrecision(2)} % of its range)`;
  return {
    grade: 'care',
    reason: `noise of ${variable} would pass unseen: ${what} moves ${moved[0]!.name} by ${moved[0]!.by.toPrecision(2)} deviations; state how noisy its readings are as inputs[].noiseStd, 0 where they are exact`,
    about: moved.map(({ name }) => name),
  };
}
