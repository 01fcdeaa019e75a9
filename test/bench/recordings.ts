import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compiledEntry, createRng, packageFile } from '../../shared/core/index.js';
import { toggle } from '../study/common/options.js';
import { type BenchIo, defineBench } from './common/bench.js';

const ROWS = 2_000_000;
/** Rows of the exports that `new` is given. */
const NEW_ROWS = 100_000;
const START_S = 1_790_812_800;

/** Reads the file named as its argument and tells how that went. */
const READ = `
const { readTable } = await import(${JSON.stringify(pathToFileURL(packageFile('dist/shared/recordings/index.js')).href)});
const began = performance.now();
const table = await readTable(process.argv[1]);
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ seconds, rows: table.account.rows, peakMb: process.resourceUsage().maxRSS / 1024 }));
`;

async function write(path: string, lines: Iterable<string>): Promise<void> {
  const stream = createWriteStream(path);
  let block = '';
  for (const line of lines) {
    block += `${line}\n`;
    if (block.length > 1 << 20) {
      if (!stream.write(block)) await once(stream, 'drain');
      block = '';
    }
  }
  stream.end(block);
  await once(stream, 'finish');
}

interface Shape {
  name: string;
  delimiter?: string;
  time: (i: number) => string;
  /** Each cell in quotes. */
  quote?: string;
  decimal?: string;
  number?: (v: number, digits: number) => string;
  long?: boolean;
}

/** Rows of a time and five numbers, or of one reading each. */
function* linesOf({ delimiter = ',', time, quote = '', number, long }: Shape): Generator<string> {
  const rng = createRng(1);
  const write = number ?? ((v: number, digits: number) => v.toFixed(digits));
  const row = (...cells: string[]) =>
    `${quote}${cells.join(`${quote}${delimiter}${quote}`)}${quote}`;
  if (long === true) {
    yield row('time', 'tag', 'value', 'quality');
    for (let i = 0; i < ROWS; i++)
      yield row(time(Math.floor(i / 5)), `TI-10${i % 5}`, write(100 * rng.uniform(), 3), 'Good');
    return;
  }
  yield row('time', 'a', 'b', 'c', 'd', 'e');
  for (let i = 0; i < ROWS; i++) {
    const [a, b, c] = [rng.uniform(), rng.uniform(), rng.uniform()];
    const numbers = [write(100 * a, 3), write(10 * b, 4), write(c, 5)];
    yield row(time(i), ...numbers, write(20 + b, 3), write(1000 * a, 2));
  }
}

const iso = (i: number) => new Date((START_S + i) * 1000).toISOString();
const german = (i: number) => iso(i).replace(/^(\d+)-(\d+)-(\d+)T(.{8}).*/, '$3.$2.$1 $4');
const american = (i: number) => {
  const [, y, m, d, h, rest] = /^(\d+)-(\d+)-(\d+)T(\d+)(:\d+:\d+)/.exec(iso(i))!;
  const hour = Number(h);
  return `${Number(m)}/${Number(d)}/${y} ${hour % 12 || 12}${rest} ${hour < 12 ? 'AM' : 'PM'}`;
};

const SHAPES: readonly Shape[] = [
  { name: 'epoch seconds', time: (i) => String(START_S + i) },
  { name: 'ISO 8601', time: (i) => iso(i).slice(0, 19).replace('T', ' ') },
  {
    name: 'ISO 8601, every cell quoted',
    time: (i) => iso(i).slice(0, 19).replace('T', ' '),
    quote: '"',
  },
  { name: 'ISO 8601, ms, Z', time: iso },
  {
    name: 'German: dates, semicolons, decimal commas',
    delimiter: ';',
    time: german,
    decimal: ',',
    number: (v, digits) => v.toFixed(digits).replace('.', ','),
  },
  { name: 'American, hours to 12', time: american },
  { name: 'numbers of 17 digits', time: (i) => String(START_S + i), number: String },
  { name: 'one reading a row, with quality', time: (i) => `${iso(i).slice(0, 19)}Z`, long: true },
];

