import { type ColumnName, hasRole, isTimeName } from './names.js';
import { isBadWord, isGoodWord } from './qualities.js';

/** Columns that nobody reads and that say something of those that are read. */
export interface BesideColumns {
  /** Names that several columns have, of which the first was taken: how many. */
  doubled: Record<string, number>;
  /** Columns of times of one other column's own, by that column. */
  ownTimes: Record<string, string>;
  /** Columns of qualities that belong to no column by their name: the words that are not good, and how often. */
  qualities: Record<string, Record<string, number>>;
}

/** A column of which only its words are counted. */
export interface CountedColumn {
  index: number;
  words: Map<string, number>;
}

/** Different words beyond which a column is none of qualities. */
const MOST_WORDS = 50;

/** Counts a word of a column that may be one of qualities. */
export function countWord({ words }: CountedColumn, cell: string | undefined): void {
  const word = (cell ?? '').trim();
  if (word === '' || (words.size > MOST_WORDS && !words.has(word))) return;
  words.set(word, (words.get(word) ?? 0) + 1);
}

/** Places of unused columns that are called as qualities are. */
export const qualitiesAmong = (
  columns: readonly ColumnName[],
  unused: readonly number[],
): CountedColumn[] =>
  unused
    .filter((i) => hasRole('quality', columns[i]!.label))
    .map((index) => ({ index, words: new Map() }));

/**
 * What unused columns say of those that are read; undefined where they say nothing.
 *
 * @param used,unused places among the columns
 */
export function besideColumns(
  columns: readonly ColumnName[],
  used: readonly number[],
  unused: readonly number[],
  counted: readonly CountedColumn[],
): BesideColumns | undefined {
  const beside: BesideColumns = { doubled: {}, ownTimes: {}, qualities: {} };
  for (const i of used) {
    const { name, label } = columns[i]!;
    // Names that are there already are told apart by their places.
    const same = unused.filter((k) => columns[k]!.name === `${name} (column ${k + 1})`).length;
    if (same > 0) beside.doubled[name] = same + 1;
    const times = unused.find((k) => isTimeName(withoutName(columns[k]!.label, label)));
    if (times !== undefined) beside.ownTimes[name] = columns[times]!.name;
  }
  for (const { index, words } of counted) {
    const bad = badWords(words);
    if (bad !== undefined) beside.qualities[columns[index]!.name] = bad;
  }
  return Object.values(beside).some((of) => Object.keys(of).length > 0) ? beside : undefined;
}

/** What is left of a label that begins or ends with another, and what parts them; empty where it does not. */
function withoutName(label: string, name: string): string {
  const [all, part] = [label.toLowerCase(), name.toLowerCase()];
  if (all.startsWith(part)) return /^[\s._:/-]+(.{2,})$/.exec(all.slice(part.length))?.[1] ?? '';
  if (all.endsWith(part)) return /^(.{2,}?)[\s._:/-]+$/.exec(all.slice(0, -part.length))?.[1] ?? '';
  return '';
}

/** The words of a column that are bad qualities, where all of its words are qualities and some are bad. */
function badWords(words: ReadonlyMap<string, number>): Record<string, number> | undefined {
  const all = [...words];
  const bad = all.filter(([word]) => isBadWord(word));
  const areQualities = all.every(([word]) => isGoodWord(word) || isBadWord(word));
  return areQualities && bad.length > 0 && bad.length < all.length
    ? Object.fromEntries(bad)
    : undefined;
}

/** What there is to say of them, each a clause. */
export const besideTexts = ({ doubled, ownTimes, qualities }: BesideColumns): string[] => [
  ...Object.entries(doubled).map(
    ([name, count]) => `${count} columns are called ${name}: the first was taken; rename them`,
  ),
  ...Object.entries(ownTimes).map(
    ([name, times]) =>
      `${times} holds times of ${name} that are not read, and its values count at their rows' times: export a row for each reading, with its tag, time and value`,
  ),
  ...Object.entries(qualities).map(([column, words]) => {
    const told = Object.entries(words).map(
      ([word, count]) => `${JSON.stringify(word)} in ${count} rows`,
    );
    return `${column} says ${told.join(', ')} and belongs to no column by its name, so that these rows were taken as good: blank their values, or call it after the column that it is of, as in flow.quality`;
  }),
];
