import { type Formula, FormulaError, namesIn } from './parse.js';
import { TEMPORAL_FUNCTIONS, TEMPORAL_MODES, temporal, type VariableWindow } from './temporal.js';
import { parseJsonPath, TEXT_FUNCTIONS, textFunction } from './texts.js';

/** What a formula works with and gives; undefined where there is no result. */
export type FormulaValue = number | string | undefined;

type Scalar = (...args: number[]) => number;

/** Functions of numbers: name → how many arguments they take, and what they do. */
const SCALARS: Readonly<Record<string, readonly [min: number, max: number, run: Scalar]>> = {
  abs: [1, 1, Math.abs],
  acos: [1, 1, Math.acos],
  asin: [1, 1, Math.asin],
  atan: [1, 1, Math.atan],
  cbrt: [1, 1, Math.cbrt],
  ceil: [1, 1, Math.ceil],
  cos: [1, 1, Math.cos],
  cosh: [1, 1, Math.cosh],
  cot: [1, 1, (x) => 1 / Math.tan(x)],
  exp: [1, 1, Math.exp],
  expm1: [1, 1, Math.expm1],
  floor: [1, 1, Math.floor],
  log: [1, 1, Math.log],
  log10: [1, 1, Math.log10],
  log1p: [1, 1, Math.log1p],
  log2: [1, 1, Math.log2],
  pow: [2, 2, (a, b) => a ** b],
  round: [1, 1, Math.round],
  signum: [1, 1, Math.sign],
  sin: [1, 1, Math.sin],
  sinh: [1, 1, Math.sinh],
  sqrt: [1, 1, Math.sqrt],
  tan: [1, 1, Math.tan],
  tanh: [1, 1, Math.tanh],
  gt: [2, 2, (a, b) => Number(a > b)],
  gte: [2, 2, (a, b) => Number(a >= b)],
  lt: [2, 2, (a, b) => Number(a < b)],
  lte: [2, 2, (a, b) => Number(a <= b)],
  and: [2, 2, (a, b) => Number(a !== 0 && b !== 0)],
  or: [2, 2, (a, b) => Number(a !== 0 || b !== 0)],
  not: [1, 1, (a) => Number(a === 0)],
  isnan: [1, 1, (a) => Number(Number.isNaN(a))],
};
/** Functions whose arguments may be texts, or are not all evaluated. */
const SPECIALS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  if: [2, 3],
  eq: [2, 2],
  neq: [2, 2],
};
/** Functions over a metric's window: of one variable, except `min` and `max` also of several. */
const WINDOW_FUNCTIONS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  avg: [1, 1],
  sum: [1, 1],
  count: [1, 1],
  min: [1, 16],
  max: [1, 16],
  stdev: [1, 1],
};

/** Names of all functions that there are. */
const FUNCTION_NAMES: readonly string[] = [
  ...Object.keys(SCALARS),
  ...Object.keys(SPECIALS),
  ...Object.keys(WINDOW_FUNCTIONS),
  ...Object.keys(TEMPORAL_FUNCTIONS),
  ...Object.keys(TEXT_FUNCTIONS),
].sort();

/** How a formula gets at its variables. */
export interface FormulaScope {
  /** A variable's single value: of this instant, or the newest of a metric's window. */
  value(name: string): FormulaValue;
  /** A variable's numbers in a metric's window, ascending in time; undefined in transforms. */
  window?(name: string): readonly number[];
  /** The same with times, and with what came before; undefined in transforms. */
  times?(name: string): VariableWindow;
}

type Call = Extract<Formula, { kind: 'call' }>;

const arityOf = (name: string): readonly [number, number, ...unknown[]] | undefined =>
  SCALARS[name] ??
  SPECIALS[name] ??
  WINDOW_FUNCTIONS[name] ??
  TEMPORAL_FUNCTIONS[name] ??
  TEXT_FUNCTIONS[name];

/** A temporal function takes an expression of one variable, and perhaps a word. */
function checkTemporal({ name, args }: Call, metric: boolean): void {
  if (!metric) throw new FormulaError(`${name} works in metrics only.`);
  const [inner, mode] = args;
  if (inner === undefined) return;
  const { variables, functions } = namesIn(inner);
  if (variables.size !== 1) {
    throw new FormulaError(
      `${name} takes an expression of one variable, not of ${variables.size}.`,
    );
  }
  const aggregation = [...functions].find((f) => f in WINDOW_FUNCTIONS || f in TEMPORAL_FUNCTIONS);
  if (aggregation !== undefined) {
    throw new FormulaError(`${name} cannot take ${aggregation}, which is of a window itself.`);
  }
  const modes = TEMPORAL_MODES[name];
  if (mode !== undefined && !(mode.kind === 'text' && modes?.includes(mode.value) === true)) {
    throw new FormulaError(
      `${name} takes '${modes?.join("' or '")}' as second argument, in quotes.`,
    );
  }
}

/**
 * Says what a formula calls that there is not, or with a wrong number of arguments.
 *
 * @param metric whether functions over a window may be used
 */
