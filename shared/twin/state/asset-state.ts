import { messageOf, TwinError } from '../../core/index.js';
import { keySegment } from '../../store/index.js';
import type { ChannelWatch } from '../readings/channel-watch.js';
import type { InputRanges } from '../readings/wild-inputs.js';
import { addReadings, emptyLedger, type Ledger } from './ledger.js';
import { packed, unpacked } from './packed-bytes.js';

const FORMAT = 'twinloop-state';
const VERSION = 3;
/** Before, checkpoints were kept as they are. */
const UNPACKED_VERSION = 2;
/** What the worker wrote before states had one layout. */
const OLD_WORKER_FORMAT = 'twinloop-worker-state';

/** Whose states they are that no fleet has: those of `calibrate`. No fleet can be named so. */
export const NO_FLEET = '_';

/** Results that are part of a committed state but perhaps not in SiteWise yet. */
export interface PendingResults {
  aliases: readonly string[];
  /** One row per sample: a value per alias; `null` where there is none. */
  rows: readonly { timeNs: bigint; values: readonly (number | string | null)[] }[];
}

export const noPending: PendingResults = { aliases: [], rows: [] };

/** Per stream a count and a sum of hashes, one after the other: which readings a span has. */
export type Digest = readonly number[];

/** A point of an estimate's history: everything that is needed to go on from there. */
export interface Mark {
  /** Readings up to this instant have been dealt with. */
  watermarkNs: bigint;
  /** Readings up to this instant would have been part of the newest sample. */
  groupEndNs: bigint;
  /** The newest sample that the sample period let pass; absent before the first. */
  sampledNs?: bigint;
  /** Samples assimilated so far. */
  samples: number;
  /** The last value of each input stream that the newest sample took: inputs hold it until they change. */
  inputs: Readonly<Record<string, { timeNs: bigint; value: number }>>;
  /** Where inputs have been, which tells wild values; absent in states of before. */
  ranges?: InputRanges;
  /** The readings up to the watermark in the bucket where it lies. */
  partial: Digest;
  ledger: Ledger;
  /** The calibrator's state; empty before the first sample. */
  checkpoint: Uint8Array;
  /** Left behind when an earlier state was restored. */
  abandoned?: boolean;
}

/** What keeps an asset from going on at one sample. */
export interface SampleFault {
  timeNs: bigint;
  /** Runs that failed there, one after the other. */
  runs: number;
  message: string;
}

/** How the arrival of readings is watched; see {@link Digest}. */
export interface Arrivals {
  /** Width of a bucket, seconds. */
  bucketS: number;
  /** Readings up to this instant were dealt with before they were counted. */
  floorNs: bigint;
  /** By the bucket's number (epoch seconds / width), in the order of `aliases`. */
  buckets: Readonly<Record<string, Digest>>;
  /** What is older than the late window, in buckets of so many times the width. */
  coarse: Readonly<Record<string, Digest>>;
  /** Number of the first wide bucket that is still kept in narrow ones. */
  coarseEnd: number;
  aliases: readonly string[];
  /** When the whole late window was last looked through. */
  sweptNs: bigint;
  /** Whether the next run is to look through it again. */
  lookAgain: boolean;
}

/**
 * What is kept of an asset between runs, as one object. State, watermark, earlier states and the
 * results that followed change together in one conditional write: after a crash at any moment no
 * sample is assimilated twice, and results are sent again with the same content or not at all.
 */
export interface AssetState extends Mark {
  assetId: string;
  /** Fingerprint of twin definition and FMU. */
  twinHash: string;
  /** Earlier states, oldest first. */
  marks: readonly Mark[];
  arrivals: Arrivals;
  /** Readings closer together than this are one sample; absent until it was seen. */
  windowNs?: bigint;
  /** Readings that arrived behind the estimate and were taken in their place, over its life. */
  late: Readonly<Record<string, number>>;
  /** Readings that arrived too late for that, over its life. */
  lateUnused: Readonly<Record<string, number>>;
  /** Readings whose value was changed in SiteWise after they had been taken. */
  rewritten: Readonly<Record<string, number>>;
  fault?: SampleFault;
  /** Up to where the run could read that first left work to the next; absent once one caught up. */
  behindSinceNs?: bigint;
  /** What tells frozen channels, copies and held values; absent in states of before. */
  channels?: ChannelWatch;
  /** Samples that were set aside. */
  quarantined: readonly bigint[];
  pending: PendingResults;
  /** The run that wrote it. */
  runId: string;
}

