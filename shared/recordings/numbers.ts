import { isUnit } from './names.js';

/** The mark between whole numbers and fractions. */
export type DecimalMark = '.' | ',';

/** Digits in groups of three: `1 234 567`, also with thin and no-break spaces, or `1'234`. */
const SPACED = /^([+-]?\d{1,3})((?:[ \u00A0\u202F'’]\d{3})+)(?=$|[.,eE])/;
const GROUPED: Readonly<Record<DecimalMark, RegExp>> = {
  // One group without a decimal mark could be a fraction under the other convention: not here.
  '.': /^[+-]?\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})$/,
  ',': /^[+-]?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})$/,
};

/**
 * The number that a cell holds. A cell that could be read two ways (`2,000` where the decimal mark is
 * a point) is not read.
 *
 * @param text without space around it
 * @returns `NaN` where it holds none; never infinite
 */
export function numberOf(text: string, decimal: DecimalMark): number {
  const c = text.charCodeAt(0);
  // A digit, sign, point or comma begins a number; `+text` alone would take "" and "0x1F".
  if (!((c >= 48 && c <= 57) || (c >= 43 && c <= 46))) return Number.NaN;
  if (decimal === '.') {
    const value = +text;
    if (value - value === 0 && !isPrefixed(text)) return value;
  } else if (!text.includes('.')) {
    const value = +text.replace(',', '.');
    if (value - value === 0 && !isPrefixed(text)) return value;
  }
  return groupedNumber(text, decimal);
}

const isPrefixed = (text: string) => /^[+-]?0[xob]/i.test(text);

const LOOSELY_GROUPED: Readonly<Record<DecimalMark, RegExp>> = {
  '.': /^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/,
  ',': /^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?$/,
};

/** As {@link numberOf}, where somebody said what the decimal mark is: `2,000` is 2000 beside a point. */
export function numberOfTold(text: string, decimal: DecimalMark): number {
  const value = numberOf(text, decimal);
  if (!Number.isNaN(value) || !LOOSELY_GROUPED[decimal].test(text)) return value;
  return Number(text.replaceAll(decimal === '.' ? ',' : '.', '').replace(',', '.'));
}

function groupedNumber(text: string, decimal: DecimalMark): number {
  if (GROUPED[decimal].test(text)) {
    const group = decimal === '.' ? ',' : '.';
    return Number(text.replaceAll(group, '').replace(',', '.'));
  }
  const spaced = SPACED.exec(text);
  if (spaced === null) return Number.NaN;
  const rest = text.slice(spaced[0].length);
  return numberOf(`${spaced[1]}${(spaced[2] ?? '').replace(/\D/g, '')}${rest}`, decimal);
}

/** A number and what stands behind it: a unit of letters behind a space, or one that begins with a sign. */
const WITH_UNIT = /^([+-]?\d[\d.,eE+-]*|[+-]?[.,]\d+)(?:\s+(\S{1,12})|([%°µΩ]\S{0,8}))$/;

/** A cell of a number with its unit behind it, as `23.5 °C` or `40%`, taken apart; undefined of anything else. */
export function numberWithUnit(text: string): { number: string; unit: string } | undefined {
  const match = WITH_UNIT.exec(text);
  const unit = match?.[2] ?? match?.[3];
  return match === null || unit === undefined || /^[\d-]*$/.test(unit) || !isUnit(unit)
    ? undefined
    : { number: match[1]!, unit };
}

/** Words by which historians say that there is no good value. */
const QUALITY_WORDS = new Set([
  ...['bad', 'bad input', 'bad data', 'bad quality', 'bad value', 'bad_value', 'invalid', 'error'],
  ...[
    'no data',
    'nodata',
    'no value',
    'no result',
    'no good data',
    'missing',
    'none',
    'null',
    'nil',
  ],
  ...['nan', '1.#qnan', '-1.#ind', '1.#inf', 'n/a', '#n/a', 'na', '#na', '#value!', '#ref!'],
  ...['#div/0!', '#num!', '#name?', '#null!', '-', '--', '---', '?', '???', '****', '<null>'],
  ...['i/o timeout', 'io timeout', 'timeout', 'comm fail', 'comm failure', 'communication failure'],
  ...['not connect', 'not connected', 'disconnected', 'offline', 'out of service', 'out of serv'],
  ...['under range', 'over range', 'underrange', 'overrange', 'out of range', 'calc failed'],
  ...[
    'calc fail',
    'calc overflow',
    'shutdown',
    'scan off',
    'scan timeout',
    'pt created',
    'configure',
  ],
  ...['configuration error', 'sensor failure', 'device failure', 'last known', 'uncertain'],
  ...['intf shut', 'interface shutdown', 'arc offline', 'arc off-line', 'no sample', 'no alarm'],
  ...[
    'inp outrange',
    'equip fail',
    'failed',
    'substituted',
    'tag not found',
    'trace',
    'inf',
    '-inf',
  ],
  ...['infinity', '-infinity', 'digital state', 'undefined', 'unknown', 'stale'],
]);

/** Whether a cell holds a historian's word for "no good value". */
export function isQualityWord(text: string): boolean {
  return QUALITY_WORDS.has(text.toLowerCase());
}

const TRUTHS: ReadonlyMap<string, number> = new Map([
  ['true', 1],
  ['false', 0],
  ['on', 1],
  ['off', 0],
  ['yes', 1],
  ['no', 0],
]);

/** 1 or 0 of `true`, `false`, `on`, `off`, `yes`, `no`; undefined of anything else. */
export function truthOf(text: string): number | undefined {
  return text.length > 5 ? undefined : TRUTHS.get(text.toLowerCase());
}
