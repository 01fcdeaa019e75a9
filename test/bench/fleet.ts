import { resultAliases } from '../../cloud/worker/results.js';
import { packageFile } from '../../shared/core/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { treeKb } from '../../simulators/stack/memory.js';
import { count } from '../study/common/options.js';
import { reportsOf, startTestFleet } from '../support/fleet.js';
import { type BenchIo, defineBench } from './common/bench.js';
import { cpuTime } from './common/cpu-time.js';

const JOBS = 2;
/** SiteWise's limits: streams a read, streams a write, values of a stream in a write. */
const STREAMS_PER_READ = 16;
const STREAMS_PER_WRITE = 10;
const VALUES_PER_STREAM = 10;

export const bench = defineBench({
  measures:
    'A fleet against the stand-ins, worked on by two processes as an array job of two: time, memory and requests per asset.',
  options: { assets: count('assets', 200), samples: count('samples of the second run', 10) },
  run: measureFleet,
});

async function measureFleet(
  { assets, samples }: { assets: number; samples: number },
  io: BenchIo,
): Promise<void> {
  const { definition } = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const streams = definition.inputs.length + definition.measured.length;
  const results = resultAliases(definition).length;
  const fleet = await startTestFleet({
    assets,
    samples: 1,
    later: 2 * samples,
    calibration: { assetsPerJob: Math.ceil(assets / JOBS) },
  });
  try {
    for (const [name, count] of [
      ['first run', 1],
      // Readings of a single sample do not tell how samples are apart: the second run begins anew.
      ['second run', samples],
      ['later run', samples],
      ['nothing new', 0],
    ] as const) {
      if (name === 'second run' || name === 'later run') await fleet.produce(count);
      const cpuBefore = cpuTime().childrenS;
      const before = { ...fleet.siteWise.counters.operations };
      const begun = performance.now();
      const workers = Array.from({ length: JOBS }, (_, i) => fleet.start(i));
      let peakMb = 0;
      const look = setInterval(() => {
        const trees = workers.map(({ child }) => treeKb(child.pid as number) / 1024);
        peakMb = Math.max(peakMb, ...trees);
      }, 500);
      const ends = await Promise.all(workers.map((w) => w.ended));
      clearInterval(look);
      const seconds = (performance.now() - begun) / 1000;
      for (const { code, stderr } of ends) {
        if (code !== 0) throw new Error(`A worker ended with ${code}: ${stderr}`);
      }
      const cpuS = cpuTime().childrenS - cpuBefore;
      const calls = (operation: string) =>
        (fleet.siteWise.counters.operations[operation] ?? 0) - (before[operation] ?? 0);
      const read = calls('BatchGetAssetPropertyValueHistory') / assets;
      const written = calls('BatchPutAssetPropertyValue') / assets;
      const others = Object.keys(fleet.siteWise.counters.operations)
        .filter((o) => !o.startsWith('Batch') && calls(o) > 0)
        .map((o) => `${(calls(o) / assets).toFixed(2)} ${o}`);
      const leastWrites = Math.ceil(
        (results * Math.ceil(count / VALUES_PER_STREAM)) / STREAMS_PER_WRITE,
      );
      io.print(
        `${name}: ${assets} assets × ${count} samples by ${JOBS} processes in ${seconds.toFixed(1)} s: ${((seconds / assets) * 1000).toFixed(0)} ms an asset (${((cpuS / assets) * 1000).toFixed(0)} ms of CPU), at most ${peakMb.toFixed(0)} MB each with its FMU processes`,
      );
      io.print(
        `  requests an asset: ${read.toFixed(2)} reads of ${streams} streams (target: ${Math.ceil(streams / STREAMS_PER_READ)}), ${written.toFixed(2)} writes of ${results} streams (target: ${Math.ceil((results * count) / 100)}, least that SiteWise's limits allow: ${leastWrites})${others.length === 0 ? '' : `, ${others.join(', ')}`}`,
      );
    }
    const reports = await reportsOf(fleet);
    const steps = reports.reduce((sum, r) => sum + r.totals.steps, 0);
    const starts = reports.flatMap((r) => r.secondsToFirstEvaluation ?? []);
    io.print(
      `${steps} samples assimilated; from the start of a process to its first: ${starts.map((s) => s.toFixed(2)).join(' and ')} s (target: 3 s)`,
    );
  } finally {
    await fleet.close();
  }
}