/** Reads 2 million rows of a shape, beside pandas where it is. */
function timeReading(
  path: string,
  { name, delimiter = ',', decimal = '.' }: Shape,
  io: BenchIo,
): void {
  // In a process of its own, so that its peak is that of this one file.
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', READ, path], {
    encoding: 'utf8',
  });
  const { seconds, peakMb, rows } = JSON.parse(told) as Record<string, number>;
  const mb = statSync(path).size / 1e6;
  io.print(
    `${name}: ${rows} rows, ${mb.toFixed(0)} MB in ${seconds!.toFixed(2)} s, peak ${peakMb!.toFixed(0)} MB resident`,
  );
  const python = process.env.TWINLOOP_PANDAS_PYTHON;
  if (python === undefined) {
    io.print('  pandas: not measured, TWINLOOP_PANDAS_PYTHON names no Python that has it');
    return;
  }
  const script = packageFile('test/judges/pandas_read.py');
  const dialect = JSON.stringify({ sep: delimiter, decimal });
  const theirs = Number(
    execFileSync(python, [script, 'time', path, dialect], { encoding: 'utf8' }),
  );
  io.print(
    `  pandas' C parser: ${theirs.toFixed(2)} s; ours takes ${(seconds! / theirs).toFixed(1)} times that`,
  );
}

/** An example's export, repeated to so many rows a period apart. */
function* repeated(name: string, long: boolean): Generator<string> {
  const text = readFileSync(packageFile(`shared/twins/${name}/export.csv`), 'utf8').trimEnd();
  const lines = text.split(/\r?\n/);
  const delimiter = text.includes(';') ? ';' : ',';
  const head = lines.findIndex((line) => line.split(delimiter).every((cell) => cell !== ''));
  const tags = lines[head]!.split(delimiter).slice(1);
  const rows = lines.slice(head + 1).map((line) => line.split(delimiter).slice(1));
  yield long ? ['time', 'tag', 'value'].join(delimiter) : lines[head]!;
  const periodMs = 10_000;
  const each = long ? tags.length : 1;
  for (let i = 0; i * each < NEW_ROWS; i++) {
    const cells = rows[Math.floor((i * each * rows.length) / NEW_ROWS)]!;
    const time = String(START_S * 1000 + i * periodMs);
    if (!long) yield [time, ...cells].join(delimiter);
    else for (const [c, tag] of tags.entries()) yield [time, tag, cells[c]].join(delimiter);
  }
}

/** How long `new` takes until it has written its proposal. */
async function timeNew(folder: string, name: string, long: boolean, io: BenchIo): Promise<void> {
  const data = join(folder, `${name}.csv`);
  await write(data, repeated(name, long));
  const fmu = packageFile(`shared/twins/${name}/${name}.fmu`);
  const output = join(folder, `${name}.yaml`);
  const began = performance.now();
  execFileSync(
    process.execPath,
    [
      ...[compiledEntry('cli'), 'new', fmu, '--data', data, '--output', output],
      ...['--yes', '--overwrite', '--no-calibrate'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const seconds = (performance.now() - began) / 1000;
  io.print(
    `new, ${name}, ${NEW_ROWS} ${long ? 'readings' : 'rows'}: its proposal in ${seconds.toFixed(2)} s`,
  );
}

export const bench = defineBench({
  measures: 'Reads recordings of every shape, and has `new` propose definitions from long ones.',
  options: { new: toggle('the proposals alone') },
  run: measureReading,
});

async function measureReading({ new: isNew }: { new: boolean }, io: BenchIo): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'twinloop-bench-'));
  try {
    for (const shape of isNew ? [] : SHAPES) {
      const path = join(folder, 'table.csv');
      await write(path, linesOf(shape));
      timeReading(path, shape, io);
    }
    for (const name of ['heat-exchanger', 'heated-box'])
      for (const long of [false, true]) await timeNew(folder, name, long, io);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
