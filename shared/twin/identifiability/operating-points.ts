import { messageOf, percentText, TwinError, unknownNames } from '../../core/index.js';
import { initialNoise } from '../filter/initial-noise.js';
import { filterSettings } from '../filter/settings.js';
import type { Twin, TwinModel } from '../types.js';

/** A place at which the model's slopes are taken. */
export interface OperatingPoint {
  /** e.g. `prior`, `b9 worn 40 %` */
  name: string;
  /** The one parameter that is away from its prior. */
  worn?: string;
  parameters: Float64Array;
}

/** The model's answer and slopes at a point. */
export interface Slopes {
  point: OperatingPoint;
  outputs: Float64Array;
  /** Outputs × parameters, row-major. */
  slope: Float64Array;
}

/** Where the model could not answer, and why. */
export interface SlopesFailure {
  point: OperatingPoint;
  error: string;
}

/** Share of the way to the farther bound that a worn part has gone. */
const WORN_SHARE = 0.4;
/** Step of the differences, as a share of the range. */
const DIFFERENCE = 0.01;

/** The prior as an operating point. */
export function priorPoint(twin: Twin): OperatingPoint {
  return {
    name: 'prior',
    parameters: Float64Array.from(twin.definition.parameters, (p) => p.prior.mean),
  };
}

/**
 * Each parameter alone on its way to the bound farther off: machines seldom wear in all their parts
 * at once, and sensitivities jump where a model has a kink.
 */
export function wornPoints(twin: Twin, share = WORN_SHARE): OperatingPoint[] {
  const { range, bounds } = filterSettings(twin);
  const prior = priorPoint(twin).parameters;
  return twin.definition.parameters.map((p, i) => {
    const at = prior[i]!;
    const up = Number.isFinite(bounds.upper[i]!) ? bounds.upper[i]! - at : range[i]!;
    const down = Number.isFinite(bounds.lower[i]!) ? at - bounds.lower[i]! : 0;
    const parameters = prior.slice();
    parameters[i] = at + share * (up >= down ? up : -down);
    return {
      name: `${p.variable} worn ${percentText(share)}`,
      worn: p.variable,
      parameters,
    };
  });
}

/**
 * Values for the inputs at operating points: given ones, or the definition's.
 *
 * @throws TwinError `VARIABLE_UNKNOWN`, `CONFIG_INVALID` (an input without a value)
 */
export function operatingInputs(
  twin: Twin,
  given: Readonly<Record<string, number>> = {},
): Float64Array {
  const { inputs } = twin.definition;
  const unknown = Object.keys(given).filter((name) => !inputs.some((i) => i.variable === name));
  if (unknown.length > 0) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `No input is named ${unknownNames(
        unknown,
        inputs.map((i) => i.variable),
      )}: the twin has ${inputs.map((i) => i.variable).join(', ') || 'none'}.`,
    );
  }
  const values = Float64Array.from(inputs, (i) => given[i.variable] ?? i.value ?? Number.NaN);
  const open = inputs.filter((_, k) => !Number.isFinite(values[k]!)).map((i) => i.variable);
  if (open.length > 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      `No value for the inputs ${open.join(', ')}: give each by --input NAME=VALUE, or a \`value\` in the twin definition.`,
    );
  }
  return values;
}

/**
 * The model's slopes at a point by differences of a hundredth of each range, at most 2n + 1 runs.
 * Of two sides within the bounds the one that the sensors see less counts: beyond a kink nearby a
 * parameter may be seen well, which says nothing about here.
 */
export async function slopesAt(
  twin: Twin,
  model: TwinModel,
  point: OperatingPoint,
  inputs: Float64Array,
  signal?: AbortSignal,
): Promise<Slopes | SlopesFailure> {
  const { range, bounds } = filterSettings(twin);
  const at = point.parameters;
  const n = at.length;
  const moves: { parameter: number; width: number }[] = [];
  for (let i = 0; i < n; i++) {
    const step = DIFFERENCE * range[i]!;
    const up = at[i]! + step <= bounds.upper[i]!;
    if (up) moves.push({ parameter: i, width: step });
    if (!up || at[i]! - step >= bounds.lower[i]!) moves.push({ parameter: i, width: -step });
  }
  const points = moves.map(({ parameter, width }) =>
    at.map((v, i) => (i === parameter ? v + width : v)),
  );
  const [here, ...there] = await model.evaluate([at, ...points], inputs, signal);
  const failed = [here, ...there].find((v) => !(v instanceof Float64Array));
  if (failed !== undefined) return { point, error: messageOf(failed) };
  const outputs = here as Float64Array;
  const measured = outputs.slice(0, twin.definition.measured.length);
  const noise = initialNoise(twin.definition, [{ timeS: 0, inputs, measured }]);
  const slope = new Float64Array(outputs.length * n);
  const steepness = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  moves.forEach(({ parameter, width }, k) => {
    const column = (there[k] as Float64Array).map((v, o) => (v - outputs[o]!) / width);
    const size = Math.hypot(...noise.map((std, o) => column[o]! / std));
    if (size >= steepness[parameter]!) return;
    steepness[parameter] = size;
    for (let o = 0; o < outputs.length; o++) slope[o * n + parameter] = column[o]!;
  });
  return { point, outputs, slope };
}
