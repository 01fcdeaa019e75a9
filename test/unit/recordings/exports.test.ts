import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { accountLines, readTable, recordingColumn } from '../../../shared/recordings/index.js';
import { columns, file, fixture, read } from './files.js';

describe('exports as historians write them', () => {
  it('takes ISO times with a zone and merges a row that is there twice', async () => {
    const table = await readTable(fixture('iso.csv'));
    expect(table.rowCount).toBe(4);
    expect(table.account.rows).toBe(5);
    expect(table.timeS[0]).toBe(Date.parse('2026-10-01T00:00:00+02:00') / 1000);
    expect(table.account.order).toMatchObject({ duplicates: 1, conflicts: 0 });
    expect(table.account.time.zone).toBeUndefined();
  });

  it.each(['Gut', 'gültig', 'Bon', 'Bueno', 'Buono', 'Goed', 'Good'])(
    'takes %s for a good quality',
    async (word) => {
      const text = `Zeitstempel;Messstelle;Wert;Einheit;Status\n01.10.2026 12:00;T;1,5;°C;${word}\n01.10.2026 12:01;T;2,5;°C;Schlecht\n`;
      const { T } = columns(await read(text));
      expect(T).toEqual([1.5, Number.NaN]);
    },
  );

  it('takes a number in brackets for an index where several columns have one, else for a unit', async () => {
    const several = await read('time,T[1],T[2],load [1],p [bar]\n0,20,21,0.5,1\n1,20,22,0.6,1\n');
    const found = several.columns.map(({ label, unit }) => [label, unit]);
    expect(found).toEqual([
      ['T[1]', undefined],
      ['T[2]', undefined],
      ['load', '1'],
      ['p', 'bar'],
    ]);
    const one = await read('time,load[1]\n0,0.5\n1,0.6\n');
    expect(one.columns[0]).toMatchObject({ label: 'load', unit: '1' });
    const below = await read('time;T[1];T[2]\ns;°C;°C\n0;20;21\n1;20;22\n');
    expect(below.columns[1]).toMatchObject({ label: 'T[2]', unit: '°C' });
  });

  it('takes milliseconds for what they are', async () => {
    const table = await readTable(fixture('epochms.csv'));
    expect(table.account.time.format).toBe('ms');
    expect(table.account.periodS).toBe(3600);
    expect(table.timeNsAt(0)).toBe(1790812800000n * 1_000_000n);
  });

  it('reads a German workbook’s export: preamble, semicolons, decimal commas, units', async () => {
    const table = await readTable(fixture('excel_de.csv'), { timeZone: 'Europe/Berlin' });
    const hot = recordingColumn(table, 'TI-103 Austritt heiß');
    expect([...hot.values]).toEqual([37.985, 38.297, 38.451, 39.134]);
    expect(hot.unit).toBe('°C');
    expect(table.timeS[0]).toBe(Date.parse('2026-09-30T22:00:00Z') / 1000);
    expect(table.account).toMatchObject({ delimiter: ';', decimal: ',', headerLine: 2 });
  });

  it('refuses a date that can be read two ways, and shows both', async () => {
    await expect(readTable(fixture('us.csv'))).rejects.toThrow(
      /2026-01-10 with the day first.*2026-10-01 with the month first/,
    );
    const us = await readTable(fixture('us.csv'), { timeFormat: 'mdy' });
    expect(us.timeS[0]).toBe(Date.parse('2026-10-01T00:00:00Z') / 1000);
    const here = await readTable(fixture('us.csv'), { timeFormat: 'dmy' });
    expect(here.timeS[0]).toBe(Date.parse('2026-01-10T00:00:00Z') / 1000);
  });

  it('reads no cell that could be two numbers, counts and names them, and takes what it is told', async () => {
    for (const name of ['quoted_comma.csv', 'onebad.csv']) {
      const { account } = await readTable(fixture(name));
      expect(account.columns.TI103?.unreadable).toEqual({ count: 150, example: '37,985' });
      expect(account.notes.join()).toMatch(/37\.985 or as 37985/);
    }
    const told = await readTable(fixture('quoted_comma.csv'), { decimal: ',' });
    expect(recordingColumn(told, 'TI103').values[0]).toBe(37.985);
    const thousands = await readTable(fixture('quoted_comma.csv'), { decimal: '.' });
    expect(recordingColumn(thousands, 'TI103').values[0]).toBe(37985);
  });

  it('takes a recording without times where its column Ts says the period, or it is told', async () => {
    const text = 'uEst,yEst,Ts\n3.2,5.2,4\n3.1,5.1,\n3.0,5.0,\n';
    expect([...(await read(text)).timeS]).toEqual([0, 4, 8]);
    expect([...(await read(text, { samplePeriodS: 0.5 })).timeS]).toEqual([0, 0.5, 1]);
    await expect(read('a,b\n3,2\n1,1\n2,5\n')).rejects.toThrow(/holds times.*--sample-period/);
  });

  it('pivots readings of one tag each and strikes out what is not good', async () => {
    const text = [
      'TagName,Timestamp,Value,Quality',
      'TI101,2026-10-01T00:00:00Z,90.5,Good',
      'FI101,2026-10-01T00:00:00Z,2.1,Good',
      'TI101,2026-10-01T00:00:10Z,91.5,Bad',
      'FI101,2026-10-01T00:00:20Z,2.3,Good',
      '',
    ].join('\n');
    const table = await read(text);
    expect(table.long).toBe(true);
    expect(columns(table)).toEqual({
      TI101: [90.5, Number.NaN, Number.NaN],
      FI101: [2.1, Number.NaN, 2.3],
    });
    expect(table.account.columns.TI101?.quality).toEqual({ Bad: 1 });
  });

  it('judges OPC’s numbers: 192 is good in DA, 0 in UA', async () => {
    const rows = (good: string, bad: string) =>
      `time,tag,value,quality\n0,a,1,${good}\n1,a,2,${bad}\n2,a,3,${good}\n`;
    expect(columns(await read(rows('192', '0'))).a).toEqual([1, Number.NaN, 3]);
    expect(columns(await read(rows('0', '2147483648'))).a).toEqual([1, Number.NaN, 3]);
  });

  it('judges OPC’s numbers beside a column by all of them', async () => {
    const rows = (...told: number[]) =>
      `time,a,a.quality,b,b.quality\n${told.map((q, i) => `${i},${i + 1},${q},5,Good`).join('\n')}\n`;
    expect(columns(await read(rows(0, 192, 64))).a).toEqual([Number.NaN, 2, Number.NaN]);
    const ua = await read(rows(0, 2147483648, 0));
    expect(columns(ua)).toEqual({ a: [1, Number.NaN, 3], b: [5, 5, 5] });
    expect(ua.account.columns.a).toMatchObject({ numbers: 2, quality: { 2147483648: 1 } });
  });

  it('maps numbers that the definition takes for words, also in quotes', async () => {
    const text = (quote: string) =>
      `time,mode,a\n${[1, 2, 1].map((m, i) => `${i},${quote}${m}${quote},${m}`).join('\n')}\n`;
    for (const quote of ['', '"']) {
      const table = await read(text(quote), { texts: { mode: { 1: 10, 2: 20 } } });
      expect(columns(table)).toEqual({ mode: [10, 20, 10], a: [1, 2, 1] });
      expect(table.account.columns.mode?.texts).toBe(3);
    }
  });

  it('takes the quality that stands beside a column', async () => {
    const table = await read('time,a,a.quality,b\n0,1,Good,5\n1,2,Bad,6\n');
    expect(columns(table)).toEqual({ a: [1, Number.NaN], b: [5, 6] });
    expect(table.account.columns.a?.quality).toEqual({ Bad: 1 });
  });

  it('knows the historians’ words, truths, and the definition’s texts', async () => {
    const words = ['Bad', 'No Data', 'I/O Timeout', '#N/A', 'Shutdown', 'NaN'];
    const table = await read(
      `time,a,on,mode\n${words.map((w, i) => `${i},${w},${i % 2 === 0 ? 'True' : 'FALSE'},RUN`).join('\n')}\n9,1.5,on,STOP\n`,
      { texts: { mode: { RUN: 1, STOP: 0 } } },
    );
    expect(columns(table).a?.filter((v) => !Number.isNaN(v))).toEqual([1.5]);
    expect(Object.keys(table.account.columns.a?.quality ?? {})).toEqual(words);
    expect(columns(table).on).toEqual([1, 0, 1, 0, 1, 0, 1]);
    expect(columns(table).mode).toEqual([1, 1, 1, 1, 1, 1, 0]);
    expect(table.account.columns.mode?.texts).toBe(7);
  });

  it('joins dates and times of day in two columns', async () => {
    const table = await read(
      'Datum;Uhrzeit;T [°C]\n01.10.2026;00:00:05;20,5\n01.10.2026;00:00:10;20,6\n',
    );
    expect(table.account.time.column).toBe('Datum + Uhrzeit');
    expect(table.timeS[1]).toBe(Date.parse('2026-10-01T00:00:10Z') / 1000);
  });

  it('finds units in a row of their own', async () => {
    const table = await read('time,TI101,FI101\ns,°C,kg/s\n0,20,1\n1,21,2\n');
    expect(table.columns.map((c) => [c.label, c.unit])).toEqual([
      ['TI101', '°C'],
      ['FI101', 'kg/s'],
    ]);
    expect(table.rowCount).toBe(2);
  });

  it('unpacks gzip', async () => {
    const path = file(gzipSync('time,a\n0,1\n1,2\n'), 'x.csv.gz');
    const table = await readTable(path);
    expect(columns(table).a).toEqual([1, 2]);
    expect(table.account.gzip).toBe(true);
  });

  it('tells what it read, what it left out and what is hard to believe', async () => {
    const text = `time,a,dead\n${Array.from({ length: 30 }, (_, i) => `${i < 15 ? i : i + 100},${i},7`).join('\n')}\nend of report,,\n`;
    const lines = accountLines((await read(text)).account).join('\n');
    expect(lines).toMatch(/rows +31, 30 of distinct times, 0 s to 129 s: 2\.1 min, each 1 s/);
    expect(lines).toMatch(/gaps +1, the longest 101 s after 14 s/);
    expect(lines).toMatch(/left out +1 row: unreadable time, first "end of report" in row 31/);
    expect(lines).toMatch(/dead: never moves from 7/);
    const century = await read('time,a\n0,1\n90000000000,2\n', { timeFormat: 's' });
    expect(century.account.notes.join()).toMatch(/spans 2852 years/);
  });
});
