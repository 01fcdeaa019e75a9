import { describe, expect, it } from 'vitest';
import { columnOf, formatCsv, parseNumericCsv } from '../../../shared/core/index.js';

describe('parseNumericCsv', () => {
  it('reads a plain table', () => {
    const table = parseNumericCsv('time,a\n0,1\n1,2.5\n', 'x.csv');
    expect(table.columns).toEqual(['time', 'a']);
    expect([...columnOf(table, 'a', 'x.csv')]).toEqual([1, 2.5]);
  });

  it('finds the header below a title of the same width, and strips back-quotes', () => {
    const text = "Latest Results,,\nt,`Main.R1.w`,`v.'m/s'[1]`\n0,1,2\n";
    const table = parseNumericCsv(text, 'x.csv');
    expect(table.columns).toEqual(['t', 'Main.R1.w', "v.'m/s'[1]"]);
  });

  it('reads quoted names, empty cells as NaN, and Windows line ends', () => {
    const table = parseNumericCsv('\uFEFF"time","a, ""b"""\r\n0,\r\n1,x\r\n', 'x.csv');
    expect(table.columns[1]).toBe('a, "b"');
    expect([...table.data[1]!]).toEqual([Number.NaN, Number.NaN]);
  });

  it('takes the header from a given row', () => {
    expect(parseNumericCsv('1,2\n3,4\na,b\n5,6\n', 'x.csv', 3).columns).toEqual(['a', 'b']);
  });

  it.each([
    ['', /no header/],
    ['just text\nmore text\n', /no header/],
    ['a,b\n', /no header/],
  ])('refuses %j', (text, message) => {
    expect(() => parseNumericCsv(text, 'x.csv')).toThrow(message);
  });

  it('names the columns that are there when one is missing', () => {
    const table = parseNumericCsv('time,a\n0,1\n', 'x.csv');
    expect(() => columnOf(table, 'b', 'x.csv')).toThrow(/no column "b".*time, a/);
  });
});

describe('formatCsv', () => {
  it('is read back as it was', () => {
    const text = formatCsv(
      ['t', 'a,b'],
      [
        [0, 0.1],
        [1, 1 / 3],
      ],
    );
    const table = parseNumericCsv(text, 'x.csv');
    expect([...columnOf(table, 'a,b', 'x.csv')]).toEqual([0.1, 1 / 3]);
  });
});
