import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { readTable } from '../../shared/recordings/index.js';

const python = process.env.TWINLOOP_PANDAS_PYTHON;
const script = packageFile('test/judges/pandas_read.py');

/** A table as pandas tells it: exact times, numbers, null where there is none. */
type Told = { timeNs: string[] } & Record<string, (number | null)[]>;

async function ours(path: string): Promise<Told> {
  const table = await readTable(path);
  const columns = table.columns.map((c) => [
    c.label,
    Array.from(c.values, (v) => (Number.isNaN(v) ? null : v)),
  ]);
  return {
    timeNs: Array.from({ length: table.rowCount }, (_, i) => table.timeNsAt(i).toString()),
    ...Object.fromEntries(columns),
  } as Told;
}

if (python === undefined) {
  it.skip('recordings that pandas wrote: skipped, as TWINLOOP_PANDAS_PYTHON names no Python that has it', () => {});
}
describe.skipIf(python === undefined)('recordings that pandas wrote', () => {
  const folder = mkdtempSync(join(tmpdir(), 'twinloop-pandas-'));
  let table: Told;
  const pandas = (...args: string[]) =>
    JSON.parse(
      execFileSync(python ?? '', [script, ...args], { encoding: 'utf8', maxBuffer: 1 << 26 }),
    ) as Told;
  beforeAll(() => {
    table = pandas('write', folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['iso.csv', 'german.csv', 'utf16.csv', 'ns.csv.gz', 'table.parquet'])(
    'are read to the bit: %s',
    async (name) => {
      const found = await ours(join(folder, name));
      expect(found.timeNs).toEqual(table.timeNs);
      for (const column of ['T', 'flow', 'on'])
        expect(found[column], column).toEqual(table[column]);
    },
  );

  it('are read: a workbook, whose writer keeps sixteen digits', async () => {
    const found = await ours(join(folder, 'table.xlsx'));
    expect(found.timeNs).toEqual(table.timeNs);
    expect(found.on).toEqual(table.on);
    for (const column of ['T', 'flow']) {
      const off = table[column]!.map((v, i) =>
        v === null ? Number(found[column]![i] !== null) : found[column]![i]! / v - 1,
      );
      expect(Math.max(...off.map((v) => (Number.isNaN(v) ? 0 : Math.abs(v))))).toBeLessThan(1e-14);
    }
  });

  it('are read to the bit: with the index as a first column, and one reading a row', async () => {
    const indexed = await ours(join(folder, 'index.csv'));
    expect(indexed).toMatchObject({ timeNs: table.timeNs, T: table.T, flow: table.flow });
    const long = await ours(join(folder, 'long.csv'));
    expect(long).toEqual({ timeNs: table.timeNs, T: table.T, flow: table.flow });
  });

  it('are read as pandas reads them, told the dialect', async () => {
    const path = packageFile('test/fixtures/exports/excel_de.csv');
    const told = pandas(
      'read',
      path,
      JSON.stringify({
        sep: ';',
        decimal: ',',
        header: 0,
        skiprows: 2,
        names: ['time', 'a', 'b', 'c', 'd', 'e', 'f'],
        parse_dates: ['time'],
        dayfirst: true,
        encoding: 'utf-8-sig',
      }).replace('"header":0', '"header":null'),
    );
    const found = await readTable(path);
    expect(found.columns.map((c) => [...c.values])).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((n) => told[n]),
    );
    expect(Array.from(found.timeS, (_, i) => found.timeNsAt(i).toString())).toEqual(told.timeNs);
  });
});
