import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { hasCompiler } from '../../unit/fmi/fixture-fmus.js';
import { CONDITIONS } from './conditions.js';
import { MACHINES } from './machines.js';
import { type RunResult, runOne } from './run.js';
import { tables } from './table.js';

/**
 * Eight machines that the estimators were not made for, under twenty conditions, judged as a user
 * meets them: `fit` and `calibrate` with defaults. `npm run study:unseen`.
 */
const USAGE = `Usage: npm run study:unseen -- [--seeds N] [--rows N] [--jobs N] [--only WORDS] [--results FILE]

  --seeds N       records of each machine and condition; default 12
  --rows N        samples of a record; default 300
  --jobs N        records at a time; default 2
  --only WORDS    machines and conditions whose names contain one of these, separated by commas
  --results FILE  a line of JSON for each record; those that it holds already are not run again`;

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '12' },
    rows: { type: 'string', default: '300' },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
    results: { type: 'string' },
  },
});
const [seeds, rows, jobs] = [given.seeds, given.rows, given.jobs].map(Number);
if (![seeds, rows, jobs].every((v) => Number.isInteger(v) && v! > 0) || rows! < 40) {
  console.error(USAGE);
  process.exit(2);
}
if (!hasCompiler) {
  console.error('study:unseen builds its FMUs with a C compiler, and there is none.');
  process.exit(1);
}
const words = given.only?.split(',');
const chosen = <T extends { name: string }>(of: readonly T[]) => {
  const some = of.filter(({ name }) => words?.some((w) => name.includes(w)));
  return some.length > 0 ? some : of;
};
const unused = words?.filter((w) => ![...MACHINES, ...CONDITIONS].some((v) => v.name.includes(w)));
if (unused !== undefined && unused.length > 0) {
  console.error(
    `--only ${unused.join(', ')} names no machine (${MACHINES.map((m) => m.name).join(', ')}) and no condition (${CONDITIONS.map((c) => c.name).join(', ')}).`,
  );
  process.exit(2);
}
const keyOf = (r: Pick<RunResult, 'machine' | 'condition' | 'seed' | 'rows'>) =>
  `${r.machine}/${r.condition}/${r.seed}/${r.rows}`;
const done = new Map<string, RunResult>();
if (given.results !== undefined && existsSync(given.results)) {
  for (const line of readFileSync(given.results, 'utf8').split('\n').filter(Boolean)) {
    const result = JSON.parse(line, (key, v) => (key === 'nis' && v === null ? Number.NaN : v));
    done.set(keyOf(result), result);
  }
}
// Seeds outermost: a run that is cut short has seen every machine and condition.
const wanted = Array.from({ length: seeds! }, (_, k) => k + 1).flatMap((seed) =>
  chosen(CONDITIONS).flatMap((condition) =>
    chosen(MACHINES).map((machine) => ({ machine, condition, seed })),
  ),
);
const results: RunResult[] = [];
const failed: string[] = [];
const queue = [...wanted];
const work = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { machine, condition, seed } = next;
    const key = keyOf({ machine: machine.name, condition: condition.name, seed, rows: rows! });
    let result = done.get(key);
    if (result === undefined) {
      try {
        result = await runOne(machine, condition, seed, rows!);
      } catch (error) {
        failed.push(`${key}: ${error instanceof Error ? error.message : error}`);
        continue;
      }
      if (given.results !== undefined) appendFileSync(given.results, `${JSON.stringify(result)}\n`);
      console.error(`${results.length + 1}/${wanted.length} ${key}: ${result.wallS.toFixed(1)} s`);
    }
    results.push(result);
  }
};
await Promise.all(Array.from({ length: jobs! }, work));
const machine = `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}`;
console.log(
  `Measured by \`npm run study:unseen -- --seeds ${seeds} --rows ${rows}\` on ${machine}; ${results.length} of ${wanted.length} records.\n`,
);
for (const line of tables(results)) console.log(line);
if (failed.length > 0) {
  console.log(`${failed.length} records ended in an error:\n`);
  for (const line of failed) console.log(`- ${line}`);
  process.exitCode = 1;
}
