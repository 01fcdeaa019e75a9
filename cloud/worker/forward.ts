import { type AlignedGroup, addSample, type groupStreams } from '../../shared/twin/index.js';
import { addArrivals, countReadings } from './advance.js';
import { bucketOf, comesBack } from './arrivals.js';
import { type Assimilated, assimilate } from './assimilate-chunk.js';
import { commit, failAt } from './forward-commit.js';
import type { Forward } from './forward-run.js';
import type { Streams } from './read-streams.js';

/** A gap of more than so many alignment windows (half sample intervals) may be filled late. */
const GAP_WINDOWS = 20n;
/** Takes the instants of a window, a chunk at a time. */
export async function goThrough(
  run: Forward,
  streams: Streams,
  grouping: ReturnType<typeof groupStreams>,
): Promise<void> {
  const { groups, duplicates, windowNs } = grouping;
  const { options } = run.job;
  for (let i = 0; i < groups.length && !run.progress.stopped; i += options.commitEvery) {
    const chunk = groups.slice(i, i + options.commitEvery);
    const done = await assimilate(run, chunk, groups, i);
    const newest = done.groups.at(-1);
    if (newest !== undefined) {
      const beforeNs = run.mark.watermarkNs;
      noteGaps(run, done.groups, windowNs);
      const known = run.arrivals;
      advance(run, streams, { ...done, duplicates }, done.fates, beforeNs);
      const span = { afterNs: beforeNs, untilNs: run.mark.watermarkNs };
      if (comesBack(known, run.arrivals, measuredAliases(run), span)) {
        run.arrivals = { ...run.arrivals, lookAgain: true };
      }
      const replaying = run.replayUntilNs !== undefined && run.mark.watermarkNs < run.replayUntilNs;
      if (!replaying) await commit(run);
    }
    if (done.fault !== undefined) await failAt(run, done.fault);
    if (done.waits) return;
    if (done.groups.length < chunk.length) run.progress.stopped = true;
  }
}

function measuredAliases({ job }: Forward): string[] {
  return job.twin.definition.measured.map((m) => m.alias);
}

/** After a gap, what is missing may still come. */
function noteGaps(run: Forward, groups: readonly AlignedGroup[], windowNs: bigint): void {
  let beforeNs = run.mark.samples === 0 ? groups[0]!.timeNs : run.mark.watermarkNs;
  for (const { timeNs } of groups) {
    if (timeNs - beforeNs > GAP_WINDOWS * windowNs) {
      run.arrivals = { ...run.arrivals, lookAgain: true };
    }
    beforeNs = timeNs;
  }
}

function advance(
  run: Forward,
  streams: Streams,
  done: Pick<Assimilated, 'groups' | 'ranges'> & { duplicates: readonly bigint[][] },
  fates: readonly Parameters<typeof addSample>[1][],
  afterNs: bigint,
): void {
  const { twin } = run.job;
  const newest = done.groups.at(-1)!;
  const untilNs = newest.timeNs;
  const sampled = done.groups.findLast((g) => g.sample !== undefined);
  const sampledNs = sampled?.timeNs ?? run.mark.sampledNs;
  let ledger = countReadings(twin, run.mark.ledger, streams, { afterNs, untilNs }, done);
  for (const fate of fates) ledger = addSample(ledger, fate);
  run.arrivals = addArrivals(run.arrivals, streams, afterNs, untilNs);
  run.mark = {
    watermarkNs: untilNs,
    groupEndNs: newest.endNs,
    ...(sampledNs === undefined ? {} : { sampledNs }),
    samples: run.mark.samples + fates.filter((f) => f === 'assimilated').length,
    inputs: { ...run.mark.inputs, ...sampled?.held },
    ranges: done.ranges,
    partial: run.arrivals.buckets[bucketOf(run.arrivals, untilNs)] ?? [],
    ledger,
    checkpoint:
      run.calibratorState === undefined
        ? new Uint8Array()
        : run.deps.engine.encodeCheckpoint(run.calibratorState),
  };
}
