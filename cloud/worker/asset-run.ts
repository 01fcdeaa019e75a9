import { nsToSeconds, secondsToNs, TwinError } from '../../shared/core/index.js';
import type { StoredObject } from '../../shared/store/index.js';
import {
  type AlignedGroup,
  arrivalsAt,
  correctedFindings,
  groupStreams,
  headOf,
  isWatchOf,
  ledgerAliases,
  type Mark,
  newChannelWatch,
  parameterEstimates,
  versionOf,
} from '../../shared/twin/index.js';
import { accountTqvs } from './account.js';
import type { AssetDeps, AssetJob } from './asset-job.js';
import { beginning, beginningState, historyOf, withAliases } from './beginning.js';
import { checkArrivals, foundAny } from './check-arrivals.js';
import { type Committed, commitState, publish } from './commit.js';
import { goThrough } from './forward.js';
import { commit, finish, noteBehind } from './forward-commit.js';
import type { Forward } from './forward-run.js';
import { readGatewayBacklog } from './gateway-backlog.js';
import type { Progress } from './progress.js';
import { publishForecast } from './publish-forecast.js';
import { createReadOnce } from './read-once.js';
import {
  inputsBefore,
  newestBefore,
  readWindows,
  type StreamSource,
  type Streams,
} from './read-streams.js';
import { refitWhereDue } from './refit.js';
import { resultRow } from './results.js';
import { type AssetState, decodeAssetState, stateKey } from './state.js';

/**
 * Intervals from which the alignment's window is known well enough to keep it. Until then each run
 * begins anew: readings must be joined the same way whatever run they came in.
 */
const ENOUGH_GAPS = 3;
/** The time of an input's value that no reading gave. */
const START_VALUE_NS = 0n;

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
  progress.twin = job.twin;
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

  const pass: Pass = { job, deps, progress, key, source, startNs, untilNs, signal };
  const { state, committed, base: from } = await begin(pass);
  progress.untilNs = untilNs;
  progress.behindSinceNs = state.behindSinceNs;
  progress.state = state;
  const head = headOf(state);
  const replayUntilNs = from.watermarkNs < head.watermarkNs ? head.watermarkNs : undefined;

  const unknown = ledgerAliases(definition).filter(
    (alias) =>
      // One that stands at its start value may have got a value since.
      (from.inputs[alias]?.timeNs ?? START_VALUE_NS) === START_VALUE_NS &&
      definition.inputs.some((i) => i.alias === alias && i.value === undefined),
  );
  const starts = await startInputs(job, deps, unknown);
  const before = await inputsBefore(source, unknown, from.watermarkNs);
  const base: Mark = { ...from, inputs: { ...from.inputs, ...starts, ...before } };

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
    channels:
      state.channels !== undefined && isWatchOf(state.channels, definition)
        ? state.channels
        : newChannelWatch(definition),
    rows: [],
    wildInputs: [],
    codes: [],
    replayUntilNs,
    calibrator: undefined,
    calibratorState:
      base.checkpoint.length === 0
        ? undefined
        : deps.engine.decodeCheckpoint(base.checkpoint, job.twin),
    overtime,
    signal,
  };
  const newestNs = await goThroughWindows(run, source, untilNs);
  await refit(run, source);
  await finish(run, base);
  await noteBehind(run);
  await publishForecast(run);
  progress.startValues = definition.inputs.flatMap(({ alias, variable }) =>
    alias !== undefined && run.mark.inputs[alias]?.timeNs === START_VALUE_NS ? [variable] : [],
  );
  if (newestNs !== undefined) progress.dataAgeS = nsToSeconds(startNs - newestNs);
}

/** What all of a pass over an asset has to do with. */
interface Pass {
  job: AssetJob;
  deps: AssetDeps;
  progress: Progress;
  /** Of the asset's state in the store. */
  key: string;
  source: StreamSource;
  startNs: bigint;
  /** Readings up to here are taken. */
  untilNs: bigint;
  signal: AbortSignal;
}

/** Where a pass begins. */
interface Beginning {
  state: AssetState;
  /** What is in the store; absent of an asset that was never calibrated. */
  committed: Committed | undefined;
  /** From where it goes forward: the newest mark, or one from before what came late. */
  base: Mark;
}

