/** A unit in SI base units: `si = factor · value + offset`. */
export interface ParsedUnit {
  factor: number;
  offset: number;
  /** Exponents of kg, m, s, A, K, mol, cd and rad; those of zero left out. */
  exponents: Readonly<Record<string, number>>;
}

type Exponents = Record<string, number>;
const unit = (factor: number, exponents: Exponents = {}, offset = 0): ParsedUnit => ({
  factor,
  offset,
  exponents,
});

const NEWTON = { kg: 1, m: 1, s: -2 };
const PASCAL = { kg: 1, m: -1, s: -2 };
const JOULE = { kg: 1, m: 2, s: -2 };
const WATT = { kg: 1, m: 2, s: -3 };
const VOLT = { kg: 1, m: 2, s: -3, A: -1 };
/** Conventional values of the SI brochure (9th edition) and of NIST SP 811, appendix B. */
const FOOT = 0.3048;
const POUND = 0.45359237;
const GRAVITY = 9.80665;

/** Units that take prefixes. */
const PREFIXED: Readonly<Record<string, ParsedUnit>> = {
  g: unit(1e-3, { kg: 1 }),
  m: unit(1, { m: 1 }),
  s: unit(1, { s: 1 }),
  A: unit(1, { A: 1 }),
  K: unit(1, { K: 1 }),
  mol: unit(1, { mol: 1 }),
  cd: unit(1, { cd: 1 }),
  rad: unit(1, { rad: 1 }),
  N: unit(1, NEWTON),
  Pa: unit(1, PASCAL),
  J: unit(1, JOULE),
  W: unit(1, WATT),
  V: unit(1, VOLT),
  Ohm: unit(1, { kg: 1, m: 2, s: -3, A: -2 }),
  S: unit(1, { kg: -1, m: -2, s: 3, A: 2 }),
  F: unit(1, { kg: -1, m: -2, s: 4, A: 2 }),
  H: unit(1, { kg: 1, m: 2, s: -2, A: -2 }),
  C: unit(1, { s: 1, A: 1 }),
  T: unit(1, { kg: 1, s: -2, A: -1 }),
  Wb: unit(1, { kg: 1, m: 2, s: -2, A: -1 }),
  Hz: unit(1, { s: -1 }),
  lm: unit(1, { cd: 1 }),
  lx: unit(1, { cd: 1, m: -2 }),
  l: unit(1e-3, { m: 3 }),
  L: unit(1e-3, { m: 3 }),
  bar: unit(1e5, PASCAL),
  t: unit(1000, { kg: 1 }),
  eV: unit(1.602176634e-19, JOULE),
  Wh: unit(3600, JOULE),
  Ah: unit(3600, { s: 1, A: 1 }),
  VA: unit(1, WATT),
  var: unit(1, WATT),
  cal: unit(4.184, JOULE),
};

/** Units that stand as they are. */
const PLAIN: Readonly<Record<string, ParsedUnit>> = {
  '1': unit(1),
  '%': unit(0.01),
  ppm: unit(1e-6),
  '‰': unit(1e-3),
  min: unit(60, { s: 1 }),
  h: unit(3600, { s: 1 }),
  hr: unit(3600, { s: 1 }),
  d: unit(86400, { s: 1 }),
  deg: unit(Math.PI / 180, { rad: 1 }),
  rev: unit(2 * Math.PI, { rad: 1 }),
  rpm: unit((2 * Math.PI) / 60, { rad: 1, s: -1 }),
  degC: unit(1, { K: 1 }, 273.15),
  degF: unit(5 / 9, { K: 1 }, 273.15 - (32 * 5) / 9),
  degRk: unit(5 / 9, { K: 1 }),
  atm: unit(101325, PASCAL),
  mmHg: unit(133.322387415, PASCAL),
  psi: unit((POUND * GRAVITY) / (FOOT / 12) ** 2, PASCAL),
  in: unit(FOOT / 12, { m: 1 }),
  ft: unit(FOOT, { m: 1 }),
  lb: unit(POUND, { kg: 1 }),
  lbf: unit(POUND * GRAVITY, NEWTON),
  gal: unit(231 * (FOOT / 12) ** 3, { m: 3 }),
  gpm: unit((231 * (FOOT / 12) ** 3) / 60, { m: 3, s: -1 }),
  cfm: unit(FOOT ** 3 / 60, { m: 3, s: -1 }),
  hp: unit(550 * FOOT * POUND * GRAVITY, WATT),
  mph: unit((5280 * FOOT) / 3600, { m: 1, s: -1 }),
  Nm: unit(1, { kg: 1, m: 2, s: -2 }),
};

