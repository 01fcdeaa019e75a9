import type * as sdk from '@aws-sdk/client-iotsitewise';
import { RawJson } from '../../api/handler.js';
import { decodeToken, encodeToken } from '../../api/pagination.js';
import { END_OF_TIME, type StoredTime } from '../../store/value-store.js';
import type { Account } from '../account.js';
import { badQuery, type Expression, parseQuery, type Query, type SqlValue } from './parse.js';
import { type Constraint, type Row, VIEWS } from './views.js';

/** Rows in one page at most, and rows that a query may look at. */
const MAX_PAGE_ROWS = 20_000;
const MAX_ROWS_SEEN = 2_000_000;

/** One row of every view of the query, by alias. */
type Joined = Record<string, Row>;
type Lookup = (table: string | undefined, name: string) => SqlValue;

const NS_PER_S = 1_000_000_000n;

/** Which view a column is of. @throws ApiFault `ValidationException` */
function ownerOf(query: Query, table: string | undefined, name: string): string {
  const owners = query.from.filter(
    (f) => (table === undefined || f.alias === table) && VIEWS[f.view]?.columns[name] !== undefined,
  );
  const [owner] = owners;
  const shown = table === undefined ? name : `${table}.${name}`;
  if (owner === undefined) throw badQuery(`there is no column ${shown}.`);
  if (owners.length > 1)
    throw badQuery(`the column ${shown} is ambiguous: put its view before it.`);
  return owner.alias;
}

function columnsIn(expression: Expression): Extract<Expression, { kind: 'column' }>[] {
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
    default:
      return columnsIn(expression.operand);
  }
}

const hasAggregate = (e: Expression): boolean =>
  e.kind === 'aggregate' ||
  (e.kind === 'binary' && (hasAggregate(e.left) || hasAggregate(e.right))) ||
  ((e.kind === 'negate' || e.kind === 'not') && hasAggregate(e.operand));