/** What is known of the asset; of one that is new, priors, and its past as far as it is looked back. */
async function begin(pass: Pass): Promise<Beginning> {
  const { job, deps, progress, key, untilNs } = pass;
  const found = await deps.store.get(key);
  if (found !== undefined) return goOn(pass, found);
  // SiteWise allows few such requests a second: an asset that was calibrated before was there.
  await deps.discover(job.assetId, job.twin.definition.measured[0]?.alias ?? '');
  const { lookbackS } = job.options;
  const base = beginning(untilNs - secondsToNs(lookbackS));
  const older = await newestBefore(pass.source, base.watermarkNs);
  progress.lookBack = {
    lookbackS,
    ...(older === undefined ? {} : { olderS: nsToSeconds(older) }),
  };
  return { state: beginningState(job, base), committed: undefined, base };
}

/** Goes on from a kept state: sends what an earlier run left, and looks for readings that came late. */
async function goOn(pass: Pass, found: StoredObject): Promise<Beginning> {
  const { job, deps, progress, key, source, startNs, signal } = pass;
  const { options } = job;
  let state = decodeAssetState(found.body, job.assetId, key);
  if (state.twinHash !== job.twin.hash) {
    throw new TwinError(
      'STATE_MISMATCH',
      `${key} was calibrated with version ${versionOf(state.twinHash)} of ${job.twinName}, which is ${versionOf(job.twin.hash)} now: its definition or FMU has changed. Run \`twinloop state migrate\` with the new twin.json and --state of this store to go on with what is known, put the old ones back, or move the object away to begin again.`,
    );
  }
  if (state.checkpoint.length > 0) deps.engine.decodeCheckpoint(state.checkpoint, job.twin);
  let committed: Committed = { state, etag: found.etag };
  if (state.samples > 0) progress.watermarkNs = state.watermarkNs;
  // A run that ended between its commit and its writes left them here.
  committed = await publish(job, deps, committed, progress, key, signal);
  state = { ...committed.state, arrivals: withAliases(committed.state, job) };
  if (job.gatewayLedger !== undefined) {
    progress.backlog = await readGatewayBacklog(
      deps.reader,
      job.gatewayLedger,
      { ...options, nowNs: startNs },
      deps.logger,
      signal,
    );
  }
  const lateExpected = progress.backlog !== undefined;
  const arrived = await checkArrivals(source, state, {
    ...options,
    nowNs: startNs,
    lateExpected,
  });
  let { base } = arrived;
  ({ state } = arrived);
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
    const account = accountTqvs(job.twin.definition, state, startNs);
    committed = await publish(job, deps, committed, progress, key, signal, account);
  }
  return { state, committed, base };
}

/**
 * Reads window by window, and goes through what is read, until all is or the time is over.
 *
 * @returns the newest reading's time
 */
async function goThroughWindows(
  run: Forward,
  source: StreamSource,
  untilNs: bigint,
): Promise<bigint | undefined> {
  const { job, progress, overtime } = run;
  const { definition } = job.twin;
  let { windowNs } = run.state;
  let newestNs = run.state.samples > 0 ? headOf(run.state).watermarkNs : undefined;
  let kept: Streams = new Map();
  for await (const { streams, endNs, last } of readWindows(source, goesOnNs(run.mark), untilNs)) {
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
      streams,
      held: run.mark.inputs,
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
    kept = after(streams, goesOnNs(run.mark));
    if (last) {
      const { watermarkNs } = run.mark;
      progress.waiting = [...after(streams, watermarkNs).values()].flat().length;
      break;
    }
    if (overtime()) {
      progress.stopped = true;
      progress.behindS = nsToSeconds(untilNs - run.mark.watermarkNs);
      break;
    }
  }
  return newestNs;
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
  progress.fitQuantities = made.quantities;
  const usable = made.verdict.grade !== 'unusable';
  if (usable && state.filter.refit?.fitted) {
    const before = parameterEstimates(job.twin, state);
    progress.past = [...progress.past, ...correctedFindings(job.twin, before, made.parameters)];
  }
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

function notePace(progress: Progress, groups: readonly AlignedGroup[]): void {
  const times = groups.flatMap((g) => (g.sample === undefined ? [] : [g.timeNs]));
  const [first] = times;
  const last = times.at(-1);
  if (first === undefined || last === undefined || times.length < 2) return;
  progress.intervalS = nsToSeconds(last - first) / (times.length - 1);
}

/** Inputs are read on from the newest sample, though the sample period has passed over instants after it. */
const goesOnNs = ({ sampledNs, watermarkNs }: Mark): bigint => sampledNs ?? watermarkNs;

function after(streams: Streams, timeNs: bigint): Streams {
  return new Map(
    [...streams].flatMap(([alias, values]) => {
      const rest = values.filter((t) => t.timeNs > timeNs);
      return rest.length === 0 ? [] : [[alias, rest] as const];
    }),
  );
}
