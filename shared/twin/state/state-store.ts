import { messageOf, TwinError } from '../../core/index.js';
import { keySegment, type ObjectStore, openStore } from '../../store/index.js';
import type { CalibratorState, Twin } from '../types.js';
import {
  type AssetState,
  arrivalsAt,
  assetStateKey,
  decodeAssetState,
  encodeAssetState,
  headOf,
  type Mark,
  NO_FLEET,
  noPending,
} from './asset-state.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import { readOldLayout, toAssetState, toMark } from './old-layout.js';

/** States that are kept, the newest with them. */
const HISTORY = 10;

/** The version of a state that was read from the older layout: its new object is not there yet. */
const NOT_THERE = '';

/** A state and the version under which it was read. */
export interface StoredState {
  state: CalibratorState;
  etag: string;
}

/** The key of the state that `calibrate` keeps of a twin. */
export function stateKey(twin: Twin, asset = twin.definition.name): string {
  return assetStateKey(NO_FLEET, asset);
}

interface Found {
  key: string;
  state: AssetState;
  /** Absent where it was read from the older layout: the next save makes the new object. */
  etag?: string;
}

async function findOld(store: ObjectStore, twin: Twin, asset: string): Promise<Found | undefined> {
  const state = await readOldLayout(store, twin, asset);
  return state === undefined ? undefined : { key: assetStateKey(NO_FLEET, asset), state };
}

/** Where an asset's state may be: that of `calibrate`, or of a fleet's worker. */
async function find(
  store: ObjectStore,
  twin: Twin,
  asset: string,
  fleet?: string,
): Promise<Found | undefined> {
  const read = async (key: string): Promise<Found | undefined> => {
    const object = await store.get(key);
    if (object === undefined) return undefined;
    const name = decodeURIComponent(key.split('/').at(-1)?.slice(0, -'.json'.length) ?? '');
    return { key, state: decodeAssetState(object.body, name, key), etag: object.etag };
  };
  if (fleet !== undefined) return read(assetStateKey(fleet, asset));
  const own = (await read(assetStateKey(NO_FLEET, asset))) ?? (await findOld(store, twin, asset));
  if (own !== undefined) return own;
  const all = (await store.list('state/')).filter((k) => k.endsWith('.json'));
  const keys = all.filter((k) => k.endsWith(`/${keySegment(asset)}.json`));
  if (keys.length > 1) {
    const fleets = keys.map((k) => k.split('/')[1]);
    throw new TwinError(
      'USAGE',
      `The fleets ${fleets.join(', ')} each have a state of "${asset}": name one with --fleet.`,
    );
  }
  if (keys[0] !== undefined) return read(keys[0]);
  if (asset !== twin.definition.name) return undefined;
  // What `calibrate` keeps of another asset was asked for by that asset's name.
  const ofWorkers = all.filter((k) => !k.startsWith(`state/${NO_FLEET}/`));
  return findByTwin(ofWorkers, twin, read);
}

/** States that are looked through for those of a twin. */
const MOST_LOOKED_THROUGH = 200;

/** A worker keeps states by its assets' ids: the one asset that runs this very twin. */
async function findByTwin(
  keys: readonly string[],
  twin: Twin,
  read: (key: string) => Promise<Found | undefined>,
): Promise<Found | undefined> {
  const nameOf = (key: string) => decodeURIComponent(key.split('/').at(-1)?.slice(0, -5) ?? '');
  const found: Found[] = [];
  let fault: unknown;
  for (const key of keys.length > MOST_LOOKED_THROUGH ? [] : keys) {
    try {
      const state = await read(key);
      if (state?.state.twinHash === twin.hash) found.push(state);
    } catch (error) {
      fault = error;
    }
  }
  // One that cannot be read matters where it may be the one.
  if (found.length === 0 && fault !== undefined) throw fault;
  if (found.length <= 1 && keys.length <= MOST_LOOKED_THROUGH) return found[0];
  const names = (found.length > 0 ? found.map((f) => f.key) : keys).map(nameOf);
  throw new TwinError(
    'USAGE',
    `There are states of ${names.length} assets, ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}: name one with --asset.`,
  );
}

/**
 * Reads the newest state that `calibrate` keeps of a twin.
 *
 * @throws TwinError as {@link decodeAssetState}, {@link decodeCheckpoint} and the store
 */
export async function loadState(
  store: ObjectStore,
  twin: Twin,
  asset = twin.definition.name,
): Promise<StoredState | undefined> {
  const key = assetStateKey(NO_FLEET, asset);
  const object = await store.get(key);
  if (object === undefined) {
    const old = await findOld(store, twin, asset);
    if (old === undefined) return undefined;
    return { state: decodeCheckpoint(old.state.checkpoint, twin), etag: NOT_THERE };
  }
  const { checkpoint } = decodeAssetState(object.body, asset, key);
  return { state: decodeCheckpoint(checkpoint, twin), etag: object.etag };
}

/**
 * Reads a twin's newest state for a command that needs one, be it of `calibrate` or of the worker.
 *
 * @param location the `--state` option
 * @throws TwinError `NOT_FOUND` where there is none, or as {@link loadState}
 */
export async function requireState(
  location: string,
  twin: Twin,
  asset = twin.definition.name,
): Promise<{ state: CalibratorState }> {
  const found = await find(openStore(location), twin, asset);
  if (found !== undefined && found.state.checkpoint.length > 0) {
    return { state: decodeCheckpoint(found.state.checkpoint, twin) };
  }
  throw new TwinError(
    'NOT_FOUND',
    `No state of "${asset}" in ${location}: run \`twinloop calibrate\` with the same --state first; a state of another asset is named with --asset.`,
  );
}

