import { didYouMean, TwinError } from '../../core/index.js';
import { sizeOf } from './dimensions.js';
import {
  declaredTypeOf,
  findVariable,
  type ModelDescription,
  type ModelVariable,
  type ScalarValue,
} from './model-description.js';
import { toVariableUnit } from './units.js';
import { INTEGER_RANGES, is64Bit, parseScalar, quote, words } from './xml-attributes.js';

/** A start value as users give it: a value, an array, or either with the unit it is in. */
export type StartValue =
  | ScalarValue
  | readonly ScalarValue[]
  | { value: number | readonly number[]; unit: string };

/** A variable with the elements that it is to be set to. */
export interface Assignment {
  variable: ModelVariable;
  values: readonly ScalarValue[];
}

/** A variable by name. @throws TwinError `VARIABLE_UNKNOWN` with names that come near */
export function variableOf(md: ModelDescription, name: string): ModelVariable {
  const variable = findVariable(md, name);
  if (variable === undefined) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `${md.modelName} has no variable ${quote(name)}${didYouMean(
        name,
        md.variables.map((v) => v.name),
      )}. \`twinloop fmu info\` lists them.`,
    );
  }
  return variable;
}

/** One element, checked against the variable's type. @throws TwinError `VALUE_INVALID` */
export function coerceScalar(variable: ModelVariable, value: unknown): ScalarValue {
  const fail = (expected: string) =>
    new TwinError(
      'VALUE_INVALID',
      `${variable.name}: found ${typeof value === 'string' ? quote(value) : String(value)}, expected ${expected}.`,
    );
  const { type } = variable;
  if (type === 'String') {
    if (typeof value === 'string') return value;
    throw fail('text');
  }
  if (type === 'Binary') {
    if (value instanceof Uint8Array) return value;
    if (typeof value === 'string' && /^([0-9a-fA-F]{2})*$/.test(value)) {
      return new Uint8Array(Buffer.from(value, 'hex'));
    }
    throw fail('bytes (as text: pairs of hexadecimal digits)');
  }
  if (type === 'Boolean' || type === 'Clock') {
    if (typeof value === 'boolean') return value;
    if (value === 0 || value === 1) return value === 1;
    const parsed = typeof value === 'string' ? parseScalar(value.toLowerCase(), type) : undefined;
    if (parsed !== undefined) return parsed;
    throw fail('true or false');
  }
  const parsed = typeof value === 'string' ? parseScalar(value.trim(), type) : value;
  const range = INTEGER_RANGES[type];
  if (range === undefined) {
    const number = typeof parsed === 'bigint' ? Number(parsed) : parsed;
    if (typeof number !== 'number' || Number.isNaN(number)) throw fail('a number');
    return number;
  }
  if (typeof parsed !== 'bigint' && !(typeof parsed === 'number' && Number.isInteger(parsed))) {
    throw fail(`a whole number (${type})`);
  }
  const big = BigInt(parsed);
  if (big < range[0] || big > range[1]) throw fail(`${range[0]} to ${range[1]} (${type})`);
  return is64Bit(type) ? big : Number(big);
}

/** An enumeration's item by its name. */
function enumerationValue(md: ModelDescription, variable: ModelVariable, value: unknown): unknown {
  if (variable.type !== 'Enumeration' || typeof value !== 'string') return value;
  const items = declaredTypeOf(md, variable)?.items ?? [];
  return items.find((item) => item.name === value)?.value ?? value;
}

/**
 * Checks start values against the model.
 *
 * @param sizes values of structural parameters that differ from their start, by value reference
 * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID` (type, size, unit, a variable that can't be
 *   set)
 */
export function resolveStartValues(
  md: ModelDescription,
  startValues: Readonly<Record<string, StartValue>>,
): Assignment[] {
  const structural = new Map<number, number>();
  const entries = Object.entries(startValues).map(([name, given]) => {
    const variable = variableOf(md, name);
    const settable =
      variable.causality === 'input' ||
      variable.causality === 'parameter' ||
      variable.causality === 'structuralParameter' ||
      variable.initial === 'exact' ||
      variable.initial === 'approx';
    if (!settable || variable.variability === 'constant') {
      throw new TwinError(
        'VALUE_INVALID',
        `${name} can't be set: it is ${variable.variability === 'constant' ? 'constant' : 'calculated by the model'}.`,
      );
    }
    const values = elementsOf(md, variable, given);
    if (variable.causality === 'structuralParameter') {
      structural.set(variable.valueReference, Number(values[0]));
    }
    return { variable, values };
  });
  for (const { variable, values } of entries) {
    const size = sizeOf(
      md,
      variable,
      (p) => structural.get(p.valueReference) ?? Number(p.start?.[0]),
    );
    if (values.length !== size) {
      throw new TwinError(
        'VALUE_INVALID',
        `${variable.name}: found ${values.length} values, expected ${size}.`,
      );
    }
  }
  return entries;
}

function elementsOf(
  md: ModelDescription,
  variable: ModelVariable,
  given: StartValue,
): ScalarValue[] {
  if (typeof given === 'object' && !Array.isArray(given) && 'unit' in given) {
    const numbers = typeof given.value === 'number' ? [given.value] : given.value;
    return numbers.map((v) => coerceScalar(variable, toVariableUnit(md, variable, v, given.unit)));
  }
  const list = Array.isArray(given) ? given : [given];
  return list.map((v) => coerceScalar(variable, enumerationValue(md, variable, v)));
}

/**
 * Reads `name=value` as users type it: `k=2`, `p=3.5 bar`, `v=1 2 3`, `mode=fast`.
 *
 * @throws TwinError `USAGE`, `VARIABLE_UNKNOWN`
 */
export function parseStartValue(md: ModelDescription, text: string): [string, StartValue] {
  // Names and texts may contain `=`: the first one behind a variable's name counts.
  const signs = [...text.matchAll(/=/g)].map((match) => match.index);
  const at = signs.find((i) => findVariable(md, text.slice(0, i).trim())) ?? signs[0] ?? 0;
  if (at === 0) {
    throw new TwinError('USAGE', `Start value ${quote(text)}: expected name=value.`);
  }
  const name = text.slice(0, at).trim();
  const value = text.slice(at + 1).trim();
  const variable = variableOf(md, name);
  if (variable.type === 'String' || variable.type === 'Binary') return [name, value];
  if (variable.type !== 'Float64' && variable.type !== 'Float32') {
    const parts = words(value);
    return [name, variable.dimensions.length > 0 ? parts : value];
  }
  const parts = words(value);
  const numbers = parts.map((part) => parseScalar(part, 'Float64') as number | undefined);
  const firstWord = numbers.indexOf(undefined);
  if (firstWord > 0) {
    const leading = numbers.slice(0, firstWord) as number[];
    const unit = parts.slice(firstWord).join(' ');
    return [name, { value: leading.length === 1 ? (leading[0] as number) : leading, unit }];
  }
  return [name, variable.dimensions.length > 0 ? parts : value];
}
