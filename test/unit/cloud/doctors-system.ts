import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import {
  type CalibrationEngine,
  type Check,
  diagnose,
  encodeAssetState,
  type FleetSource,
  noPending,
  reportKey,
  stateKey,
} from '../../../cloud/index.js';
import { fleetSchema, twinSchema, twinStreams } from '../../../shared/config/index.js';
import {
  nsToDate,
  type StreamTqv,
  secondsToNs,
  silentLogger,
  systemClock,
  TwinError,
} from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
} from '../../../shared/sitewise/index.js';
import { createFolderStore, type ObjectStore, putJson } from '../../../shared/store/index.js';
import type { Twin } from '../../../shared/twin/index.js';
import { emptyLedger, noArrivals } from '../../../shared/twin/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

/** A pump’s twin. */
export const definition = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [
    { variable: 'speed', alias: '/p/speed', value: 3 },
    { variable: 'ambient', alias: '/p/ambient', value: 20 },
  ],
  measured: [{ variable: 'flow', alias: '/p/flow' }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
});
const twin: Twin = { definition, fmuPath: '/nowhere/pump.fmu', hash: 'abc' };
/** One pump in use, one spare. */
export const fleet = fleetSchema.parse({
  name: 'pumps',
  twins: { pump: './twin.json' },
  assets: [
    { id: 'pump-1', twin: 'pump' },
    { id: 'spare', twin: 'pump', enabled: false },
  ],
});
/** The fleet as the doctor gets it. */
export const source: FleetSource = {
  fleet,
  twin: () => Promise.resolve(twin),
  close: () => Promise.resolve(),
};
const never = () => {
  throw new Error('not asked for');
};
/** A model that answers; checkpoints are sound when they say so. */
export const engine: CalibrationEngine = {
  startValues: () => Promise.resolve({}),
  initialSamples: 1,
  createModel: () =>
    Promise.resolve({
      outputs: ['flow'],
      evaluate: (points) => Promise.resolve(points.map(() => Float64Array.of(1))),
      close: () => Promise.resolve(),
    }),
  createCalibrator: never,
  encodeCheckpoint: never,
  decodeCheckpoint: (bytes) => {
    if (Buffer.from(bytes).toString() !== 'sound') {
      throw new TwinError('FILE_INVALID', 'The saved state is damaged.');
    }
    return {} as ReturnType<CalibrationEngine['decodeCheckpoint']>;
  },
};

/** A reading of so many seconds ago. */
export const sample = (alias: string, ageS: number, value: number | string = 1): StreamTqv => ({
  alias,
  timeNs: systemClock.nowNs() - secondsToNs(ageS),
  quality: 'GOOD',
  value,
});

/** What is not well: status, area and subject. */
export const faults = (checks: readonly Check[]) =>
  checks.filter((c) => c.status !== 'ok').map((c) => `${c.status} ${c.area} ${c.subject}`);

/** A system that is well but for what is said. */
export interface System {
  asset?: boolean;
  dataAgeS?: number;
  resultAgeS?: number;
  state?: Partial<Parameters<typeof encodeAssetState>[0]> | string | false;
  runAgeS?: number | false;
  runError?: string;
}

/** A stand-in for SiteWise and a store for each test of a file, and what a system in them looks like. */
export function doctorsSystem() {
  const closers: (() => Promise<unknown> | unknown)[] = [];
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const close of closers.splice(0).reverse()) await close();
  });

  let siteWise: SiteWise;
  let folder: string;
  let store: ObjectStore;
  beforeEach(async () => {
    siteWise = await startSiteWise({ activationMs: 2 });
    closers.push(() => siteWise.close());
    folder = await mkdtemp(join(tmpdir(), 'twinloop-doctor-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    store = createFolderStore(folder);
  });

  function clientOf(options = {}) {
    const client = createSiteWiseClient({ ...siteWise, maxAttempts: 1, ...options });
    closers.push(() => client.destroy());
    return client;
  }

  async function build(system: System = {}): Promise<void> {
    const { dataAgeS = 5, resultAgeS = 8, state = {}, runAgeS = 10 } = system;
    const client = clientOf();
    const streams = twinStreams(definition);
    if (system.asset !== false) {
      await ensureAsset(client, {
        model: { externalId: 'pump', name: 'pump' },
        asset: { externalId: 'pump-1', name: 'pump-1' },
        streams,
        pollMs: 1,
      });
    }
    const results = streams.filter((s) => s.origin === 'twin');
    const written = await createSiteWiseWriter({ client }).write([
      sample('/p/flow', dataAgeS),
      sample('/p/speed', dataAgeS),
      ...results.map((s) => sample(s.alias, resultAgeS, s.dataType === 'STRING' ? '[]' : 1)),
    ]);
    expect(written.rejected).toEqual([]);
    const key = stateKey('pumps', 'pump-1');
    if (typeof state === 'string') await store.put(key, new TextEncoder().encode(state));
    else if (state !== false) {
      await store.put(
        key,
        encodeAssetState({
          assetId: 'pump-1',
          twinHash: 'abc',
          watermarkNs: systemClock.nowNs(),
          samples: 7,
          inputs: {},
          groupEndNs: systemClock.nowNs(),
          partial: [],
          ledger: emptyLedger(),
          marks: [],
          arrivals: noArrivals(0n),
          late: {},
          lateUnused: {},
          rewritten: {},
          quarantined: [],
          checkpoint: new TextEncoder().encode('sound'),
          pending: noPending,
          runId: 'r',
          ...state,
        }),
      );
    }
    if (runAgeS !== false) {
      const startedAt = nsToDate(systemClock.nowNs() - secondsToNs(runAgeS)).toISOString();
      const report = { fleet: 'pumps', runId: 'r', startedAt };
      const error = { code: 'FMU_CRASHED', message: system.runError, retryable: true };
      await putJson(store, reportKey(report), {
        ...report,
        seconds: 2,
        totals: { steps: 3 },
        assets: [{ asset: 'pump-1', ...(system.runError === undefined ? {} : { error }) }],
      });
    }
  }

  const look = (over: Partial<Parameters<typeof diagnose>[0]> = {}) =>
    diagnose(
      {
        source,
        client: clientOf(),
        store,
        engine,
        freshness: { dataS: 60, resultsS: 120 },
        clock: systemClock,
        logger: silentLogger,
        ...over,
      },
      new AbortController().signal,
    );
  return {
    build,
    look,
    clientOf,
    closers,
    get siteWise() {
      return siteWise;
    },
    get folder() {
      return folder;
    },
    get store() {
      return store;
    },
  };
}
