import type { Tqv } from '../../shared/core/index.js';
import type { Arrivals, AssetState, Digest, Mark } from '../../shared/twin/index.js';

/** Counts and hashes of the readings of a span, by bucket. */
export type Buckets = Map<number, number[]>;

const hashBytes = new DataView(new ArrayBuffer(16));

/** 32 bits of a reading's time and value; sums of them tell sets of readings apart. */
function hashOf(tqv: Tqv): number {
  hashBytes.setBigInt64(0, tqv.timeNs);
  hashBytes.setFloat64(8, typeof tqv.value === 'number' ? tqv.value : Number.NaN);
  // FNV-1a with a final mix, so that a sum over consecutive times spreads.
  let h = 0x811c9dc5;
  for (let i = 0; i < 16; i++) h = Math.imul(h ^ hashBytes.getUint8(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

const widthNs = (arrivals: Arrivals) => BigInt(Math.round(arrivals.bucketS * 1e9));

/** The number of the bucket that an instant lies in. */
export function bucketOf(arrivals: Arrivals, timeNs: bigint): number {
  return Number(timeNs / widthNs(arrivals));
}

/** Where a bucket begins; its readings have this time or a later one. */
export function bucketStartNs(arrivals: Arrivals, bucket: number): bigint {
  return BigInt(bucket) * widthNs(arrivals);
}

/** Adds readings to digests; those of a timestamp that the stream had already count once. */
export function digestInto(
  buckets: Buckets,
  arrivals: Arrivals,
  streams: ReadonlyMap<string, readonly Tqv[]>,
  afterNs: bigint,
  untilNs: bigint,
): void {
  arrivals.aliases.forEach((alias, i) => {
    const seen = new Set<bigint>();
    for (const tqv of streams.get(alias) ?? []) {
      if (tqv.timeNs <= afterNs || tqv.timeNs > untilNs || seen.has(tqv.timeNs)) continue;
      seen.add(tqv.timeNs);
      const number = bucketOf(arrivals, tqv.timeNs);
      let digest = buckets.get(number);
      if (digest === undefined) {
        digest = new Array<number>(2 * arrivals.aliases.length).fill(0);
        buckets.set(number, digest);
      }
      digest[2 * i]!++;
      digest[2 * i + 1] = (digest[2 * i + 1]! + hashOf(tqv)) >>> 0;
    }
  });
}

const at = (digest: Digest | undefined, i: number) => digest?.[i] ?? 0;

/** Whether two digests stand for the same readings; what is left out counts as none. */
export function sameDigest(a: Digest | undefined, b: Digest | undefined): boolean {
  const length = Math.max(a?.length ?? 0, b?.length ?? 0);
  for (let i = 0; i < length; i++) if (at(a, i) !== at(b, i)) return false;
  return true;
}

/** What has come, changed or gone in a span since it was dealt with. */
export interface Change {
  bucket: number;
  /** Per stream, in the arrivals' order. */
  came: number[];
  rewritten: number[];
}

/** Compares what a bucket has with what was known of it. */
export function changeOf(
  bucket: number,
  now: Digest | undefined,
  before: Digest | undefined,
): Change | undefined {
  if (sameDigest(now, before)) return undefined;
  const came: number[] = [];
  const rewritten: number[] = [];
  for (let i = 0; i < Math.max(now?.length ?? 0, before?.length ?? 0); i += 2) {
    const more = at(now, i) - at(before, i);
    came.push(Math.max(0, more));
    rewritten.push(more <= 0 && at(now, i + 1) !== at(before, i + 1) ? Math.max(1, -more) : 0);
  }
  return { bucket, came, rewritten };
}

/** A stream counts as regular when so many buckets in a row before its silence have readings of it. */
const REGULAR_BUCKETS = 4;

/**
 * Whether a stream that came regularly has come back after a silence of a bucket at least: what its
 * gateway could not send meanwhile may follow. A stream that is sent on change is silent by nature,
 * and does not count.
 *
 * @param before what was known before the span, `after` what is known with it
 * @param aliases the streams to look at
 */
export function comesBack(
  before: Arrivals,
  after: Arrivals,
  aliases: readonly string[],
  span: { afterNs: bigint; untilNs: bigint },
): boolean {
  const first = bucketOf(after, span.afterNs > 0n ? span.afterNs : 0n);
  const numbers = Object.keys(after.buckets)
    .map(Number)
    .sort((a, b) => a - b);
  return aliases.some((alias) => {
    const i = 2 * after.aliases.indexOf(alias);
    if (i < 0) return false;
    const has = (n: number) => at(after.buckets[n], i) > 0;
    return numbers.some((n, k) => {
      if (n < first || !has(n) || has(n - 1)) return false;
      // It was there at the end of the span before: noted then.
      if (n === first && at(before.buckets[n], i) > 0) return false;
      const last = numbers.slice(0, k).findLast(has);
      if (last === undefined) return false;
      return Array.from({ length: REGULAR_BUCKETS }, (_, j) => last - j).every(has);
    });
  });
}

/** Marks of the estimate's own past, the newest first, and itself before them. */
export function placesToGoBackTo(state: AssetState, head: Mark): Mark[] {
  return [head, ...state.marks.filter((m) => m.abandoned !== true).toReversed()];
}
