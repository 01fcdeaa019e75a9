import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountLines, type ReadOptions } from '../../../shared/recordings/index.js';
import { read } from './files.js';

async function times(cells: readonly string[], options: ReadOptions = {}, header = 'time') {
  const table = await read(
    `${header};a\n${cells.map((c, i) => `${c};${i}`).join('\n')}\n`,
    options,
  );
  return { table, iso: Array.from(table.timeS, (s) => new Date(s * 1000).toISOString()) };
}

describe('times', () => {
  it.each([
    ['2026-10-01T14:05:30.25Z', '2026-10-01T14:05:30.250Z'],
    ['2026-10-01 14:05:30,25', '2026-10-01T14:05:30.250Z'],
    ['2026-10-01T14:05:30+0530', '2026-10-01T08:35:30.000Z'],
    ['20261001T140530Z', '2026-10-01T14:05:30.000Z'],
    ['20261001140530', '2026-10-01T14:05:30.000Z'],
    ['2026/10/01 14:05', '2026-10-01T14:05:00.000Z'],
    ['01.10.26 14:05', '2026-10-01T14:05:00.000Z'],
    ['01-Oct-26 14:05:30', '2026-10-01T14:05:30.000Z'],
    ['1. Okt. 2026 14:05', '2026-10-01T14:05:00.000Z'],
    ['Oct 1, 2026 2:05:30 PM', '2026-10-01T14:05:30.000Z'],
    ['10/13/2026 12:00:00 AM', '2026-10-13T00:00:00.000Z'],
    ['13/10/2026 12:30 PM', '2026-10-13T12:30:00.000Z'],
  ])('%s is %s', async (text, iso) => {
    expect((await times([text])).iso[0]).toBe(iso);
  });

  it.each([
    [['1790812800', '1790812860'], 's'],
    [['1790812800.25', '1790812860.25'], 's'],
    [['1790812800000', '1790812860000'], 'ms'],
    [['1790812800000000', '1790812860000000'], 'us'],
    [['1790812800000000001', '1790812860000000001'], 'ns'],
    [['0', '0.1'], 's'],
    [['46296.5', '46296.5416666667', '46296.5833333333'], 'excel'],
  ] as const)('%j is a count of %s', async (cells, format) => {
    const { table } = await times(cells);
    expect(table.account.time.format).toBe(format);
  });

  it('counts times from the first row where a double is too coarse for steps since 1970', async () => {
    const rows = (stepNs: number) =>
      Array.from(
        { length: 40 },
        (_, i) => `2026-10-01T14:05:30.${String(i * stepNs).padStart(9, '0')}Z`,
      );
    const ms = (await times(rows(1e6))).table.account;
    expect([ms.periodS, ms.gaps.count, ms.notes]).toEqual([1e-3, 0, []]);
    const { table } = await times(rows(100));
    const fine = table.account;
    expect(fine.periodS).toBe(1e-7);
    expect(fine.notes).toEqual([]);
    table.timeS.forEach((t, i) => void expect(t).toBeCloseTo(i * 1e-7, 14));
    expect(table.timeNsAt(3) - table.timeNsAt(0)).toBe(300n);
    expect(accountLines(fine).join('\n')).toContain('counted from 2026-10-01T14:05:30Z');
    // A record in which they lie too long after its first row for that as well.
    const late = ['2026-10-01T14:05:30Z', ...rows(100).map((t) => t.replace('2026', '2027'))];
    expect((await times(late)).table.account.notes.join()).toMatch(/1\.0e-7 s apart.*kept to/);
    // Of a recording that begins at 0, a double knows them.
    const since0 = (await times(['0', '0.00001', '0.00002', '0.00003'])).table.account;
    expect(since0.notes).toEqual([]);
  });

  it('takes Excel’s days to the second', async () => {
    const { iso } = await times(['46296.5', '46296.5416666667', '46296.5833333333']);
    expect(iso).toEqual([
      '2026-10-01T12:00:00.000Z',
      '2026-10-01T13:00:00.000Z',
      '2026-10-01T14:00:00.000Z',
    ]);
  });

  it('takes the unit from the header, and refuses one that the figures contradict', async () => {
    const { table } = await times(['0', '500'], {}, 'time [ms]');
    expect([...table.timeS]).toEqual([0, 0.5]);
    await expect(times(['1790812800000', '1790812860000'], {}, 'time [s]')).rejects.toThrow(
      /two ways.*--time-format s or --time-format ms/,
    );
  });

  it('keeps integers of 19 digits exact', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.bigInt(10n ** 18n, 4n * 10n ** 18n), { minLength: 1, maxLength: 5 }),
        async (values) => {
          const sorted = values.toSorted((a, b) => (a < b ? -1 : 1));
          const { table } = await times(sorted.map(String));
          expect(sorted.map((_, i) => table.timeNsAt(i))).toEqual(sorted);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('knows the hour that is skipped in spring and the one that is repeated in autumn', async () => {
    const zone = { timeZone: 'Europe/Berlin' };
    const spring = await times(
      ['2026-03-29 01:30:00', '2026-03-29 02:30:00', '2026-03-29 03:30:00'],
      zone,
    );
    expect(spring.iso).toEqual(['2026-03-29T00:30:00.000Z', '2026-03-29T01:30:00.000Z']);
    expect(spring.table.account.withoutTime['time in a daylight-saving gap']?.count).toBe(1);
    const autumn = await times(
      ['2026-10-25 01:30:00', '2026-10-25 02:30:00', '2026-10-25 02:30:00', '2026-10-25 03:30:00'],
      zone,
    );
    // Rows an hour apart: what follows half past two is half past two once more.
    expect(autumn.iso).toEqual([
      '2026-10-24T23:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:30:00.000Z',
    ]);
    // Where rows are nearer, a time that is there twice running is the same reading twice.
    const double = ['2026-10-25 02:10:00', '2026-10-25 02:20:00', '2026-10-25 02:20:00'];
    expect((await times(double, zone)).table.rowCount).toBe(2);
    const seen = await times(
      ['2026-10-25 02:30:00', '2026-10-25 02:50:00', '2026-10-25 02:10:00', '2026-10-25 02:30:00'],
      zone,
    );
    expect(seen.iso).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T00:50:00.000Z',
      '2026-10-25T01:10:00.000Z',
      '2026-10-25T01:30:00.000Z',
    ]);
  });

  const zones = { 'Europe/Berlin': '2026-10-25T00:30Z', 'America/New_York': '2026-11-01T05:30Z' };
  const shown = {
    iso: (d: Date, timeZone: string) => d.toLocaleString('sv-SE', { timeZone }),
    'month first': (d: Date, timeZone: string) => d.toLocaleString('en-US', { timeZone }),
    'day first': (d: Date, timeZone: string) => d.toLocaleString('en-GB', { timeZone }),
  };
  it.each(
    Object.keys(zones).flatMap((timeZone) =>
      Object.keys(shown).flatMap((how) =>
        [300, 1800, 3600].map((periodS) => [timeZone, how, periodS] as const),
      ),
    ),
  )('follows the clock of %s, %s, each %i s, from either end', async (timeZone, how, periodS) => {
    const middle = Date.parse(zones[timeZone as keyof typeof zones]) / 1000;
    // A day before it, so that a month is settled by a day that no month has where dates are numbers.
    const n = Math.round((2 * 86_400) / periodS);
    const from = Math.floor((middle - 86_400) / periodS) * periodS;
    const truth = Array.from({ length: n }, (_, i) => from + i * periodS);
    const cells = truth.map((s) => shown[how as keyof typeof shown](new Date(s * 1000), timeZone));
    const rows = (of: readonly string[]) => `time;a\n${of.join('\n')}\n`;
    const lines = cells.map((c, i) => `${c};${i}`);
    for (const text of [rows(lines), rows(lines.toReversed())]) {
      const table = await read(text, { timeZone });
      expect([...table.timeS]).toEqual(truth);
      expect([...table.columns[0]!.values]).toEqual(truth.map((_, i) => i));
      expect(table.account.notes).toEqual([]);
    }
  });

  it('lets a row that is late by seconds stay in its hour', async () => {
    const { iso } = await times(
      ['01:59:57', '01:59:58', '01:59:56', '02:10:02', '02:10:01', '02:10:03'].map(
        (t) => `2026-10-25 ${t}`,
      ),
      { timeZone: 'Europe/Berlin' },
    );
    expect(iso.at(-1)).toBe('2026-10-25T00:10:03.000Z');
  });

  it('reads the names of European zones behind times, each row by its own', async () => {
    for (const [summer, winter] of [
      ['CEST', 'CET'],
      ['MESZ', 'MEZ'],
    ]) {
      const { iso } = await times([
        `2026-10-25 02:30:00 ${summer}`,
        `2026-10-25 02:30:00 ${winter}`,
        `25.10.2026 03:00:00 ${winter}`,
      ]);
      expect(iso).toEqual([
        '2026-10-25T00:30:00.000Z',
        '2026-10-25T01:30:00.000Z',
        '2026-10-25T02:00:00.000Z',
      ]);
    }
    await expect(times(['2026-10-25 02:30:00 CST'])).rejects.toThrow(
      /"time" has "2026-10-25 02:30:00 CST"/,
    );
  });

  it('says that an hour is missing in the night in which clocks skip one', async () => {
    const night = (day: string) =>
      Array.from(
        { length: 8 },
        (_, i) =>
          `2026-03-${day} 0${Math.floor(i / 2) + (i > 3 ? 1 : 0)}:${i % 2 === 0 ? '00' : '30'}:00`,
      );
    const notesOf = async (day: string, zone: ReadOptions = {}) =>
      (await times(night(day), zone)).table.account.notes.join();
    expect(await notesOf('29')).toMatch(/skip an hour after 2026-03-29T01:30:00,.*--time-zone/);
    expect(await notesOf('08')).toMatch(/in spring/);
    expect(await notesOf('22')).toBe('');
    expect(await notesOf('29', { timeZone: 'Europe/Berlin' })).toBe('');
  });

  it('says that a clock was set back where nobody named the zone', async () => {
    const { table } = await times([
      '2026-10-25 01:00:00',
      '2026-10-25 02:00:00',
      '2026-10-25 02:30:00',
      '2026-10-25 02:00:00',
      '2026-10-25 03:00:00',
    ]);
    expect(table.account.notes.join()).toMatch(/--time-zone/);
  });

  it('refuses times with and without a zone, and dates of both orders', async () => {
    await expect(times(['2026-10-01T00:00:00Z', '2026-10-01T00:00:10'])).rejects.toThrow(
      /--time-zone/,
    );
    await expect(times(['13/10/2026', '10/14/2026'])).rejects.toThrow(/mix two ways/);
  });

  it('settles day and month where one reading jumps by months at each midnight', async () => {
    const cells = Array.from(
      { length: 72 },
      (_, h) => `0${1 + Math.floor(h / 24)}/10/2026 ${String(h % 24).padStart(2, '0')}:00`,
    );
    const { table } = await times(cells);
    expect(table.account.time).toMatchObject({ format: 'dmy' });
    expect(table.account.time.settledBy).toMatch(/jump by months/);
    // One value a day could as well be one a month.
    await expect(times(['01/10/2026', '02/10/2026', '03/10/2026'])).rejects.toThrow(/two ways/);
  });

  it('sorts what runs backwards, and merges one time: the later in the file counts', async () => {
    const newest = await read('time,a\n3,30\n2,20\n1,10\n');
    expect([...newest.timeS]).toEqual([1, 2, 3]);
    expect(newest.account.order).toMatchObject({ newestFirst: true, outOfOrder: 0 });
    const table = await read('time,a,b\n0,1,\n2,3,4\n1,2,2\n2,5,\n');
    expect([...table.columns[0]!.values]).toEqual([1, 2, 5]);
    expect([...table.columns[1]!.values]).toEqual([Number.NaN, 2, 4]);
    expect(table.account.order).toMatchObject({ outOfOrder: 1, conflicts: 1 });
  });

  it('refuses a zone and a format that are none', async () => {
    await expect(read('time,a\n0,1\n', { timeZone: 'Mars/Olympus' })).rejects.toThrow(
      /Europe\/Berlin/,
    );
    await expect(read('time,a\nx,1\n', { timeFormat: 'iso' })).rejects.toThrow(
      /none of its 1 rows|header/,
    );
  });
});
