import type { ParsedUnit } from '../unit-expressions.js';
import type { XmlElement } from '../xml.js';
import { type AttributeReader, quote } from '../xml-attributes.js';
import {
  child,
  children,
  localName,
  readTransformation,
  type Transformation,
  typedChild,
} from './ssd.js';
import { type NamedUnit, namedUnit, parseUnitDefinition } from './ssp-units.js';

/** One value of a parameter set (SSV), as text until it is known what it is for. */
export interface ParameterValue {
  name: string;
  text: string;
  unit?: NamedUnit | undefined;
  /** A mapping's own conversion takes the place of that of units. */
  suppressUnitConversion?: boolean;
  line: number;
}

/** A parameter's way to another name (SSM). */
export interface MappingEntry {
  source: string;
  target: string;
  suppressUnitConversion: boolean;
  transformation?: Transformation;
  line: number;
}

/** Reads a `<ParameterSet>`. */
export function readParameterSet(
  root: XmlElement,
  read: AttributeReader,
  known: ReadonlyMap<string, ParsedUnit>,
): ParameterValue[] {
  if (localName(root) !== 'ParameterSet') {
    read.report(root, `found <${root.name}>, expected <ParameterSet>.`);
    return [];
  }
  const units = new Map(known);
  for (const unit of children(child(root, 'Units'), 'Unit')) {
    const parsed = parseUnitDefinition(read, unit);
    if (parsed !== undefined) units.set(read.required(unit, 'name'), parsed);
  }
  return children(child(root, 'Parameters'), 'Parameter').flatMap((at) => {
    const name = read.required(at, 'name');
    const typed = typedChild(at);
    const text = typed && (typed.at.attributes.get('value') ?? inElements(typed.at));
    if (typed === undefined || text === undefined) {
      read.report(
        at,
        `the parameter ${quote(name)} has no value: expected e.g. <Real value="1"/>.`,
      );
      return [];
    }
    const unit = namedUnit(typed.at.attributes.get('unit'), units);
    return [{ name, text, ...(unit !== undefined && { unit }), line: at.line }];
  });
}

/** SSP 2.0 may give the values of arrays one by one. */
function inElements(at: XmlElement): string | undefined {
  const values = at.children.flatMap((c) => c.attributes.get('value') ?? []);
  return values.length > 0 ? values.join(' ') : undefined;
}

/** Reads a `<ParameterMapping>`. */
export function readMapping(root: XmlElement, read: AttributeReader): MappingEntry[] {
  if (localName(root) !== 'ParameterMapping') {
    read.report(root, `found <${root.name}>, expected <ParameterMapping>.`);
    return [];
  }
  return children(root, 'MappingEntry').map((at) => {
    const transformation = readTransformation(read, at);
    return {
      source: read.required(at, 'source'),
      target: read.required(at, 'target'),
      suppressUnitConversion: read.boolean(at, 'suppressUnitConversion'),
      ...(transformation !== undefined && { transformation }),
      line: at.line,
    };
  });
}

/**
 * The values of a binding by the names of their targets. Without a mapping names stay; with one, only
 * what it lists goes on.
 */
export function mapped(
  values: readonly ParameterValue[],
  prefix: string,
  mapping: readonly MappingEntry[] | undefined,
  read: AttributeReader,
): ParameterValue[] {
  const prefixed = values.map((v) => ({ ...v, name: prefix + v.name }));
  if (mapping === undefined) return prefixed;
  return mapping.flatMap((entry) => {
    const value = prefixed.find((v) => v.name === entry.source);
    if (value === undefined) {
      read.report(
        entry,
        `the mapping's source ${quote(entry.source)} is not in the parameter set, which has ${prefixed
          .slice(0, 10)
          .map((v) => v.name)
          .join(', ')}.`,
      );
      return [];
    }
    const text = transformed(value.text, entry, read);
    const { suppressUnitConversion } = entry;
    return [{ ...value, name: entry.target, text, suppressUnitConversion }];
  });
}

function transformed(text: string, entry: MappingEntry, read: AttributeReader): string {
  const { transformation } = entry;
  if (transformation === undefined) return text;
  if (transformation.kind === 'linear') {
    const { factor, offset } = transformation;
    return text
      .trim()
      .split(/\s+/)
      .map((word) => String(factor * Number(word) + offset))
      .join(' ');
  }
  const found = transformation.entries.find(([source]) => source === text);
  if (found === undefined) {
    read.report(entry, `the mapping of ${quote(entry.source)} has no entry for ${quote(text)}.`);
  }
  return found?.[1] ?? text;
}
