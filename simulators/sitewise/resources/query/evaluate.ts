import { badQuery, type Expression, type SqlValue } from './expression.js';
import { parseTimestamp } from './tokens.js';

/** A column's value in the row at hand. */
export type Lookup = (table: string | undefined, name: string) => SqlValue;

export type Column = Extract<Expression, { kind: 'column' }>;
export type Aggregate = Extract<Expression, { kind: 'aggregate' }>;

/** The columns that an expression names. */
export function columnsIn(expression: Expression): Column[] {
  switch (expression.kind) {
    case 'column':
      return [expression];
    case 'literal':
      return [];
    case 'binary':
      return [...columnsIn(expression.left), ...columnsIn(expression.right)];
    case 'aggregate':
      return expression.argument === undefined ? [] : columnsIn(expression.argument);
    case 'in':
      return [expression.operand, ...expression.options].flatMap(columnsIn);
    case 'concat':
      return expression.arguments.flatMap(columnsIn);
    default:
      return columnsIn(expression.operand);
  }
}

/** Whether an expression asks for something of a group. */
export const hasAggregate = (e: Expression): boolean => aggregatesIn(e).length > 0;

/** A text that is compared with a time. @throws ApiFault `ValidationException` */
function timeOf(text: string): bigint {
  const time = parseTimestamp(text);
  if (time === undefined) throw badQuery(`'${text}' is no time like '2026-01-31 12:00:00'.`);
  return time;
}

/** Below, at or above 0; undefined where one is null. @throws ApiFault `ValidationException` */
export function compare(a: SqlValue, b: SqlValue): number | undefined {
  if (a === null || b === null) return undefined;
  if (typeof a === 'bigint' && typeof b === 'string') return compare(a, timeOf(b));
  if (typeof a === 'string' && typeof b === 'bigint') return compare(timeOf(a), b);
  const bothText = typeof a === 'string' && typeof b === 'string';
  const bothNumeric = typeof a !== 'string' && typeof b !== 'string';
  if (!bothText && !bothNumeric) {
    throw badQuery(`a text cannot be compared with a number (${a}, ${b}).`);
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

function like(text: string, pattern: string): boolean {
  // Runs in linear time for any pattern: no regular expression from outside.
  const parts = pattern.split('%');
  const fits = (part: string, at: number) =>
    at + part.length <= text.length && [...part].every((c, i) => c === '_' || text[at + i] === c);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    if (i === 0) {
      if (!fits(part, 0)) return false;
      at = part.length;
      if (parts.length === 1) return at === text.length;
    } else if (i === parts.length - 1) {
      return text.length - part.length >= at && fits(part, text.length - part.length);
    } else {
      while (at <= text.length && !fits(part, at)) at++;
      if (at > text.length) return false;
      at += part.length;
    }
  }
  return true;
}

function arithmetic(operator: string, a: SqlValue, b: SqlValue): SqlValue {
  if (a === null || b === null) return null;
  if (typeof a === 'bigint' || typeof b === 'bigint') {
    throw badQuery(`${operator} does not work on times.`);
  }
  if (typeof a !== 'number' || typeof b !== 'number') {
    throw badQuery(`${operator} works on numbers only.`);
  }
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0 ? null : a / b;
    default:
      return b === 0 ? null : a % b;
  }
}

/** A condition's value: true, false, or null for not known. */
function truth(value: SqlValue): boolean | null {
  if (value === null || typeof value === 'boolean') return value;
  throw badQuery(`AND, OR and NOT work on conditions, not on ${value}.`);
}

/** An expression's value in a row, or in a group with its aggregates. */
export function evaluate(
  e: Expression,
  lookup: Lookup,
  aggregates?: Map<Expression, SqlValue>,
): SqlValue {
  const value = (x: Expression) => evaluate(x, lookup, aggregates);
  switch (e.kind) {
    case 'literal':
      return e.value;
    case 'column':
      return lookup(e.table, e.name);
    case 'aggregate':
      return aggregates?.get(e) ?? null;
    case 'negate':
      return arithmetic('-', 0, value(e.operand));
    case 'not': {
      const operand = truth(value(e.operand));
      return operand === null ? null : !operand;
    }
    case 'isNull':
      return (value(e.operand) === null) !== e.negated;
    case 'in': {
      const operand = value(e.operand);
      if (operand === null) return null;
      const orders = e.options.map((o) => compare(operand, value(o)));
      if (orders.includes(0)) return !e.negated;
      return orders.includes(undefined) ? null : e.negated;
    }
    case 'concat': {
      const parts = e.arguments.map(value);
      if (!parts.every((p) => p === null || typeof p === 'string')) {
        throw badQuery('CONCAT works on texts only.');
      }
      return parts.includes(null) ? null : parts.join('');
    }
    case 'binary': {
      if (e.operator === 'and' || e.operator === 'or') {
        // One side may decide alone; otherwise what is not known stays so.
        const decisive = e.operator === 'or';
        const left = truth(value(e.left));
        if (left === decisive) return decisive;
        const right = truth(value(e.right));
        if (right === decisive) return decisive;
        return left === null || right === null ? null : !decisive;
      }
      const [left, right] = [value(e.left), value(e.right)];
      if (e.operator === 'like') {
        return left === null || right === null ? null : like(String(left), String(right));
      }
      if ('+-*/%'.includes(e.operator)) return arithmetic(e.operator, left, right);
      const order = compare(left, right);
      if (order === undefined) return null;
      switch (e.operator) {
        case '=':
          return order === 0;
        case '<>':
          return order !== 0;
        case '<':
          return order < 0;
        case '<=':
          return order <= 0;
        case '>':
          return order > 0;
        default:
          return order >= 0;
      }
    }
  }
}

/** The aggregates that an expression holds. */
export function aggregatesIn(e: Expression): Aggregate[] {
  switch (e.kind) {
    case 'aggregate':
      return [e];
    case 'literal':
    case 'column':
      return [];
    case 'binary':
      return [...aggregatesIn(e.left), ...aggregatesIn(e.right)];
    case 'in':
      return [e.operand, ...e.options].flatMap(aggregatesIn);
    case 'concat':
      return e.arguments.flatMap(aggregatesIn);
    default:
      return aggregatesIn(e.operand);
  }
}

/** An aggregate of a group's rows. */
export function aggregate(e: Aggregate, lookups: readonly Lookup[]): SqlValue {
  if (e.argument === undefined) return lookups.length;
  const { argument } = e;
  let values = lookups.map((l) => evaluate(argument, l)).filter((v) => v !== null);
  if (e.distinct) values = [...new Set(values)];
  if (e.name === 'count') return values.length;
  if (values.length === 0) return null;
  if (e.name === 'min' || e.name === 'max') {
    const sign = e.name === 'min' ? 1 : -1;
    return values.reduce((a, b) => ((compare(a, b) ?? 0) * sign <= 0 ? a : b));
  }
  if (!values.every((v) => typeof v === 'number'))
    throw badQuery(`${e.name} works on numbers only.`);
  const sum = (values as number[]).reduce((a, b) => a + b, 0);
  return e.name === 'sum' ? sum : sum / values.length;
}
