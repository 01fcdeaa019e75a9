/** Powers of ten that a double holds exactly. */
export const TENS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Digits whose number a double holds exactly: divided by an exact power of ten it is rounded once. */
const EXACT_DIGITS = 15;
const POINT = 46;

/** The digit at a place; below 0 or above 9 where there is none. */
export const digitAt = (bytes: Uint8Array, i: number): number => bytes[i]! - 48;

/** The number of two digits; `NaN` where they are none. */
export function twoDigitsAt(bytes: Uint8Array, i: number): number {
  const [tens, ones] = [digitAt(bytes, i), digitAt(bytes, i + 1)];
  return tens >= 0 && tens < 10 && ones >= 0 && ones < 10 ? tens * 10 + ones : Number.NaN;
}

/** Whether a piece of the bytes is exactly so. */
export function sameBytes(bytes: Uint8Array, from: number, to: number, as: Uint8Array): boolean {
  if (to - from !== as.length) return false;
  for (let i = 0; i < as.length; i++) if (bytes[from + i] !== as[i]) return false;
  return true;
}

/** A text of ASCII. */
const asciiText = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.prototype.latin1Slice.call(bytes, from, to);

/**
 * The number that a cell holds, from its bytes; `NaN` where it is anything else or its text has to be
 * looked at. It is what `numberOf` makes of the text.
 *
 * @param mark code of the decimal mark
 */
export function numberAt(bytes: Uint8Array, from: number, to: number, mark: number): number {
  let i = from;
  const negative = bytes[i] === 45;
  if (negative) i++;
  let value = 0;
  let digits = 0;
  let decimals = -1;
  for (; i < to; i++) {
    const c = bytes[i]!;
    if (c >= 48 && c <= 57) {
      value = value * 10 + (c - 48);
      digits++;
      if (decimals >= 0) decimals++;
    } else if (c === mark && decimals < 0) decimals = 0;
    else return scientificAt(bytes, from, to, i, mark);
  }
  if (digits === 0) return Number.NaN;
  if (digits > EXACT_DIGITS) return scientificAt(bytes, from, to, to, mark);
  const result = decimals > 0 ? value / TENS[decimals]! : value;
  return negative ? -result : result;
}

/** A number with an exponent, or with more digits than are exact in steps. */
function scientificAt(
  bytes: Uint8Array,
  from: number,
  to: number,
  known: number,
  mark: number,
): number {
  if (known === from) return Number.NaN;
  for (let i = known; i < to; i++) {
    const c = bytes[i]!;
    const isPart = (c >= 48 && c <= 57) || c === 101 || c === 69 || c === 43 || c === 45;
    if (!isPart && c !== mark) return Number.NaN;
  }
  const text = asciiText(bytes, from, to);
  const value = Number(mark === POINT ? text : text.replace(',', '.'));
  return Number.isFinite(value) ? value : Number.NaN;
}
