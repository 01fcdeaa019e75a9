import { messageOf, TwinError } from '../../core/index.js';
import { type ObjectStore, openStore } from '../../store/index.js';
import type { CalibratorState, Twin } from '../types.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';

/** Earlier states that are kept beside the newest. */
const HISTORY = 10;

/** A state and the version under which it was read. */
export interface StoredState {
  state: CalibratorState;
  etag: string;
}

/** The key of a twin's newest state. */
export function stateKey(twin: Twin, asset = twin.definition.name): string {
  return `states/${asset}/latest.bin`;
}

/**
 * Reads a twin's newest state.
 *
 * @throws TwinError as {@link decodeCheckpoint} and the store
 */
export async function loadState(
  store: ObjectStore,
  twin: Twin,
  asset?: string,
): Promise<StoredState | undefined> {
  const object = await store.get(stateKey(twin, asset));
  if (object === undefined) return undefined;
  return { state: decodeCheckpoint(object.body, twin), etag: object.etag };
}

/**
 * Reads a twin's newest state for a command that needs one.
 *
 * @param location the `--state` option
 * @throws TwinError `NOT_FOUND` where there is none, or as {@link loadState}
 */
export async function requireState(
  location: string,
  twin: Twin,
  asset?: string,
): Promise<StoredState> {
  const stored = await loadState(openStore(location), twin, asset);
  if (stored !== undefined) return stored;
  throw new TwinError(
    'NOT_FOUND',
    `No state of "${asset ?? twin.definition.name}" in ${location}: run \`twinloop calibrate\` with the same --state first.`,
  );
}

/**
 * Writes a state if nobody wrote since `etag` was read, then keeps a copy in the history.
 *
 * @param etag of the state that this one follows; left out for the first
 * @param options.asset whose state; default: the twin's own
 * @param options.history earlier states to keep; default 10
 * @throws TwinError `CONFLICT` when another run was faster: its state stays
 */
export async function saveState(
  store: ObjectStore,
  twin: Twin,
  state: CalibratorState,
  etag: string | undefined,
  options: { asset?: string; history?: number } = {},
): Promise<{ etag: string }> {
  const key = stateKey(twin, options.asset);
  const body = encodeCheckpoint(state);
  const written = await store.put(
    key,
    body,
    etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag },
  );
  const prefix = historyPrefix(key);
  await store.put(historyKey(prefix, state.sampleCount), body);
  const kept = await store.list(prefix);
  const most = options.history ?? HISTORY;
  for (const old of kept.slice(0, Math.max(0, kept.length - most))) await store.delete(old);
  return written;
}

const historyPrefix = (key: string) => key.replace(/latest\.bin$/, 'history/');
const historyKey = (prefix: string, sampleCount: number) =>
  `${prefix}${String(sampleCount).padStart(12, '0')}.bin`;

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
}

/** The states that are kept of an asset, oldest first. */
export async function listStates(
  store: ObjectStore,
  twin: Twin,
  asset?: string,
): Promise<StateEntry[]> {
  const key = stateKey(twin, asset);
  const latest = await store.get(key);
  const entries: StateEntry[] = [];
  for (const name of await store.list(historyPrefix(key))) {
    const object = await store.get(name);
    if (object === undefined) continue;
    const entry = {
      sampleCount: Number(/(\d+)\.bin$/.exec(name)?.[1] ?? 0),
      bytes: object.body.length,
      latest: latest !== undefined && Buffer.from(latest.body).equals(object.body),
    };
    try {
      entries.push({ ...entry, state: decodeCheckpoint(object.body, twin) });
    } catch (error) {
      entries.push({ ...entry, problem: messageOf(error) });
    }
  }
  return entries;
}

/**
 * Makes a state of the history the newest again. Later ones stay in the history until new ones
 * take their place.
 *
 * @param sampleCount which one, as {@link listStates} names it
 * @throws TwinError `NOT_FOUND`, `CONFLICT` when a run saves meanwhile, or as
 *   {@link decodeCheckpoint} where it is damaged or of another definition
 */
export async function restoreState(
  store: ObjectStore,
  twin: Twin,
  sampleCount: number,
  asset?: string,
): Promise<CalibratorState> {
  const key = stateKey(twin, asset);
  const object = await store.get(historyKey(historyPrefix(key), sampleCount));
  if (object === undefined) {
    throw new TwinError(
      'NOT_FOUND',
      `No state after ${sampleCount} samples is kept: \`twinloop state list\` names those that are.`,
    );
  }
  const state = decodeCheckpoint(object.body, twin);
  const latest = await store.get(key);
  await store.put(
    key,
    object.body,
    latest === undefined ? { ifNoneMatch: '*' } : { ifMatch: latest.etag },
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
