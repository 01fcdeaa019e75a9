import { secondsToNs, type Tqv } from '../../shared/core/index.js';
import {
  type AlignedGroup,
  type Arrivals,
  type AssetState,
  addReadings,
  COARSE,
  type Grouping,
  type Ledger,
  type Mark,
  type Twin,
  thinMarks,
} from '../../shared/twin/index.js';
import { type Buckets, bucketOf, digestInto } from './arrivals.js';
import type { Streams } from './read-streams.js';

const isNumber = (t: Tqv): t is Tqv & { value: number } =>
  t.quality === 'GOOD' && typeof t.value === 'number' && Number.isFinite(t.value);

/** Counts what became of the readings between two instants. */
export function countReadings(
  twin: Twin,
  before: Ledger,
  streams: Streams,
  span: { afterNs: bigint; untilNs: bigint },
  done: { groups: readonly AlignedGroup[]; duplicates: Grouping['duplicates'] },
): Ledger {
  let ledger = before;
  const within = (timeNs: bigint) => timeNs > span.afterNs && timeNs <= span.untilNs;
  twin.definition.measured.forEach(({ alias }, channel) => {
    const received = (streams.get(alias) ?? []).filter((t) => within(t.timeNs)).length;
    const counts = { received, aligned: 0, thinned: 0, unusable: 0, duplicate: 0 };
    for (const { sample, readings } of done.groups) {
      const { usable, unusable } = readings[channel]!;
      counts[sample === undefined ? 'thinned' : 'aligned'] += usable;
      counts.unusable += unusable;
    }
    counts.duplicate = (done.duplicates[channel] ?? []).filter(within).length;
    if (received > 0) ledger = addReadings(ledger, alias, counts);
  });
  const measured = new Set(twin.definition.measured.map((m) => m.alias));
  for (const { alias, value } of twin.definition.inputs) {
    if (alias === undefined || value !== undefined || measured.has(alias)) continue;
    const all = (streams.get(alias) ?? []).filter((t) => within(t.timeNs));
    if (all.length === 0) continue;
    const distinct = new Set(all.filter(isNumber).map((t) => t.timeNs)).size;
    const unusable = all.filter((t) => !isNumber(t)).length;
    ledger = addReadings(ledger, alias, {
      received: all.length,
      aligned: distinct,
      unusable,
      duplicate: all.length - distinct - unusable,
    });
  }
  return ledger;
}

/** Adds the readings of a span that were dealt with. */
export function addArrivals(
  arrivals: Arrivals,
  streams: Streams,
  afterNs: bigint,
  untilNs: bigint,
): Arrivals {
  const added: Buckets = new Map();
  const first = bucketOf(arrivals, afterNs > 0n ? afterNs : 0n);
  const known = arrivals.buckets[first];
  if (known !== undefined) added.set(first, [...known]);
  digestInto(added, arrivals, streams, afterNs, untilNs);
  return { ...arrivals, buckets: { ...arrivals.buckets, ...Object.fromEntries(added) } };
}

/** Keeps the record of arrivals short: wide buckets behind the late window, none beyond a week. */
function shortenArrivals(arrivals: Arrivals, headNs: bigint, lateWindowS: number): Arrivals {
  const behind = Math.floor(bucketOf(arrivals, headNs - secondsToNs(lateWindowS)) / COARSE) - 1;
  const limit = Math.max(arrivals.coarseEnd, behind);
  const oldest = Math.floor(bucketOf(arrivals, headNs - secondsToNs(7 * 86_400)) / COARSE);
  const coarse = new Map<number, number[]>(
    Object.entries(arrivals.coarse).map(([n, d]) => [Number(n), [...d]]),
  );
  const buckets: Record<string, readonly number[]> = {};
  for (const [n, digest] of Object.entries(arrivals.buckets)) {
    const wide = Math.floor(Number(n) / COARSE);
    if (wide >= limit) {
      buckets[n] = digest;
      continue;
    }
    const sum = coarse.get(wide) ?? new Array<number>(digest.length).fill(0);
    digest.forEach((v, i) => {
      sum[i] = i % 2 === 0 ? (sum[i] ?? 0) + v : ((sum[i] ?? 0) + v) >>> 0;
    });
    coarse.set(wide, sum);
  }
  const kept = [...coarse].filter(([n]) => n >= oldest);
  return { ...arrivals, buckets, coarse: Object.fromEntries(kept), coarseEnd: limit };
}

/** A state after a step forward, its history thinned. */
export function nextState(
  before: AssetState,
  mark: Mark,
  history: readonly Mark[],
  arrivals: Arrivals,
  lateWindowS: number,
): AssetState {
  const horizonNs = mark.watermarkNs - secondsToNs(lateWindowS);
  const { sampledNs: _, ranges: __, ...rest } = before;
  return {
    ...rest,
    ...mark,
    marks: thinMarks(history, mark.watermarkNs, horizonNs),
    arrivals: shortenArrivals(arrivals, mark.watermarkNs, lateWindowS),
  };
}
