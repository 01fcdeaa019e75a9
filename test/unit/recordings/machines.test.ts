import { describe, expect, it } from 'vitest';
import { accountLines } from '../../../shared/recordings/index.js';
import { columns, read } from './files.js';

const NAMES = ['T1', 'T2', 'T3'];

/** Rows of three machines at each of so many times. */
const rowsOf = (times: number, names: readonly (string | number)[] = NAMES): string[] =>
  Array.from({ length: times }, (_, t) =>
    names.map(
      (name, k) => `${name},2026-10-01T00:${String(t).padStart(2, '0')}:00Z,${10 * k + t / 8}`,
    ),
  ).flat();

const csv = (rows: readonly string[], header = 'turbine,time,power') =>
  `${header}\n${rows.join('\n')}\n`;

describe('rows of several machines in one table', () => {
  it('are refused with the column that tells them apart, row by row or machine by machine', async () => {
    const told =
      /of 3 machines, by its column turbine \(T1, T2, T3\): 80 of its 120 rows.*--where "turbine=T1"/;
    await expect(read(csv(rowsOf(40)))).rejects.toThrow(told);
    await expect(read(csv(rowsOf(40).sort()))).rejects.toThrow(told);
    // Also where nobody reads that column, and where names are numbers.
    await expect(read(csv(rowsOf(40)), { columns: ['power'] })).rejects.toThrow(told);
    await expect(read(csv(rowsOf(40, [1, 2, 3]), 'unit,time,power'))).rejects.toThrow(
      /of 3 machines, by its column unit \(1, 2, 3\)/,
    );
  });

  it('are those of one where that is asked for, in the words of the file', async () => {
    for (const rows of [rowsOf(40), rowsOf(40).sort()]) {
      const table = await read(csv(rows), { where: { column: 'Turbine', value: 'T2' } });
      expect(table.account).toMatchObject({
        rows: 40,
        kept: 40,
        order: { conflicts: 0 },
        chosen: { column: 'Turbine', value: 'T2', others: 80 },
      });
      expect(Object.keys(columns(table))).toEqual(['power']);
      expect(columns(table).power).toEqual(Array.from({ length: 40 }, (_, t) => 10 + t / 8));
      expect(accountLines(table.account).join('\n')).toContain('Turbine is T2: 80 rows of others');
    }
  });

  it('are asked for by a column and a text that are there', async () => {
    await expect(read(csv(rowsOf(3)), { where: { column: 'mill', value: 'T1' } })).rejects.toThrow(
      /no column "mill" to choose rows by. It has: turbine, time, power/,
    );
    await expect(
      read(csv(rowsOf(3)), { where: { column: 'turbine', value: 'T9' } }),
    ).rejects.toThrow(/no row has "T9" in turbine. Rows have: T1, T2, T3/);
  });

  it('are chosen in readings of one tag each', async () => {
    const rows = rowsOf(4).map((row) => row.replace(/,([^,]*)$/, ',power,$1'));
    const long = await read(csv(rows, 'turbine,time,tag,value'), {
      where: { column: 'turbine', value: 'T3' },
    });
    expect(columns(long).power).toEqual([20, 20.125, 20.25, 20.375]);
  });

  it('are not what a machine’s words are, beside times that are too coarse or written twice', async () => {
    // Four rows a minute, in which its state is told: merged and counted, as ever.
    const coarse = Array.from(
      { length: 160 },
      (_, i) =>
        `${['RUNNING', 'WASHING'][Math.floor(i / 30) % 2]},2026-10-01T00:${String(i >> 2).padStart(2, '0')}:00Z,${i}`,
    );
    const table = await read(csv(coarse, 'mode,time,power'));
    expect(table.account.order.conflicts).toBe(120);
    // One time that is told again.
    const again = [...rowsOf(40, ['T1']), 'T2,2026-10-01T00:05:00Z,77'];
    expect((await read(csv(again))).account.order.conflicts).toBe(1);
  });
});
