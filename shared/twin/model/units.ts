import { TwinError } from '../../core/index.js';
import {
  findVariable,
  type ModelDescription,
  type ModelVariable,
  toVariableUnit,
} from '../../fmi/index.js';
import type { Twin } from '../types.js';

const PREFIXES = ['n', 'u', 'µ', 'm', 'c', 'd', 'h', 'k', 'M', 'G'];
const TEMPERATURES: readonly string[] = ['K', 'degC', 'degF'];

/** A unit without the liberties that people and tools take in writing it. */
function plain(unit: string): string {
  return unit
    .replace(/\s+/g, '')
    .replace(/[*·⋅]/g, '.')
    .replace(/²/g, '2')
    .replace(/³/g, '3')
    .replace(/\^/g, '')
    .replace(/^(°C|Cel|deg_C|C)$/, 'degC')
    .replace(/^(°F|F|deg_F)$/, 'degF')
    .replace(/^Kelvin$/i, 'K');
}

/** Whether one is the other with a prefix, as mA of A. */
function isPrefixed(a: string, b: string): boolean {
  return PREFIXES.some((prefix) => a === prefix + b || b === prefix + a);
}

/** Whether values in a unit of the definition would be wrong in the variable's own. */
function contradicts(md: ModelDescription, variable: ModelVariable, unit: string): boolean {
  const [given, own] = [plain(unit), plain(variable.unit ?? '')];
  if (given === '' || own === '' || given === own) return false;
  try {
    const at = [0, 1].map((value) => toVariableUnit(md, variable, value, unit));
    return Math.abs((at[0] as number) - 0) > 1e-12 || Math.abs((at[1] as number) - 1) > 1e-12;
  } catch {
    // The FMU does not know the definition's unit: what can be told from their names is told.
    const bothTemperatures = TEMPERATURES.includes(given) && TEMPERATURES.includes(own);
    return bothTemperatures || isPrefixed(given, own);
  }
}

/**
 * Checks that the definition's units are those of the FMU's variables: values go in and out unchanged.
 *
 * @throws TwinError `VALUE_INVALID` with every contradiction
 */
export function checkUnits(twin: Twin, md: ModelDescription): void {
  const { inputs, measured, parameters, virtualSensors } = twin.definition;
  const wrong = [...inputs, ...measured, ...parameters, ...virtualSensors].flatMap((stream) => {
    const variable = findVariable(md, stream.variable);
    if (variable === undefined || !contradicts(md, variable, stream.unit)) return [];
    return [`${stream.variable} is in "${stream.unit}", in the FMU in "${variable.unit}"`];
  });
  if (wrong.length === 0) return;
  throw new TwinError(
    'VALUE_INVALID',
    `The definition's units contradict the FMU's: ${wrong.join('; ')}. Values are not converted: give them, and their streams, in the FMU's units.`,
  );
}