const PREFIXES: Readonly<Record<string, number>> = {
  p: 1e-12,
  n: 1e-9,
  u: 1e-6,
  µ: 1e-6,
  μ: 1e-6,
  m: 1e-3,
  c: 1e-2,
  d: 0.1,
  da: 10,
  h: 100,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

/** Spellings that people and tools use beside those of the Modelica specification. */
const SPELLINGS: Readonly<Record<string, string>> = {
  '°C': 'degC',
  '℃': 'degC',
  Cel: 'degC',
  deg_C: 'degC',
  '°F': 'degF',
  deg_F: 'degF',
  Kelvin: 'K',
  '°': 'deg',
  '\u2126': 'Ohm',
  '\u03a9': 'Ohm',
  ohm: 'Ohm',
  sec: 's',
  hour: 'h',
  day: 'd',
  tr: 'rev',
  '-': '1',
};

function atom(name: string): ParsedUnit | undefined {
  const symbol = own(SPELLINGS, name) ?? name;
  const whole = own(PLAIN, symbol) ?? own(PREFIXED, symbol);
  if (whole !== undefined) return whole;
  for (const length of [1, 2]) {
    const scale = own(PREFIXES, symbol.slice(0, length));
    const base = own(PREFIXED, own(SPELLINGS, symbol.slice(length)) ?? symbol.slice(length));
    if (scale !== undefined && base !== undefined) return { ...base, factor: base.factor * scale };
  }
  return undefined;
}

const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/**
 * Reads a unit as the Modelica specification writes it (chapter "Unit expressions"), which FMUs follow:
 * `N.m.s/rad`, `kg/(m.s2)`, `m3/h`. Dots may be `*`, `·` or blanks, exponents may follow a `^`, and
 * everyday spellings such as `°C` are known. Where a name can be read with and without a prefix, it has none.
 *
 * @returns `undefined` for what is no unit known here
 */
export function parseUnit(text: string): ParsedUnit | undefined {
  const plain = text
    .trim()
    .replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (c) => String(SUPERSCRIPTS.indexOf(c)))
    .replace(/⁻/g, '-')
    .replace(/\*\*|\^/g, '')
    .replace(/\s*\/\s*/g, '/')
    .replace(/\s*[*·⋅.]\s*|\s+/g, '.');
  const tokens = plain.match(/[()/.]|[^()/.]+/g);
  if (tokens === null || tokens.join('') !== plain) return undefined;
  let at = 0;
  const product = (): ParsedUnit | undefined => {
    let result = factor();
    while (result !== undefined && (tokens[at] === '.' || tokens[at] === '/')) {
      const divides = tokens[at++] === '/';
      const next = factor();
      result = next && multiply(result, next, divides ? -1 : 1);
    }
    return result;
  };
  const factor = (): ParsedUnit | undefined => {
    const token = tokens[at++];
    if (token === undefined || token === ')' || token === '/' || token === '.') return undefined;
    if (token !== '(') {
      const whole = atom(token);
      if (whole !== undefined) return whole;
      const [, name, exponent] = /^(.*?[^\d+-])([+-]?\d)$/.exec(token) ?? [];
      const base = name === undefined ? undefined : atom(name);
      return base && power(base, Number(exponent));
    }
    const inside = product();
    return tokens[at++] === ')' ? inside : undefined;
  };
  const result = product();
  return at === tokens.length ? result : undefined;
}

function power(base: ParsedUnit, exponent: number): ParsedUnit {
  // A power of a temperature is one of differences.
  return {
    factor: base.factor ** exponent,
    offset: exponent === 1 ? base.offset : 0,
    exponents: Object.fromEntries(
      Object.entries(base.exponents).flatMap(([k, e]) =>
        exponent === 0 ? [] : [[k, e * exponent]],
      ),
    ),
  };
}

function multiply(a: ParsedUnit, b: ParsedUnit, sign: 1 | -1): ParsedUnit {
  const exponents: Exponents = { ...a.exponents };
  for (const [key, e] of Object.entries(b.exponents)) {
    const sum = (exponents[key] ?? 0) + sign * e;
    if (sum === 0) delete exponents[key];
    else exponents[key] = sum;
  }
  return { factor: a.factor * b.factor ** sign, offset: 0, exponents };
}
