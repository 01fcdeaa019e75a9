import { randomUUID } from 'node:crypto';
import { type FleetAsset, shareOf } from '../../shared/config/index.js';
import {
  type Clock,
  type Logger,
  messageOf,
  nsToDate,
  nsToSeconds,
  type TimeMap,
  TwinError,
} from '../../shared/core/index.js';
import type { SiteWiseReader, SiteWiseWriter } from '../../shared/sitewise/index.js';
import { type ObjectStore, putJson } from '../../shared/store/index.js';
import { keepVersion, type Twin, type TwinModel, versionOf } from '../../shared/twin/index.js';
import type { AssetDeps } from './asset-job.js';
import { toAssetReport } from './asset-report.js';
import { runAsset } from './asset-run.js';
import type { CalibrationEngine } from './engine.js';
import { type FleetSource, twinOfAsset } from './fleet-source.js';
import { newProgress } from './progress.js';
import { type AssetReport, latestKey, type RunReport, reportKey } from './report.js';
import { runRecording, runVerdict } from './verdict.js';

/** How a run ends that has found out nothing about an asset. */
const QUIET: ReadonlySet<AssetReport['outcome']> = new Set([
  'idle',
  'waiting',
  'superseded',
  'stopped',
]);

/** What one run of the worker is to do. */
export interface WorkerConfig {
  /** Position in the array job, from 0. */
  index: number;
  /** Only these assets of the share; default: all. */
  only?: readonly string[];
  /** How timestamps relate to the machines' time. */
  timeMap: TimeMap;
  /** Takes the place of the fleet's `calibration.settleS`, seconds. */
  settleS?: number;
}

/** What the worker works with. */
export interface WorkerDeps {
  source: FleetSource;
  store: ObjectStore;
  reader: SiteWiseReader;
  writer: SiteWiseWriter;
  engine: CalibrationEngine;
  discover: AssetDeps['discover'];
  clock: Clock;
  logger: Logger;
  /** Seconds since the process began; for the report. */
  uptimeS: () => number;
  /** Called whenever the run has come a step further. */
  onProgress?: () => void;
}

/**
 * One pass over a share of the fleet: assets in parallel, each on its own, so that a bad one never
 * stops the others. The report is kept in the store, unless there was nothing to do for any asset.
 *
 * @throws TwinError `NOT_FOUND` when `only` names an asset that the fleet does not have
 */
export async function runWorker(
  config: WorkerConfig,
  deps: WorkerDeps,
  signal: AbortSignal,
): Promise<RunReport> {
  const { fleet } = deps.source;
  const { clock, logger } = deps;
  const startNs = clock.nowNs();
  const runId = randomUUID();
  const assets = chooseAssets(config, deps);
  const heard = { secondsToFirstEvaluation: undefined as number | undefined };
  const models = modelsOnce(deps, heard);
  const run: Run = {
    config,
    runId,
    deps: {
      ...deps,
      overtime: () => nsToSeconds(clock.nowNs() - startNs) >= fleet.calibration.maxRunS,
      ...(deps.onProgress === undefined ? {} : { onSample: deps.onProgress }),
    },
    models,
    versions: versionsOnce(deps),
  };

  const reports: AssetReport[] = [];
  const turn = turnOf(assets, runId);
  let next = 0;
  const lane = async () => {
    for (let asset = turn[next++]; asset !== undefined; asset = turn[next++]) {
      const report = await runOne(asset, run, signal);
      reports.push(report);
      deps.onProgress?.();
      if (report.error !== undefined) {
        logger.error('An asset was not calibrated', { asset: asset.id, ...report.error });
      }
      await keepLatest(fleet.name, report, deps);
    }
  };
  try {
    await Promise.all(Array.from({ length: fleet.calibration.parallelAssets }, lane));
  } finally {
    // One that did not open is told by its asset; the processes of one that does not close end with this one.
    for (const model of models.all()) await model.then((m) => m.close()).catch(() => undefined);
  }
  const order = new Map(assets.map((a, i) => [a.id, i]));
  reports.sort((a, b) => (order.get(a.asset) ?? 0) - (order.get(b.asset) ?? 0));
  const { secondsToFirstEvaluation } = heard;
  const report: RunReport = {
    runId,
    fleet: fleet.name,
    index: config.index,
    startedAt: nsToDate(startNs).toISOString(),
    seconds: nsToSeconds(clock.nowNs() - startNs),
    ...(secondsToFirstEvaluation === undefined ? {} : { secondsToFirstEvaluation }),
    assets: reports,
    summary: { verdict: runVerdict(reports), recording: runRecording(reports) },
    totals: totalsOf(reports),
  };
  await keepReport(report, deps);
  return report;
}

/** One run of the worker, as each of its assets needs it. */
interface Run {
  config: WorkerConfig;
  runId: string;
  deps: AssetDeps & Pick<WorkerDeps, 'source'>;
  models: OnceByName<Twin, TwinModel>;
  versions: OnceByName<Twin, void>;
}

