/**
 * Scratch memory that filters reuse from step to step, so that a long run allocates nothing but its
 * results. One workspace serves one filter at a time; its contents mean nothing between calls.
 */
export interface Workspace {
  /** An array of this length under this name, its contents undefined. */
  array(name: string, length: number): Float64Array;
  /** A (count × size) array under this name with a view of each row. */
  rows(name: string, count: number, size: number): RowViews;
}

/** A row-major array and its rows as views of the same memory. */
export interface RowViews {
  readonly data: Float64Array;
  readonly rows: readonly Float64Array[];
}

/** Creates an empty workspace; it grows to what its filter asks for, once. */
export function createWorkspace(): Workspace {
  const arrays = new Map<string, Float64Array>();
  const views = new Map<string, RowViews & { size: number }>();
  return {
    array(name, length) {
      const known = arrays.get(name);
      if (known !== undefined && known.length === length) return known;
      const fresh = new Float64Array(length);
      arrays.set(name, fresh);
      return fresh;
    },
    rows(name, count, size) {
      const known = views.get(name);
      if (known !== undefined && known.rows.length === count && known.size === size) return known;
      const data = new Float64Array(count * size);
      const rows = Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size));
      const fresh = { data, rows, size };
      views.set(name, fresh);
      return fresh;
    },
  };
}
