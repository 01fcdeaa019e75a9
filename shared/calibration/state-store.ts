import { TwinError } from '../core/index.js';
import type { ObjectStore } from '../storage/index.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';
import type { CalibratorState, Twin } from './types.js';

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
 * Writes a state if nobody wrote since `etag` was read, then keeps a copy in the history.
 *
 * @param etag of the state that this one follows; left out for the first
 * @throws TwinError `CONFLICT` when another run was faster: its state stays
 */
export async function saveState(
  store: ObjectStore,
  twin: Twin,
  state: CalibratorState,
  etag: string | undefined,
  asset?: string,
): Promise<{ etag: string }> {
  const key = stateKey(twin, asset);
  const body = encodeCheckpoint(state);
  const written = await store.put(
    key,
    body,
    etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag },
  );
  const prefix = key.replace('latest.bin', 'history/');
  await store.put(`${prefix}${String(state.sampleCount).padStart(12, '0')}.bin`, body);
  const kept = await store.list(prefix);
  for (const old of kept.slice(0, Math.max(0, kept.length - HISTORY))) await store.delete(old);
  return written;
}

/** Says what a refused write means to the person who ran it. */
export function conflictError(cause: unknown): TwinError<'CONFLICT'> {
  return new TwinError(
    'CONFLICT',
    'Another run saved a newer state meanwhile: its results stand, this run changed nothing. Run again to go on from there.',
    { cause },
  );
}
