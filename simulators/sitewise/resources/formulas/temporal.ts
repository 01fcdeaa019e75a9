import type { FormulaValue } from './evaluate.js';

/** A value of a variable; undefined where it is not usable (of bad quality, or null). */
export interface TimedValue {
  timeS: number;
  value: FormulaValue;
}

/** A variable in a metric's window. */
export interface VariableWindow {
  startS: number;
  endS: number;
  /** The newest usable one before the window. */
  before?: TimedValue | undefined;
  /** Whether that still holds as the window begins: no bad value came after it. */
  beforeHolds: boolean;
  /** Those within, ascending. */
  inside: readonly TimedValue[];
}

/**
 * Functions of a variable's values and their times: of one variable, or of an expression of one.
 *
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/expression-temporal-functions.html
 */
export const TEMPORAL_FUNCTIONS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  first: [1, 1],
  last: [1, 1],
  earliest: [1, 1],
  latest: [1, 1],
  statetime: [1, 1],
  timeweightedavg: [1, 2],
  timeweightedstdev: [1, 2],
};
/** Those that have a value in every window once their variable has had one. */
export const CARRYING: ReadonlySet<string> = new Set([
  'earliest',
  'latest',
  'statetime',
  'timeweightedavg',
  'timeweightedstdev',
]);
/** The words that a second argument may be, the default first. */
export const TEMPORAL_MODES: Readonly<Record<string, readonly [string, string]>> = {
  timeweightedavg: ['locf', 'linear'],
  timeweightedstdev: ['f', 'r'],
};

const isUsable = (v: TimedValue) => v.value !== undefined;

/** A stretch of the window and the value at both of its ends. */
interface Stretch {
  lengthS: number;
  from: number;
  to: number;
}

/** What holds from each value to the next, or to the window's end; after a bad one nothing does. */
function stretches(window: VariableWindow, linear: boolean): Stretch[] {
  const { startS, endS, before, beforeHolds, inside } = window;
  const values = before === undefined || !beforeHolds ? inside : [before, ...inside];
  const found: Stretch[] = [];
  for (const [i, { timeS, value }] of values.entries()) {
    if (typeof value !== 'number') continue;
    const next = values[i + 1];
    const untilS = next?.timeS ?? endS;
    const fromS = Math.max(startS, timeS);
    if (untilS <= fromS) continue;
    const slope =
      linear && typeof next?.value === 'number' ? (next.value - value) / (untilS - timeS) : 0;
    const at = (s: number) => value + slope * (s - timeS);
    found.push({ lengthS: untilS - fromS, from: at(fromS), to: at(untilS) });
  }
  return found;
}

/**
 * A temporal function over a window.
 *
 * @param mode of the functions that have one; default: the first of {@link TEMPORAL_MODES}
 */
export function temporal(name: string, window: VariableWindow, mode?: string): FormulaValue {
  const usable = window.inside.filter(isUsable);
  const before = window.before?.value;
  switch (name) {
    case 'first':
      return usable[0]?.value;
    case 'last':
      return usable.at(-1)?.value;
    case 'earliest':
      return before;
    case 'latest':
      return usable.at(-1)?.value ?? before;
  }
  const held = stretches(window, mode === 'linear');
  if (held.length === 0) return undefined;
  if (name === 'statetime') {
    return held.reduce((sum, s) => sum + (s.from > 0 ? s.lengthS : 0), 0);
  }
  const total = held.reduce((sum, s) => sum + s.lengthS, 0);
  const mean = held.reduce((sum, s) => sum + (s.lengthS * (s.from + s.to)) / 2, 0) / total;
  if (name === 'timeweightedavg') return mean;
  const squares = held.reduce((sum, s) => sum + s.lengthS * (s.from - mean) ** 2, 0);
  const freedom =
    mode === 'r' ? total - held.reduce((sum, s) => sum + s.lengthS ** 2, 0) / total : total - 1;
  return freedom > 0 ? Math.sqrt(squares / freedom) : undefined;
}