/**
 * The newest state of an asset, be it of `calibrate` or of a fleet's worker; undefined before the first.
 *
 * @param fleet whose worker keeps it; default: found by the asset's name
 * @throws TwinError as {@link loadState}
 */
export async function newestState(
  store: ObjectStore,
  twin: Twin,
  asset: string,
  fleet?: string,
): Promise<CalibratorState | undefined> {
  const found = await find(store, twin, asset, fleet);
  if (found === undefined || found.state.checkpoint.length === 0) return undefined;
  return decodeCheckpoint(found.state.checkpoint, twin);
}

/**
 * Writes a state if nobody wrote since `etag` was read. Earlier states stay in the same object; those
 * of a branch that was left by a restore are the first to go.
 *
 * @param etag of the state that this one follows; left out for the first
 * @param options.asset whose state; default: the twin's own
 * @param options.history states to keep, this one with them; default 10
 * @throws TwinError `CONFLICT` when another run was faster: its state stays
 */
export async function saveState(
  store: ObjectStore,
  twin: Twin,
  state: CalibratorState,
  etag: string | undefined,
  options: { asset?: string; history?: number } = {},
): Promise<{ etag: string }> {
  const asset = options.asset ?? twin.definition.name;
  const key = assetStateKey(NO_FLEET, asset);
  const object = await store.get(key);
  const before =
    object === undefined
      ? (await findOld(store, twin, asset))?.state
      : decodeAssetState(object.body, asset, key);
  const marks = before === undefined ? [] : [...before.marks, headOf(before)];
  const most = Math.max(0, (options.history ?? HISTORY) - 1);
  while (marks.length > most) {
    const abandoned = marks.findIndex((m) => m.abandoned === true);
    marks.splice(Math.max(0, abandoned), 1);
  }
  const head = toMark(state, encodeCheckpoint(state));
  return store.put(
    key,
    encodeAssetState(toAssetState(twin, asset, head, marks)),
    etag === undefined || etag === NOT_THERE ? { ifNoneMatch: '*' } : { ifMatch: etag },
  );
}

/** A state of the history. */
export interface StateEntry {
  /** Samples assimilated when it was saved; names it. */
  sampleCount: number;
  bytes: number;
  /** Absent where it cannot be read, with the reason. */
  state?: CalibratorState;
  problem?: string;
  /** Whether it is the newest, from which the next run goes on. */
  latest: boolean;
  /** Whether it was left behind when an earlier one was restored. */
  abandoned: boolean;
}

/**
 * The states that are kept of an asset, oldest first, be they of `calibrate` or of the worker.
 *
 * @param fleet whose worker keeps them; default: found by the asset's name
 */
export async function listStates(
  store: ObjectStore,
  twin: Twin,
  asset = twin.definition.name,
  fleet?: string,
): Promise<StateEntry[]> {
  const found = await find(store, twin, asset, fleet);
  if (found === undefined) return [];
  const describe = (mark: Mark, latest: boolean): StateEntry => {
    const entry = {
      sampleCount: mark.samples,
      bytes: mark.checkpoint.length,
      latest,
      abandoned: mark.abandoned === true,
    };
    if (mark.checkpoint.length === 0) return { ...entry, problem: 'before the first sample' };
    try {
      return { ...entry, state: decodeCheckpoint(mark.checkpoint, twin) };
    } catch (error) {
      return { ...entry, problem: messageOf(error) };
    }
  };
  return [...found.state.marks.map((m) => describe(m, false)), describe(found.state, true)];
}

/**
 * Makes a state of the history the newest again. Later ones stay in the history, marked, until new
 * ones take their place. A worker goes on from it with the readings that followed.
 *
 * @param sampleCount which one, as {@link listStates} names it
 * @throws TwinError `NOT_FOUND`, `CONFLICT` when a run saves meanwhile, or as
 *   {@link decodeCheckpoint} where it is damaged or of another definition
 */
export async function restoreState(
  store: ObjectStore,
  twin: Twin,
  sampleCount: number,
  asset = twin.definition.name,
  fleet?: string,
): Promise<CalibratorState> {
  const found = await find(store, twin, asset, fleet);
  const all = found === undefined ? [] : [...found.state.marks, headOf(found.state)];
  const at = all.findLastIndex((m) => m.samples === sampleCount && m.abandoned !== true);
  const chosen = at >= 0 ? at : all.findLastIndex((m) => m.samples === sampleCount);
  const mark = all[chosen];
  if (found === undefined || mark === undefined || mark.checkpoint.length === 0) {
    throw new TwinError(
      'NOT_FOUND',
      `No state after ${sampleCount} samples is kept: \`twinloop state list\` names those that are.`,
    );
  }
  const state = decodeCheckpoint(mark.checkpoint, twin);
  const { abandoned: _, ...head } = mark;
  const marks = all.flatMap((m, i) => {
    if (i === chosen) return [];
    return [i > chosen ? { ...m, abandoned: true } : m];
  });
  const { sampledNs: _sampled, ranges: _ranges, fault: _fault, ...rest } = found.state;
  const restored: AssetState = {
    ...rest,
    ...head,
    marks,
    arrivals: arrivalsAt(rest.arrivals, head),
    pending: noPending,
  };
  await store.put(
    found.key,
    encodeAssetState(restored),
    found.etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: found.etag },
  );
  return state;
}

/** Says what a refused write means to the person who ran it. */
export function conflictError(cause: unknown): TwinError<'CONFLICT'> {
  return new TwinError(
    'CONFLICT',
    'Another run saved a newer state meanwhile: its results stand, this run changed nothing. Run again to go on from there.',
    { cause },
  );
}
