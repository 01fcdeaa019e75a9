import { TwinError } from '../../core/index.js';
import type { ModelDescription, ModelVariable } from './model-description.js';
import { type ParsedUnit, parseUnit } from './unit-expressions.js';
import { toVariableUnit } from './units.js';

/** `variable = factor · value + offset`: from a unit that somebody uses to the variable's own. */
export interface UnitConversion {
  factor: number;
  offset: number;
}

const NONE: UnitConversion = { factor: 1, offset: 0 };

/** Nearer to no conversion than rounding is. */
const isNone = ({ factor, offset }: UnitConversion) =>
  Math.abs(factor - 1) < 1e-12 && Math.abs(offset) < 1e-12;

/** Whether two units measure the same; angles count as numbers where nothing else tells. */
export function sameDimension(a: ParsedUnit, b: ParsedUnit): boolean {
  const keys = new Set([...Object.keys(a.exponents), ...Object.keys(b.exponents)]);
  const differing = [...keys].filter((k) => a.exponents[k] !== b.exponents[k]);
  if (differing.length === 0) return true;
  if (differing.some((k) => k !== 'rad')) return false;
  // An angle is a number, and tools leave it out (N.m for N.m/rad). But 1/s is a frequency or an
  // angular velocity, 2π apart: nobody can tell.
  return keys.size > 2 || !keys.has('s');
}

/** The variable's own unit in SI: as the FMU defines it, or as its name says. */
function ownUnit(md: ModelDescription, variable: ModelVariable): ParsedUnit | undefined {
  const base = md.unitDefinitions.find((u) => u.name === variable.unit)?.baseUnit;
  return base ?? parseUnit(variable.unit ?? '');
}

/** Through what the FMU itself defines: display units, and other units of the same base units. */
function byTheFmu(
  md: ModelDescription,
  variable: ModelVariable,
  unit: string,
): UnitConversion | undefined {
  const own = md.unitDefinitions.find((u) => u.name === variable.unit);
  // 1/x is no straight line: a value of 0 has no counterpart.
  if (own?.displayUnits.some((d) => d.name === unit && d.inverse)) return undefined;
  try {
    const at = (value: number) => toVariableUnit(md, variable, value, unit);
    const offset = at(0);
    return { factor: at(1) - offset, offset };
  } catch {
    return undefined;
  }
}

/**
 * How values in a unit become values of a variable: by what the FMU defines, else by what both units
 * mean.
 *
 * @returns `undefined` where nothing is to be converted: equal units, or one of them is not given
 * @throws TwinError `VALUE_INVALID` where the units contradict each other or can't be understood
 */
export function unitConversion(
  md: ModelDescription,
  variable: ModelVariable,
  unit: string,
): UnitConversion | undefined {
  const own = variable.unit?.trim() ?? '';
  if (unit.trim() === '' || own === '' || unit === own) return undefined;
  const defined = byTheFmu(md, variable, unit);
  if (defined !== undefined) return isNone(defined) ? undefined : defined;
  const [given, inFmu] = [parseUnit(unit), ownUnit(md, variable)];
  const fail = (why: string) =>
    new TwinError(
      'VALUE_INVALID',
      `${variable.name} is in ${JSON.stringify(unit)}, in the FMU in ${JSON.stringify(own)}: ${why}`,
    );
  if (given === undefined || inFmu === undefined) {
    const unknown = given === undefined ? unit : own;
    throw fail(
      `${JSON.stringify(unknown)} is no unit known here, so values can't be converted. Use the FMU's unit, or one such as N.m, m3/h, 1/min, degC.`,
    );
  }
  if (!sameDimension(given, inFmu)) {
    throw fail('they measure different things. Check the variable, or use a unit that fits.');
  }
  if (variable.relativeQuantity) {
    const factor = given.factor / inFmu.factor;
    return isNone({ factor, offset: 0 }) ? undefined : { factor, offset: 0 };
  }
  const conversion = {
    factor: given.factor / inFmu.factor,
    offset: (given.offset - inFmu.offset) / inFmu.factor,
  };
  return isNone(conversion) ? undefined : conversion;
}

/** Makes the conversion; without one the value stays. */
export const convert = (value: number, by: UnitConversion | undefined = NONE): number =>
  by.factor * value + by.offset;

/** Undoes it. */
export const convertBack = (value: number, by: UnitConversion | undefined = NONE): number =>
  (value - by.offset) / by.factor;
