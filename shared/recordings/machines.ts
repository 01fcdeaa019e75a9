import { TwinError } from '../core/index.js';
import type { CountedColumn } from './beside.js';
import type { Dialect } from './dialect.js';
import { findColumn } from './names.js';
import { isQualityWord, numberOf, truthOf } from './numbers.js';
import type { ReadOptions } from './options.js';
import type { OrderAccount } from './order.js';
import { dateText } from './times/date-text.js';

/** Names in a column beyond which it is none that tells machines apart: words are counted up to so many. */
const MOST_MACHINES = 50;
/** Share of rows whose time was there already from which rows may be of several machines. */
const LEAST_TAKEN = 0.1;
/** A machine has no more rows than there are times, but for so many that are there twice. */
const TWICE = 1.02;
/** Names called columns of numbers that tell machines apart. */
const NUMBERED =
  /(^|[\s_.-])(id|no|nr|unit|machine|turbine|pump|asset|device|equipment|station|plant|line|maschine|anlage|gerät)s?$/i;

/** Rows that are taken by what a column says, and how many others there were. */
export interface ChosenRows {
  column: string;
  value: string;
  /** Where that column stands: it is no signal. */
  places: readonly number[];
  /** Rows left out, and what they say instead: of many, the first. */
  others: number;
  instead: Set<string>;
  /** Whether a row is to be taken; counts those that are not. */
  takes(cells: readonly string[]): boolean;
}

/**
 * The rows that `where` asks for.
 *
 * @throws TwinError `COLUMN_MISSING`
 */
export function chosenRows(
  { columns }: Pick<Dialect, 'columns'>,
  source: string,
  { where }: ReadOptions,
): ChosenRows | undefined {
  if (where === undefined) return undefined;
  const index = findColumn(columns, where.column);
  if (index < 0) {
    throw new TwinError(
      'COLUMN_MISSING',
      `${source} has no column "${where.column}" to choose rows by. It has: ${columns
        .slice(0, 40)
        .map((c) => c.name)
        .join(', ')}.`,
    );
  }
  const chosen: ChosenRows = {
    ...where,
    places: [index],
    others: 0,
    instead: new Set(),
    takes(cells) {
      const cell = (cells[index] ?? '').trim();
      if (cell === where.value) return true;
      if (cells.every((c) => c.trim() === '')) return false;
      chosen.others++;
      if (chosen.instead.size < MOST_MACHINES) chosen.instead.add(cell);
      return false;
    },
  };
  return chosen;
}

/** Says that no row is as it was asked for, and what rows say. */
export function noneChosen(source: string, { column, value, instead }: ChosenRows): TwinError {
  const found = [...instead].slice(0, 8).join(', ');
  return new TwinError(
    'FILE_INVALID',
    `${source}: no row has "${value}" in ${column}. Rows have: ${found}${instead.size > 8 ? ', …' : ''}.`,
  );
}

/**
 * Columns whose words may be names of machines: texts that are no times, switches or qualities, or numbers
 * in a column that is called after machines. Their words are to be counted.
 */
export function namesAmong(
  { columns, sample, decimal }: Pick<Dialect, 'columns' | 'sample' | 'decimal'>,
  others: ReadonlySet<number>,
): CountedColumn[] {
  return [...columns.keys()].flatMap((index) => {
    if (others.has(index)) return [];
    const cells = sample.map((r) => (r[index] ?? '').trim()).filter((c) => c !== '');
    const isName = (cell: string) =>
      Number.isNaN(numberOf(cell, decimal))
        ? truthOf(cell) === undefined && !isQualityWord(cell) && dateText(cell) === undefined
        : NUMBERED.test(columns[index]!.label) && /^\d+$/.test(cell);
    const names = new Set(cells);
    if (cells.length === 0 || names.size > MOST_MACHINES || !cells.every(isName)) return [];
    return [{ index, words: new Map() }];
  });
}

/**
 * Refuses a recording in which several machines have a row each of one time, told apart by a column: merged,
 * they would be one machine that there is not.
 *
 * @param kept distinct times
 * @throws TwinError `FILE_INVALID`
 */
export function refuseSeveral(
  source: string,
  { columns, sample }: Pick<Dialect, 'columns' | 'sample'>,
  names: readonly CountedColumn[],
  {
    rows,
    kept,
    order,
    time,
  }: { rows: number; kept: number; order: OrderAccount; time: readonly number[] },
): void {
  if (order.conflicts < LEAST_TAKEN * rows) return;
  for (const { index, words } of names) {
    const counts = [...words.values()];
    const told = counts.reduce((sum, n) => sum + n, 0);
    if (words.size < 2 || words.size > MOST_MACHINES || told < 0.9 * rows) continue;
    if (Math.max(...counts) > TWICE * kept) continue;
    // Rows of one time have a name each.
    const pairs = sample.map((r) => [...time, index].map((c) => (r[c] ?? '').trim()).join('\n'));
    if (new Set(pairs).size * TWICE < pairs.length) continue;
    const { name } = columns[index]!;
    const all = [...words.keys()];
    throw new TwinError(
      'FILE_INVALID',
      `${source}: rows of one time are of ${words.size} machines, by its column ${name} (${all.slice(0, 8).join(', ')}${all.length > 8 ? ', …' : ''}): ${order.conflicts} of its ${rows} rows say something else at a time that was there already. Take those of one by --where "${name}=${all[0]}".`,
    );
  }
}
