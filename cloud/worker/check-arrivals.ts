import { secondsToNs } from '../../shared/core/index.js';
import {
  type Arrivals,
  type AssetState,
  COARSE,
  headOf,
  lacksInputs,
  type Mark,
  scanToleranceNs,
} from '../../shared/twin/index.js';
import {
  type Buckets,
  bucketOf,
  bucketStartNs,
  type Change,
  changeOf,
  digestInto,
  placesToGoBackTo,
  sameDigest,
} from './arrivals.js';
import { total } from './counts.js';
import { readWindows, type StreamSource, type Streams } from './read-streams.js';

/** Between two looks through the whole late window, its last hour is looked through. */
const NEAR_S = 3600;
/** SiteWise takes readings of the last seven days. */
const OLDEST_S = 7 * 86_400;

/** What became of the readings behind the estimate. */
export interface ArrivalsFound {
  /** Where the estimate goes on: its head, or an earlier mark where late readings belong. */
  base: Mark;
  /** The state with what it knows now of its arrivals and counts. */
  state: AssetState;
  /** Readings by stream that are taken in their place. */
  late: Record<string, number>;
  /** Readings by stream that came too late. */
  lateUnused: Record<string, number>;
  rewritten: Record<string, number>;
}

/** Whether anything was found. */
export function foundAny(found: ArrivalsFound): boolean {
  return total(found.late) + total(found.lateUnused) + total(found.rewritten) > 0;
}

function plus(a: Readonly<Record<string, number>>, b: Record<string, number>) {
  const sum = { ...a };
  for (const [key, n] of Object.entries(b)) if (n > 0) sum[key] = (sum[key] ?? 0) + n;
  return sum;
}

/**
 * Looks behind the estimate for readings that have arrived, changed or gone since, and finds the
 * newest point of its history that none of them concerns.
 *
 * @param options.lateWindowS readings that lie further back are counted and left out
 * @param options.lateExpected the whole late window is looked through now, and at the next run, too
 */
export async function checkArrivals(
  source: StreamSource,
  state: AssetState,
  options: { lateWindowS: number; lateCheckS: number; nowNs: bigint; lateExpected?: boolean },
): Promise<ArrivalsFound> {
  const head = headOf(state);
  const { arrivals } = state;
  const { lateExpected = false } = options;
  const sweep =
    lateExpected ||
    arrivals.lookAgain ||
    options.nowNs - arrivals.sweptNs >= secondsToNs(options.lateCheckS);
  const limit = bucketOf(arrivals, head.watermarkNs - secondsToNs(options.lateWindowS));
  const near = bucketOf(arrivals, head.watermarkNs - secondsToNs(NEAR_S));
  const all = arrivals.coarseEnd * COARSE;
  const first = sweep ? all : Math.max(all, near);

  const now: Buckets = new Map();
  let { changes, more } = await changesFrom(source, state, first, now);
  // Something came late: more may have, from anywhere.
  if (changes.length > 0 && !sweep && first > all) {
    now.clear();
    ({ changes, more } = await changesFrom(source, state, all, now));
  }
  const old = changes.filter((c) => c.bucket < limit);
  const deep = sweep || changes.length > 0 ? await changesBehind(source, state) : undefined;

  const fresh = changes.filter((c) => c.bucket >= limit);
  const oldest = old.reduce((most, c) => Math.max(most, c.bucket), Number.NEGATIVE_INFINITY);
  const places = placesToGoBackTo(state, head).filter(
    (m) => m === head || bucketOf(arrivals, m.watermarkNs) > oldest,
  );
  const base =
    fresh.length === 0 && !more ? head : await newestUnconcerned(source, state, places, fresh[0]);
  const unused = base === undefined ? changes : old;
  const used = base === undefined ? [] : fresh;

  const late = countsOf(arrivals, used, 'came');
  const lateUnused = countsOf(arrivals, [...unused, ...(deep?.changes ?? [])], 'came');
  const rewritten = countsOf(arrivals, changes, 'rewritten');
  const buckets: Record<string, readonly number[]> = { ...arrivals.buckets };
  for (const { bucket } of unused) buckets[bucket] = now.get(bucket) ?? [];
  // What is left out now must not enter by a later replay: those places are given up.
  const marks = state.marks.filter(
    (m) => m.abandoned === true || bucketOf(arrivals, m.watermarkNs) > oldest,
  );
  const found = total(late) + total(lateUnused) + total(rewritten) > 0;
  return {
    base: base ?? head,
    late,
    lateUnused,
    rewritten,
    state: {
      ...state,
      marks: base === undefined ? [] : marks,
      late: plus(state.late, late),
      lateUnused: plus(state.lateUnused, lateUnused),
      rewritten: plus(state.rewritten, rewritten),
      arrivals: {
        ...arrivals,
        buckets,
        coarse: deep?.coarse ?? arrivals.coarse,
        ...(sweep ? { sweptNs: options.nowNs } : {}),
        lookAgain: found || lateExpected,
      },
    },
  };
}

