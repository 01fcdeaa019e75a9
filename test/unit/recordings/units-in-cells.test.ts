import { expect, it } from 'vitest';
import { accountLines } from '../../../shared/recordings/index.js';
import { columns, read } from './files.js';

const rows = (cells: readonly string[], separator = ',') =>
  cells.map((c, i) => `2026-10-01T00:0${i}:00Z${separator}${c}`).join('\n');

it.each([
  ['a space between', ['21.5 °C', '22 °C', '-3.25 °C'], [21.5, 22, -3.25]],
  ['no space', ['21.5°C', '22°C', '-3.25°C'], [21.5, 22, -3.25]],
  ['some cells without', ['21.5', '22 °C', '23'], [21.5, 22, 23]],
  ['an exponent', ['1.5e-3 °C', '2E3 °C', '7 °C'], [1.5e-3, 2e3, 7]],
])('numbers with their unit behind them are read: %s', async (_what, cells, values) => {
  const table = await read(`time,T1\n${rows(cells)}\n`);
  expect(columns(table)).toEqual({ T1: values });
  expect(table.columns[0]!.unit).toBe('°C');
  expect(accountLines(table.account).join('\n')).toMatch(/T1: \d numbers with "°C" behind them/);
});

it('a decimal comma before a unit is seen as one', async () => {
  const table = await read(`time;T1\n${rows(['21,5 °C', '22,75 °C', '3 °C'], ';')}\n`);
  expect(columns(table)).toEqual({ T1: [21.5, 22.75, 3] });
});

it('a second unit in a column is not mixed with the first, but counted', async () => {
  const table = await read(`time,U\n${rows(['2 V', '300 mV', '4 V'])}\n`);
  expect(columns(table)).toEqual({ U: [2, Number.NaN, 4] });
  expect(table.account.columns.U!.unreadable).toEqual({ count: 1, example: '300 mV' });
});

it('a unit that contradicts the header is not read', async () => {
  const table = await read(`time,Q [kW]\n${rows(['2 MW', '3 kW', '4'])}\n`);
  expect(columns(table)).toEqual({ Q: [Number.NaN, 3, 4] });
});

it.each([['3A'], ['12b'], ['4 apples'], ['1 2 V'], ['5 1'], ['5 -']])(
  '%s is no number with a unit',
  async (cell) => {
    const table = await read(`time,x,y\n${rows([`${cell},1`, `${cell},2`, `${cell},3`])}\n`);
    expect(columns(table).x).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  },
);
