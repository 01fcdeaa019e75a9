import type { ObjectStore } from '../../store/index.js';
import type { CalibratorState, Twin } from '../types.js';
import { type AssetState, type Mark, noArrivals, noPending } from './asset-state.js';
import { decodeCheckpoint, twinHashOf } from './checkpoint.js';
import { emptyLedger } from './ledger.js';

/** Where states were before those of the worker and of `calibrate` had one layout. */
const oldPrefix = (asset: string) => `states/${asset}/`;
const latestKey = (asset: string) => `${oldPrefix(asset)}latest.bin`;

/** The assets of which there are states in the older layout. */
export async function oldLayoutAssets(store: ObjectStore): Promise<string[]> {
  const keys = await store.list('states/');
  return keys.flatMap((key) => {
    const asset = key.slice('states/'.length, -'/latest.bin'.length);
    return key === latestKey(asset) ? [asset] : [];
  });
}

/**
 * The fingerprint of the twin whose state is kept in the older layout; undefined where none is.
 *
 * @throws TwinError as {@link twinHashOf}
 */
export async function oldLayoutHash(
  store: ObjectStore,
  asset: string,
): Promise<string | undefined> {
  const latest = await store.get(latestKey(asset));
  return latest === undefined ? undefined : twinHashOf(latest.body, asset);
}

/** A calibrator's state as a point of an asset's history. */
export function toMark(state: CalibratorState, checkpoint: Uint8Array): Mark {
  return {
    watermarkNs: state.timeNs,
    groupEndNs: state.timeNs,
    sampledNs: state.timeNs,
    samples: state.sampleCount,
    inputs: {},
    partial: [],
    ledger: emptyLedger(),
    checkpoint,
  };
}

/** Points of a history as what is kept of an asset. */
export function toAssetState(
  twin: Twin,
  asset: string,
  head: Mark,
  marks: readonly Mark[],
): AssetState {
  return {
    ...head,
    assetId: asset,
    twinHash: twin.hash,
    marks,
    arrivals: noArrivals(head.watermarkNs),
    late: {},
    lateUnused: {},
    rewritten: {},
    quarantined: [],
    pending: noPending,
    runId: 'calibrate',
  };
}

/**
 * What is kept of an asset in the older layout, `states/<asset>/latest.bin` and its history; undefined where
 * nothing is.
 *
 * @throws TwinError as {@link decodeCheckpoint}, of the newest state
 */
export async function readOldLayout(
  store: ObjectStore,
  twin: Twin,
  asset: string,
): Promise<AssetState | undefined> {
  const latest = await store.get(latestKey(asset));
  if (latest === undefined) return undefined;
  const marks: Mark[] = [];
  for (const name of await store.list(`${oldPrefix(asset)}history/`)) {
    const body = (await store.get(name))?.body;
    if (body === undefined || Buffer.from(body).equals(latest.body)) continue;
    try {
      marks.push(toMark(decodeCheckpoint(body, twin), body));
    } catch {
      // An unreadable one is of no use to go back to; its file stays where it was.
    }
  }
  const head = toMark(decodeCheckpoint(latest.body, twin), latest.body);
  return toAssetState(twin, asset, head, marks);
}
