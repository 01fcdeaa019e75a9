import { TwinError } from '../../core/index.js';
import type { ModelDescription, ModelVariable, Unit } from './model-description.js';

const sameExponents = (a: Unit, b: Unit): boolean => {
  const keys = new Set([
    ...Object.keys(a.baseUnit?.exponents ?? {}),
    ...Object.keys(b.baseUnit?.exponents ?? {}),
  ]);
  return [...keys].every((k) => a.baseUnit?.exponents[k] === b.baseUnit?.exponents[k]);
};

/**
 * Converts a value to the unit of a variable, through what the FMU defines: the variable's display
 * units, or another unit of the same base units.
 *
 * @throws TwinError `VALUE_INVALID` when the FMU does not say how
 */
export function toVariableUnit(
  md: ModelDescription,
  variable: ModelVariable,
  value: number,
  unit: string,
): number {
  if (unit === variable.unit) return value;
  const own = md.unitDefinitions.find((u) => u.name === variable.unit);
  if (own !== undefined) {
    const display = own.displayUnits.find((d) => d.name === unit);
    if (display !== undefined) {
      if (display.inverse) return display.factor / value;
      return (value - (variable.relativeQuantity ? 0 : display.offset)) / display.factor;
    }
    for (const other of md.unitDefinitions) {
      if (other.baseUnit === undefined || own.baseUnit === undefined) continue;
      if (!sameExponents(own, other)) continue;
      const offset = (u: Unit) => (variable.relativeQuantity ? 0 : (u.baseUnit?.offset ?? 0));
      const back = (si: number) => (si - offset(own)) / (own.baseUnit?.factor ?? 1);
      if (other.name === unit) return back(value * other.baseUnit.factor + offset(other));
      const via = other.displayUnits.find((d) => d.name === unit);
      if (via !== undefined) {
        const inOther = via.inverse
          ? via.factor / value
          : (value - (variable.relativeQuantity ? 0 : via.offset)) / via.factor;
        return back(inOther * other.baseUnit.factor + offset(other));
      }
    }
  }
  throw new TwinError(
    'VALUE_INVALID',
    `${variable.name} is in ${variable.unit === undefined ? 'no unit' : JSON.stringify(variable.unit)}; the FMU does not say how to convert from ${JSON.stringify(unit)}. Give the value in the variable's own unit.`,
  );
}

/** Converts a value of a variable to one of its display units; `undefined` when there is none. */
export function toDisplayUnit(
  md: ModelDescription,
  variable: ModelVariable,
  value: number,
  unit: string,
): number | undefined {
  const own = md.unitDefinitions.find((u) => u.name === variable.unit);
  const display = own?.displayUnits.find((d) => d.name === unit);
  if (display === undefined) return unit === variable.unit ? value : undefined;
  return display.inverse
    ? display.factor / value
    : value * display.factor + (variable.relativeQuantity ? 0 : display.offset);
}