function compare(a: SqlValue, b: SqlValue): number | undefined {
  if (a === null || b === null) return undefined;
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
    const [x, y] = [BigInt(a as bigint), BigInt(Math.trunc(Number(b)))];
    return operator === '+' ? x + y : operator === '-' ? x - y : Number(x) / Number(y);
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

function evaluate(e: Expression, lookup: Lookup, aggregates?: Map<Expression, SqlValue>): SqlValue {
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
      const operand = value(e.operand);
      return operand === null ? null : !operand;
    }
    case 'isNull':
      return (value(e.operand) === null) !== e.negated;
    case 'in': {
      const operand = value(e.operand);
      if (operand === null) return null;
      return e.options.some((o) => compare(operand, value(o)) === 0) !== e.negated;
    }
    case 'binary': {
      if (e.operator === 'and') return value(e.left) === true && value(e.right) === true;
      if (e.operator === 'or') return value(e.left) === true || value(e.right) === true;
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

function toStoredTime(ns: bigint): StoredTime {
  return ns < 0n
    ? { seconds: 0, nanos: 0 }
    : { seconds: Number(ns / NS_PER_S), nanos: Number(ns % NS_PER_S) };
}

/** Finds the query's rows: views are joined from left to right, as early narrowed as can be. */
class Execution {
  readonly #account: Account;
  readonly #query: Query;
  /** Conditions, by how many views must be bound before they can be decided. */
  readonly #conditions: Expression[][];
  #seen = 0;

  constructor(account: Account, query: Query) {
    this.#account = account;
    this.#query = query;
    const aliases = query.from.map((f) => f.alias);
    if (new Set(aliases).size !== aliases.length) throw badQuery('a view occurs twice: name it.');
    this.#conditions = aliases.map(() => []);
    for (const condition of query.conditions) {
      if (hasAggregate(condition)) throw badQuery('aggregates cannot stand in WHERE.');
      const places = columnsIn(condition).map((c) =>
        aliases.indexOf(ownerOf(query, c.table, c.name)),
      );
      this.#conditions[Math.max(0, ...places)]?.push(condition);
    }
  }

  lookup(joined: Joined): Lookup {
    return (table, name) => joined[ownerOf(this.#query, table, name)]?.[name] ?? null;
  }

  #constraint(alias: string, joined: Joined): Constraint {
    const equal = new Map<string, SqlValue>();
    let from: StoredTime = { seconds: 0, nanos: 0 };
    let to = END_OF_TIME;
    const isMine = (e: Expression): e is Extract<Expression, { kind: 'column' }> =>
      e.kind === 'column' && ownerOf(this.#query, e.table, e.name) === alias;
    const isKnown = (e: Expression) =>
      !hasAggregate(e) &&
      columnsIn(e).every((c) => ownerOf(this.#query, c.table, c.name) in joined);
    for (const e of this.#query.conditions) {
      if (e.kind !== 'binary') continue;
      const flipped = isMine(e.right) && isKnown(e.left);
      const [mine, other] = flipped ? [e.right, e.left] : [e.left, e.right];
      if (!isMine(mine) || !isKnown(other)) continue;
      const value = evaluate(other, this.lookup(joined));
      if (e.operator === '=') equal.set(mine.name, value);
      if (mine.name !== 'event_timestamp' || value === null) continue;
      if (typeof value === 'string' || typeof value === 'boolean') continue;
      const time = toStoredTime(
        BigInt(Math.trunc(Number(value)) === value ? value : BigInt(value)),
      );
      const operator = flipped
        ? e.operator.replace(/[<>]/, (c) => (c === '<' ? '>' : '<'))
        : e.operator;
      // Bounds are inclusive here; the condition itself decides at the edge.
      if (operator === '>' || operator === '>=' || operator === '=') from = time;
      if (operator === '<' || operator === '<=' || operator === '=') to = time;
    }
    return { equal, from, to };
  }

  *rows(depth = 0, joined: Joined = {}): Generator<Joined> {
    const source = this.#query.from[depth];
    if (source === undefined) {
      yield joined;
      return;
    }
    const view = VIEWS[source.view];
    if (view === undefined) {
      throw badQuery(
        `there is no view ${source.view}; there are ${Object.keys(VIEWS).join(', ')}.`,
      );
    }
    const constraint = this.#constraint(source.alias, joined);
    for (const row of view.rows(this.#account, constraint)) {
      if (++this.#seen > MAX_ROWS_SEEN) {
        throw badQuery(`it looks at more than ${MAX_ROWS_SEEN} rows: narrow it by asset or time.`);
      }
      const next = { ...joined, [source.alias]: row };
      const lookup = this.lookup(next);
      if (this.#conditions[depth]?.every((c) => evaluate(c, lookup) === true)) {
        yield* this.rows(depth + 1, next);
      }
    }
  }
}

function aggregatesIn(e: Expression): Extract<Expression, { kind: 'aggregate' }>[] {
  if (e.kind === 'aggregate') return [e];
  if (e.kind === 'binary') return [...aggregatesIn(e.left), ...aggregatesIn(e.right)];
  return e.kind === 'negate' || e.kind === 'not' ? aggregatesIn(e.operand) : [];
}

function aggregate(
  e: Extract<Expression, { kind: 'aggregate' }>,
  lookups: readonly Lookup[],
): SqlValue {
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

interface ResultRow {
  cells: SqlValue[];
  order: SqlValue[];
}

function run(account: Account, query: Query): { names: string[]; rows: ResultRow[] } {
  const execution = new Execution(account, query);
  const select =
    query.select.length > 0
      ? query.select
      : query.from.flatMap(({ view, alias }) =>
          Object.keys(VIEWS[view]?.columns ?? {}).map((name) => ({
            expression: { kind: 'column', table: alias, name } as Expression,
            name,
          })),
        );
  // A name given in SELECT may be used to order by.
  const order = query.orderBy.map(({ expression }) => {
    const named =
      expression.kind === 'column' && expression.table === undefined
        ? query.select.find((s) => s.name === expression.name)
        : undefined;
    return named?.expression ?? expression;
  });
  for (const e of [...select.map((s) => s.expression), ...order, ...query.groupBy]) {
    for (const c of columnsIn(e)) ownerOf(query, c.table, c.name);
  }
  const all = [...select.map((s) => s.expression), ...order];
  const lookups: Lookup[] = [];
  for (const joined of execution.rows()) lookups.push(execution.lookup(joined));
  const rows: ResultRow[] = [];
  const finish = (lookup: Lookup, values?: Map<Expression, SqlValue>) => {
    const cells = all.map((e) => evaluate(e, lookup, values));
    rows.push({ cells: cells.slice(0, select.length), order: cells.slice(select.length) });
  };
  const aggregates = all.flatMap(aggregatesIn);
  if (aggregates.length === 0 && query.groupBy.length === 0) {
    for (const lookup of lookups) finish(lookup);
  } else {
    const groups = new Map<string, Lookup[]>();
    if (query.groupBy.length === 0) groups.set('', []);
    for (const lookup of lookups) {
      const key = query.groupBy.map((e) => String(evaluate(e, lookup))).join('\u0000');
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [lookup]);
      else group.push(lookup);
    }
    for (const group of groups.values()) {
      const values = new Map<Expression, SqlValue>(aggregates.map((a) => [a, aggregate(a, group)]));
      finish(group[0] ?? (() => null), values);
    }
  }
  return { names: select.map((s) => s.name), rows };
}

function sortRows(query: Query, rows: ResultRow[]): void {
  rows.sort((a, b) => {
    for (const [i, { descending }] of query.orderBy.entries()) {
      const [x, y] = [a.order[i] ?? null, b.order[i] ?? null];
      const order = x === null ? (y === null ? 0 : 1) : y === null ? -1 : (compare(x, y) ?? 0);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  });
}

function scalarType(values: readonly SqlValue[]): string {
  const value = values.find((v) => v !== null);
  switch (typeof value) {
    case 'bigint':
      return 'TIMESTAMP';
    case 'boolean':
      return 'BOOLEAN';
    case 'number':
      return values.every((v) => v === null || Number.isInteger(v)) ? 'INT' : 'DOUBLE';
    default:
      return 'STRING';
  }
}

function columnType(query: Query, index: number, values: readonly SqlValue[]): string {
  const expression = query.select[index]?.expression;
  if (expression?.kind === 'column') {
    const alias = ownerOf(query, expression.table, expression.name);
    const view = query.from.find((f) => f.alias === alias)?.view ?? '';
    return VIEWS[view]?.columns[expression.name] ?? 'STRING';
  }
  return scalarType(values);
}

/** ExecuteQuery: a subset of SQL over the account's views. */
export function createExecuteQuery(account: Account) {
  return (input: sdk.ExecuteQueryRequest) => {
    const query = parseQuery(input.queryStatement ?? '');
    const { names, rows: found } = run(account, query);
    let rows = found;
    sortRows(query, rows);
    if (query.distinct) {
      const seen = new Set<string>();
      rows = rows.filter((row) => {
        const key = row.cells.map(String).join('\u0000');
        return !seen.has(key) && seen.add(key);
      });
    }
    rows = rows.slice(
      query.offset,
      query.limit === undefined ? undefined : query.offset + query.limit,
    );
    const scope = `ExecuteQuery/${input.queryStatement}`;
    const start = Number(decodeToken(scope, input.nextToken) ?? 0);
    const end = start + Math.min(input.maxResults ?? MAX_PAGE_ROWS, MAX_PAGE_ROWS);
    const columns = names.map((name, i) => ({
      name,
      type: {
        scalarType: columnType(
          query,
          i,
          rows.map((r) => r.cells[i] ?? null),
        ),
      },
    }));
    const texts = rows.slice(start, end).map((row) => ({
      data: row.cells.map((v) => (v === null ? { nullValue: true } : { scalarValue: String(v) })),
    }));
    return new RawJson(
      JSON.stringify({
        columns,
        rows: texts,
        ...(end < rows.length ? { nextToken: encodeToken(scope, end) } : {}),
      }),
    );
  };
}
