import { cpus } from 'node:os';

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;

/** A table as Markdown, under its title where it has one. */
export const markdown = (
  title: string,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] => [
  ...(title === '' ? [] : [`**${title}**`, '']),
  row(head),
  row(head.map(() => '---')),
  ...rows.map(row),
  '',
];

/** A share in whole percent; `-` of nothing. */
export const percent = (hits: number, of = 1, digits = 0): string =>
  of === 0 || Number.isNaN(hits) ? '-' : ((100 * hits) / of).toFixed(digits);

/** The one in the middle, the upper of two; not a number of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((v) => !Number.isNaN(v)).toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** What this machine is, as tables name it. */
export const machineName = (): string =>
  `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}`;
