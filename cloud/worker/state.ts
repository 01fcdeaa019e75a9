import { TwinError } from '../../shared/core/index.js';
import { keySegment } from '../../shared/store/index.js';

const FORMAT = 'twinloop-worker-state';
const VERSION = 1;

/** Results that are part of a committed state but perhaps not in SiteWise yet. */
export interface PendingResults {
  aliases: readonly string[];
  /** One row per sample: a value per alias; `null` where there is none. */
  rows: readonly { timeNs: bigint; values: readonly (number | string | null)[] }[];
}

/**
 * What is kept of an asset between runs, as one object. State, watermark and the results that
 * followed from them change together in one conditional write: after a crash at any moment no
 * sample is assimilated twice, and results are sent again with the same content or not at all.
 */
export interface AssetState {
  assetId: string;
  /** Fingerprint of twin definition and FMU. */
  twinHash: string;
  /** The newest instant that was assimilated or passed over. */
  watermarkNs: bigint;
  /** Samples assimilated so far. */
  samples: number;
  /** The last value of each input stream: inputs hold it until they change. */
  inputs: Readonly<Record<string, { timeNs: bigint; value: number }>>;
  /** The calibrator's state. */
  checkpoint: Uint8Array;
  pending: PendingResults;
  /** The run that wrote it. */
  runId: string;
}

export const noPending: PendingResults = { aliases: [], rows: [] };

/** Where the state of an asset is kept. */
export function stateKey(fleet: string, assetId: string): string {
  return `state/${keySegment(fleet)}/${keySegment(assetId)}.json`;
}

/** An asset's state as bytes. */
export function encodeAssetState(state: AssetState): Uint8Array {
  const { checkpoint, ...rest } = state;
  const text = JSON.stringify(
    {
      format: FORMAT,
      version: VERSION,
      ...rest,
      checkpoint: Buffer.from(checkpoint).toString('base64'),
    },
    (_key, value) => (typeof value === 'bigint' ? value.toString() : value),
  );
  return new TextEncoder().encode(text);
}

/**
 * Reads an asset's state.
 *
 * @throws TwinError `FILE_INVALID` when it is none, `STATE_MISMATCH` when it is of another asset or
 *   of a newer version
 */
export function decodeAssetState(bytes: Uint8Array, assetId: string, key: string): AssetState {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (parsed.format !== FORMAT) throw new Error(`its format is ${String(parsed.format)}`);
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${key} is not the state of an asset: restore an earlier version of the object, or delete it to begin again.`,
      { cause },
    );
  }
  if (parsed.version !== VERSION) {
    throw new TwinError(
      'STATE_MISMATCH',
      `${key} has version ${String(parsed.version)}; this worker reads version ${VERSION}. Run the worker that wrote it.`,
    );
  }
  if (parsed.assetId !== assetId) {
    throw new TwinError(
      'STATE_MISMATCH',
      `${key} is the state of the asset ${String(parsed.assetId)}, not of ${assetId}: it was put in the wrong place. Move it away to begin again.`,
    );
  }
  try {
    const pending = parsed.pending as {
      aliases: string[];
      rows: { timeNs: string; values: (number | string | null)[] }[];
    };
    const inputs = parsed.inputs as Record<string, { timeNs: string; value: number }>;
    return {
      assetId,
      twinHash: String(parsed.twinHash),
      watermarkNs: BigInt(String(parsed.watermarkNs)),
      samples: Number(parsed.samples),
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([alias, i]) => [
          alias,
          { timeNs: BigInt(i.timeNs), value: i.value },
        ]),
      ),
      checkpoint: new Uint8Array(Buffer.from(String(parsed.checkpoint), 'base64')),
      pending: {
        aliases: pending.aliases,
        rows: pending.rows.map((r) => ({ timeNs: BigInt(r.timeNs), values: r.values })),
      },
      runId: String(parsed.runId),
    };
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${key} is damaged: restore an earlier version of the object, or delete it to begin again.`,
      { cause },
    );
  }
}
