import { nsToSeconds } from '../../shared/core/index.js';
import {
  type AlignedGroup,
  addNis,
  addSample,
  beginRefits,
  type Calibrator,
  type CalibratorState,
  type ChannelWatch,
  channelAlarms,
  crossCheck,
  type ErrorCode,
  errorOfKept,
  gapsOf,
  type groupStreams,
  type InputRanges,
  identifiabilityOf,
  type JudgedInputs,
  keptError,
  type Mark,
  noPending,
  type Sample,
  type SensorSlopes,
  watchSample,
  withChannelAlarms,
  withIntegrationError,
  withoutWild,
  withSample,
} from '../../shared/twin/index.js';
import { accountTqvs } from './account.js';
import { addArrivals, countReadings, nextState } from './advance.js';
import { bucketOf, comesBack } from './arrivals.js';
import type { AssetDeps, AssetJob } from './asset-job.js';
import { accountAlarms, behindAlarms } from './asset-report.js';
import { type Committed, commitState, publish } from './commit.js';
import { firstSamples } from './engine.js';
import { faultsWithin } from './faults-within.js';
import { earlyCodes, judgedSample, rangesOf } from './judged-samples.js';
import { noteMissing, noteSample, noteWait } from './note-samples.js';
import type { Progress } from './progress.js';
import { noteFault, setAside } from './quarantine.js';
import type { Streams } from './read-streams.js';
import { resultAliases, resultRow } from './results.js';
import type { AssetState } from './state.js';

/** A gap of more than so many alignment windows (half sample intervals) may be filled late. */
const GAP_WINDOWS = 20n;
/** Values of a channel after which what it held once, and how it changed, count for half. */
const CHANNEL_HALF_LIFE = 1000;

/** A run on its way: where it stands, and what it has not committed yet. */
export interface Forward {
  job: AssetJob;
  deps: AssetDeps;
  progress: Progress;
  key: string;
  state: AssetState;
  committed: Committed | undefined;
  mark: Mark;
  history: Mark[];
  arrivals: AssetState['arrivals'];
  /** What tells frozen channels, copies and held values, up to the newest sample. */
  channels: ChannelWatch;
  rows: { timeNs: bigint; values: (number | string | null)[] }[];
  /** Wild values of inputs that this run has found. */
  wildInputs: JudgedInputs['wild'];
  /** Error codes of measured variables that it has found. */
  codes: ErrorCode[];
  /** Up to here it replays what is committed already: nothing is committed before that is done. */
  replayUntilNs: bigint | undefined;
  calibrator: Calibrator | undefined;
  calibratorState: CalibratorState | undefined;
  overtime: () => boolean;
  signal: AbortSignal;
}

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

interface Assimilated {
  /** Instants that were dealt with. */
  groups: AlignedGroup[];
  fates: Parameters<typeof addSample>[1][];
  /** Where inputs have been by then. */
  ranges: InputRanges;
  /** Whether samples to come must tell whether a value of an input is wild. */
  waits: boolean;
  /** What stopped it before the end of the chunk, and where; what was done before it counts. */
  fault: { error: unknown; group: AlignedGroup } | undefined;
}

/** @param from place of the chunk's first instant among those of the window */
async function assimilate(
  run: Forward,
  chunk: readonly AlignedGroup[],
  window: readonly AlignedGroup[],
  from: number,
): Promise<Assimilated> {
  const { job, deps, progress, signal } = run;
  const { definition } = job.twin;
  const done: Assimilated = {
    ...{ groups: [], fates: [], fault: undefined, waits: false },
    ranges: rangesOf(definition, run.mark),
  };
  const early = earlyCodes(definition, window);
  let slopes: SensorSlopes | undefined;
  for (const [place, group] of chunk.entries()) {
    if (group.sample === undefined) {
      progress.thinned++;
      done.groups.push(group);
      continue;
    }
    if (run.overtime()) break;
    const judged = judgedSample(definition, done.ranges, window, from + place, early);
    const { sample } = judged;
    if (sample === undefined) {
      done.waits = true;
      noteWait(progress, job.twin, judged.wild);
      break;
    }
    progress.waitsFor = undefined;
    // Not `push(...)`: there may be more of an input than a call takes arguments.
    for (const found of judged.wild) run.wildInputs.push(found);
    for (const found of judged.codes) run.codes.push(found);
    done.ranges = withSample(done.ranges, sample, judged);
    noteSample(progress, job.twin, sample);
    watchSample(run.channels, sample, CHANNEL_HALF_LIFE);
    if (run.state.quarantined.includes(sample.timeNs)) {
      done.groups.push(group);
      done.fates.push('quarantined');
      continue;
    }
    run.calibrator ??= await beginCalibrator(
      run,
      withoutWild(
        definition,
        window.flatMap((g) => g.sample ?? []),
      ),
    );
    const begunNs = deps.clock.nowNs();
    try {
      const step = await run.calibrator.step(run.calibratorState!, sample, signal);
      run.calibratorState = step.state;
      slopes = step.slopes ?? slopes;
      deps.onSample?.();
      progress.stepS += nsToSeconds(deps.clock.nowNs() - begunNs);
      const { result } = step;
      progress.gaps.push(...gapsOf([result]));
      if (result.skipped === undefined) {
        progress.steps++;
        progress.last = result;
        if (Number.isFinite(result.nis)) {
          progress.nisSum += result.nis;
          progress.nisCount++;
        }
        addNis(progress.counted, result);
        const alarms = [
          ...withChannelAlarms(
            result.alarms,
            channelAlarms([], faultsWithin(run, done.ranges, sample.timeS, sample.timeS)),
          ),
          ...accountAlarms(job.twinName, progress),
          ...behindAlarms(job.twinName, progress, sample.timeNs),
        ];
        const values = resultRow(job.twin.definition, { ...result, alarms });
        run.rows.push({ timeNs: sample.timeNs, values });
        done.fates.push('assimilated');
      } else {
        const reason = result.skipped;
        progress.skipped[reason] = (progress.skipped[reason] ?? 0) + 1;
        done.fates.push({ skipped: reason });
        if (reason === 'input-missing') noteMissing(progress, job.twin, sample.inputs);
      }
      done.groups.push(group);
    } catch (error) {
      // What a stopped model says is no fault of the sample.
      if (signal.aborted) break;
      const aside = await setAside(run, sample, error);
      if (aside === undefined) {
        done.fault = { error, group };
        break;
      }
      run.state = aside;
      progress.quarantined++;
      done.groups.push(group);
      done.fates.push('quarantined');
    }
  }
  const { newestS } = run.channels;
  if (progress.fromS !== undefined && newestS !== null) {
    progress.channelFaults = faultsWithin(run, done.ranges, progress.fromS, newestS);
  }
  if (slopes !== undefined) {
    const { slope, noiseStd, active } = slopes;
    progress.identifiability = identifiabilityOf(job.twin, slope, noiseStd, active);
    if (run.calibratorState !== undefined && progress.last !== undefined) {
      progress.check = crossCheck(job.twin, run.calibratorState, slopes, progress.last);
    }
  }
  return done;
}