export function checkFormula(formula: Formula, metric: boolean): void {
  if (formula.kind === 'unary') checkFormula(formula.operand, metric);
  else if (formula.kind === 'binary') {
    checkFormula(formula.left, metric);
    checkFormula(formula.right, metric);
  } else if (formula.kind === 'call') {
    const { name, args } = formula;
    const arity = arityOf(name);
    if (arity === undefined) {
      throw new FormulaError(
        `There is no function ${name}; this stand-in has ${FUNCTION_NAMES.join(', ')}.`,
      );
    }
    const overWindow = name in WINDOW_FUNCTIONS && !(args.length > 1);
    if (overWindow && !metric) {
      throw new FormulaError(`${name} of a single variable works in metrics only.`);
    }
    if (overWindow && args[0]?.kind !== 'variable') {
      throw new FormulaError(`${name} takes the name of a variable.`);
    }
    const [min, max] = arity;
    if (args.length < min || args.length > max) {
      throw new FormulaError(
        `${name} takes ${min === max ? min : `${min} to ${max}`} arguments, not ${args.length}.`,
      );
    }
    if (name in TEMPORAL_FUNCTIONS) checkTemporal(formula, metric);
    if (name === 'jp') {
      const path = args[1];
      if (path?.kind !== 'text') throw new FormulaError('jp takes its JSON path as a quoted text.');
      parseJsonPath(path.value);
    }
    for (const arg of args) checkFormula(arg, metric);
  }
}

function overWindow(name: string, values: readonly number[]): FormulaValue {
  if (name === 'count') return values.length;
  if (values.length === 0) return undefined;
  const sum = () => values.reduce((a, b) => a + b, 0);
  switch (name) {
    case 'sum':
      return sum();
    case 'avg':
      return sum() / values.length;
    case 'min':
      return values.reduce((a, b) => Math.min(a, b));
    case 'max':
      return values.reduce((a, b) => Math.max(a, b));
    default: {
      const mean = sum() / values.length;
      return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    }
  }
}

/** Evaluates a checked formula. @returns undefined where a variable has no value or the result is no number */
export function evaluateFormula(formula: Formula, scope: FormulaScope): FormulaValue {
  const result = evaluate(formula, scope);
  return typeof result === 'number' && !Number.isFinite(result) ? undefined : result;
}

function evaluate(formula: Formula, scope: FormulaScope): FormulaValue {
  switch (formula.kind) {
    case 'number':
    case 'text':
      return formula.value;
    case 'variable':
      return scope.value(formula.name);
    case 'unary': {
      const value = evaluate(formula.operand, scope);
      if (typeof value !== 'number') return undefined;
      return formula.operator === '-' ? -value : Number(value === 0);
    }
    case 'binary':
      return binary(formula, scope);
    case 'call':
      return call(formula, scope);
  }
}

function binary(formula: Extract<Formula, { kind: 'binary' }>, scope: FormulaScope): FormulaValue {
  const left = evaluate(formula.left, scope);
  const right = evaluate(formula.right, scope);
  if (left === undefined || right === undefined) return undefined;
  if (formula.operator === '==') return Number(left === right);
  if (formula.operator === '!=') return Number(left !== right);
  if (typeof left === 'string' || typeof right === 'string') {
    return formula.operator === '+' ? `${left}${right}` : undefined;
  }
  switch (formula.operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    case '^':
      return left ** right;
    case '<':
      return Number(left < right);
    case '<=':
      return Number(left <= right);
    case '>':
      return Number(left > right);
    case '>=':
      return Number(left >= right);
    case 'and':
      return Number(left !== 0 && right !== 0);
    case 'or':
      return Number(left !== 0 || right !== 0);
  }
}

/** A temporal function, of its expression at each of the variable's values. */
function callTemporal({ name, args }: Call, scope: FormulaScope): FormulaValue {
  const [inner, mode] = args;
  const [variable] = inner === undefined ? [] : namesIn(inner).variables;
  const window = variable === undefined ? undefined : scope.times?.(variable);
  if (inner === undefined || window === undefined) return undefined;
  const of = ({ timeS, value }: { timeS: number; value: FormulaValue }) => ({
    timeS,
    value: value === undefined ? undefined : evaluateFormula(inner, { value: () => value }),
  });
  return temporal(
    name,
    {
      ...window,
      before: window.before === undefined ? undefined : of(window.before),
      inside: window.inside.map(of),
    },
    mode?.kind === 'text' ? mode.value : undefined,
  );
}

function call(formula: Call, scope: FormulaScope): FormulaValue {
  const { name, args } = formula;
  const [first, second, third] = args;
  if (name === 'if') {
    const condition = first === undefined ? undefined : evaluate(first, scope);
    if (typeof condition !== 'number') return undefined;
    const branch = condition !== 0 ? second : third;
    return branch === undefined ? undefined : evaluate(branch, scope);
  }
  if (name in WINDOW_FUNCTIONS && args.length === 1 && first?.kind === 'variable') {
    return overWindow(name, scope.window?.(first.name) ?? []);
  }
  if (name in TEMPORAL_FUNCTIONS) return callTemporal(formula, scope);
  const values = args.map((arg) => evaluate(arg, scope));
  if (name in TEXT_FUNCTIONS) return textFunction(name, values);
  if (name === 'eq' || name === 'neq') {
    const [a, b] = values;
    if (a === undefined || b === undefined) return undefined;
    return Number((a === b) === (name === 'eq'));
  }
  if (!values.every((v) => typeof v === 'number')) return undefined;
  const numbers = values as number[];
  if (name === 'min' || name === 'max') return overWindow(name, numbers);
  return SCALARS[name]?.[2](...numbers);
}
