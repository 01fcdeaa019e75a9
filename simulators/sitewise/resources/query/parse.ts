import { badQuery, type Expression, type Query, type SelectItem } from './expression.js';
import { parseTimestamp, type Token, tokenize } from './tokens.js';

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
