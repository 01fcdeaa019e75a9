/** Ranges of all other values that a wild one lies outside of theirs. */
const RANGES = 10;
/** Fewer values have no range to speak of. */
export const LEAST = 8;
/** Times an error code comes at least, the very same, … */
const LEAST_REPEATS = 3;
/** … in a row at most: what stays for longer is where the machine is. */
export const MOST_IN_A_ROW = 5;
/** Different error codes of a sensor, … */
const MOST_CODES = 2;
/** … times the largest of all others that they are at least, … */
const CODE_TIMES = 10;
/** … and share of the values that are none at least. */
const LEAST_READ = 0.5;

/** What is wild among the values of a channel. */
export interface Wild {
  places: number[];
  /** The range of all others. */
  from: number;
  to: number;
}

/** Whether a value lies ten ranges of all others outside of theirs. */
export function isFarOutside({ from, to }: { from: number; to: number }, value: number): boolean {
  const reach = RANGES * (to - from || Math.abs(to));
  return value < from - reach || value > to + reach;
}

/** Tells of each of some places whether an input, then or just before, is where it is nowhere else. */
export function drivenAt(
  inputs: readonly Float64Array[],
  places: readonly number[],
): (place: number) => boolean {
  const apart = new Set(places.flatMap((p) => [p - 1, p]));
  const ranges = inputs.map((input) => {
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    input.forEach((v, k) => {
      if (apart.has(k)) return;
      least = Math.min(least, v);
      greatest = Math.max(greatest, v);
    });
    return { input, least, greatest };
  });
  return (i) =>
    ranges.some(({ input, least, greatest }) =>
      [i - 1, i].some((k) => input[k]! < least || input[k]! > greatest),
    );
}

/** The values of most that are ten times as large as any of those below them, and the range of these. */
function largeIn(
  values: Float64Array,
): { large: Float64Array; from: number; to: number } | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => Math.abs(a) - Math.abs(b));
  const read = sorted.findIndex(
    (v, k) =>
      k >= Math.max(LEAST, LEAST_READ * sorted.length) &&
      Math.abs(v) >= CODE_TIMES * Math.abs(sorted[k - 1]!),
  );
  if (read < 0) return;
  const others = sorted.subarray(0, read);
  return {
    large: sorted.subarray(read),
    from: leastOf(others),
    to: -leastOf(others.map((v) => -v)),
  };
}

/** Where values that are such are as large and far as an error code. */
const codedPlaces = (
  values: Float64Array,
  others: { from: number; to: number },
  is: (value: number) => boolean,
): number[] => [...values.keys()].filter((i) => is(values[i]!) && isErrorCode(others, values[i]!));

/** What devices send for none, whatever it is a value of. */
export function sentinelsIn(values: Float64Array): Wild | undefined {
  const found = largeIn(values);
  if (found === undefined) return;
  const { from, to } = found;
  const places = codedPlaces(values, found, isSentinel);
  return places.length > 0 ? { places, from, to } : undefined;
}

/**
 * Error codes of a sensor: what devices send for none; or one value or two again and again (850, −1234), ten
 * times as large as any other and never for long. Where an input is outside of its own range at most of them,
 * they may be the machine.
 */
export function codesIn(values: Float64Array, inputs: readonly Float64Array[]): Wild | undefined {
  const found = largeIn(values);
  if (found === undefined) return;
  const { large, from, to } = found;
  const sure = codedPlaces(values, found, isNoReading);
  const repeats = new Map<number, number>();
  for (const v of large) if (!isNoReading(v)) repeats.set(v, (repeats.get(v) ?? 0) + 1);
  const likely = codedPlaces(values, found, (v) => repeats.has(v));
  const driven = likely.filter(drivenAt(inputs, likely)).length;
  const areCodes =
    repeats.size <= MOST_CODES &&
    [...repeats.values()].every((times) => times >= LEAST_REPEATS) &&
    2 * driven <= likely.length &&
    longestRun(values, new Set(likely)) <= MOST_IN_A_ROW;
  const places = areCodes ? [...sure, ...likely].sort((a, b) => a - b) : sure;
  return places.length > 0 ? { places, from, to } : undefined;
}

/** Whether a value is as large, beside all others, as an error code. */
export const isLarge = ({ from, to }: { from: number; to: number }, value: number): boolean =>
  Math.abs(value) >= CODE_TIMES * Math.max(Math.abs(from), Math.abs(to));

/** Whether a value is as large and as far from all others as an error code. */
export const isErrorCode = (others: { from: number; to: number }, value: number): boolean =>
  others.to > others.from && isLarge(others, value) && isFarOutside(others, value);

/** Most values in a row that stand at places, those that are missing left out. */
function longestRun(values: Float64Array, places: ReadonlySet<number>): number {
  let [longest, run] = [0, 0];
  values.forEach((v, i) => {
    if (Number.isNaN(v)) return;
    run = places.has(i) ? run + 1 : 0;
    longest = Math.max(longest, run);
  });
  return longest;
}

/** Whether a value is one that devices send for none of a reading: as {@link isSentinel}, or the limits of 16 bits. */
export const isNoReading = (value: number): boolean =>
  isSentinel(value) || LIMITS_16.has(Math.abs(value));

const LIMITS_16: ReadonlySet<number> = new Set([2 ** 15 - 1, 2 ** 15, 2 ** 16 - 1]);

/**
 * Whether a value is one that devices send for none, and that no command is: nines only (−999, 9999), the limits of
 * whole numbers of 32 bits, the lowest of 16, or more than any quantity.
 */
export function isSentinel(value: number): boolean {
  const size = Math.abs(value);
  return size >= 1e30 || /^9{3,}$/.test(String(size)) || SENTINELS.has(value);
}

const SENTINELS: ReadonlySet<number> = new Set([
  -(2 ** 15),
  -(2 ** 31),
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
]);

const leastOf = (values: Float64Array): number => values.reduce((a, b) => Math.min(a, b));
