import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What each `test/bench/<area>.ts` exports as `run`. */
export interface BenchIo {
  print(line: string): void;
}

const here = dirname(fileURLToPath(import.meta.url));
const [area, ...args] = process.argv.slice(2);
const areas = (await readdir(here))
  .filter((f) => f.endsWith('.js') && f !== 'main.js')
  .map((f) => f.slice(0, -3));

const chosen = area === undefined || area.startsWith('-') ? areas : [area];
for (const name of chosen) {
  const file = join(here, `${name}.js`);
  if (!existsSync(file)) {
    console.error(`No bench "${name}". There are: ${areas.join(', ')}.`);
    process.exit(2);
  }
  const [cpu] = cpus();
  console.log(`# ${name}: Node ${process.version}, ${cpus().length} × ${cpu?.model.trim()}`);
  const bench = (await import(pathToFileURL(file).href)) as {
    run(args: readonly string[], io: BenchIo): Promise<void>;
  };
  await bench.run(args, { print: (line) => console.log(line) });
}
