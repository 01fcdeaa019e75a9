import { TwinError } from '../../core/index.js';
import { sizeOf } from './dimensions.js';
import {
  declaredTypeOf,
  findVariable,
  type ModelDescription,
  type ModelVariable,
  type ScalarValue,
} from './model-description.js';
import { type Scalar, scalarOf } from './scalars.js';
import { toVariableUnit } from './units.js';
import { variableOf } from './variable-of.js';
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

/** Whether digits are of a number that the type does not hold: it would go in as infinity. */
const isTooLarge = (text: string, number: number): boolean =>
  !Number.isFinite(number) && !text.includes('INF');

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
    if (typeof value === 'string' && isTooLarge(value, number)) {
      throw fail(`a number within the range of ${type}`);
    }
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
  const whole: Assignment[] = [];
  const elements = new Map<ModelVariable, [Scalar, ScalarValue][]>();
  for (const [name, given] of Object.entries(startValues)) {
    const scalar = findVariable(md, name) === undefined ? scalarOf(md, name) : undefined;
    const variable = scalar?.variable ?? variableOf(md, name);
    checkSettable(variable, name);
    if (scalar?.element !== undefined) {
      const [value, ...rest] = elementsOf(md, variable, given);
      if (value === undefined || rest.length > 0) {
        throw new TwinError('VALUE_INVALID', `${name} is one element: expected one value.`);
      }
      const others = elements.get(variable);
      if (others === undefined) elements.set(variable, [[scalar, value]]);
      else others.push([scalar, value]);
      continue;
    }
    const values = elementsOf(md, variable, given);
    if (variable.causality === 'structuralParameter') {
      structural.set(variable.valueReference, Number(values[0]));
    }
    whole.push({ variable, values });
  }
  const entries = [...whole, ...arraysOf(elements, whole)];
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

/** Arrays of which elements are given: the others are as they would be without. */
function arraysOf(
  elements: ReadonlyMap<ModelVariable, readonly [Scalar, ScalarValue][]>,
  whole: readonly Assignment[],
): Assignment[] {
  return [...elements].map(([variable, given]) => {
    const base = whole.find((a) => a.variable === variable)?.values ?? variable.start;
    if (base === undefined) {
      throw new TwinError(
        'VALUE_INVALID',
        `${given[0]?.[0].name}: ${variable.name} has no start values for its other elements. Give them all: ${variable.name}="…".`,
      );
    }
    const values = [...base];
    for (const [{ element = 0 }, value] of given) values[element] = value;
    return { variable, values };
  });
}

function checkSettable(variable: ModelVariable, name: string): void {
  const settable =
    variable.causality === 'input' ||
    variable.causality === 'parameter' ||
    variable.causality === 'structuralParameter' ||
    variable.initial === 'exact' ||
    variable.initial === 'approx';
  if (settable && variable.variability !== 'constant') return;
  throw new TwinError(
    'VALUE_INVALID',
    `${name} can't be set: it is ${variable.variability === 'constant' ? 'constant' : 'calculated by the model'}.`,
  );
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
  const at =
    signs.find(
      (i) =>
        findVariable(
          md,
          text
            .slice(0, i)
            .trim()
            .replace(/\[[\d, ]+\]$/, ''),
        ) ?? findVariable(md, text.slice(0, i).trim()),
    ) ??
    signs[0] ??
    0;
  if (at === 0) {
    throw new TwinError('USAGE', `Start value ${quote(text)}: expected name=value.`);
  }
  const name = text.slice(0, at).trim();
  const value = text.slice(at + 1).trim();
  const own = findVariable(md, name);
  const variable = own ?? scalarOf(md, name).variable;
  const isArray = own !== undefined && own.dimensions.length > 0;
  if (variable.type === 'String' || variable.type === 'Binary') return [name, value];
  if (variable.type !== 'Float64' && variable.type !== 'Float32') {
    return [name, isArray ? words(value) : value];
  }
  const parts = words(value);
  const numbers = parts.map((part) => parseScalar(part, 'Float64') as number | undefined);
  const firstWord = numbers.indexOf(undefined);
  if (firstWord > 0) {
    const leading = numbers.slice(0, firstWord) as number[];
    if (leading.some((number, i) => isTooLarge(parts[i]!, number))) {
      throw new TwinError(
        'VALUE_INVALID',
        `${name}: found ${quote(value)}, expected numbers within the range of Float64.`,
      );
    }
    const unit = parts.slice(firstWord).join(' ');
    return [name, { value: leading.length === 1 ? (leading[0] as number) : leading, unit }];
  }
  return [name, isArray ? parts : value];
}
