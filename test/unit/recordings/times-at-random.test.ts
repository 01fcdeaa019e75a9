import fc from 'fast-check';
import { expect, it } from 'vitest';
import { columns, read } from './files.js';

const pad = (v: number, digits = 2) => String(v).padStart(digits, '0');
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** How a moment is written: by its date on the wall and its nanoseconds. */
interface Writing {
  name: string;
  /** Digits behind the seconds that it shows. */
  digits: number;
  text: (wall: Date, ns: number) => string;
}

const parts = (d: Date) => ({
  y: String(d.getUTCFullYear()),
  mo: pad(d.getUTCMonth() + 1),
  d: pad(d.getUTCDate()),
  h: pad(d.getUTCHours()),
  mi: pad(d.getUTCMinutes()),
  s: pad(d.getUTCSeconds()),
});
const fraction = (ns: number, digits: number) => pad(ns, 9).slice(0, digits);
const twelve = (d: Date) =>
  `${d.getUTCHours() % 12 || 12}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())} ${d.getUTCHours() < 12 ? 'AM' : 'PM'}`;

const WRITINGS: readonly Writing[] = [
  { name: 'ISO', digits: 0, text: (w) => w.toISOString().slice(0, 19) },
  { name: 'ISO, Z', digits: 0, text: (w) => `${w.toISOString().slice(0, 19)}Z` },
  {
    name: 'ISO, ms',
    digits: 3,
    text: (w, ns) => `${w.toISOString().slice(0, 19)}.${fraction(ns, 3)}Z`,
  },
  {
    name: 'ISO, ns',
    digits: 9,
    text: (w, ns) => `${w.toISOString().slice(0, 19)}.${fraction(ns, 9)}`,
  },
  {
    name: 'German',
    digits: 0,
    text: (w) => {
      const { y, mo, d, h, mi, s } = parts(w);
      return `${d}.${mo}.${y} ${h}:${mi}:${s}`;
    },
  },
  {
    name: 'American, of twelve hours',
    digits: 0,
    // The first day is the 28th, which no month is.
    text: (w) => `${w.getUTCMonth() + 1}/${w.getUTCDate()}/${w.getUTCFullYear()} ${twelve(w)}`,
  },
  {
    name: 'month as a word',
    digits: 3,
    text: (w, ns) => {
      const { y, d, h, mi, s } = parts(w);
      return `${d}-${MONTHS[w.getUTCMonth()]}-${y.slice(2)} ${h}:${mi}:${s}.${fraction(ns, 3)}`;
    },
  },
  {
    name: 'epoch, ms with a fraction',
    digits: 6,
    text: (w, ns) => `${w.getTime() / 1000}${fraction(ns, 3)}.${fraction(ns, 6).slice(3)}`,
  },
  { name: 'epoch, ns', digits: 9, text: (w, ns) => `${w.getTime() / 1000}${fraction(ns, 9)}` },
  { name: 'epoch, s', digits: 6, text: (w, ns) => `${w.getTime() / 1000}.${fraction(ns, 6)}` },
];

const START_S = Date.UTC(2026, 10, 28, 22, 30) / 1000;

/** Gaps between rows: within a second, over midnight, over months. */
const gap = fc.oneof(
  fc.integer({ min: 1, max: 90 }),
  fc.integer({ min: 1, max: 20_000 }),
  fc.integer({ min: 86_400, max: 200_000 }),
);

it('reads moments to the nanosecond, however they are written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...WRITINGS),
      fc.array(fc.tuple(gap, fc.integer({ min: 0, max: 999_999_999 })), {
        minLength: 3,
        maxLength: 40,
      }),
      fc.constantFrom('plain', 'quoted', 'long', 'quality'),
      async (writing, gaps, form) => {
        let s = START_S;
        const moments = gaps.map(([by, ns], i) => {
          if (i > 0) s += by;
          return { s, ns: Number(fraction(ns, writing.digits).padEnd(9, '0')) };
        });
        const rows = moments.map(({ s: at, ns }, i) => {
          const time = writing.text(new Date(at * 1000), ns);
          if (form === 'quoted') return `"${time}";"${i}";"0.5"`;
          if (form === 'long') return `${time};a;${i};Good`;
          if (form === 'quality') return `${time};${i};${i % 3 === 2 ? 'Bad' : 'Good'}`;
          return `${time};${i};0.5`;
        });
        const header = {
          plain: 'time;a;b',
          quoted: 'time;a;b',
          long: 'time;tag;value;quality',
          quality: 'time;a;a.quality',
        };
        const table = await read([header[form], ...rows, ''].join('\n'));
        expect(moments.map((_, i) => table.timeNsAt(i))).toEqual(
          moments.map((m) => BigInt(m.s) * 1_000_000_000n + BigInt(m.ns)),
        );
        expect(columns(table).a).toEqual(
          rows.map((_, i) => (form === 'quality' && i % 3 === 2 ? Number.NaN : i)),
        );
      },
    ),
    { numRuns: 300 },
  );
});

it('reads dates and times of day in two columns, and rows that a period counts', async () => {
  const day = (i: number) => `${pad(10 + Math.floor(i / 24))}.11.2026`;
  const rows = Array.from({ length: 60 }, (_, i) => `${day(i)};${pad(i % 24)}:30;${i}`);
  const table = await read(['Datum;Uhrzeit;T [°C]', ...rows, ''].join('\n'));
  const start = Date.UTC(2026, 10, 10, 0, 30) / 1000;
  expect([...table.timeS]).toEqual(rows.map((_, i) => start + 3600 * i));
  const counted = await read(
    `u,y,Ts\n${Array.from({ length: 9 }, (_, i) => `${i},2,${i === 0 ? 4 : ''}`).join('\n')}\n,,\n5,6,\n`,
  );
  expect([...counted.timeS]).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
  expect(counted.account.blankRows).toBe(1);
});

it('keeps the hour that comes twice in autumn, and leaves out the one that never comes in spring', async () => {
  const wall = (from: number, n: number) =>
    Array.from({ length: n }, (_, i) =>
      new Date((from + 600 * i) * 1000).toISOString().slice(0, 19),
    );
  const autumn = Date.UTC(2026, 9, 25, 1) / 1000;
  // 01:00 to 02:50 in summer time, then 02:00 again in winter time.
  const twice = [...wall(autumn, 12), ...wall(autumn + 3600, 12)];
  const text = (times: readonly string[]) =>
    `time,a\n${times.map((t, i) => `${t.replace('T', ' ')},${i}`).join('\n')}\n`;
  const back = await read(text(twice), { timeZone: 'Europe/Berlin' });
  expect([...back.timeS]).toEqual(twice.map((_, i) => Date.UTC(2026, 9, 24, 23) / 1000 + 600 * i));
  const spring = Date.UTC(2026, 2, 29, 1) / 1000;
  const skipped = await read(text(wall(spring, 18)), { timeZone: 'Europe/Berlin' });
  expect(skipped.rowCount).toBe(12);
  expect(skipped.account.withoutTime['time in a daylight-saving gap']?.count).toBe(6);
});
