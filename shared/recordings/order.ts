import { HOUR_S } from './times/wall-clock.js';

/** What was done to bring rows into the order of time. */
export interface OrderAccount {
  /** Whether the file runs from the newest to the oldest row. */
  newestFirst: boolean;
  /** Rows that came after a later one, in a file that is not newest first. */
  outOfOrder: number;
  /** Rows of a time that was there already and say the same. */
  duplicates: number;
  /** Rows of a time that was there already and say something else: the later in the file counts. */
  conflicts: number;
  /** Whether times run back by an hour, as a clock does in autumn. */
  autumn: boolean;
}

/**
 * Sorts rows by time, stably, and merges rows of one time: each cell takes its last readable value.
 *
 * @param columns changed in place, as are `s`, `ns` and `row`
 * @returns the number of rows left, and what was done
 */
export function settleOrder(
  s: Float64Array,
  ns: Float64Array,
  row: Int32Array,
  columns: readonly Float64Array[],
): { count: number; order: OrderAccount } {
  const n = s.length;
  const after = (i: number, j: number) => s[i]! - s[j]! || ns[i]! - ns[j]!;
  let back = 0;
  let equal = 0;
  let forward = 0;
  let [autumnBack, autumnForward] = [false, false];
  for (let i = 1; i < n; i++) {
    const d = after(i, i - 1);
    if (d < 0) back++;
    else if (d === 0) equal++;
    else forward++;
    const byS = Math.abs(s[i]! - s[i - 1]!);
    if (byS <= HOUR_S && byS > 0) {
      autumnBack ||= d < 0;
      autumnForward ||= d > 0;
    }
  }
  const newestFirst = back > 0 && forward * 10 < back;
  const order: OrderAccount = {
    newestFirst,
    outOfOrder: newestFirst ? forward : back,
    duplicates: 0,
    conflicts: 0,
    // In the direction against which the file runs.
    autumn: newestFirst
      ? autumnForward && forward <= Math.max(2, n / 1000)
      : autumnBack && back <= Math.max(2, n / 1000),
  };
  if (back === 0 && equal === 0) return { count: n, order };
  let index: Uint32Array | undefined;
  if (back > 0) {
    index = Uint32Array.from({ length: n }, (_, i) => i);
    // Rows of one time keep the file's order, so that its last word counts.
    index.sort((i, j) => after(i, j) || i - j);
  }
  const permute = <T extends Float64Array | Int32Array>(array: T) => {
    if (index === undefined) return;
    const copy = array.slice();
    for (let i = 0; i < n; i++) array[i] = copy[index[i]!]!;
  };
  permute(s);
  permute(ns);
  permute(row);
  for (const column of columns) permute(column);
  let kept = 0;
  for (let i = 1; i < n; i++) {
    if (after(i, kept) !== 0) {
      kept++;
      s[kept] = s[i]!;
      ns[kept] = ns[i]!;
      row[kept] = row[i]!;
      for (const column of columns) column[kept] = column[i]!;
      continue;
    }
    let conflict = false;
    for (const column of columns) {
      const value = column[i]!;
      if (Number.isNaN(value)) continue;
      const before = column[kept]!;
      if (!Number.isNaN(before) && before !== value) conflict = true;
      column[kept] = value;
    }
    order[conflict ? 'conflicts' : 'duplicates']++;
  }
  return { count: kept + 1, order };
}