/** One asset's part in a run; whatever goes wrong with it is in its report. */
async function runOne(asset: FleetAsset, run: Run, signal: AbortSignal): Promise<AssetReport> {
  const { config, deps } = run;
  const { fleet } = deps.source;
  const begunNs = deps.clock.nowNs();
  const progress = newProgress();
  let fault: unknown;
  try {
    signal.throwIfAborted();
    if (deps.overtime()) {
      progress.stopped = true;
      return toAssetReport(asset, progress, undefined, false, 0);
    }
    const twin = await deps.source.twin(asset.twin);
    progress.twinVersion = versionOf(twin.hash);
    await run.versions.get(asset.twin, twin);
    await runAsset(
      {
        fleet: fleet.name,
        assetId: asset.id,
        twinName: asset.twin,
        twin: twinOfAsset(twin, asset),
        model: () => run.models.get(asset.twin, twin),
        options: {
          ...fleet.calibration,
          ...(config.settleS === undefined ? {} : { settleS: config.settleS }),
        },
        gatewayLedger: asset.gatewayLedger,
        timeMap: config.timeMap,
        runId: run.runId,
      },
      deps,
      progress,
      signal,
    );
  } catch (error) {
    fault = error;
  }
  const seconds = nsToSeconds(deps.clock.nowNs() - begunNs);
  return toAssetReport(asset, progress, fault, signal.aborted, seconds);
}

/** The model of each twin, opened for the first asset that wants it; and when the first of all answered. */
const modelsOnce = (
  { engine, logger, uptimeS }: WorkerDeps,
  heard: { secondsToFirstEvaluation: number | undefined },
): OnceByName<Twin, TwinModel> =>
  onceByName(async (_, twin) => {
    const opened = await engine.createModel(twin, { logger });
    return {
      ...opened,
      evaluate: async (...args) => {
        const answers = await opened.evaluate(...args);
        heard.secondsToFirstEvaluation ??= uptimeS();
        return answers;
      },
    };
  });

/** Keeps each twin's version: without it a changed twin's states can't be migrated; that must not keep them from going on today. */
const versionsOnce = ({ store, logger }: WorkerDeps): OnceByName<Twin, void> =>
  onceByName((name, twin) =>
    keepVersion(store, twin).then(
      () => undefined,
      (error: unknown) =>
        logger.warn('A version of a twin is not kept', { twin: name, reason: messageOf(error) }),
    ),
  );

/** Keeps the report of a run, unless there was nothing to do for any asset. */
async function keepReport(report: RunReport, { store, logger }: WorkerDeps): Promise<void> {
  if (report.assets.every((r) => r.outcome === 'idle' || r.outcome === 'waiting')) return;
  try {
    await putJson(store, reportKey(report), report);
  } catch (error) {
    logger.error('The report of the run could not be kept', { reason: messageOf(error) });
  }
}

interface OnceByName<A, T> {
  get(name: string, of: A): Promise<T>;
  all(): Iterable<Promise<T>>;
}

/** What is made for a name when it is first asked for, and kept. */
function onceByName<A, T>(make: (name: string, of: A) => Promise<T>): OnceByName<A, T> {
  const made = new Map<string, Promise<T>>();
  return {
    get(name, of) {
      const found = made.get(name) ?? make(name, of);
      made.set(name, found);
      return found;
    },
    all: () => made.values(),
  };
}

/** Each run begins elsewhere, so that it is not always the same assets that time is out for. */
function turnOf(assets: readonly FleetAsset[], runId: string): readonly FleetAsset[] {
  const first = Number.parseInt(runId.slice(0, 8), 16) % Math.max(1, assets.length);
  return [...assets.slice(first), ...assets.slice(0, first)];
}

function totalsOf(reports: readonly AssetReport[]): RunReport['totals'] {
  const sum = (of: (r: AssetReport) => number) => reports.reduce((total, r) => total + of(r), 0);
  return {
    assets: reports.length,
    calibrated: sum((r) => (r.steps > 0 && r.outcome !== 'failed' ? 1 : 0)),
    failed: sum((r) => (r.outcome === 'failed' ? 1 : 0)),
    steps: sum((r) => r.steps),
    valuesRead: sum((r) => r.valuesRead),
    valuesWritten: sum((r) => r.valuesWritten),
  };
}

function chooseAssets(config: WorkerConfig, deps: WorkerDeps): readonly FleetAsset[] {
  const { fleet } = deps.source;
  if (config.only === undefined) return shareOf(fleet, config.index);
  const byId = new Map(fleet.assets.map((a) => [a.id, a]));
  return config.only.map((id) => {
    const asset = byId.get(id);
    if (asset === undefined) {
      throw new TwinError(
        'NOT_FOUND',
        `The fleet ${fleet.name} has no asset "${id}": it has ${[...byId.keys()].slice(0, 10).join(', ')}${byId.size > 10 ? ', …' : ''}.`,
      );
    }
    return asset;
  });
}

async function keepLatest(fleet: string, report: AssetReport, deps: WorkerDeps): Promise<void> {
  if (report.steps === 0 && QUIET.has(report.outcome)) return;
  try {
    await putJson(deps.store, latestKey(fleet, report.asset), report);
  } catch (error) {
    deps.logger.error('The newest report of an asset could not be kept', {
      asset: report.asset,
      reason: messageOf(error),
    });
  }
}
