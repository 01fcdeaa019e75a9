import { appendFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../../shared/recordings/index.js';
import { columns, file, read } from './files.js';

describe('bad input', () => {
  it.each([
    ['', /is empty/],
    ['\n\n \n', /is empty/],
    ['time,a\n', /header but no rows/],
    ['time,a', /header but no rows/],
    ['0,1\n1,2\n', /no header line.*first line/],
    ['just prose\nand more\n', /no header line/],
  ])('%j is refused', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it('refuses what is no text, and says how it begins', async () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256);
    await expect(read(bytes)).rejects.toThrow(/no text: it begins with the bytes/);
    await expect(readTable('/none/here.csv')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(readTable('/tmp')).rejects.toMatchObject({ code: 'FILE_INVALID' });
    await expect(read(Buffer.from('PK\u0003\u0004 no workbook'))).rejects.toThrow(/workbook/);
    await expect(read(Buffer.from('PAR1 no parquet PAR1'))).rejects.toThrow(/Parquet/);
  });

  it('reads 10,000 columns', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
    const row = (t: number) => [t, ...names.map((_, i) => i + t)].join(',');
    const table = await read(`time,${names.join(',')}\n${[0, 1, 2].map(row).join('\n')}\n`);
    expect(table.columns).toHaveLength(10_000);
    expect(table.columns[9_999]?.values[2]).toBe(10_001);
  });

  it('counts rows that are shorter or longer than the header', async () => {
    const table = await read('time,a,b\n0,1,2\n1,1\n2,1,2,3\n3,1,2\n');
    expect(table.account).toMatchObject({ rows: 4, shortRows: 1, longRows: 1 });
    expect(columns(table)).toEqual({ a: [1, 1, 1, 1], b: [2, Number.NaN, 2, 2] });
  });

  it('counts rows without a time, blank ones, and a header that comes again', async () => {
    const table = await read('time,a\n0,1\n,\ntime,a\n\n2,3\n,4\n');
    expect(columns(table)).toEqual({ a: [1, 3] });
    expect(table.account).toMatchObject({ rows: 4, blankRows: 1 });
    expect(table.account.withoutTime['unreadable time']).toMatchObject({
      count: 2,
      example: 'time',
    });
  });

  it('leaves out the last row of a file that grows while it is read', async () => {
    const path = file(
      `time,a\n${Array.from({ length: 50_000 }, (_, i) => `${i},${i}`).join('\n')}\n50000,5`,
    );
    const reading = readTable(path);
    // The file is opened before this turn ends; what comes now is not read.
    for (let i = 0; i < 1; i++) appendFileSync(path, '0000\n50001,1\n');
    const table = await reading;
    const last = columns(table).a?.at(-1);
    // Opened before or after the row was whole: half a number is never read.
    expect([49_999, 1]).toContain(last);
  });

  it('goes on after a quote that nobody closes, and reads breaks inside quotes', async () => {
    const pipe = await read('time,a,note\n0,1,5" pipe\n1,2,x\n');
    expect(columns(pipe).a).toEqual([1, 2]);
    const broken = await read('time,note,a\n0,"two\nlines",1\n1,"a ""quoted"", word",2\n');
    expect(columns(broken).a).toEqual([1, 2]);
  });

  it('refuses options that mean nothing', async () => {
    await expect(read('t,a\n0,1\n', { delimiter: 'ab' })).rejects.toThrow(/one character/);
    await expect(read('t,a\n0,1\n', { encoding: 'klingon' })).rejects.toThrow(/windows-1252/);
    await expect(read('t,a\n0,1\n', { timeColumn: 'zeit' })).rejects.toThrow(
      /no column "zeit".*t, a/,
    );
    await expect(read('t,a\n0,1\n', { headerRow: 9 })).rejects.toThrow(/no header line at line 9/);
    await expect(read('t,a\n0,1\n', { long: true })).rejects.toThrow(/TAG,VALUE/);
  });

  it('names columns that are empty or there twice by their place', async () => {
    const table = await read('time,a,a,\n0,1,2,3\n1,2,3,4\n');
    expect(table.columns.map((c) => c.name)).toEqual(['a', 'a (column 3)', 'column 4']);
  });
});
