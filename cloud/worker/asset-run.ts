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
  type AlignedSample,
  alignStreams,
  type Calibrator,
  type CalibratorState,
  identifiabilityOf,
  type SensorSlopes,
  type StepResult,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { type CalibrationEngine, firstSamples } from './engine.js';
import type { AssetReport } from './report.js';
import { resultAliases, resultRow, toStreamTqvs } from './results.js';
import {
  type AssetState,
  decodeAssetState,
  encodeAssetState,
  noPending,
  stateKey,
} from './state.js';

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

/** A window with fewer values than this is followed by one so many times as long. */
const SPARSE_VALUES = 1000;
const WINDOW_GROWTH = 4;

interface Committed {
  state: AssetState;
  etag: string;
}

/** What a run has done so far; the report is made from it, whichever way the run ends. */
export type Progress = Pick<
  AssetReport,
  | 'steps'
  | 'skipped'
  | 'valuesRead'
  | 'valuesWritten'
  | 'valuesRejected'
  | 'rejection'
  | 'dataAgeS'
  | 'identifiability'
> & {
  nisSum: number;
  nisCount: number;
  last: StepResult | undefined;
  watermarkNs: bigint | undefined;
  /** Whether samples were left for the next run. */
  stopped: boolean;
};

export function newProgress(): Progress {
  return {
    steps: 0,
    skipped: {},
    valuesRead: 0,
    valuesWritten: 0,
    valuesRejected: 0,
    nisSum: 0,
    nisCount: 0,
    last: undefined,
    watermarkNs: undefined,
    stopped: false,
  };
}