/** Arrivals before any. */
export function noArrivals(floorNs: bigint, bucketS = 900): Arrivals {
  return {
    bucketS,
    floorNs,
    buckets: {},
    coarse: {},
    coarseEnd: 0,
    aliases: [],
    sweptNs: 0n,
    lookAgain: false,
  };
}

/** Where the state of an asset is kept. */
export function assetStateKey(fleet: string, assetId: string): string {
  const owner = fleet === NO_FLEET ? NO_FLEET : keySegment(fleet);
  return `state/${owner}/${keySegment(assetId)}.json`;
}

const toText = (value: unknown) =>
  JSON.stringify(value, (_key, v: unknown) =>
    typeof v === 'bigint'
      ? v.toString()
      : v instanceof Uint8Array
        ? Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64')
        : v,
  );

/** An asset's state as bytes. */
export function encodeAssetState(state: AssetState): Uint8Array {
  const plain = (mark: Mark) => ({ ...mark, checkpoint: packed(mark.checkpoint) });
  const body = { ...state, ...plain(state), marks: state.marks.map(plain) };
  return new TextEncoder().encode(toText({ format: FORMAT, version: VERSION, ...body }));
}

type Json = Record<string, unknown>;

function toInputs(value: unknown): Mark['inputs'] {
  const inputs = value as Record<string, { timeNs: string; value: number }>;
  return Object.fromEntries(
    Object.entries(inputs).map(([alias, i]) => [
      alias,
      { timeNs: BigInt(i.timeNs), value: i.value },
    ]),
  );
}

function toPending(value: unknown): PendingResults {
  const { aliases, rows } = value as {
    aliases: string[];
    rows: { timeNs: string; values: (number | string | null)[] }[];
  };
  return { aliases, rows: rows.map((r) => ({ ...r, timeNs: BigInt(r.timeNs) })) };
}

type ReadBytes = (value: unknown) => Uint8Array;
const toBytes: ReadBytes = (value) => new Uint8Array(Buffer.from(String(value), 'base64'));
const toCheckpoint: ReadBytes = (value) => unpacked(toBytes(value));

function toMark(m: Json, read: ReadBytes): Mark {
  return {
    watermarkNs: BigInt(String(m.watermarkNs)),
    groupEndNs: BigInt(String(m.groupEndNs)),
    ...(m.sampledNs === undefined ? {} : { sampledNs: BigInt(String(m.sampledNs)) }),
    samples: Number(m.samples),
    inputs: toInputs(m.inputs),
    ...(m.ranges === undefined ? {} : { ranges: m.ranges as InputRanges }),
    partial: m.partial as number[],
    ledger: m.ledger as Ledger,
    checkpoint: read(m.checkpoint),
    ...(m.abandoned === true ? { abandoned: true } : {}),
  };
}

function toState(p: Json): AssetState {
  const read = p.version === UNPACKED_VERSION ? toBytes : toCheckpoint;
  const arrivals = p.arrivals as Json;
  const fault = p.fault as Json | undefined;
  return {
    ...toMark(p, read),
    assetId: String(p.assetId),
    twinHash: String(p.twinHash),
    marks: (p.marks as Json[]).map((m) => toMark(m, read)),
    arrivals: {
      ...(arrivals as unknown as Arrivals),
      floorNs: BigInt(String(arrivals.floorNs)),
      sweptNs: BigInt(String(arrivals.sweptNs)),
    },
    ...(p.windowNs === undefined ? {} : { windowNs: BigInt(String(p.windowNs)) }),
    late: p.late as Record<string, number>,
    lateUnused: p.lateUnused as Record<string, number>,
    rewritten: p.rewritten as Record<string, number>,
    ...(p.behindSinceNs === undefined ? {} : { behindSinceNs: BigInt(String(p.behindSinceNs)) }),
    ...(fault === undefined
      ? {}
      : {
          fault: {
            timeNs: BigInt(String(fault.timeNs)),
            runs: Number(fault.runs),
            message: String(fault.message),
          },
        }),
    ...(p.channels === undefined ? {} : { channels: p.channels as ChannelWatch }),
    quarantined: (p.quarantined as string[]).map((t) => BigInt(t)),
    pending: toPending(p.pending),
    runId: String(p.runId),
  };
}

