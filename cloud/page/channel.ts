import type { Row } from './browser/protocol.js';

/** Most rows that a channel keeps; past it, every second one of its older half goes. */
export const MAX_ROWS = 1200;

/** The columns of a row that one stream may fill. */
export type Column = 'value' | 'lower' | 'upper';
const PLACE = { value: 1, lower: 2, upper: 3 } as const;

/**
 * The rows of one quantity in ascending x. Recent rows stay dense, old ones thin out, so memory is
 * bounded however long the monitor runs.
 */
export class Channel {
  readonly #rows: Row[] = [];
  #changed = new Set<Row>();

  /** Sets one column of the row at `x`, which is created where it is missing. */
  set(x: number, column: Column, value: number | null): void {
    const place = PLACE[column];
    let i = this.#rows.length;
    while (i > 0 && (this.#rows[i - 1]?.[0] ?? 0) > x) i--;
    let row = this.#rows[i - 1];
    if (row === undefined || row[0] !== x) {
      row = [x, null, null, null];
      this.#rows.splice(i, 0, row);
      this.#changed.add(row);
    }
    if (row[place] === value) return;
    row[place] = value;
    this.#changed.add(row);
  }

  /** Thins out what is too much. */
  trim(): void {
    if (this.#rows.length <= MAX_ROWS) return;
    const half = this.#rows.length >> 1;
    const kept = this.#rows.filter((_, i) => i >= half || i % 2 === 0);
    this.#rows.splice(0, this.#rows.length, ...kept);
  }

  rows(): readonly Row[] {
    return this.#rows;
  }

  last(): Row | undefined {
    return this.#rows.at(-1);
  }

  /** Rows that are new or different since the last call. */
  takeChanged(): Row[] {
    const changed = [...this.#changed].sort((a, b) => a[0] - b[0]);
    this.#changed = new Set();
    return changed;
  }
}