/**
 * One pass over an asset: send what an earlier run left, then window by window read, align,
 * calibrate, commit, send.
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

  const found = await deps.store.get(key);
  // SiteWise allows few such requests a second: an asset that was calibrated before was there.
  if (found === undefined) await deps.discover(job.assetId, definition.measured[0]?.alias ?? '');
  let committed: Committed | undefined;
  let calibrator: Calibrator | undefined;
  let calibratorState: CalibratorState | undefined;
  if (found !== undefined) {
    const state = decodeAssetState(found.body, job.assetId, key);
    if (state.twinHash !== job.twin.hash) {
      throw new TwinError(
        'STATE_MISMATCH',
        `${key} was calibrated with another twin definition or FMU than ${job.twinName} has now. Put the old ones back, or move the object away to begin again.`,
      );
    }
    calibratorState = deps.engine.decodeCheckpoint(state.checkpoint, job.twin);
    committed = { state, etag: found.etag };
    progress.watermarkNs = state.watermarkNs;
    // A run that ended between its commit and its writes left them here.
    committed = await publish(job, deps, committed, progress, key, signal);
  }

  const aliases = [...definition.inputs, ...definition.measured].flatMap((s) =>
    s.alias === undefined ? [] : [s.alias],
  );
  const untilNs = startNs - secondsToNs(options.settleS);
  let afterNs = committed?.state.watermarkNs ?? untilNs - secondsToNs(options.lookbackS);
  let newestNs = committed?.state.watermarkNs;
  const carried = new Map<string, Tqv>(
    Object.entries(committed?.state.inputs ?? {}).map(([alias, i]) => [
      alias,
      { timeNs: i.timeNs, quality: 'GOOD' as const, value: i.value },
    ]),
  );

  const overtime = () => deps.overtime() || signal.aborted;
  let windowEndNs = afterNs;
  let windowS = options.readWindowS;
  while (afterNs < untilNs && !progress.stopped) {
    windowEndNs += secondsToNs(windowS);
    if (windowEndNs > untilNs) windowEndNs = untilNs;
    const last = windowEndNs === untilNs;
    const streams = await deps.reader.history({
      aliases,
      afterNs,
      untilNs: windowEndNs,
      // The estimator leaves out what is not GOOD anyway; each quality would be a request.
      qualities: ['GOOD'],
      // A stream may be new. But an asset of which none is known is not set up, or was removed.
      missing: 'empty',
      onMissing: (unknown) => {
        if (unknown.length < aliases.length) return;
        throw new TwinError(
          'NOT_FOUND',
          `SiteWise knows none of the streams of ${job.assetId} (${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ', …' : ''}): check the asset's aliases, and aliasPrefix in the fleet.`,
        );
      },
      signal,
    });
    let count = 0;
    for (const values of streams.values()) {
      count += values.length;
      const newest = values.at(-1)?.timeNs;
      if (newest !== undefined && (newestNs === undefined || newest > newestNs)) newestNs = newest;
    }
    progress.valuesRead += count;
    // After a pause there is little to read in much time.
    if (count < SPARSE_VALUES) windowS *= WINDOW_GROWTH;
    const withInputs = new Map<string, readonly Tqv[]>(streams);
    for (const input of definition.inputs) {
      const held = input.alias === undefined ? undefined : carried.get(input.alias);
      if (input.alias !== undefined && held !== undefined) {
        withInputs.set(input.alias, [held, ...(streams.get(input.alias) ?? [])]);
      }
    }
    const { samples, pending } = alignStreams({
      definition,
      streams: withInputs,
      afterNs,
      untilNs: windowEndNs,
      timeMap: job.timeMap,
    });
    for (let i = 0; i < samples.length && !progress.stopped; i += options.commitEvery) {
      const chunk = samples.slice(i, i + options.commitEvery);
      calibrator ??= deps.engine.createCalibrator({ twin: job.twin, model: await job.model() });
      calibratorState ??= calibrator.initialState(firstSamples(deps.engine, samples));
      const done = await assimilate(
        job,
        deps,
        calibrator,
        calibratorState,
        chunk,
        progress,
        overtime,
        signal,
      );
      calibratorState = done.state;
      const newest = chunk[done.count - 1];
      if (newest !== undefined) {
        for (const { alias } of definition.inputs) {
          const held = alias === undefined ? undefined : lastBefore(withInputs, alias, newest);
          if (alias !== undefined && held !== undefined) carried.set(alias, held);
        }
        committed = await commit(job, deps, committed, {
          key,
          calibratorState,
          watermarkNs: newest.timeNs,
          samples: (committed?.state.samples ?? 0) + done.steps,
          carried,
          rows: done.rows,
        });
        progress.watermarkNs = newest.timeNs;
        if (!signal.aborted) {
          committed = await publish(job, deps, committed, progress, key, signal);
        }
      }
      if (done.fault !== undefined) throw done.fault;
      if (done.count < chunk.length) progress.stopped = true;
    }
    if (last) break;
    // What the alignment kept back at the window's end is read again with the next window.
    afterNs = pending ? (samples.at(-1)?.timeNs ?? afterNs) : windowEndNs;
    if (overtime()) progress.stopped = true;
  }
  if (newestNs !== undefined) progress.dataAgeS = nsToSeconds(startNs - newestNs);
}

function lastBefore(
  streams: ReadonlyMap<string, readonly Tqv[]>,
  alias: string,
  sample: AlignedSample,
): Tqv | undefined {
  return streams
    .get(alias)
    ?.findLast(
      (t) => t.timeNs <= sample.timeNs && t.quality === 'GOOD' && typeof t.value === 'number',
    );
}

interface Assimilated {
  state: CalibratorState;
  /** Samples of the chunk that were dealt with. */
  count: number;
  steps: number;
  rows: AssetState['pending']['rows'];
  /** What stopped it before the end of the chunk; what was done before it counts. */
  fault: unknown;
}

