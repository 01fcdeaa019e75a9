import { badQuery } from './expression.js';

/** A word of a query. */
export interface Token {
  kind: 'number' | 'text' | 'name' | 'quoted' | 'symbol' | 'end';
  text: string;
}

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|'((?:[^']|'')*)'|"([^"]+)"|([A-Za-z_]\w*)|(<>|!=|<=|>=|[-+*/%<>=(),.;]))/y;

/** @throws ApiFault `ValidationException` for what is no word of the language */
export function tokenize(text: string): Token[] {
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
