import fc from 'fast-check';
import { expect, it } from 'vitest';
import { columns, read } from './files.js';

interface Written {
  delimiter: ',' | ';' | '\t' | '|';
  decimal: '.' | ',';
  newline: '\n' | '\r\n';
  encoding: 'utf8' | 'utf8-bom' | 'utf16le' | 'windows-1252';
  quoted: boolean;
  preamble: readonly string[];
  time: (i: number) => string;
  units: boolean;
  lastNewline: boolean;
}

const START_S = Date.UTC(2026, 9, 14) / 1000;
const iso = (i: number) => new Date((START_S + 60 * i) * 1000).toISOString();
const TIMES: readonly ((i: number) => string)[] = [
  (i) => String(60 * i),
  (i) => String(START_S + 60 * i),
  (i) => `${START_S + 60 * i}000`,
  (i) => `${START_S + 60 * i}000000000`,
  iso,
  (i) => iso(i).slice(0, 19).replace('T', ' '),
  (i) => iso(i).replace(/^(\d+)-(\d+)-(\d+)T(.{8}).*/, '$3.$2.$1 $4'),
  (i) => iso(i).replace(/^(\d+)-(\d+)-(\d+)T(.{8}).*/, '$3/$2/$1 $4'),
  (i) => iso(i).replace(/^(\d+)-(\d+)-(\d+)T(.{8}).*/, '$2/$3/$1 $4'),
];

const dialect: fc.Arbitrary<Written> = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    decimal: fc.constantFrom('.', ','),
    newline: fc.constantFrom('\n', '\r\n'),
    encoding: fc.constantFrom('utf8', 'utf8-bom', 'utf16le', 'windows-1252'),
    quoted: fc.boolean(),
    preamble: fc.constantFrom([], ['Werk Süd'], ['Exported by a historian', '', 'Line 4']),
    time: fc.constantFrom(...TIMES),
    units: fc.boolean(),
    lastNewline: fc.boolean(),
  })
  // Decimal commas between commas have to be quoted, and then may be thousands: a case of its own.
  .map((w) =>
    w.decimal === ',' && w.delimiter === ',' ? { ...w, delimiter: ';' as const } : w,
  ) as fc.Arbitrary<Written>;

/** Numbers with few digits and many, and cells without one. */
const cell = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((v) => Number(v.toFixed(3)) + 0),
  fc.integer({ min: -1000, max: 1000 }),
  fc.double({ min: 1e-8, max: 1e8, noNaN: true }),
  fc.constant(Number.NaN),
);

function encode(text: string, encoding: Written['encoding']): Uint8Array {
  if (encoding === 'utf16le') return Buffer.from(`\uFEFF${text}`, 'utf16le');
  if (encoding === 'windows-1252') return Buffer.from(text, 'latin1');
  return Buffer.from(encoding === 'utf8-bom' ? `\uFEFF${text}` : text, 'utf8');
}

function write(w: Written, rows: readonly (readonly number[])[]): Uint8Array {
  const quote = (text: string) => (w.quoted ? `"${text}"` : text);
  const number = (v: number) => (Number.isNaN(v) ? '' : String(v).replace('.', w.decimal));
  const names = ['Zeit', 'Größe 1', 'b', 'Tür'].map((n, i) => (w.units && i > 0 ? `${n} [°C]` : n));
  const lines = [
    ...w.preamble,
    names.map(quote).join(w.delimiter),
    ...rows.map((row, i) => [w.time(i), ...row.map(number)].map(quote).join(w.delimiter)),
  ];
  return encode(lines.join(w.newline) + (w.lastNewline ? w.newline : ''), w.encoding);
}

it('reads back any table in any dialect', async () => {
  await fc.assert(
    fc.asyncProperty(
      dialect,
      fc.array(fc.tuple(cell, cell, cell), { minLength: 3, maxLength: 30 }),
      async (w, rows) => {
        const table = await read(write(w, rows));
        expect(columns(table)).toEqual({
          'Größe 1': rows.map((r) => r[0]),
          b: rows.map((r) => r[1]),
          Tür: rows.map((r) => r[2]),
        });
        expect(Array.from(table.timeS, (s) => s - table.timeS[0]!)).toEqual(
          rows.map((_, i) => 60 * i),
        );
        if (w.time !== TIMES[0]) expect(table.timeS[0]).toBe(START_S);
        expect(table.account.rows).toBe(rows.length);
        for (const c of Object.values(table.account.columns)) expect(c.unreadable).toBeUndefined();
      },
    ),
    { numRuns: 300 },
  );
});

/** Cells as they stand in a file, with the numbers that they are: quotes may hold anything. */
const rawCell = fc.constantFrom<[string, number]>(
  ...([
    ['1.5', 1.5],
    ['"2.5"', 2.5],
    ['"-3"', -3],
    [' 4', 4],
    ['"0.125"', 0.125],
    ['', Number.NaN],
    ['""', Number.NaN],
    ['"a ""b"" c"', Number.NaN],
    ['"two\nlines"', Number.NaN],
    ['"\r\n"', Number.NaN],
    ['"1,5,"', Number.NaN],
    ['"x" ', Number.NaN],
    ['5" pipe', Number.NaN],
    ['"Bad"', Number.NaN],
    ['"9""9"', Number.NaN],
  ] as [string, number][]),
);

it('reads what stands in quotes, and what only looks like them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(rawCell, rawCell, fc.boolean()), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      fc.constantFrom('utf8', 'utf16le', 'windows-1252'),
      async (rows, newline, encoding) => {
        const lines = rows.map(([[a], [b], quoted], i) => `${quoted ? `"${i}"` : i},${a},${b}`);
        // Rows without quotes first, so that the dialect is not what is tested.
        const text = ['time,a,b', '-3,1,2', '-2,1,2', '-1,1,2', ...lines, ''].join(newline);
        const table = await read(encode(text, encoding as Written['encoding']));
        expect(table.account.rows).toBe(3 + rows.length);
        expect(columns(table)).toEqual({
          a: [1, 1, 1, ...rows.map(([[, a]]) => a)],
          b: [2, 2, 2, ...rows.map(([, [, b]]) => b)],
        });
      },
    ),
    { numRuns: 300 },
  );
});

it('reads records across the pieces that a file comes in', async () => {
  const note = '"a note\nof ""two"" lines"';
  const rows = Array.from({ length: 60_000 }, (_, i) =>
    i % 7 === 0 ? `${i},${note},"${i}.5"` : `"${i}","${i % 5}","${i}.25"`,
  );
  const table = await read(`time,a,b\n${rows.join('\n')}\n`);
  expect(table.rowCount).toBe(rows.length);
  expect(columns(table).b).toEqual(rows.map((_, i) => i + (i % 7 === 0 ? 0.5 : 0.25)));
  expect(table.account.columns.a?.unreadable?.count).toBe(Math.ceil(rows.length / 7));
});

it('loses one row to a quote that nobody closes, and names it', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => (i === 20 ? `${i},"broken,1` : `${i},${i},1`));
  for (const encoding of ['utf8', 'utf16le'] as const) {
    const table = await read(encode(`time,a,b\n${rows.join('\n')}\n`, encoding));
    expect(table.rowCount).toBe(40);
    expect(columns(table).a?.filter(Number.isNaN)).toHaveLength(1);
    expect(table.account.shortRows).toBe(1);
    expect(table.account.columns.a?.unreadable).toEqual({ count: 1, example: 'broken,1' });
  }
});
