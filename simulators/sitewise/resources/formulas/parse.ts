/** A formula, parsed. */
export type Formula =
  | { kind: 'number'; value: number }
  | { kind: 'text'; value: string }
  | { kind: 'variable'; name: string }
  | { kind: 'unary'; operator: '-' | 'not'; operand: Formula }
  | { kind: 'binary'; operator: BinaryOperator; left: Formula; right: Formula }
  | { kind: 'call'; name: string; args: Formula[] };

export type BinaryOperator =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'and'
  | 'or';

/** A formula that cannot be read, with the place where it breaks off. */
export class FormulaError extends Error {
  override readonly name = 'FormulaError';
}

interface Token {
  kind: 'number' | 'text' | 'name' | 'symbol' | 'end';
  text: string;
  at: number;
}

const TOKEN =
  /\s*(?:(\d+(?:\.(?![A-Za-z_])\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|([A-Za-z_][A-Za-z0-9_]*)|(==|!=|<=|>=|[-+*/%^<>(),.]))/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(text);
    if (m === null)
      throw new FormulaError(`Unexpected "${text.slice(at).trim()[0]}" at ${at + 1}.`);
    const [, number, quoted, name, symbol] = m;
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (quoted !== undefined) {
      tokens.push({ kind: 'text', text: quoted.slice(1, -1).replace(/\\(.)/g, '$1'), at });
    } else if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else tokens.push({ kind: 'symbol', text: symbol ?? '', at });
  }
  tokens.push({ kind: 'end', text: 'the end', at: text.length });
  return tokens;
}

/** How strongly operators bind, the weakest first. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['or'],
  ['and'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
];
/** Parentheses and calls inside one another, at most. */
const MAX_DEPTH = 64;

class Parser {
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #accept(text: string): boolean {
    const token = this.#peek();
    if (token.kind === 'text' || token.text.toLowerCase() !== text) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unexpected(`"${text}"`);
  }

  #unexpected(expected: string): FormulaError {
    const token = this.#peek();
    return new FormulaError(`Expected ${expected} at ${token.at + 1}, found ${token.text}.`);
  }

  parse(): Formula {
    const formula = this.#binary(0);
    if (this.#peek().kind !== 'end') throw this.#unexpected('an operator or the end');
    return formula;
  }

  #binary(level: number): Formula {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = operators.find((o) => this.#accept(o));
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Formula {
    if (++this.#depth > MAX_DEPTH) throw new FormulaError('The formula is nested too deeply.');
    try {
      if (this.#accept('-')) return { kind: 'unary', operator: '-', operand: this.#unary() };
      if (this.#accept('+')) return this.#unary();
      if (this.#accept('not')) return { kind: 'unary', operator: 'not', operand: this.#unary() };
      const base = this.#called();
      // Powers bind to the right and stronger than a sign before them.
      if (this.#accept('^')) {
        return { kind: 'binary', operator: '^', left: base, right: this.#unary() };
      }
      return base;
    } finally {
      this.#depth--;
    }
  }

  /** A value, and functions that are called on it: `a.gt(1)` is `gt(a, 1)`. */
  #called(): Formula {
    let value = this.#primary();
    while (this.#accept('.')) {
      const token = this.#peek();
      if (token.kind !== 'name') throw this.#unexpected('a function');
      this.#next++;
      this.#expect('(');
      value = { kind: 'call', name: token.text.toLowerCase(), args: [value, ...this.#args()] };
    }
    return value;
  }

  #primary(): Formula {
    const token = this.#peek();
    if (token.kind === 'number') {
      this.#next++;
      return { kind: 'number', value: Number(token.text) };
    }
    if (token.kind === 'text') {
      this.#next++;
      return { kind: 'text', value: token.text };
    }
    if (this.#accept('(')) {
      const inner = this.#binary(0);
      this.#expect(')');
      return inner;
    }
    if (token.kind !== 'name') throw this.#unexpected('a value');
    this.#next++;
    if (!this.#accept('(')) return this.#name(token.text);
    return { kind: 'call', name: token.text.toLowerCase(), args: this.#args() };
  }

  #args(): Formula[] {
    const args: Formula[] = [];
    if (this.#accept(')')) return args;
    do args.push(this.#binary(0));
    while (this.#accept(','));
    this.#expect(')');
    return args;
  }

  #name(name: string): Formula {
    switch (name.toLowerCase()) {
      case 'pi':
        return { kind: 'number', value: Math.PI };
      case 'e':
        return { kind: 'number', value: Math.E };
      case 'true':
        return { kind: 'number', value: 1 };
      case 'false':
        return { kind: 'number', value: 0 };
      default:
        return { kind: 'variable', name };
    }
  }
}

/** Parses a formula. @throws FormulaError saying where and why */
export function parseFormula(text: string): Formula {
  return new Parser(text).parse();
}

/** Every variable and every function that a formula names. */
export function namesIn(formula: Formula): { variables: Set<string>; functions: Set<string> } {
  const variables = new Set<string>();
  const functions = new Set<string>();
  const walk = (f: Formula): void => {
    switch (f.kind) {
      case 'variable':
        variables.add(f.name);
        break;
      case 'unary':
        walk(f.operand);
        break;
      case 'binary':
        walk(f.left);
        walk(f.right);
        break;
      case 'call':
        functions.add(f.name);
        f.args.forEach(walk);
    }
  };
  walk(formula);
  return { variables, functions };
}
