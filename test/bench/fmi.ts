import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../shared/core/index.js';
import { findBinary } from '../../shared/fmi/description/platform.js';
import { createFmuPool, type Fmu, instantiate, openFmu } from '../../shared/fmi/index.js';
import { residentBytes } from '../../shared/fmi/lanes/process-tree.js';
import { FmuRunner } from '../../shared/fmi/running/runner.js';
import { buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { type BenchIo, defineBench } from './common/bench.js';

const median = (values: number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
};

/** Best of five, nanoseconds per doStep with a get of three variables. */
function importerLoop(fmu: Fmu, stepSizeS: number, loops: number): number {
  const instance = instantiate(fmu, { interface: 'cs' });
  instance.enterInitializationMode(0);
  instance.exitInitializationMode();
  const block = instance.float64Block(fmu.modelDescription.variables.slice(0, 3));
  let best = Number.POSITIVE_INFINITY;
  let t = 0;
  for (let repeat = 0; repeat < 6; repeat++) {
    const begin = process.hrtime.bigint();
    for (let k = 0; k < loops; k++) {
      instance.doStep(t, stepSizeS);
      block.get();
      t += stepSizeS;
    }
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / loops);
  }
  instance.free();
  return best;
}

function compileDriver(dir: string): string {
  const path = join(dir, 'driver');
  execFileSync('cc', [
    '-O2',
    '-w',
    `-I${packageFile('shared/fmi/headers/fmi2')}`,
    '-o',
    path,
    packageFile('test/fixtures/fmus/driver.c'),
    '-ldl',
    '-lm',
  ]);
  return path;
}

function driverLoop(driver: string, fmu: Fmu, stepSizeS: number, loops: number): number {
  const { modelIdentifier } = fmu.modelDescription.coSimulation ?? { modelIdentifier: '' };
  const library = findBinary(fmu.unzipDir, modelIdentifier) as string;
  const { instantiationToken } = fmu.modelDescription;
  const args = [library, instantiationToken, String(stepSizeS), String(loops), '3'];
  return Number(execFileSync(driver, args, { encoding: 'utf8' }));
}

const settling = {
  inputs: {},
  stepSizeS: 0.1,
  maxTimeS: 600,
  relativeTolerance: 1e-6,
  interface: 'cs' as const,
};

async function stepping(small: Fmu, large: Fmu, print: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'twinloop-bench-'));
  try {
    const driver = compileDriver(dir);
    const cSmall = driverLoop(driver, small, 0.01, 300_000);
    const ourSmall = importerLoop(small, 0.01, 300_000);
    print(
      `small FMU, doStep + get of 3: C ${cSmall.toFixed(0)} ns, importer ${ourSmall.toFixed(0)} ns: ${((ourSmall - cSmall) / 2).toFixed(0)} ns a call above C (target 250)`,
    );
    const ratios: number[] = [];
    let cLarge = 0;
    let ourLarge = 0;
    for (let i = 0; i < 3; i++) {
      cLarge = driverLoop(driver, large, 0.1, 500);
      ourLarge = importerLoop(large, 0.1, 500);
      ratios.push(ourLarge / cLarge);
    }
    print(
      `large FMU: C ${(cLarge / 1000).toFixed(1)} µs, importer ${(ourLarge / 1000).toFixed(1)} µs a step: ${((median(ratios) - 1) * 100).toFixed(1)} % above C (target 5 %)`,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function overhead(small: Fmu, print: (line: string) => void): Promise<void> {
  const request = { ...settling, startValues: { k: 0.9 }, outputs: ['y', 'y2'] };
  const runner = new FmuRunner(small);
  const pool = await createFmuPool({ fmu: small, lanes: 1 });
  try {
    const inside: number[] = [];
    const through: number[] = [];
    for (let i = 0; i < 2000; i++) {
      let begin = performance.now();
      runner.settle(request);
      inside.push(performance.now() - begin);
      begin = performance.now();
      await pool.settle(request);
      through.push(performance.now() - begin);
    }
    const cost = median(through) - median(inside);
    print(
      `warm run through the pool: ${median(through).toFixed(3)} ms, the run itself ${median(inside).toFixed(3)} ms: ${cost.toFixed(3)} ms above (target 0.2)`,
    );
  } finally {
    runner.close();
    await pool.close();
  }
}

async function endurance(small: Fmu, print: (line: string) => void): Promise<void> {
  const pool = await createFmuPool({
    fmu: small,
    lanes: 1,
    recycleAfter: Number.POSITIVE_INFINITY,
  });
  try {
    const [pid] = pool.pids;
    const rss: number[] = [];
    const own: number[] = [];
    for (let i = 1; i <= 10_000; i++) {
      await pool.settle({ ...settling, startValues: { k: 0.5 + i / 20_000 }, outputs: ['y'] });
      if (i % 1000 === 0) {
        rss.push(residentBytes(pid) / 2 ** 20);
        own.push(process.memoryUsage.rss() / 2 ** 20);
      }
    }
    if (pool.pids[0] !== pid) print('the process was replaced on the way!');
    print(
      `10,000 runs in one process: its memory ${rss.map((mb) => mb.toFixed(0)).join(' ')} MB after each thousand, the caller's ${own.map((mb) => mb.toFixed(0)).join(' ')} MB`,
    );
  } finally {
    await pool.close();
  }
}

async function scaling(large: Fmu, print: (line: string) => void): Promise<void> {
  const seconds = async (lanes: number) => {
    const pool = await createFmuPool({ fmu: large, lanes });
    const run = () =>
      pool.simulate({ interface: 'cs', stopTimeS: 40, stepSizeS: 0.1, outputIntervalS: 10 });
    try {
      await Promise.all(Array.from({ length: lanes * 2 }, run));
      const begin = performance.now();
      await Promise.all(Array.from({ length: 24 }, run));
      return (performance.now() - begin) / 1000;
    } finally {
      await pool.close();
    }
  };
  const one = await seconds(1);
  const two = await seconds(2);
  print(
    `24 runs of the large FMU: one lane ${one.toFixed(2)} s, two lanes ${two.toFixed(2)} s: ${(one / two).toFixed(2)} times (target 1.8 on two idle cores)`,
  );
}

export const bench = defineBench({
  measures: 'What the importer costs above C, and what its pool costs and gives.',
  options: {},
  run: (_, io) => measureAll(io),
});

async function measureAll(io: BenchIo): Promise<void> {
  if (!hasCompiler) {
    io.print('skipped: no C compiler `cc`, so the test FMUs can’t be built');
    return;
  }
  const same = (xml: string) => xml;
  const small = await openFmu(buildFmu('decay', 2, same, ['-O2']));
  const large = await openFmu(buildFmu('chain', 2, same, ['-O2', '-DSTEP=5e-5']));
  const print = (line: string) => io.print(line);
  await stepping(small, large, print);
  await overhead(small, print);
  await endurance(small, print);
  await scaling(large, print);
}
