/**
 * How many things at the beginning of a sorted row pass a test, found by halves.
 *
 * @param length how many things there are
 * @param passes true for all things before some place and false from there on
 * @returns the index of the first that does not pass; `length` where all do
 */
export function partitionPoint(length: number, passes: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
