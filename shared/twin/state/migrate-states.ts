import type { TwinDefinition } from '../../config/index.js';
import { messageOf, TwinError } from '../../core/index.js';
import type { ObjectStore } from '../../store/index.js';
import { twinOfAsset } from '../definition/asset-twin.js';
import { versionOf } from '../definition/twin.js';
import type { Twin } from '../types.js';
import {
  type AssetState,
  assetStateKey,
  decodeAssetState,
  encodeAssetState,
  NO_FLEET,
} from './asset-state.js';
import { type Migration, type MigrationOptions, migrateAssetState } from './migrate.js';
import { oldLayoutAssets, oldLayoutHash, readOldLayout } from './old-layout.js';
import { keepVersion, keptDefinition, listVersions } from './versions.js';

/** States that are read at a time. */
const AT_A_TIME = 8;

/** Which states are to be migrated, and how. */
export interface MigrateStatesOptions extends MigrationOptions {
  /** Only that of this asset, by its id. */
  asset?: string;
  /** Only those of this fleet. */
  fleet?: string;
  /** The version that the states are of, where the store does not keep it. */
  from?: Twin;
  /** Says what would be done, and does nothing. */
  dryRun?: boolean;
  /** Puts back what was there before the twin's version was left, instead of migrating. */
  putBack?: boolean;
}

/** What became of one state. */
export interface MigratedState {
  key: string;
  asset: string;
  /** Versions, before and after. */
  from: string;
  to: string;
  outcome: 'migrated' | 'put-back' | 'current' | 'failed';
  samples: number;
  migration?: Migration;
  /** States of its history that could not be read. */
  lost?: number;
  problem?: string;
}

/** Where a state is kept as it was before its version was left. */
function leftKey(key: string, hash: string): string {
  return `migrated/${key.slice('state/'.length, -'.json'.length)}/${versionOf(hash)}.json`;
}

/** The asset's own twin: its streams tell the prefix of their names. */
function ownTwin(twin: Twin, state: AssetState): Twin {
  for (const alias of state.arrivals.aliases) {
    try {
      return twinOfAsset(twin, alias).twin;
    } catch (error) {
      if (!(error instanceof TwinError) || error.code !== 'NOT_FOUND') throw error;
    }
  }
  return twin;
}

/**
 * Brings the states of a twin in a store to its present version: of `calibrate` and of workers, all of
 * them or those named. Each is kept as it was beside it, and written on the condition that no run has
 * written meanwhile.
 *
 * @returns an entry per state of this twin, those that failed with their problem
 * @throws TwinError as the store
 */
export async function migrateStates(
  store: ObjectStore,
  twin: Twin,
  options: MigrateStatesOptions = {},
): Promise<MigratedState[]> {
  const all = new Set(await store.list('state/'));
  // Those of the older layout move into the present one with their version.
  for (const asset of await oldLayoutAssets(store)) all.add(assetStateKey(NO_FLEET, asset));
  const keys = [...all].filter((key) => {
    const [, fleet, file = ''] = key.split('/');
    const asset = decodeURIComponent(file.slice(0, -'.json'.length));
    return (
      file.endsWith('.json') &&
      (options.fleet === undefined || fleet === options.fleet) &&
      (options.asset === undefined || asset === options.asset)
    );
  });
  const versions = await listVersions(store);
  const ofOthers = new Set(
    versions.filter((v) => v.twin !== twin.definition.name).map((v) => v.version),
  );
  if (options.dryRun !== true) await keepVersion(store, twin);
  const done: MigratedState[] = [];
  let next = 0;
  const lane = async () => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const entry = await migrateOne(store, key, twin, ofOthers, options);
      if (entry !== undefined) done.push(entry);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return done.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function migrateOne(
  store: ObjectStore,
  key: string,
  twin: Twin,
  ofOthers: ReadonlySet<string>,
  options: MigrateStatesOptions,
): Promise<MigratedState | undefined> {
  const asset = decodeURIComponent(key.split('/').at(-1)?.slice(0, -'.json'.length) ?? '');
  const entry = { key, asset, from: '', to: versionOf(twin.hash), samples: 0 };
  try {
    const found = await store.get(key);
    let state = found === undefined ? undefined : decodeAssetState(found.body, asset, key);
    const hash = state?.twinHash ?? (await oldLayoutHash(store, asset));
    if (hash === undefined) return undefined;
    entry.samples = state?.samples ?? 0;
    entry.from = versionOf(hash);
    if (state !== undefined && hash === twin.hash) return { ...entry, outcome: 'current' };
    const from = await definitionOf(store, twin, hash, ofOthers, options);
    if (from === undefined) return undefined;
    state ??= await readOldLayout(store, { definition: from, fmuPath: '', hash }, asset);
    if (state === undefined) return undefined;
    entry.samples = state.samples;
    if (hash === twin.hash) return { ...entry, outcome: 'current' };
    let body: Uint8Array;
    let told: Pick<MigratedState, 'outcome' | 'migration' | 'lost'>;
    if (options.putBack === true) {
      const left = await store.get(leftKey(key, twin.hash));
      if (left === undefined)
        throw new TwinError(
          'NOT_FOUND',
          'Its state of that version is not kept: migrate it without --put-back.',
        );
      entry.samples = decodeAssetState(left.body, asset, key).samples;
      ({ body } = left);
      told = { outcome: 'put-back' };
    } else {
      const {
        state: made,
        migration,
        lost,
      } = migrateAssetState(state, from, ownTwin(twin, state), options);
      body = encodeAssetState(made);
      told = { outcome: 'migrated', lost, ...(migration === undefined ? {} : { migration }) };
    }
    if (options.dryRun !== true) {
      await store.put(leftKey(key, hash), found?.body ?? encodeAssetState(state));
      await store.put(
        key,
        body,
        found === undefined ? { ifNoneMatch: '*' } : { ifMatch: found.etag },
      );
    }
    return { ...entry, ...told };
  } catch (error) {
    const again = error instanceof TwinError && error.code === 'CONFLICT';
    const problem = again
      ? 'A run saved a newer state meanwhile: migrate it again.'
      : messageOf(error);
    return { ...entry, outcome: 'failed', problem };
  }
}

/** The definition that a state is of; undefined where the state is another twin's. */
async function definitionOf(
  store: ObjectStore,
  twin: Twin,
  twinHash: string,
  ofOthers: ReadonlySet<string>,
  options: MigrateStatesOptions,
): Promise<TwinDefinition | undefined> {
  if (twinHash === twin.hash) return twin.definition;
  if (options.from?.hash === twinHash) return options.from.definition;
  const kept = await keptDefinition(store, twin.definition.name, twinHash);
  if (kept !== undefined) return kept;
  if (ofOthers.has(versionOf(twinHash))) return undefined;
  throw new TwinError(
    'NOT_FOUND',
    `It is of version ${versionOf(twinHash)}, which the store does not keep${options.from === undefined ? '' : ` and --from is not (${versionOf(options.from.hash)})`}: name the old definition with --from, beside its old FMU.`,
  );
}
