import { secondsToNs } from '../../shared/core/index.js';
import { COARSE } from '../../shared/twin/index.js';
import { bucketOf, bucketStartNs } from './arrivals.js';
import { changesFrom, countsOf } from './check-arrivals.js';
import { readWindows, type StreamSource } from './read-streams.js';
import type { AssetState } from './state.js';

/** So much before the watermark is compared, and so much after it is counted, seconds. */
const SPAN_S = { before: 3600, after: 6 * 3600 };

/** What SiteWise has of an asset's streams, beside what its estimate knows of. */
export interface Reconciled {
  /** The comparison begins here; its end is the watermark. */
  fromNs: bigint;
  /** Readings by stream that the estimate has dealt with. */
  taken: Record<string, number>;
  /** Readings by stream that SiteWise has and the estimate has not dealt with: late ones. */
  untaken: Record<string, number>;
  /** Readings by stream that are not, or not the same, in SiteWise any more. */
  changed: Record<string, number>;
  /** Readings by stream after the watermark. */
  waiting: Record<string, number>;
  /** Whether there are more than were counted. */
  more: boolean;
}

/**
 * Compares SiteWise's readings around the watermark with the state's account of them; changes nothing.
 *
 * @throws TwinError as the reader
 */
export async function reconcileStreams(
  source: StreamSource,
  state: AssetState,
  nowNs: bigint,
): Promise<Reconciled> {
  const { arrivals, watermarkNs } = state;
  const first = Math.max(
    bucketOf(arrivals, watermarkNs - secondsToNs(SPAN_S.before)),
    arrivals.coarseEnd * COARSE,
  );
  const { changes } = await changesFrom(source, state, first, new Map());
  const taken: Record<string, number> = {};
  for (const [bucket, digest] of Object.entries(arrivals.buckets)) {
    if (Number(bucket) < first) continue;
    arrivals.aliases.forEach((alias, i) => {
      const count = digest[2 * i] ?? 0;
      if (count > 0) taken[alias] = (taken[alias] ?? 0) + count;
    });
  }
  const limitNs = watermarkNs + secondsToNs(SPAN_S.after);
  const untilNs = nowNs < limitNs ? nowNs : limitNs;
  const waiting: Record<string, number> = {};
  for await (const { streams } of readWindows(source, watermarkNs, untilNs)) {
    for (const [alias, values] of streams) {
      if (values.length > 0) waiting[alias] = (waiting[alias] ?? 0) + values.length;
    }
  }
  let fromNs = bucketStartNs(arrivals, first);
  if (arrivals.floorNs > fromNs) fromNs = arrivals.floorNs;
  return {
    fromNs,
    taken,
    untaken: countsOf(arrivals, changes, 'came'),
    changed: countsOf(arrivals, changes, 'rewritten'),
    waiting,
    more: untilNs < nowNs,
  };
}
