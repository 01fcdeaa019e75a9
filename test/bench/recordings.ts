import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRng, packageFile } from '../../shared/core/index.js';
import type { BenchIo } from './main.js';

const ROWS = 2_000_000;

/** Reads the file named as its argument and tells how that went. */
const READ = `
const { readTable } = await import(${JSON.stringify(pathToFileURL(packageFile('dist/shared/recordings/index.js')).href)});
const began = performance.now();
const table = await readTable(process.argv[1]);
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ seconds, rows: table.rowCount, peakMb: process.resourceUsage().maxRSS / 1024 }));
`;

/** Times of the recording: seconds since 1970, or texts; each cell in quotes, or bare. */
async function write(path: string, time: (i: number) => string, quote: string): Promise<void> {
  const rng = createRng(1);
  const stream = createWriteStream(path);
  const between = `${quote},${quote}`;
  stream.write(`${quote}${['time', 'a', 'b', 'c', 'd', 'e'].join(between)}${quote}\n`);
  let block = '';
  for (let i = 0; i < ROWS; i++) {
    const [a, b, c] = [rng.uniform(), rng.uniform(), rng.uniform()];
    const numbers = [(100 * a).toFixed(3), (10 * b).toFixed(4), c.toFixed(5)];
    const cells = [time(i), ...numbers, (20 + b).toFixed(3), (1000 * a).toFixed(2)];
    block += `${quote}${cells.join(between)}${quote}\n`;
    if (block.length > 1 << 20) {
      if (!stream.write(block)) await once(stream, 'drain');
      block = '';
    }
  }
  stream.end(block);
  await once(stream, 'finish');
}

/** Reads a recording of 2 million rows × 6, beside pandas where it is (`TWINLOOP_PANDAS_PYTHON`). */
export async function run(_args: readonly string[], io: BenchIo): Promise<void> {
  const python = process.env.TWINLOOP_PANDAS_PYTHON;
  const folder = mkdtempSync(join(tmpdir(), 'twinloop-bench-'));
  try {
    const iso = (i: number) =>
      new Date((1_790_812_800 + i) * 1000).toISOString().slice(0, 19).replace('T', ' ');
    const shapes: readonly [string, (i: number) => string, string][] = [
      ['epoch seconds', (i) => String(1_790_812_800 + i), ''],
      ['ISO 8601', iso, ''],
      ['ISO 8601, every cell quoted', iso, '"'],
    ];
    for (const [name, time, quote] of shapes) {
      const path = join(folder, 'table.csv');
      await write(path, time, quote);
      // In a process of its own, so that its peak is that of this one file.
      const told = execFileSync(process.execPath, ['--input-type=module', '-e', READ, path], {
        encoding: 'utf8',
      });
      const { seconds, peakMb, rows } = JSON.parse(told) as Record<string, number>;
      const mb = statSync(path).size / 1e6;
      io.print(
        `${name}: ${rows} rows × 6, ${mb.toFixed(0)} MB in ${seconds!.toFixed(2)} s, peak ${peakMb!.toFixed(0)} MB resident`,
      );
      if (python === undefined) {
        io.print('  pandas: not measured, TWINLOOP_PANDAS_PYTHON names no Python that has it');
        continue;
      }
      const script = packageFile('test/judges/pandas_read.py');
      const theirs = Number(execFileSync(python, [script, 'time', path], { encoding: 'utf8' }));
      io.print(
        `  pandas' C parser: ${theirs.toFixed(2)} s; ours takes ${(seconds! / theirs).toFixed(1)} times that`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
