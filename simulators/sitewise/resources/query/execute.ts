import type * as sdk from '@aws-sdk/client-iotsitewise';
import { RawJson } from '../../api/handler.js';
import { decodeToken, encodeToken } from '../../api/pagination.js';
import { END_OF_TIME, type StoredTime } from '../../store/value-store.js';
import type { Account } from '../account.js';
import {
  aggregate,
  aggregatesIn,
  type Column,
  columnsIn,
  compare,
  evaluate,
  hasAggregate,
  type Lookup,
} from './evaluate.js';
import { badQuery, type Expression, type Query, type SqlValue } from './expression.js';
import { parseQuery } from './parse.js';
import { type Constraint, type Row, VIEWS } from './views.js';

/** Rows in a page by default, as the API has it. */
const PAGE_ROWS = 25;
/** Rows in one page at most, and rows that a query may look at. */
const MAX_PAGE_ROWS = 20_000;
const MAX_ROWS_SEEN = 2_000_000;

/** One row of every view of the query, by alias. */
type Joined = Record<string, Row>;

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
    const isMine = (e: Expression): e is Column =>
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
      if (typeof value !== 'bigint') continue;
      const time = toStoredTime(value);
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
  const having = query.having;
  for (const e of [...select.map((s) => s.expression), ...order, ...query.groupBy, ...having]) {
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
  const aggregates = [...all, ...having].flatMap(aggregatesIn);
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
      const lookup = group[0] ?? (() => null);
      if (having.every((e) => evaluate(e, lookup, values) === true)) finish(lookup, values);
    }
  }
  return { names: select.map((s) => s.name), rows };
}

function sortRows(query: Query, rows: ResultRow[]): void {
  rows.sort((a, b) => {
    for (const [i, { descending, nullsFirst }] of query.orderBy.entries()) {
      const [x, y] = [a.order[i] ?? null, b.order[i] ?? null];
      if (nullsFirst !== undefined && (x === null) !== (y === null)) {
        return (x === null) === nullsFirst ? -1 : 1;
      }
      const order = x === null ? (y === null ? 0 : 1) : y === null ? -1 : (compare(x, y) ?? 0);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  });
}

/** As the service writes it: times in ISO 8601, UTC, as fine as they are. */
function toText(value: SqlValue): string {
  if (typeof value !== 'bigint') return String(value);
  const seconds = new Date(Number(value / NS_PER_S) * 1000).toISOString().slice(0, 19);
  const fraction = String(value % NS_PER_S)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
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
    const end = start + Math.min(input.maxResults ?? PAGE_ROWS, MAX_PAGE_ROWS);
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
      data: row.cells.map((v) => (v === null ? { nullValue: true } : { scalarValue: toText(v) })),
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
