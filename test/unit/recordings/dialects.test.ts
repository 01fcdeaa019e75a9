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
