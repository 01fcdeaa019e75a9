import type { FormulaValue } from './evaluate.js';
import { FormulaError } from './parse.js';

/**
 * Functions of texts: how many arguments they take.
 *
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/expression-string-functions.html
 */
export const TEXT_FUNCTIONS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  contains: [2, 2],
  find: [2, 2],
  jp: [2, 2],
  len: [1, 1],
  lower: [1, 1],
  upper: [1, 1],
};

const STEP = /\.([A-Za-z_][\w-]*)|\['([^']*)'\]|\["([^"]*)"\]|\[(-?\d+)\]/y;

/**
 * The steps of a JSON path: names and indexes.
 *
 * @throws FormulaError for what this stand-in does not follow (wildcards, filters, slices)
 */
export function parseJsonPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  if (!path.startsWith('$')) throw new FormulaError(`The JSON path '${path}' begins with $.`);
  STEP.lastIndex = 1;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const m = STEP.exec(path);
    if (m === null) {
      throw new FormulaError(
        `The JSON path '${path}' goes on with '${path.slice(at)}': this stand-in follows .name, ['name'] and [number].`,
      );
    }
    steps.push(m[4] === undefined ? (m[1] ?? m[2] ?? m[3] ?? '') : Number(m[4]));
  }
  return steps;
}

/** What a JSON text holds at a path: a number or text, an array or object as text again. */
function jsonAt(text: string, path: string): FormulaValue {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    // A text that is no JSON has nothing at any path, as in the service: the formula has no result.
    return undefined;
  }
  for (const step of parseJsonPath(path)) {
    if (typeof step === 'number') found = Array.isArray(found) ? found.at(step) : undefined;
    else if (typeof found === 'object' && found !== null && Object.hasOwn(found, step)) {
      found = (found as Record<string, unknown>)[step];
    } else return undefined;
  }
  if (typeof found === 'boolean') return Number(found);
  if (typeof found === 'number' || typeof found === 'string') return found;
  return found === null || found === undefined ? undefined : JSON.stringify(found);
}

/** Carries a function of texts out; undefined where an argument is none. */
export function textFunction(name: string, args: readonly FormulaValue[]): FormulaValue {
  const [text, other] = args;
  if (typeof text !== 'string') return undefined;
  if (name === 'len') return text.length;
  if (name === 'upper') return text.toUpperCase();
  if (name === 'lower') return text.toLowerCase();
  if (typeof other !== 'string') return undefined;
  if (name === 'find') return text.indexOf(other);
  if (name === 'contains') return Number(text.includes(other));
  return jsonAt(text, other);
}