/** The worker's older layout knew a watermark and no history: accounting begins at the watermark. */
function migrate(p: Json): AssetState {
  const watermarkNs = BigInt(String(p.watermarkNs));
  return {
    assetId: String(p.assetId),
    twinHash: String(p.twinHash),
    watermarkNs,
    groupEndNs: watermarkNs,
    sampledNs: watermarkNs,
    samples: Number(p.samples),
    inputs: toInputs(p.inputs),
    partial: [],
    ledger: emptyLedger(),
    checkpoint: toBytes(p.checkpoint),
    marks: [],
    arrivals: noArrivals(watermarkNs),
    late: {},
    lateUnused: {},
    rewritten: {},
    quarantined: [],
    pending: toPending(p.pending),
    runId: String(p.runId),
  };
}

/**
 * Reads an asset's state; one of the worker's older layout is brought to the present one.
 *
 * @throws TwinError `FILE_INVALID` when it is none, `STATE_MISMATCH` when it is of another asset or
 *   of a newer version
 */
export function decodeAssetState(bytes: Uint8Array, assetId: string, key: string): AssetState {
  let parsed: Json;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes)) as Json;
    if (parsed.format !== FORMAT && parsed.format !== OLD_WORKER_FORMAT) {
      throw new Error(`its format is ${String(parsed.format)}`);
    }
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${key} is not the state of an asset (${messageOf(cause)}): restore an earlier version of the object, or delete it to begin again.`,
      { cause },
    );
  }
  const old = parsed.format === OLD_WORKER_FORMAT;
  if (!(old ? [1] : [UNPACKED_VERSION, VERSION]).includes(Number(parsed.version))) {
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
    return old ? migrate(parsed) : toState(parsed);
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${key} is damaged: restore an earlier version of the object, or delete it to begin again.`,
      { cause },
    );
  }
}

/** Width of the buckets behind the late window, in those of the window. */
export const COARSE = 24;

/** What is known of arrivals up to a mark: later readings are to be dealt with again. */
export function arrivalsAt(arrivals: Arrivals, mark: Mark): Arrivals {
  const bucket = Number(mark.watermarkNs / BigInt(Math.round(arrivals.bucketS * 1e9)));
  const wide = Math.floor(bucket / COARSE);
  if (wide < arrivals.coarseEnd) {
    // So far back, single buckets are no longer known: accounting begins anew at the mark.
    return { ...arrivals, floorNs: mark.watermarkNs, buckets: {}, coarse: {}, coarseEnd: wide };
  }
  const kept = Object.entries(arrivals.buckets).filter(([n]) => Number(n) < bucket);
  const buckets = Object.fromEntries(kept);
  if (mark.partial.length > 0) buckets[bucket] = mark.partial;
  return { ...arrivals, buckets };
}

/** Everything an asset's ledger counts, with what came too late for the estimate. */
export function wholeLedger(state: Pick<AssetState, 'ledger' | 'lateUnused'>): Ledger {
  let { ledger } = state;
  for (const [alias, lateUnused] of Object.entries(state.lateUnused)) {
    ledger = addReadings(ledger, alias, { received: lateUnused, lateUnused });
  }
  return ledger;
}

/** The mark that a state's newest estimate is. */
export function headOf(state: AssetState): Mark {
  const { watermarkNs, groupEndNs, sampledNs, samples, inputs, ranges, partial, ledger } = state;
  return {
    watermarkNs,
    groupEndNs,
    ...(sampledNs === undefined ? {} : { sampledNs }),
    samples,
    inputs,
    ...(ranges === undefined ? {} : { ranges }),
    partial,
    ledger,
    checkpoint: state.checkpoint,
  };
}
