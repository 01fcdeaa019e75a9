import {
  type CalibrationEngine,
  decodeAssetState,
  runWorker,
  stateKey,
} from '../../cloud/index.js';
import { fleetSchema } from '../../shared/config/index.js';
import { ManualClock, silentLogger, wallTime } from '../../shared/core/index.js';
import type { SiteWiseWriter } from '../../shared/sitewise/index.js';
import type { ObjectStore } from '../../shared/store/index.js';
import type { Twin } from '../../shared/twin/index.js';
import { countingEngine, memoryStore, Streams, timesIn, twinOf } from './worker-fakes.js';

/** When the tests' time begins, seconds since 1970. */
export const T0 = 1_790_000_000;

/** What a worker of one asset lives in: streams in SiteWise, states in a store. */
export interface World {
  streams: Streams;
  store: ObjectStore;
  options?: Record<string, unknown>;
  /** Options of the fleet's asset. */
  asset?: Record<string, unknown>;
  samplePeriodS?: number;
  /** Whether the machine moves. */
  isMoving?: boolean;
  twin?: Twin;
  /** In place of the one that costs nothing. */
  engine?: CalibrationEngine;
}

const fleets = new Map<string, ReturnType<typeof fleetSchema.parse>>();
function fleetOf(options: Record<string, unknown> = {}, asset: Record<string, unknown> = {}) {
  const key = JSON.stringify([options, asset]);
  const fleet =
    fleets.get(key) ??
    fleetSchema.parse({
      name: 'f',
      twins: { pump: './twin.json' },
      assets: [{ id: 'a1', twin: 'pump', ...asset }],
      calibration: { settleS: 0, ...options },
    });
  fleets.set(key, fleet);
  return fleet;
}

/** One run of the worker at `nowS`, as its report. */
export function runWhole(
  world: World,
  nowS: number,
  how: { store?: ObjectStore; writer?: SiteWiseWriter; sampleS?: number } = {},
) {
  const fleet = fleetOf(world.options, world.asset);
  const twin = world.twin ?? twinOf(world.samplePeriodS, world.isMoving);
  const clock = new ManualClock(BigInt(Math.round(nowS * 1000)) * 1_000_000n);
  return runWorker(
    { index: 0, timeMap: wallTime },
    {
      source: { fleet, twin: () => Promise.resolve(twin), close: () => Promise.resolve() },
      store: how.store ?? world.store,
      reader: world.streams.reader(),
      writer: how.writer ?? world.streams.writer(),
      engine: world.engine ?? countingEngine,
      discover: () => Promise.resolve(),
      clock,
      onProgress: () => void clock.advance(1000 * (how.sampleS ?? 0)),
      logger: silentLogger,
      uptimeS: () => 1,
    },
    new AbortController().signal,
  );
}

/** One run of the worker at `nowS`, as what it says of the asset. */
export const run = (...args: Parameters<typeof runWhole>) =>
  runWhole(...args).then((report) => report.assets[0]!);

/** The state that the worker keeps of the asset. */
export async function stateOf(world: World) {
  const key = stateKey('f', 'a1');
  const found = await world.store.get(key);
  return decodeAssetState(found!.body, 'a1', key);
}
/** The estimate alone, as text. */
export const estimateOf = async (world: World) =>
  Buffer.from((await stateOf(world)).checkpoint).toString();
/** The times of the samples that the estimate took, in its order. */
export const timesOf = async (world: World) => timesIn((await stateOf(world)).checkpoint);

/** A world whose input had its last value an hour before T0. */
export function newWorld(more: Partial<World> = {}): World {
  const world = { streams: new Streams(), store: memoryStore(), ...more };
  world.streams.add('/p/speed', T0 - 3600, 1);
  return world;
}

/** Gives both sensors a value each ten seconds, from `fromS` to before `toS`. */
export function minutes(world: World, fromS: number, toS: number): void {
  for (let t = fromS; t < toS; t += 10) {
    const value = 1 + (((t - T0) / 10) % 2) / 100;
    world.streams.add('/p/flow', t, value);
    world.streams.add('/p/heat', t, value);
  }
}
