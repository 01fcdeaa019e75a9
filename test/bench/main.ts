import { readdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TwinError } from '../../shared/core/index.js';
import { type Options, readProgram, runCalled } from '../study/common/options.js';
import type { Bench } from './common/bench.js';

const here = dirname(fileURLToPath(import.meta.url));
const areas = (await readdir(here))
  .filter((f) => f.endsWith('.js') && f !== 'main.js')
  .map((f) => f.slice(0, -3));

async function benchOf(area: string): Promise<Bench<Options>> {
  const file = pathToFileURL(join(here, `${area}.js`)).href;
  return ((await import(file)) as { bench: Bench<Options> }).bench;
}

/** Runs benches: `node main.js [AREA [its options]]`, all areas without one. */
async function main([area, ...args]: string[]): Promise<undefined> {
  if (area === '--help') {
    console.log(
      'Usage: npm run bench -- [AREA [options]]\n\nMeasures speed; all areas without one.\n',
    );
    for (const name of areas) console.log(`${name.padEnd(14)}${(await benchOf(name)).measures}`);
    console.log('\n`npm run bench -- AREA --help` tells its options.');
    return;
  }
  if (area !== undefined && !areas.includes(area)) {
    const what = area.startsWith('-')
      ? `${area} stands before an area`
      : `there is no bench "${area}"`;
    throw new TwinError(
      'USAGE',
      `${what}: expected one of ${areas.join(', ')}, its options after it.`,
    );
  }
  for (const name of area === undefined ? areas : [area]) {
    const bench = await benchOf(name);
    const read = readProgram({ ...bench, name: `bench -- ${name}` }, args);
    if (read === undefined) return;
    const [cpu] = cpus();
    console.log(`# ${name}: Node ${process.version}, ${cpus().length} × ${cpu?.model.trim()}`);
    await bench.run(read.given, { print: (line) => console.log(line) }, read.words);
  }
}

await runCalled(() => main(process.argv.slice(2)));
