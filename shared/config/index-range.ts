/**
 * The elements that an OPC UA index range such as `3`, `0:7` or `0:1,2` names, each as one index per
 * dimension.
 *
 * @param most elements looked for at most; where there are more, more than that are returned
 */
function expandIndexRange(range: string, most: number): number[][] {
  let elements: number[][] = [[]];
  for (const part of range.split(',')) {
    const [first = 0, last = first] = part.split(':').map(Number);
    const next: number[][] = [];
    for (const element of elements) {
      for (let i = first; i <= last && next.length <= most; i++) next.push([...element, i]);
    }
    elements = next;
  }
  return elements;
}

/** Streams that one entry may make. */
const MAX_ELEMENTS = 10_000;

/** What is wrong with the index range of a signal, or with its alias beside it; undefined: nothing. */
export function wrongRange(signal: {
  alias: string;
  indexRange?: string | undefined;
}): { path: string[]; message: string } | undefined {
  if (signal.indexRange === undefined) return undefined;
  const elements = expandIndexRange(signal.indexRange, MAX_ELEMENTS);
  if (elements.length === 0 || elements.length > MAX_ELEMENTS) {
    return {
      path: ['indexRange'],
      message: `expected a range that rises, of at most ${MAX_ELEMENTS} elements`,
    };
  }
  return elements.length === 1 || signal.alias.includes('{index}')
    ? undefined
    : {
        path: ['alias'],
        message: `expected \`{index}\` in it, for each of the ${elements.length} elements needs an alias of its own`,
      };
}

/** One signal for each element that its index range names. */
export function oneByElement<T extends { alias: string; indexRange?: string | undefined }>(
  signal: T,
): T[] {
  if (signal.indexRange === undefined) return [signal];
  return expandIndexRange(signal.indexRange, MAX_ELEMENTS).map((element) => ({
    ...signal,
    alias: signal.alias.replaceAll('{index}', element.join('_')),
    indexRange: element.join(','),
  }));
}
