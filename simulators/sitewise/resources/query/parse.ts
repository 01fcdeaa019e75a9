import { ApiFault } from '../../api/faults.js';

/** A value in a query: times are bigints of nanoseconds. */
export type SqlValue = string | number | bigint | boolean | null;

/** An expression of a query. */
export type Expression =
  | { kind: 'literal'; value: SqlValue }
  | { kind: 'column'; table: string | undefined; name: string }
  | { kind: 'aggregate'; name: string; argument: Expression | undefined; distinct: boolean }
  | { kind: 'not' | 'negate'; operand: Expression }
  | { kind: 'isNull'; operand: Expression; negated: boolean }
  | { kind: 'in'; operand: Expression; options: Expression[]; negated: boolean }
  | { kind: 'concat'; arguments: Expression[] }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression };

/** One item of SELECT. */
export interface SelectItem {
  expression: Expression;
  name: string;
}

/** A query of the subset. */
export interface Query {
  distinct: boolean;
  /** Empty: every column. */
  select: SelectItem[];
  from: { view: string; alias: string }[];
  /** All conditions, of JOIN … ON and WHERE, that have to hold. */
  conditions: Expression[];
  groupBy: Expression[];
  /** Conditions on groups, that have to hold. */
  having: Expression[];
  orderBy: { expression: Expression; descending: boolean; nullsFirst: boolean | undefined }[];
  limit: number | undefined;
  offset: number;
}

/** @throws ApiFault `ValidationException` */
export const badQuery = (message: string) =>
  new ApiFault('ValidationException', `The query cannot be run: ${message}`);

const AGGREGATES = new Set(['count', 'sum', 'avg', 'min', 'max']);
const CLAUSES = new Set([
  'from',
  'where',
  'group',
  'order',
  'limit',
  'offset',
  'join',
  'inner',
  'on',
  'and',
  'or',
  'as',
  'asc',
  'desc',
  'not',
  'in',
  'is',
  'like',
  'between',
  'by',
  'having',
  'union',
  'left',
  'right',
]);
/** Parentheses inside one another, at most. */
const MAX_DEPTH = 50;
/** Operators in a query at most: each is a step of the recursion that evaluates it. */
const MAX_OPERATORS = 1000;

interface Token {
  kind: 'number' | 'text' | 'name' | 'quoted' | 'symbol' | 'end';
  text: string;
}

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|'((?:[^']|'')*)'|"([^"]+)"|([A-Za-z_]\w*)|(<>|!=|<=|>=|[-+*/%<>=(),.;]))/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(text);
    if (m === null) throw badQuery(`unexpected "${text.slice(at).trim().slice(0, 10)}".`);
    const [, number, quoted, identifier, name, symbol] = m;
    if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (quoted !== undefined)
      tokens.push({ kind: 'text', text: quoted.replaceAll("''", "'") });
    else if (identifier !== undefined) tokens.push({ kind: 'quoted', text: identifier });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else tokens.push({ kind: 'symbol', text: symbol ?? '' });
  }
  tokens.push({ kind: 'end', text: 'the end' });
  return tokens;
}

