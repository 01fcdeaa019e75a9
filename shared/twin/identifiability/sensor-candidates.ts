import { type Logger, TwinError } from '../../core/index.js';
import { openFmu } from '../../fmi/index.js';
import { initialNoise } from '../filter/initial-noise.js';
import { createTwinModel } from '../model/twin-model.js';
import type { Twin } from '../types.js';
import { priorPoint, type Slopes } from './operating-points.js';
import type { SensorOption } from './sensor-ranking.js';

/** Noise that is assumed for an output without a stated one: this share of its largest size. */
export const ASSUMED_NOISE = 1e-3;
/** A size below this share of a variable's nominal value is rounding. */
const ROUNDING = 1e-9;

/** Candidates that are named; all other outputs of the FMU where none is. */
export async function candidatesOf(
  twin: Twin,
  flags: readonly SensorOption[],
): Promise<{
  named: SensorOption[];
  assumed: string[];
}> {
  const { definition } = twin;
  const measured = new Set(definition.measured.map((m) => m.variable));
  const given = definition.candidates.map(({ variable, noiseStd, cost }) => ({
    variable,
    existing: false,
    noiseStd,
    ...(cost === undefined ? {} : { cost }),
  }));
  const byName = new Map([...given, ...flags].map((c) => [c.variable, c]));
  const twice = [...byName.keys()].filter((name) => measured.has(name));
  if (twice.length > 0) {
    throw new TwinError(
      'CONFIG_INVALID',
      `${twice.join(', ')} is measured already: a candidate is a sensor that is not there yet.`,
    );
  }
  if (byName.size > 0) return { named: [...byName.values()], assumed: [] };
  const { modelDescription } = await openFmu(twin.fmuPath);
  const assumed = modelDescription.variables
    .filter((v) => v.causality === 'output' && /^(Float|Real)/.test(v.type))
    .filter((v) => v.dimensions.length === 0 && !measured.has(v.name))
    .map((v) => v.name);
  return { named: [], assumed };
}

/** A twin that tells of further outputs as well. */
export function withSensors(twin: Twin, variables: readonly string[]): Twin {
  const { definition } = twin;
  const added = variables
    .filter((v) => !definition.virtualSensors.some((s) => s.variable === v))
    .map((variable) => ({ variable, alias: `candidate:${variable}`, unit: '' }));
  return {
    ...twin,
    definition: { ...definition, virtualSensors: [...definition.virtualSensors, ...added] },
  };
}

/**
 * Parts the outputs that nobody named into those that come to rest and those that do not, as an angle
 * that turns: one of these would keep all others from an answer. Looked for only where there are any.
 */
export async function thatRest(
  twin: Twin,
  assumed: readonly string[],
  inputs: Float64Array,
  options: { lanes?: number; logger?: Logger; signal?: AbortSignal },
): Promise<{ rests: string[]; restless: string[] }> {
  const prior = priorPoint(twin).parameters;
  const rest = async (variables: readonly string[]): Promise<boolean> => {
    const model = await createTwinModel(withSensors(twin, variables), options);
    try {
      const [found] = await model.evaluate([prior], inputs, options.signal);
      return found instanceof Float64Array;
    } finally {
      await model.close();
    }
  };
  const restless: string[] = [];
  const part = async (variables: readonly string[]): Promise<string[]> => {
    if (variables.length === 0 || (await rest(variables))) return [...variables];
    const half = variables.length >> 1;
    if (half === 0) {
      restless.push(...variables);
      return [];
    }
    return [...(await part(variables.slice(0, half))), ...(await part(variables.slice(half)))];
  };
  // Where the sensors themselves do not rest, that is what has to be said.
  if (assumed.length === 0 || !(await rest([]))) return { rests: [...assumed], restless };
  return { rests: await part(assumed), restless };
}

/**
 * All sensors that a ranking is of, with their noise: those there, those named, and the outputs that
 * nobody named, their noise taken from their size.
 *
 * @param outputs names of what `slopes` are of
 * @returns also which of `assumed` are 0 at every operating point, and are left out
 */
export async function sensorOptions(
  twin: Twin,
  { named, assumed }: { named: readonly SensorOption[]; assumed: readonly string[] },
  inputs: Float64Array,
  outputs: readonly string[],
  slopes: readonly Slopes[],
): Promise<{ options: SensorOption[]; still: string[] }> {
  const { definition } = twin;
  const measured = slopes[0]!.outputs.slice(0, definition.measured.length);
  const noise = initialNoise(definition, [{ timeS: 0, inputs, measured }]);
  const size = (variable: string) => {
    const o = outputs.indexOf(variable);
    return Math.max(...slopes.map((s) => Math.abs(s.outputs[o]!)));
  };
  const nominal = await nominalValues(twin, assumed);
  const isThere = (variable: string) => size(variable) > ROUNDING * (nominal[variable] ?? 1);
  const options: SensorOption[] = [
    ...definition.measured.map(({ variable, cost }, i) => ({
      variable,
      existing: true,
      noiseStd: noise[i]!,
      ...(cost === undefined ? {} : { cost }),
    })),
    ...named,
    ...assumed.filter(isThere).map((variable) => ({
      variable,
      existing: false,
      noiseStd: ASSUMED_NOISE * size(variable),
    })),
  ];
  return { options, still: assumed.filter((variable) => !isThere(variable)) };
}

/** Nominal values of variables that have one. */
async function nominalValues(
  twin: Twin,
  variables: readonly string[],
): Promise<Record<string, number>> {
  const { modelDescription } = await openFmu(twin.fmuPath);
  return Object.fromEntries(
    modelDescription.variables.flatMap((v) =>
      variables.includes(v.name) && v.nominal !== undefined ? [[v.name, v.nominal]] : [],
    ),
  );
}
