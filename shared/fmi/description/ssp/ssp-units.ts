import { TwinError } from '../../../core/index.js';
import type { ModelDescription, ModelVariable } from '../model-description.js';
import { sameDimension, type UnitConversion } from '../unit-conversion.js';
import { type ParsedUnit, parseUnit } from '../unit-expressions.js';
import type { XmlElement } from '../xml.js';
import type { AttributeReader } from '../xml-attributes.js';

const BASE = ['kg', 'm', 's', 'A', 'K', 'mol', 'cd', 'rad'] as const;

/** A unit of a system structure: `<Unit name="bar"><BaseUnit kg="1" m="-1" s="-2" factor="1e5"/></Unit>`. */
export function parseUnitDefinition(
  read: AttributeReader,
  unit: XmlElement,
): ParsedUnit | undefined {
  const base = unit.children.find((c) => /(^|:)BaseUnit$/.test(c.name));
  if (base === undefined) return undefined;
  const exponents: Record<string, number> = {};
  for (const name of BASE) {
    const exponent = read.integer(base, name, -128, 127) ?? 0;
    if (exponent !== 0) exponents[name] = exponent;
  }
  return {
    factor: read.number(base, 'factor') ?? 1,
    offset: read.number(base, 'offset') ?? 0,
    exponents,
  };
}

/** A unit by its name and, where somebody defines it, what it means. */
export interface NamedUnit {
  name: string;
  meaning: ParsedUnit | undefined;
}

/** A variable's own unit: as its FMU defines it, or as its name says. */
export function unitOf(md: ModelDescription, variable: ModelVariable): NamedUnit | undefined {
  const name = variable.unit?.trim() ?? '';
  if (name === '') return undefined;
  const base = md.unitDefinitions.find((u) => u.name === variable.unit)?.baseUnit;
  return { name, meaning: base ?? parseUnit(name) };
}

/** A unit named in a system structure or a file of parameters. */
export function namedUnit(
  name: string | undefined,
  units: ReadonlyMap<string, ParsedUnit>,
): NamedUnit | undefined {
  if (name === undefined || name.trim() === '') return undefined;
  return { name, meaning: units.get(name) ?? parseUnit(name) };
}

/**
 * How a value in one unit becomes one in another; nothing where one of them is not given.
 *
 * @throws TwinError `VALUE_INVALID` where they measure different things or can't be understood
 */
export function between(
  from: NamedUnit | undefined,
  to: NamedUnit | undefined,
): UnitConversion | undefined {
  if (from === undefined || to === undefined) return undefined;
  const same = from.name === to.name;
  if (from.meaning === undefined || to.meaning === undefined) {
    if (same) return undefined;
    const unknown = from.meaning === undefined ? from.name : to.name;
    throw new TwinError(
      'VALUE_INVALID',
      `from ${JSON.stringify(from.name)} to ${JSON.stringify(to.name)}: ${JSON.stringify(unknown)} is no unit known here. Define it under <Units>, or set suppressUnitConversion`,
    );
  }
  if (!sameDimension(from.meaning, to.meaning)) {
    throw new TwinError(
      'VALUE_INVALID',
      `from ${JSON.stringify(from.name)} to ${JSON.stringify(to.name)}: they measure different things. Connect what fits, or set suppressUnitConversion`,
    );
  }
  const factor = from.meaning.factor / to.meaning.factor;
  const offset = (from.meaning.offset - to.meaning.offset) / to.meaning.factor;
  return factor === 1 && offset === 0 ? undefined : { factor, offset };
}