/** A time in nanoseconds of the epoch, UTC where no zone is given; undefined where it is none. */
export function parseTimestamp(text: string): bigint | undefined {
  const m =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?$/.exec(
      text.trim(),
    );
  if (m === null) return undefined;
  const [, date, time = '00:00', fraction = '', zone = 'Z'] = m;
  const ms = Date.parse(`${date}T${time}${zone}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

class Parser {
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;
  #operators = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  #binary(operator: string, left: Expression, right: Expression): Expression {
    if (++this.#operators > MAX_OPERATORS) {
      throw badQuery(`it has more than ${MAX_OPERATORS} operators.`);
    }
    return { kind: 'binary', operator, left, right };
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #is(word: string): boolean {
    const token = this.#peek();
    return (token.kind === 'name' || token.kind === 'symbol') && token.text.toLowerCase() === word;
  }

  #accept(...words: string[]): boolean {
    const start = this.#next;
    for (const word of words) {
      if (!this.#is(word)) {
        this.#next = start;
        return false;
      }
      this.#next++;
    }
    return true;
  }

  #expect(...words: string[]): void {
    if (!this.#accept(...words)) {
      throw badQuery(`expected ${words.join(' ').toUpperCase()}, found ${this.#peek().text}.`);
    }
  }

  #identifier(): string {
    const token = this.#peek();
    if (
      token.kind !== 'quoted' &&
      (token.kind !== 'name' || CLAUSES.has(token.text.toLowerCase()))
    ) {
      throw badQuery(`expected a name, found ${token.text}.`);
    }
    this.#next++;
    return token.text.toLowerCase();
  }

  parse(): Query {
    this.#expect('select');
    const distinct = this.#accept('distinct');
    const select: SelectItem[] = [];
    if (!this.#accept('*')) {
      do select.push(this.#selectItem());
      while (this.#accept(','));
    }
    this.#expect('from');
    const conditions: Expression[] = [];
    const from = [this.#view()];
    for (;;) {
      if (this.#accept(',')) from.push(this.#view());
      else if (this.#accept('join') || this.#accept('inner', 'join')) {
        from.push(this.#view());
        this.#expect('on');
        conditions.push(...conjuncts(this.#expression()));
      } else break;
    }
    if (this.#accept('where')) conditions.push(...conjuncts(this.#expression()));
    const groupBy: Expression[] = [];
    if (this.#accept('group', 'by')) {
      do groupBy.push(this.#additive());
      while (this.#accept(','));
    }
    const having = this.#accept('having') ? conjuncts(this.#expression()) : [];
    if (having.length > 0 && groupBy.length === 0) throw badQuery('HAVING wants a GROUP BY.');
    const orderBy: Query['orderBy'] = [];
    if (this.#accept('order', 'by')) {
      do {
        const expression = this.#additive();
        const descending = this.#accept('desc');
        if (!descending) this.#accept('asc');
        const nullsFirst = this.#accept('nulls', 'first')
          ? true
          : this.#accept('nulls', 'last')
            ? false
            : undefined;
        orderBy.push({ expression, descending, nullsFirst });
      } while (this.#accept(','));
    }
    const limit = this.#accept('limit') ? this.#count() : undefined;
    const offset = this.#accept('offset') ? this.#count() : 0;
    this.#accept(';');
    if (this.#peek().kind !== 'end') {
      throw badQuery(
        `"${this.#peek().text}" is not understood there; this stand-in knows SELECT, FROM, JOIN … ON, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT and OFFSET.`,
      );
    }
    return { distinct, select, from, conditions, groupBy, having, orderBy, limit, offset };
  }

  #count(): number {
    const token = this.#peek();
    const count = Number(token.text);
    if (token.kind !== 'number' || !Number.isInteger(count)) {
      throw badQuery(`expected a whole number, found ${token.text}.`);
    }
    this.#next++;
    return count;
  }

  #view(): { view: string; alias: string } {
    const view = this.#identifier();
    this.#accept('as');
    const token = this.#peek();
    const named =
      token.kind === 'quoted' || (token.kind === 'name' && !CLAUSES.has(token.text.toLowerCase()));
    return { view, alias: named ? this.#identifier() : view };
  }

  #selectItem(): SelectItem {
    const expression = this.#additive();
    const fallback =
      expression.kind === 'column'
        ? expression.name
        : expression.kind === 'aggregate'
          ? expression.name
          : 'expression';
    if (this.#accept('as')) return { expression, name: this.#identifier() };
    return { expression, name: fallback };
  }

  #expression(): Expression {
    let left = this.#and();
    while (this.#accept('or')) {
      left = this.#binary('or', left, this.#and());
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#accept('and')) {
      left = this.#binary('and', left, this.#not());
    }
    return left;
  }

  #not(): Expression {
    let negations = 0;
    while (this.#accept('not')) {
      if (++negations > MAX_DEPTH) throw badQuery('it is nested too deeply.');
    }
    let operand = this.#comparison();
    while (negations-- > 0) operand = { kind: 'not', operand };
    return operand;
  }

  #comparison(): Expression {
    const left = this.#additive();
    if (this.#accept('is')) {
      const negated = this.#accept('not');
      this.#expect('null');
      return { kind: 'isNull', operand: left, negated };
    }
    const negated = this.#accept('not');
    if (this.#accept('in')) {
      this.#expect('(');
      const options: Expression[] = [];
      do options.push(this.#additive());
      while (this.#accept(','));
      this.#expect(')');
      return { kind: 'in', operand: left, options, negated };
    }
    let found: Expression | undefined;
    if (this.#accept('between')) {
      const low = this.#additive();
      this.#expect('and');
      const high = this.#additive();
      found = {
        kind: 'binary',
        operator: 'and',
        left: { kind: 'binary', operator: '>=', left, right: low },
        right: { kind: 'binary', operator: '<=', left, right: high },
      };
    } else if (this.#accept('like')) {
      found = { kind: 'binary', operator: 'like', left, right: this.#additive() };
    }
    if (found !== undefined) return negated ? { kind: 'not', operand: found } : found;
    for (const operator of ['=', '<>', '!=', '<=', '>=', '<', '>']) {
      if (this.#accept(operator)) {
        const shown = operator === '!=' ? '<>' : operator;
        return { kind: 'binary', operator: shown, left, right: this.#additive() };
      }
    }
    return left;
  }

  #additive(): Expression {
    let left = this.#term();
    for (;;) {
      const operator = ['+', '-'].find((o) => this.#accept(o));
      if (operator === undefined) return left;
      left = this.#binary(operator, left, this.#term());
    }
  }

  #term(): Expression {
    let left = this.#primary();
    for (;;) {
      const operator = ['*', '/', '%'].find((o) => this.#accept(o));
      if (operator === undefined) return left;
      left = this.#binary(operator, left, this.#primary());
    }
  }

  #primary(): Expression {
    if (++this.#depth > MAX_DEPTH) throw badQuery('it is nested too deeply.');
    try {
      return this.#value();
    } finally {
      this.#depth--;
    }
  }

  #value(): Expression {
    const token = this.#peek();
    if (this.#accept('-')) return { kind: 'negate', operand: this.#primary() };
    if (this.#accept('(')) {
      const inner = this.#expression();
      this.#expect(')');
      return inner;
    }
    if (token.kind === 'number') {
      this.#next++;
      const number = Number(token.text);
      const exact = Number.isSafeInteger(number) || !/^\d+$/.test(token.text);
      return { kind: 'literal', value: exact ? number : BigInt(token.text) };
    }
    if (token.kind === 'text') {
      this.#next++;
      return { kind: 'literal', value: token.text };
    }
    if (this.#accept('null')) return { kind: 'literal', value: null };
    if (this.#accept('true')) return { kind: 'literal', value: true };
    if (this.#accept('false')) return { kind: 'literal', value: false };
    if (this.#accept('timestamp')) return this.#timestamp();
    const name = this.#identifier();
    if (this.#accept('(')) return this.#call(name);
    if (!this.#accept('.')) return { kind: 'column', table: undefined, name };
    return { kind: 'column', table: name, name: this.#identifier() };
  }

  #timestamp(): Expression {
    const token = this.#peek();
    const value = parseTimestamp(token.text);
    if (token.kind !== 'text' || value === undefined) {
      throw badQuery(`TIMESTAMP wants a text like '2026-01-31 12:00:00', found ${token.text}.`);
    }
    this.#next++;
    return { kind: 'literal', value };
  }

  #call(name: string): Expression {
    if (name === 'concat') {
      const parts = [this.#additive()];
      while (this.#accept(',')) parts.push(this.#additive());
      this.#expect(')');
      return { kind: 'concat', arguments: parts };
    }
    if (!AGGREGATES.has(name)) {
      throw badQuery(
        `there is no function ${name}; this stand-in has ${[...AGGREGATES, 'concat'].join(', ')}.`,
      );
    }
    const distinct = this.#accept('distinct');
    const argument = this.#accept('*') ? undefined : this.#additive();
    this.#expect(')');
    if (argument === undefined && name !== 'count') throw badQuery(`${name} wants a column.`);
    return { kind: 'aggregate', name, argument, distinct };
  }
}

/** Parts of a condition that all have to hold. */
function conjuncts(expression: Expression): Expression[] {
  return expression.kind === 'binary' && expression.operator === 'and'
    ? [...conjuncts(expression.left), ...conjuncts(expression.right)]
    : [expression];
}

/** Parses a query. @throws ApiFault `ValidationException` */
export function parseQuery(text: string): Query {
  return new Parser(text).parse();
}
