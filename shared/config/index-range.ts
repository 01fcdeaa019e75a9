/**
 * The elements that an OPC UA index range such as `3`, `0:7` or `0:1,2` names, each as one index per
 * dimension.
 *
 * @param most elements looked for at most; where there are more, more than that are returned
 */
export function expandIndexRange(range: string, most: number): number[][] {
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
