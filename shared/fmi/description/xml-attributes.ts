import { TwinError } from '../../core/index.js';
import type { VariableType } from './model-description.js';
import type { XmlElement } from './xml.js';

/** How bad a problem is: an error breaks the standard, a warning is what others stumble over. */
export type ProblemSeverity = 'error' | 'warning';

/** A fault in modelDescription.xml, with its line. */
export interface DescriptionProblem {
  line: number;
  message: string;
  /** Left out: an error. */
  severity?: ProblemSeverity;
  /** It breaks the standard, but leaves no doubt about what is meant: the FMU can be run. */
  runnable?: true;
  /** Where the standard says what is right. */
  clause?: string;
}

/** Notes a problem, of a check. */
export type Report = (line: number, text: string, severity?: ProblemSeverity) => void;

/** Whether a problem breaks the standard. */
export function isError(problem: DescriptionProblem): boolean {
  return problem.severity !== 'warning';
}

/** Whether an FMU with this problem is refused. */
export function isObstacle(problem: DescriptionProblem): boolean {
  return isError(problem) && problem.runnable !== true;
}

/** Reads attributes of elements and gathers what is wrong with them instead of stopping at the first. */
export class AttributeReader {
  readonly problems: DescriptionProblem[] = [];

  /** Notes a problem. */
  report(element: { line: number }, message: string): void {
    this.problems.push({ line: element.line, message });
  }

  /** Notes what breaks the standard, but leaves no doubt about what is meant. */
  tolerate(element: { line: number }, message: string): void {
    this.problems.push({ line: element.line, message, runnable: true });
  }

  text(element: XmlElement, name: string): string | undefined {
    return element.attributes.get(name);
  }

  required(element: XmlElement, name: string): string {
    const value = element.attributes.get(name);
    if (value === undefined) {
      this.report(element, `<${element.name}> lacks its attribute ${name}.`);
      return '';
    }
    return value;
  }

  boolean(element: XmlElement, name: string, byDefault = false): boolean {
    const text = element.attributes.get(name)?.trim();
    if (text === undefined) return byDefault;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    this.report(element, `${name}=${quote(text)} of <${element.name}>: expected true or false.`);
    return byDefault;
  }

  number(element: XmlElement, name: string): number | undefined {
    const text = element.attributes.get(name)?.trim();
    if (text === undefined) return undefined;
    const value = parseFloat64(text);
    if (value === undefined) {
      this.report(element, `${name}=${quote(text)} of <${element.name}>: expected a number.`);
    }
    return value;
  }

  integer(element: XmlElement, name: string, min = 0, max = 2 ** 32 - 1): number | undefined {
    const text = element.attributes.get(name)?.trim();
    if (text === undefined) return undefined;
    const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      this.report(
        element,
        `${name}=${quote(text)} of <${element.name}>: expected a whole number from ${min} to ${max}.`,
      );
      return undefined;
    }
    return value;
  }

  choice<T extends string>(
    element: XmlElement,
    name: string,
    choices: readonly T[],
    byDefault: T,
  ): T {
    const text = element.attributes.get(name);
    if (text === undefined) return byDefault;
    if ((choices as readonly string[]).includes(text)) return text as T;
    this.report(
      element,
      `${name}=${quote(text)} of <${element.name}>: expected one of ${choices.join(', ')}.`,
    );
    return byDefault;
  }

  integers(element: XmlElement, name: string): number[] | undefined {
    const text = element.attributes.get(name);
    if (text === undefined) return undefined;
    const values = words(text).map((word) => (/^\d{1,10}$/.test(word) ? Number(word) : Number.NaN));
    if (values.some((v) => !(v <= 2 ** 32 - 1))) {
      this.report(
        element,
        `${name}=${quote(text)} of <${element.name}>: expected whole numbers separated by spaces.`,
      );
      return [];
    }
    return values;
  }

  /** One value of a numeric type, e.g. of `min`. */
  typed(element: XmlElement, name: string, type: VariableType): number | bigint | undefined {
    const text = element.attributes.get(name)?.trim();
    if (text === undefined) return undefined;
    const value = parseScalar(text, type);
    if (typeof value === 'number' || typeof value === 'bigint') return value;
    this.report(
      element,
      `${name}=${quote(text)} of <${element.name}>: expected a value of type ${type}.`,
    );
    return undefined;
  }
}

/** Shortens foreign text for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}…` : text);
}

/** Words of an XML list. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function parseFloat64(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  if (text === 'INF' || text === '+INF') return Number.POSITIVE_INFINITY;
  if (text === '-INF') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  return undefined;
}

/** Value range of each whole type. */
export const INTEGER_RANGES: Readonly<Partial<Record<VariableType, readonly [bigint, bigint]>>> = {
  Int8: [-(2n ** 7n), 2n ** 7n - 1n],
  UInt8: [0n, 2n ** 8n - 1n],
  Int16: [-(2n ** 15n), 2n ** 15n - 1n],
  UInt16: [0n, 2n ** 16n - 1n],
  Int32: [-(2n ** 31n), 2n ** 31n - 1n],
  UInt32: [0n, 2n ** 32n - 1n],
  Int64: [-(2n ** 63n), 2n ** 63n - 1n],
  UInt64: [0n, 2n ** 64n - 1n],
  Enumeration: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** Whether values of the type are bigint. */
export function is64Bit(type: VariableType): boolean {
  return type === 'Int64' || type === 'UInt64';
}

/** One number or truth value from its XML text; `undefined` when it is none. */
export function parseScalar(
  text: string,
  type: VariableType,
): number | bigint | boolean | undefined {
  if (type === 'Boolean' || type === 'Clock') {
    return text === 'true' || text === '1'
      ? true
      : text === 'false' || text === '0'
        ? false
        : undefined;
  }
  if (type === 'Float64') return parseFloat64(text);
  if (type === 'Float32') {
    const value = parseFloat64(text);
    return value === undefined ? undefined : Math.fround(value);
  }
  const range = INTEGER_RANGES[type];
  if (range === undefined || !/^[+-]?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  if (value < range[0] || value > range[1]) return undefined;
  return is64Bit(type) ? value : Number(value);
}

/** The error for a description with problems, or with the one that makes reading it pointless. */
export function descriptionError(
  source: string,
  problems: readonly DescriptionProblem[],
): TwinError<'FMU_INVALID'> {
  const shown = problems.slice(0, 20).map((p) => `  - line ${p.line}: ${p.message}`);
  const rest = problems.length > 20 ? [`  … and ${problems.length - 20} more`] : [];
  return new TwinError(
    'FMU_INVALID',
    `${source} has ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}:\n${[...shown, ...rest].join('\n')}`,
  );
}
