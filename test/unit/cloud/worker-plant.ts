import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { decodeAssetState, type FleetSource, runWorker, stateKey } from '../../../cloud/index.js';
import { fleetSchema, twinSchema } from '../../../shared/config/index.js';
import { ManualClock, type StreamTqv, silentLogger, wallTime } from '../../../shared/core/index.js';
import type { SiteWiseWriter } from '../../../shared/sitewise/index.js';
import { createFolderStore, type ObjectStore } from '../../../shared/store/index.js';
import type { Twin } from '../../../shared/twin/index.js';
import { fakeEngine, Streams, timesIn } from '../../support/worker-fakes.js';

/** Nanoseconds of a second. */
export const S = 1_000_000_000n;
const definition = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [{ variable: 'speed', alias: '/p/speed' }],
  measured: [{ variable: 'flow', alias: '/p/flow', noiseStd: 0.1, offsetStd: 0 }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
});
const twin: Twin = { definition, fmuPath: '/nowhere/pump.fmu', hash: 'abc' };

/** Adds the samples up, each weighed with the input. */
const engine = fakeEngine({
  begin: 0,
  follow: (sum, { measured, inputs }) => sum + (measured[0] ?? 0) * inputs[0]!,
  // The flow follows k with a slope of 2, at a noise of 0.1; k's range is ten times its prior's 1.
  slopes: { slope: Float64Array.of(2), noiseStd: Float64Array.of(0.1), active: [0] },
});

/** SiteWise in a few lines: streams in, results out, every overwrite noted. */
export class Plant extends Streams {
  overwrittenDifferently = 0;

  store(samples: readonly StreamTqv[]): void {
    for (const s of samples) {
      // What concerns the run is told anew at each commit.
      if (/\/twin\/(ledger|age)$/.test(s.alias)) continue;
      const key = `${s.alias}@${s.timeNs}`;
      if (this.results.has(key) && this.results.get(key) !== s.value) this.overwrittenDifferently++;
      this.results.set(key, s.value);
    }
  }

  override writer(): SiteWiseWriter {
    return {
      write: (samples) => {
        this.store(samples);
        return Promise.resolve({ accepted: samples.length, rejected: [], retry: [] });
      },
    };
  }
}

/** A fleet of pumps that share one twin. */
export function fleetOf(assets: string[], options: Record<string, unknown> = {}): FleetSource {
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { pump: './twin.json' },
    assets: assets.map((id) => ({ id, twin: 'pump' })),
    calibration: { settleS: 0, lookbackS: 1000, ...options },
  });
  return { fleet, twin: () => Promise.resolve(twin), close: () => Promise.resolve() };
}

/** A pump whose flow counts 1, 2, 3 … from second 9001 on, at a speed of 2. */
export function plantWith(samples: number): Plant {
  const plant = new Plant();
  plant.add('/p/speed', 9000.5, 2);
  for (let i = 0; i < samples; i++) plant.add('/p/flow', 9001 + i, i + 1);
  return plant;
}

let folder = '';
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-worker-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
/** An empty store in a folder of its own. */
export const newStore = () => createFolderStore(join(folder, String(count++)));

interface Run {
  plant: Plant;
  store: ObjectStore;
  source?: FleetSource;
  nowS?: number;
  writer?: SiteWiseWriter;
  discover?: (id: string) => Promise<void>;
  signal?: AbortSignal;
  index?: number;
  clock?: ManualClock;
}
/** One run of the worker over the fleet, at second 9100 if nothing else is said. */
export const run = (r: Run) =>
  runWorker(
    { index: r.index ?? 0, timeMap: wallTime },
    {
      source: r.source ?? fleetOf(['a1']),
      store: r.store,
      reader: r.plant.reader(),
      writer: r.writer ?? r.plant.writer(),
      engine,
      discover: r.discover ?? (() => Promise.resolve()),
      clock: r.clock ?? new ManualClock(BigInt(r.nowS ?? 9100) * S),
      logger: silentLogger,
      uptimeS: () => 1,
    },
    r.signal ?? new AbortController().signal,
  );

/** The times of the samples that an asset's estimate took, in its order. */
export async function timesOf(store: ObjectStore, id = 'a1'): Promise<number[]> {
  const key = stateKey('f', id);
  const found = await store.get(key);
  if (found === undefined) return [];
  const { checkpoint } = decodeAssetState(found.body, id, key);
  return timesIn(checkpoint);
}
