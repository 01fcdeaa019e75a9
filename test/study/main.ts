import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { SingleBar } from 'cli-progress';
import { packageFile } from '../../shared/core/index.js';
import type { Cell } from './cell.js';
import { SCENARIOS } from './scenarios.js';
import { addScore, newScore, rowOf, type Score } from './score.js';
import { loadTruth } from './truth.js';

/**
 * How well the filter does on the machine's course under many noise seeds: coverage of the 95 %
 * intervals in each phase, NIS, errors, detection, false alarms, recovery and lock-ups.
 */
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: packageFile('../shared/data/web-line/case-1-30-days.csv') },
    scenario: { type: 'string', default: 'record' },
    seeds: { type: 'string', default: '50' },
    noise: { type: 'string', default: '1e-5,1e-4,1e-3' },
    strides: { type: 'string', default: '1,3,10' },
    threads: { type: 'string', default: `${cpus().length}` },
    fmu: { type: 'boolean', default: false },
    baseline: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

function usage(problem?: string): never {
  if (problem !== undefined) console.error(problem);
  console.error(`Usage: npm run study -- [options]
  --scenario NAMES  comma-separated, or "all": ${Object.keys(SCENARIOS).join(', ')} (default: record)
  --seeds N         noise seeds per cell (default: 50)
  --noise LIST      rad/s (default: 1e-5,1e-4,1e-3)
  --strides LIST    each k-th row (default: 1,3,10)
  --fmu             the FMU as the model instead of the algebraic line
  --no-baseline     without the clipped filter
  --threads N       (default: one per core)
  --data CSV        the 30-day record; without it a synthetic course
  --json            one JSON object per row on stdout`);
  process.exit(problem === undefined ? 0 : 2);
}

function numbers(name: string, text: string, integer: boolean): number[] {
  const values = text.split(',').map(Number);
  if (!values.every((v) => v > 0 && (!integer || Number.isInteger(v)))) {
    usage(`--${name}: found "${text}", expected positive ${integer ? 'integers' : 'numbers'}.`);
  }
  return values;
}

if (options.help) usage();
const seeds = numbers('seeds', options.seeds, true)[0]!;
const threads = numbers('threads', options.threads, true)[0]!;
const noise = numbers('noise', options.noise, false);
const strides = numbers('strides', options.strides, true);
const scenarios = options.scenario === 'all' ? Object.keys(SCENARIOS) : options.scenario.split(',');
const unknown = scenarios.filter((s) => SCENARIOS[s] === undefined);
if (unknown.length > 0) {
  usage(`--scenario: found "${unknown}", expected some of ${Object.keys(SCENARIOS).join(', ')}.`);
}

const truth = loadTruth(options.data);
const filters: Cell['filter'][] =
  options.baseline && !options.fmu ? ['trend', 'clipped UKF'] : ['trend'];
const cells = scenarios.flatMap((scenario) =>
  noise.flatMap((sigma) =>
    strides.flatMap((stride) => filters.map((filter) => ({ scenario, sigma, stride, filter }))),
  ),
);
/** A cell's seeds in parts, so that the threads end together. */
const PART = 5;
const jobs = cells.flatMap((cell, index) =>
  Array.from({ length: Math.ceil(seeds / PART) }, (_, part) => ({
    index,
    cell: {
      ...cell,
      seeds: Array.from(
        { length: Math.min(PART, seeds - part * PART) },
        (_, k) => part * PART + k + 1,
      ),
    } satisfies Cell,
  })),
);
const scores = cells.map(newScore);
const left = cells.map(() => Math.ceil(seeds / PART));
let printed = 0;

function printReady(): void {
  for (; printed < cells.length && left[printed] === 0; printed++) {
    const { scenario, filter, sigma, stride } = cells[printed]!;
    const row = { scenario, filter, 'σ rad/s': sigma.toExponential(0), stride: `${stride}` };
    const figures = { ...row, ...rowOf(scores[printed]!) };
    if (options.json) {
      console.log(JSON.stringify({ ...figures, model: options.fmu ? 'fmu' : 'algebraic', seeds }));
      continue;
    }
    if (printed === 0) {
      console.log(`| ${Object.keys(figures).join(' | ')} |`);
      console.log(`|${' --- |'.repeat(Object.keys(figures).length)}`);
    }
    console.log(`| ${Object.values(figures).join(' | ')} |`);
  }
}

if (!options.json) {
  const model = options.fmu ? 'the FMU' : 'algebraic';
  console.log(`Truth: ${truth.source}; model: ${model}; ${seeds} seeds.\n`);
}
const bar = new SingleBar({
  format: '{bar} {value}/{total} runs | {eta_formatted} left',
  stream: process.stderr,
  noTTYOutput: false,
});
bar.start(cells.length * seeds, 0);
const workerFile = new URL('./cell-worker.js', import.meta.url);
await Promise.all(
  Array.from(
    { length: Math.min(threads, jobs.length) },
    () =>
      new Promise<void>((resolve, reject) => {
        const worker = new Worker(workerFile, {
          workerData: { data: options.data, fmu: options.fmu },
        });
        let job = jobs.shift();
        const next = () => worker.postMessage(job?.cell);
        worker.on('message', (score: Score) => {
          addScore(scores[job!.index]!, score);
          left[job!.index]!--;
          bar.increment(job!.cell.seeds.length);
          printReady();
          job = jobs.shift();
          next();
        });
        worker.on('error', reject);
        worker.on('exit', (code) =>
          code === 0 ? resolve() : reject(new Error(`A thread of the study ended with ${code}.`)),
        );
        next();
      }),
  ),
);
bar.stop();