/**
 * The calibrator of a run, and its state where there is none. What the integration of the model misses is
 * measured when an estimate begins, and kept in its state: bands hold it as those of `calibrate` do.
 */
async function beginCalibrator(run: Forward, window: readonly Sample[]): Promise<Calibrator> {
  const { job, deps, progress, signal } = run;
  const { twin } = job;
  const model = await job.model();
  const samples = firstSamples(deps.engine, window);
  let kept = run.calibratorState?.filter.integration;
  if (kept === undefined && model.integrationError !== undefined) {
    const error = await model.integrationError(samples, signal);
    if (error.unknown !== undefined) {
      deps.logger.warn('Integration error unknown, not in the bands', { reason: error.unknown });
    }
    kept = keptError(twin, error);
  }
  const error = kept && errorOfKept(twin, kept);
  progress.integration = error;
  const calibrator = deps.engine.createCalibrator({
    twin: error === undefined ? twin : withIntegrationError(twin, error),
    model,
  });
  const state = run.calibratorState ?? beginRefits(twin, calibrator.initialState(samples));
  run.calibratorState =
    kept === undefined ? state : { ...state, filter: { ...state.filter, integration: kept } };
  return calibrator;
}

/** A model that failed: what was done before stays, and the failure is remembered. */
async function failAt(run: Forward, fault: NonNullable<Assimilated['fault']>): Promise<never> {
  // A replay that cannot be finished changes nothing: the estimate stays where it was.
  const before = run.committed?.state ?? { ...run.state, ...run.mark };
  const noted = noteFault(before, fault.group.timeNs, fault.error);
  if (noted !== undefined) {
    const state = { ...noted, runId: run.job.runId };
    run.committed = await commitState(run.deps, run.committed, state, run.key);
  }
  throw fault.error;
}

export async function commit(run: Forward): Promise<void> {
  const { job, deps, progress, mark } = run;
  const pending =
    run.rows.length === 0
      ? noPending
      : { aliases: resultAliases(job.twin.definition), rows: run.rows };
  const { fault, ...rest } = nextState(
    run.state,
    mark,
    run.history,
    run.arrivals,
    job.options.lateWindowS,
  );
  const passed = fault === undefined || fault.timeNs <= mark.watermarkNs;
  const next = {
    ...rest,
    ...(passed ? {} : { fault }),
    channels: run.channels,
    pending,
    runId: job.runId,
  };
  run.committed = await commitState(deps, run.committed, next, run.key);
  run.state = next;
  run.arrivals = next.arrivals;
  run.history = [...next.marks, mark];
  run.rows = [];
  run.replayUntilNs = undefined;
  progress.watermarkNs = mark.watermarkNs;
  progress.state = next;
  if (!run.signal.aborted) {
    const account = accountTqvs(job.twin.definition, next, deps.clock.nowNs());
    run.committed = await publish(job, deps, run.committed, progress, run.key, run.signal, account);
    run.state = { ...run.state, pending: noPending };
  }
}

/** Remembers since when work is left over, or that none is. */
export async function noteBehind(run: Forward): Promise<void> {
  const { progress, committed } = run;
  if (committed === undefined || run.signal.aborted) return;
  const { behindSinceNs, ...rest } = committed.state;
  const behind = progress.behindS !== undefined;
  if (behind === (behindSinceNs !== undefined)) return;
  const state = behind ? { ...rest, behindSinceNs: progress.untilNs } : rest;
  run.committed = await commitState(run.deps, committed, state, run.key);
}

/** Commits what a run has found out without a new sample to commit it with. */
export async function finish(run: Forward, base: Mark): Promise<void> {
  if (run.replayUntilNs !== undefined) {
    // The replay ended before the old estimate's time: out of time, or its last readings are gone.
    if (run.mark.watermarkNs > base.watermarkNs) await commit(run);
    return;
  }
  const kept = run.committed?.state;
  if (kept === undefined || kept.arrivals.sweptNs === run.state.arrivals.sweptNs) return;
  const state = { ...kept, arrivals: run.state.arrivals, runId: run.job.runId };
  run.committed = await commitState(run.deps, run.committed, state, run.key);
}