export function countsOf(
  arrivals: Arrivals,
  changes: readonly Change[],
  what: 'came' | 'rewritten',
) {
  const counts: Record<string, number> = {};
  for (const change of changes) {
    change[what].forEach((n, i) => {
      const alias = arrivals.aliases[i];
      if (n > 0 && alias !== undefined) counts[alias] = (counts[alias] ?? 0) + n;
    });
  }
  return counts;
}

/** Buckets from one on whose readings are not those that were dealt with, oldest first. */
export async function changesFrom(
  source: StreamSource,
  state: AssetState,
  first: number,
  now: Buckets,
): Promise<{ changes: Change[]; more: boolean }> {
  const { arrivals } = state;
  const startNs = bucketStartNs(arrivals, first) - 1n;
  const afterNs = startNs > arrivals.floorNs ? startNs : arrivals.floorNs;
  const scan = scanOf(source, state, state.windowNs);
  for await (const { streams } of readWindows(source, afterNs, state.groupEndNs)) {
    digestInto(now, arrivals, streams, afterNs, state.watermarkNs);
    scan.add(streams);
  }
  const numbers = new Set([...now.keys(), ...Object.keys(arrivals.buckets).map(Number)]);
  const changes = [...numbers]
    .filter((n) => n >= first)
    .sort((a, b) => a - b)
    .flatMap((n) => changeOf(n, now.get(n), arrivals.buckets[n]) ?? []);
  return { changes, more: scan.isIncomplete() };
}

/** Intervals between samples before a mark from which it is told what its newest sample took of inputs. */
const SCAN_WINDOWS = 4n;

/** Watches the readings of a mark's newest sample. */
function scanOf(
  { definition }: StreamSource,
  { watermarkNs, sampledNs, inputs }: Mark,
  windowNs: bigint | undefined,
) {
  const near: Streams = new Map();
  let measuredAfter = false;
  return {
    add(streams: Streams): void {
      measuredAfter ||= definition.measured.some(({ alias }) =>
        (streams.get(alias) ?? []).some((t) => t.timeNs > watermarkNs),
      );
      if (windowNs === undefined) return;
      for (const [alias, values] of streams) {
        const own = values.filter((t) => t.timeNs > watermarkNs - SCAN_WINDOWS * windowNs);
        near.set(alias, [...(near.get(alias) ?? []), ...own]);
      }
    },
    /** Whether the sample lacks readings that lie within its window: up to its mark it had all. */
    isIncomplete(): boolean {
      if (measuredAfter || windowNs === undefined || sampledNs !== watermarkNs)
        return measuredAfter;
      const toleranceNs = scanToleranceNs(windowNs);
      return lacksInputs(
        { definition, streams: near, toleranceNs },
        { timeNs: watermarkNs, held: inputs },
      );
    },
  };
}

/** Looks at what lies behind the late window: nothing there can be taken, but it is counted. */
async function changesBehind(
  source: StreamSource,
  state: AssetState,
): Promise<{ changes: Change[]; coarse: Record<string, readonly number[]> } | undefined> {
  const numbers = Object.keys(state.arrivals.coarse).map(Number);
  const wide: Arrivals = { ...state.arrivals, bucketS: state.arrivals.bucketS * COARSE };
  const first = bucketOf(wide, state.watermarkNs - secondsToNs(OLDEST_S));
  const startNs = bucketStartNs(wide, first) - 1n;
  const afterNs = startNs > wide.floorNs ? startNs : wide.floorNs;
  const untilNs = bucketStartNs(wide, wide.coarseEnd) - 1n;
  if (untilNs <= afterNs) return undefined;
  const now: Buckets = new Map();
  for await (const { streams } of readWindows(source, afterNs, untilNs)) {
    digestInto(now, wide, streams, afterNs, untilNs);
  }
  const all = new Set([...now.keys(), ...numbers]);
  const coarse: Record<string, readonly number[]> = {};
  const changes: Change[] = [];
  for (const n of [...all].filter((k) => k >= first).sort((a, b) => a - b)) {
    const change = changeOf(n, now.get(n), state.arrivals.coarse[n]);
    if (change !== undefined) changes.push(change);
    const digest = now.get(n);
    if (digest !== undefined) coarse[n] = digest;
  }
  return { changes, coarse };
}

/** The newest place whose past has not changed, and whose newest sample lacks no reading. */
async function newestUnconcerned(
  source: StreamSource,
  { arrivals, windowNs }: AssetState,
  places: readonly Mark[],
  change: Change | undefined,
): Promise<Mark | undefined> {
  for (const place of places) {
    const bucket = bucketOf(arrivals, place.watermarkNs);
    if (change !== undefined && bucket > change.bucket) continue;
    const startNs = bucketStartNs(arrivals, bucket) - 1n;
    const afterNs = startNs > arrivals.floorNs ? startNs : arrivals.floorNs;
    const own: Buckets = new Map();
    const scan = scanOf(source, place, windowNs);
    for await (const { streams } of readWindows(source, afterNs, place.groupEndNs)) {
      digestInto(own, arrivals, streams, afterNs, place.watermarkNs);
      scan.add(streams);
    }
    if (scan.isIncomplete()) continue;
    if (change?.bucket !== bucket || sameDigest(own.get(bucket), place.partial)) return place;
  }
  return undefined;
}
