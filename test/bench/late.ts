import { runWorker, stateKey } from '../../cloud/index.js';
import { calibrationEngine } from '../../cloud/worker/calibration-engine.js';
import { fleetSchema } from '../../shared/config/index.js';
import {
  createRng,
  packageFile,
  silentLogger,
  systemClock,
  wallTime,
} from '../../shared/core/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { count } from '../study/common/options.js';
import { memoryStore, Streams } from '../support/worker-fakes.js';
import { type BenchIo, defineBench } from './common/bench.js';
import { cpuTime } from './common/cpu-time.js';

const PERIOD_S = 10;
/** Samples before the outage. */
const BEFORE = 60;
const FRICTION = 2e-3;

const cpuS = () => {
  const { ownS, childrenS } = cpuTime();
  return ownS + childrenS;
};

export const bench = defineBench({
  measures:
    'What a replay of late samples costs beside the same samples in order, and how large the state of a web line becomes. SiteWise and the store are in memory, the FMU and the filter are real.',
  options: { samples: count('samples that come late', 1000), rounds: count('rounds', 3) },
  run: measureReplay,
});

async function measureReplay(
  { samples: late, rounds }: { samples: number; rounds: number },
  io: BenchIo,
): Promise<void> {
  const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const { inputs, measured, parameters } = twin.definition;
  const model = await calibrationEngine.createModel(twin, { logger: silentLogger });
  const [truth] = await model.evaluate(
    [Float64Array.from(parameters, () => FRICTION)],
    Float64Array.from(inputs, (i) => i.value ?? 1),
  );
  await model.close();
  if (truth === undefined || truth instanceof Error) throw new Error('The model gave no answer.');
  const at = measured.map((m) => model.outputs.indexOf(m.variable));

  const total = BEFORE + late + BEFORE;
  const nowS = Math.floor(Date.now() / 1000);
  const t0 = nowS - total * PERIOD_S;
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { line: './twin.json' },
    assets: [{ id: 'line1', twin: 'line' }],
    calibration: { settleS: 0, maxRunS: 86_400 },
  });

  const measure = async (inOrder: boolean) => {
    const streams = new Streams();
    const store = memoryStore();
    const rng = createRng(5);
    const rows = Array.from({ length: total }, () =>
      measured.map((m, i) => truth[at[i]!]! + (m.noiseStd ?? 1e-4) * rng.normal()),
    );
    const arrive = (from: number, to: number) => {
      for (let k = from; k < to; k++) {
        for (const [i, m] of measured.entries()) {
          streams.add(m.alias, t0 + k * PERIOD_S, rows[k]![i]!);
        }
        for (const { alias, value } of inputs) {
          if (alias !== undefined && value === undefined) streams.add(alias, t0 + k * PERIOD_S, 1);
        }
      }
    };
    const pass = async () => {
      const begun = cpuS();
      const report = await runWorker(
        { index: 0, timeMap: wallTime },
        {
          source: { fleet, twin: () => Promise.resolve(twin), close: () => Promise.resolve() },
          store,
          reader: streams.reader(),
          writer: streams.writer(),
          engine: calibrationEngine,
          discover: () => Promise.resolve(),
          clock: systemClock,
          logger: silentLogger,
          uptimeS: () => 0,
        },
        new AbortController().signal,
      );
      const [asset] = report.assets;
      if (asset?.error !== undefined) throw new Error(asset.error.message);
      return { s: cpuS() - begun, asset: asset! };
    };
    arrive(0, BEFORE);
    await pass();
    if (!inOrder) {
      arrive(BEFORE + late, total);
      await pass();
    }
    arrive(BEFORE, inOrder ? total : BEFORE + late);
    const { s, asset } = await pass();
    const state = await store.get(stateKey('f', 'line1'));
    return { ms: (1000 * s) / asset.steps, asset, bytes: state!.body.length };
  };

  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = await measure(true);
    const replay = await measure(false);
    ratios.push(replay.ms / order.ms);
    io.print(
      `${order.asset.steps} samples in order: ${order.ms.toFixed(2)} ms of CPU a sample; a replay of ${replay.asset.steps} samples, ${replay.asset.late / (measured.length + inputs.filter((i) => i.value === undefined).length)} of them late: ${replay.ms.toFixed(2)} ms (ratio ${(replay.ms / order.ms).toFixed(3)}); state ${(replay.bytes / 1000).toFixed(0)} kB`,
    );
  }
  ratios.sort((a, b) => a - b);
  io.print(
    `a replayed sample costs ${ratios[(ratios.length - 1) >> 1]!.toFixed(3)} of one in order, median (target: at most 1.1); state with checkpoints target: at most 200 kB`,
  );
}
