import type { TwinDefinition } from '../../../config/index.js';

/** The end of a sensor's range that samples stand at: they are missing, not measured. */
export interface Rail {
  variable: string;
  side: 'lower' | 'upper';
  value: number;
  /** Samples set aside. */
  samples: number;
  /** Found in the data rather than stated in the definition. */
  detected: boolean;
}

/** Equal values in a row at the end of the range before it is taken for a rail. */
const RAIL_RUN = 5;
/** How much longer that run must be than any elsewhere. */
const RAIL_EXCESS = 3;

/** A record that is mostly at one value, or has few, is constant rather than cut off. */
const RAIL_SHARE = 0.5;
const RAIL_DISTINCT = 10;

/** Standard deviations of the noise within which a value may be the rail's. */
const MARGIN = 3;

/**
 * Where values of a channel stand at an end of its range, stated or, of a moving machine, found.
 *
 * @param values `NaN` where one is missing
 * @param noise standard deviation
 * @returns the rails that hold any, and the rows that stand there
 */
export function railsOf(
  { variable, rail }: TwinDefinition['measured'][number],
  values: Float64Array,
  noise: number,
  isMoving: boolean,
): { rails: Rail[]; rows: number[] } {
  const rails: Rail[] = [];
  const rows: number[] = [];
  for (const side of ['lower', 'upper'] as const) {
    const stated = rail?.[side];
    const value = stated ?? (isMoving ? detectedRail(values, side) : undefined);
    if (value === undefined) continue;
    const margin = MARGIN * noise;
    const there = [...values.keys()].filter((row) =>
      side === 'upper' ? values[row]! > value - margin : values[row]! < value + margin,
    );
    if (there.length === 0) continue;
    rows.push(...there);
    rails.push({ variable, side, value, samples: there.length, detected: stated === undefined });
  }
  return { rails, rows };
}

/**
 * A rail in the data of a moving machine: a run of equal values at the end of the range, much longer
 * than any run of equal values elsewhere.
 */
function detectedRail(values: Float64Array, side: 'lower' | 'upper'): number | undefined {
  let end = side === 'upper' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (const v of values) {
    if (Number.isFinite(v) && (side === 'upper' ? v > end : v < end)) end = v;
  }
  let atEnd = 0;
  let elsewhere = 0;
  for (let i = 0; i < values.length; ) {
    let j = i + 1;
    while (j < values.length && values[j] === values[i]) j++;
    if (values[i] === end) atEnd = Math.max(atEnd, j - i);
    else if (Number.isFinite(values[i])) elsewhere = Math.max(elsewhere, j - i);
    i = j;
  }
  const finite = values.filter(Number.isFinite);
  const share = finite.filter((v) => v === end).length / finite.length;
  const distinct = new Set(finite).size;
  const rail =
    atEnd >= RAIL_RUN &&
    atEnd >= RAIL_EXCESS * elsewhere &&
    share <= RAIL_SHARE &&
    distinct >= RAIL_DISTINCT;
  return rail ? end : undefined;
}
