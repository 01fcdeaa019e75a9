import type { CalibrationOptions } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  nsToSeconds,
  secondsToNs,
  type TimeMap,
  type Tqv,
  TwinError,
} from '../../shared/core/index.js';
import type { SiteWiseReader, SiteWiseWriter } from '../../shared/sitewise/index.js';
import type { ObjectStore } from '../../shared/store/index.js';
import {
  type AlignedGroup,
  type AlignedSample,
  addSample,
  arrivalsAt,
  beginRefits,
  type Calibrator,
  type CalibratorState,
  emptyLedger,
  groupStreams,
  headOf,
  identifiabilityOf,
  ledgerAliases,
  type Mark,
  noArrivals,
  noPending,
  type SensorSlopes,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { accountTqvs } from './account.js';
import { addArrivals, countReadings, heldInputs, nextState } from './advance.js';
import { bucketOf } from './arrivals.js';
import { accountAlarms, behindAlarms } from './asset-report.js';
import { checkArrivals, foundAny } from './check-arrivals.js';
import { type Committed, commitState, publish } from './commit.js';
import { type CalibrationEngine, firstSamples } from './engine.js';
import type { Progress } from './progress.js';
import { noteFault, setAside } from './quarantine.js';
import { createReadOnce } from './read-once.js';
import { inputsBefore, readWindows, type StreamSource, type Streams } from './read-streams.js';
import { refitWhereDue } from './refit.js';
import { resultAliases, resultRow } from './results.js';
import { type AssetState, decodeAssetState, stateKey } from './state.js';

/** One asset with everything its run needs. */
export interface AssetJob {
  fleet: string;
  assetId: string;
  twinName: string;
  /** The twin with this asset's aliases. */
  twin: Twin;
  /** Opened when there is something to calibrate with it. */
  model: () => Promise<TwinModel>;
  options: CalibrationOptions;
  timeMap: TimeMap;
  runId: string;
}

/** What the run of an asset works with. */
export interface AssetDeps {
  store: ObjectStore;
  reader: SiteWiseReader;
  writer: SiteWiseWriter;
  engine: CalibrationEngine;
  clock: Clock;
  logger: Logger;
  /** Makes sure that the asset is there. @throws TwinError `NOT_FOUND` */
  discover(assetId: string, alias: string): Promise<void>;
  /** Whether the run's time is out. */
  overtime: () => boolean;
  /** Called after every sample. */
  onSample?: () => void;
}

/** A gap of more than so many alignment windows (half sample intervals) may be filled late. */
const GAP_WINDOWS = 20n;
/**
 * Intervals from which the alignment's window is known well enough to keep it. Until then each run
 * begins anew: readings must be joined the same way whatever run they came in.
 */
const ENOUGH_GAPS = 3;
/** The time of an input's value that no reading gave. */
const START_VALUE_NS = 0n;
/** Buckets in the late window. */
const BUCKETS = 96;

/**
 * One pass over an asset: send what an earlier run left; look for readings that came late, and go
 * back to before them; then window by window read, align, calibrate, commit, send.
 *
 * @param progress filled in while the run goes on
 * @throws TwinError `CONFLICT` when another job was first, or what went wrong; what was committed
 *   before stays
 */
export async function runAsset(
  job: AssetJob,
  deps: AssetDeps,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { definition } = job.twin;
  const { options } = job;
  const key = stateKey(job.fleet, job.assetId);
  const startNs = deps.clock.nowNs();
  const untilNs = startNs - secondsToNs(options.settleS);
  const source: StreamSource = {
    assetId: job.assetId,
    definition,
    reader: createReadOnce(deps.reader, {
      untilNs,
      spanS: options.readWindowS,
      onValues: (count) => {
        progress.valuesRead += count;
      },
    }),
    readWindowS: options.readWindowS,
    signal,
  };

  const found = await deps.store.get(key);
  // SiteWise allows few such requests a second: an asset that was calibrated before was there.
  if (found === undefined) await deps.discover(job.assetId, definition.measured[0]?.alias ?? '');
  let committed: Committed | undefined;
  let state: AssetState;
  let base: Mark;
  if (found === undefined) {
    base = beginning(untilNs - secondsToNs(options.lookbackS));
    state = beginningState(job, base);
  } else {
    state = decodeAssetState(found.body, job.assetId, key);
    if (state.twinHash !== job.twin.hash) {
      throw new TwinError(
        'STATE_MISMATCH',
        `${key} was calibrated with another twin definition or FMU than ${job.twinName} has now. Put the old ones back, or move the object away to begin again.`,
      );
    }
    if (state.checkpoint.length > 0) deps.engine.decodeCheckpoint(state.checkpoint, job.twin);
    committed = { state, etag: found.etag };
    if (state.samples > 0) progress.watermarkNs = state.watermarkNs;
    // A run that ended between its commit and its writes left them here.
    committed = await publish(job, deps, committed, progress, key, signal);
    state = { ...committed.state, arrivals: withAliases(committed.state, job) };
    const arrived = await checkArrivals(source, state, { ...options, nowNs: startNs });
    ({ state, base } = arrived);
    progress.late = arrived.late;
    progress.lateUnused = arrived.lateUnused;
    progress.rewritten = arrived.rewritten;
    const [first] = state.marks;
    if (state.windowNs === undefined && first !== undefined && first.checkpoint.length === 0) {
      base = first;
    }
    // What is only counted is kept at once: the run may find nothing else to commit.
    if (foundAny(arrived) && base.watermarkNs === committed.state.watermarkNs) {
      committed = await commitState(deps, committed, { ...state, runId: job.runId }, key);
      const account = accountTqvs(definition, state, startNs);
      committed = await publish(job, deps, committed, progress, key, signal, account);
    }
  }
  progress.untilNs = untilNs;
  progress.behindSinceNs = state.behindSinceNs;
  progress.state = state;
  const head = headOf(state);
  const replayUntilNs = base.watermarkNs < head.watermarkNs ? head.watermarkNs : undefined;

  const unknown = ledgerAliases(definition).filter(
    (alias) =>
      // One that stands at its start value may have got a value since.
      (base.inputs[alias]?.timeNs ?? START_VALUE_NS) === START_VALUE_NS &&
      definition.inputs.some((i) => i.alias === alias && i.value === undefined),
  );
  const starts = await startInputs(job, deps, unknown);
  const before = await inputsBefore(source, unknown, base.watermarkNs);
  base = { ...base, inputs: { ...base.inputs, ...starts, ...before } };

  const overtime = () => deps.overtime() || signal.aborted;
  const run: Forward = {
    job,
    deps,
    progress,
    key,
    state,
    committed,
    mark: base,
    history: historyOf(state, base, head),
    arrivals: arrivalsAt(state.arrivals, base),
    rows: [],
    replayUntilNs,
    calibrator: undefined,
    calibratorState:
      base.checkpoint.length === 0
        ? undefined
        : deps.engine.decodeCheckpoint(base.checkpoint, job.twin),
    overtime,
    signal,
  };
  let windowNs = state.windowNs;
  let newestNs = state.samples > 0 ? head.watermarkNs : undefined;
  let kept: Streams = new Map();
  for await (const { streams, endNs, last } of readWindows(source, base.watermarkNs, untilNs)) {
    for (const values of streams.values()) {
      const newest = values.at(-1)?.timeNs;
      if (newest !== undefined && (newestNs === undefined || newest > newestNs)) newestNs = newest;
    }
    // Readings that an earlier window could not deal with come before those of this one.
    for (const [alias, values] of kept) {
      streams.set(alias, [...values, ...(streams.get(alias) ?? [])]);
    }
    const grouping = groupStreams({
      definition,
      streams: withHeld(streams, run.mark.inputs),
      afterNs: run.mark.watermarkNs,
      untilNs: endNs,
      timeMap: job.timeMap,
      whole: !last,
      ...(windowNs === undefined ? {} : { windowNs }),
      ...(run.mark.sampledNs === undefined ? {} : { sampledNs: run.mark.sampledNs }),
    });
    if (windowNs === undefined && grouping.gaps >= ENOUGH_GAPS) windowNs = grouping.windowNs;
    if (windowNs !== undefined) run.state = { ...run.state, windowNs };
    notePace(progress, grouping.groups);
    await goThrough(run, streams, grouping);
    if (progress.stopped) {
      progress.behindS = nsToSeconds(untilNs - run.mark.watermarkNs);
      break;
    }
    kept = after(streams, run.mark.watermarkNs);
    if (last) {
      progress.waiting = [...kept.values()].reduce((sum, values) => sum + values.length, 0);
      break;
    }
    if (overtime()) {
      progress.stopped = true;
      progress.behindS = nsToSeconds(untilNs - run.mark.watermarkNs);
      break;
    }
  }
  await refit(run, source);
  await finish(run, base);
  await noteBehind(run);
  progress.startValues = definition.inputs.flatMap(({ alias, variable }) =>
    alias !== undefined && run.mark.inputs[alias]?.timeNs === START_VALUE_NS ? [variable] : [],
  );
  if (newestNs !== undefined) progress.dataAgeS = nsToSeconds(startNs - newestNs);
}

/** Constants of a moving machine, fitted anew where that is due, with what the fit says of them. */
async function refit(run: Forward, source: StreamSource): Promise<void> {
  const { job, deps, progress, mark, calibrator, calibratorState: state, signal } = run;
  const { last } = progress;
  if (state === undefined || calibrator === undefined || last === undefined) return;
  if (progress.stopped || signal.aborted || run.replayUntilNs !== undefined) return;
  const made = await refitWhereDue({
    ...{ engine: deps.engine, calibrator, state, model: job.model, source, mark, signal },
    ...{ timeMap: job.timeMap, windowNs: run.state.windowNs, intervalS: progress.intervalS },
    logger: deps.logger,
  });
  if (made === undefined) return;
  run.calibratorState = made.state;
  run.mark = { ...mark, checkpoint: deps.engine.encodeCheckpoint(made.state) };
  progress.fit = made.verdict;
  const usable = made.verdict.grade !== 'unusable';
  progress.last = { ...last, ...(usable ? { parameters: made.parameters } : {}) };
  if (usable && last.timeNs !== undefined) {
    run.rows.push({ timeNs: last.timeNs, values: resultRow(job.twin.definition, progress.last) });
  }
  await commit(run);
}

/** The FMU's start values for inputs that never had one, where the definition allows it. */
async function startInputs(
  job: AssetJob,
  deps: AssetDeps,
  unknown: readonly string[],
): Promise<Mark['inputs']> {
  const allowed = job.twin.definition.inputs.flatMap(({ alias, variable, whenMissing }) =>
    alias !== undefined && whenMissing === 'start-value' && unknown.includes(alias)
      ? [{ alias, variable }]
      : [],
  );
  if (allowed.length === 0) return {};
  const names = allowed.map((i) => i.variable);
  const values = await deps.engine.startValues(job.twin, names);
  return Object.fromEntries(
    allowed.flatMap(({ alias, variable }) => {
      const value = values[variable];
      return value === undefined ? [] : [[alias, { timeNs: START_VALUE_NS, value }]];
    }),
  );
}

function noteSample(progress: Progress, twin: Twin, { timeNs, measured }: AlignedSample): void {
  progress.newestS = nsToSeconds(timeNs);
  progress.first ??= progress.newestS;
  twin.definition.measured.forEach(({ variable }, i) => {
    const value = measured[i]!;
    if (!Number.isFinite(value)) return;
    const channel = progress.channels.get(variable) ?? { count: 0, first: value, moves: false };
    channel.count++;
    channel.moves ||= value !== channel.first;
    progress.channels.set(variable, channel);
  });
}

function notePace(progress: Progress, groups: readonly AlignedGroup[]): void {
  const times = groups.flatMap((g) => (g.sample === undefined ? [] : [g.timeNs]));
  const [first] = times;
  const last = times.at(-1);
  if (first === undefined || last === undefined || times.length < 2) return;
  progress.intervalS = nsToSeconds(last - first) / (times.length - 1);
}

/** Where an asset's estimate begins. */
function beginning(watermarkNs: bigint): Mark {
  return {
    watermarkNs,
    groupEndNs: watermarkNs,
    samples: 0,
    inputs: {},
    partial: [],
    ledger: emptyLedger(),
    checkpoint: new Uint8Array(),
  };
}

function beginningState(job: AssetJob, base: Mark): AssetState {
  const bucketS = Math.min(900, Math.max(1, job.options.lateWindowS / BUCKETS));
  return {
    ...base,
    assetId: job.assetId,
    twinHash: job.twin.hash,
    marks: [],
    arrivals: {
      ...noArrivals(base.watermarkNs, bucketS),
      aliases: ledgerAliases(job.twin.definition),
    },
    late: {},
    lateUnused: {},
    rewritten: {},
    quarantined: [],
    pending: noPending,
    runId: job.runId,
  };
}

function withAliases(state: AssetState, job: AssetJob): AssetState['arrivals'] {
  return state.arrivals.aliases.length > 0
    ? state.arrivals
    : { ...state.arrivals, aliases: ledgerAliases(job.twin.definition) };
}

/** The marks up to where the run goes on. */
function historyOf(state: AssetState, base: Mark, head: Mark): Mark[] {
  const marks = state.marks.filter((m) => m.abandoned === true || m.watermarkNs < base.watermarkNs);
  const goesBack = base.watermarkNs < head.watermarkNs;
  return goesBack ? [...marks, base] : [...marks, { ...head, inputs: base.inputs }];
}

function withHeld(streams: Streams, inputs: Mark['inputs']): Streams {
  const all = new Map(streams);
  for (const [alias, { timeNs, value }] of Object.entries(inputs)) {
    const held: Tqv = { timeNs, quality: 'GOOD', value };
    all.set(alias, [held, ...(streams.get(alias) ?? [])]);
  }
  return all;
}

function after(streams: Streams, timeNs: bigint): Streams {
  return new Map(
    [...streams].flatMap(([alias, values]) => {
      const rest = values.filter((t) => t.timeNs > timeNs);
      return rest.length === 0 ? [] : [[alias, rest] as const];
    }),
  );
}

/** A run on its way: where it stands, and what it has not committed yet. */
interface Forward {
  job: AssetJob;
  deps: AssetDeps;
  progress: Progress;
  key: string;
  state: AssetState;
  committed: Committed | undefined;
  mark: Mark;
  history: Mark[];
  arrivals: AssetState['arrivals'];
  rows: { timeNs: bigint; values: (number | string | null)[] }[];
  /** Up to here it replays what is committed already: nothing is committed before that is done. */
  replayUntilNs: bigint | undefined;
  calibrator: Calibrator | undefined;
  calibratorState: CalibratorState | undefined;
  overtime: () => boolean;
  signal: AbortSignal;
}

/** Takes the instants of a window, a chunk at a time. */
async function goThrough(
  run: Forward,
  streams: Streams,
  grouping: ReturnType<typeof groupStreams>,
): Promise<void> {
  const { groups, duplicates, windowNs } = grouping;
  const { options } = run.job;
  for (let i = 0; i < groups.length && !run.progress.stopped; i += options.commitEvery) {
    const chunk = groups.slice(i, i + options.commitEvery);
    const done = await assimilate(run, chunk, groups);
    const newest = done.groups.at(-1);
    if (newest !== undefined) {
      const beforeNs = run.mark.watermarkNs;
      noteGaps(run, done.groups, windowNs);
      advance(run, streams, { groups: done.groups, duplicates }, done.fates, beforeNs);
      const replaying = run.replayUntilNs !== undefined && run.mark.watermarkNs < run.replayUntilNs;
      if (!replaying) await commit(run);
    }
    if (done.fault !== undefined) await failAt(run, done.fault);
    if (done.groups.length < chunk.length) run.progress.stopped = true;
  }
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
  done: { groups: readonly AlignedGroup[]; duplicates: readonly bigint[][] },
  fates: readonly Parameters<typeof addSample>[1][],
  afterNs: bigint,
): void {
  const { twin } = run.job;
  const newest = done.groups.at(-1)!;
  const untilNs = newest.timeNs;
  const sampledNs =
    done.groups.findLast((g) => g.sample !== undefined)?.timeNs ?? run.mark.sampledNs;
  let ledger = countReadings(twin, run.mark.ledger, streams, { afterNs, untilNs }, done);
  for (const fate of fates) ledger = addSample(ledger, fate);
  run.arrivals = addArrivals(run.arrivals, streams, afterNs, untilNs);
  run.mark = {
    watermarkNs: untilNs,
    groupEndNs: newest.endNs,
    ...(sampledNs === undefined ? {} : { sampledNs }),
    samples: run.mark.samples + fates.filter((f) => f === 'assimilated').length,
    inputs: heldInputs(twin, run.mark.inputs, streams, untilNs),
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
  /** What stopped it before the end of the chunk, and where; what was done before it counts. */
  fault: { error: unknown; group: AlignedGroup } | undefined;
}

async function assimilate(
  run: Forward,
  chunk: readonly AlignedGroup[],
  window: readonly AlignedGroup[],
): Promise<Assimilated> {
  const { job, deps, progress, signal } = run;
  const done: Assimilated = { groups: [], fates: [], fault: undefined };
  let slopes: SensorSlopes | undefined;
  for (const group of chunk) {
    const { sample } = group;
    if (sample === undefined) {
      progress.thinned++;
      done.groups.push(group);
      continue;
    }
    if (run.overtime()) break;
    noteSample(progress, job.twin, sample);
    if (run.state.quarantined.includes(sample.timeNs)) {
      done.groups.push(group);
      done.fates.push('quarantined');
      continue;
    }
    run.calibrator ??= deps.engine.createCalibrator({ twin: job.twin, model: await job.model() });
    run.calibratorState ??= beginRefits(
      job.twin,
      run.calibrator.initialState(
        firstSamples(
          deps.engine,
          window.flatMap((g) => g.sample ?? []),
        ),
      ),
    );
    const begunNs = deps.clock.nowNs();
    try {
      const step = await run.calibrator.step(run.calibratorState, sample, signal);
      run.calibratorState = step.state;
      slopes = step.slopes ?? slopes;
      deps.onSample?.();
      progress.stepS += nsToSeconds(deps.clock.nowNs() - begunNs);
      const { result } = step;
      if (result.skipped === undefined) {
        progress.steps++;
        progress.last = result;
        if (Number.isFinite(result.nis)) {
          progress.nisSum += result.nis;
          progress.nisCount++;
        }
        const alarms = [
          ...result.alarms,
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
  if (slopes !== undefined) {
    const { slope, noiseStd, active } = slopes;
    progress.identifiability = identifiabilityOf(job.twin, slope, noiseStd, active);
  }
  return done;
}

function noteMissing(progress: Progress, twin: Twin, inputs: Float64Array): void {
  twin.definition.inputs.forEach(({ variable }, i) => {
    if (!Number.isFinite(inputs[i]) && !progress.missing.includes(variable)) {
      progress.missing.push(variable);
    }
  });
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

async function commit(run: Forward): Promise<void> {
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
  const next = { ...rest, ...(passed ? {} : { fault }), pending, runId: job.runId };
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
async function noteBehind(run: Forward): Promise<void> {
  const { progress, committed } = run;
  if (committed === undefined || run.signal.aborted) return;
  const { behindSinceNs, ...rest } = committed.state;
  const behind = progress.behindS !== undefined;
  if (behind === (behindSinceNs !== undefined)) return;
  const state = behind ? { ...rest, behindSinceNs: progress.untilNs } : rest;
  run.committed = await commitState(run.deps, committed, state, run.key);
}

/** Commits what a run has found out without a new sample to commit it with. */
async function finish(run: Forward, base: Mark): Promise<void> {
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