async function assimilate(
  job: AssetJob,
  deps: AssetDeps,
  calibrator: Calibrator,
  start: CalibratorState,
  chunk: readonly AlignedSample[],
  progress: Progress,
  overtime: () => boolean,
  signal: AbortSignal,
): Promise<Assimilated> {
  const rows: { timeNs: bigint; values: (number | string | null)[] }[] = [];
  let state = start;
  let count = 0;
  let steps = 0;
  let slopes: SensorSlopes | undefined;
  for (const sample of chunk) {
    if (overtime()) break;
    try {
      const { state: next, result, slopes: here } = await calibrator.step(state, sample, signal);
      state = next;
      slopes = here ?? slopes;
      deps.onSample?.();
      if (result.skipped === undefined) {
        steps++;
        progress.steps++;
        progress.last = result;
        if (Number.isFinite(result.nis)) {
          progress.nisSum += result.nis;
          progress.nisCount++;
        }
        rows.push({ timeNs: sample.timeNs, values: resultRow(job.twin.definition, result) });
      } else {
        progress.skipped[result.skipped] = (progress.skipped[result.skipped] ?? 0) + 1;
      }
      count++;
    } catch (fault) {
      return { state, count, steps, rows, fault: signal.aborted ? undefined : fault };
    }
  }
  if (slopes !== undefined) {
    const { slope, noiseStd, active } = slopes;
    progress.identifiability = identifiabilityOf(job.twin, slope, noiseStd, active);
  }
  return { state, count, steps, rows, fault: undefined };
}

async function commit(
  job: AssetJob,
  deps: AssetDeps,
  before: Committed | undefined,
  done: {
    key: string;
    calibratorState: CalibratorState;
    watermarkNs: bigint;
    samples: number;
    carried: ReadonlyMap<string, Tqv>;
    rows: AssetState['pending']['rows'];
  },
): Promise<Committed> {
  const state: AssetState = {
    assetId: job.assetId,
    twinHash: job.twin.hash,
    watermarkNs: done.watermarkNs,
    samples: done.samples,
    inputs: Object.fromEntries(
      [...done.carried].map(([alias, t]) => [alias, { timeNs: t.timeNs, value: Number(t.value) }]),
    ),
    checkpoint: deps.engine.encodeCheckpoint(done.calibratorState),
    pending:
      done.rows.length === 0
        ? noPending
        : { aliases: resultAliases(job.twin.definition), rows: done.rows },
    runId: job.runId,
  };
  const condition = before === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: before.etag };
  const { etag } = await deps.store.put(done.key, encodeAssetState(state), condition);
  return { state, etag };
}

/** Sends the results of a committed state, and commits that they are sent. */
async function publish(
  job: AssetJob,
  deps: AssetDeps,
  committed: Committed,
  progress: Progress,
  key: string,
  signal: AbortSignal,
): Promise<Committed> {
  const samples = toStreamTqvs(committed.state.pending);
  if (samples.length === 0) return committed;
  const result = await deps.writer.write(samples, signal);
  progress.valuesWritten += result.accepted;
  progress.valuesRejected += result.rejected.length;
  const [rejected] = result.rejected;
  if (rejected !== undefined) {
    progress.rejection ??= `${rejected.sample.alias}: ${rejected.code}: ${rejected.message}`;
    deps.logger.warn('SiteWise refused results', {
      asset: job.assetId,
      values: result.rejected.length,
      reason: progress.rejection,
    });
  }
  const [held] = result.retry;
  if (held !== undefined) {
    const denied = held.code.includes('AccessDenied');
    throw new TwinError(
      denied ? 'ACCESS_DENIED' : held.code.includes('Throttl') ? 'THROTTLED' : 'NETWORK',
      `SiteWise did not take ${result.retry.length} of ${samples.length} results (${held.sample.alias}: ${held.code}: ${held.message}). They are kept with the state and sent by the next run.`,
      { retryable: !denied },
    );
  }
  const state: AssetState = { ...committed.state, pending: noPending, runId: job.runId };
  const { etag } = await deps.store.put(key, encodeAssetState(state), {
    ifMatch: committed.etag,
  });
  return { state, etag };
}
