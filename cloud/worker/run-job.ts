import {
  type CommandIo,
  printJson,
  printLine,
  readTimeMap,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import {
  type AssetDescription,
  createSiteWiseReader,
  createSiteWiseWriter,
  describeAssetByAlias,
  describeAssetByExternalId,
} from '../../shared/sitewise/index.js';
import { verdictLines } from '../../shared/twin/index.js';
import { connectSiteWise, connectStore } from '../connections.js';
import { toEmfLines } from './emf.js';
import type { CalibrationEngine } from './engine.js';
import { type FleetSource, openFleet } from './fleet-source.js';
import { createHeartbeat, HEARTBEAT_VARIABLE } from './heartbeat.js';
import type { RunReport } from './report.js';
import { runWorker } from './run-worker.js';
import { exitCodeOf } from './verdict.js';

/** What a job is given besides the environment. */
export interface WorkerArgs {
  fleet?: string;
  twin?: string;
  asset?: string[];
  store?: string;
  endpoint?: string;
  region?: string;
  timeMap?: string;
  settle?: number;
  index?: number;
  json?: boolean;
  strict?: boolean;
}

function arrayIndex(args: WorkerArgs, env: NodeJS.ProcessEnv): number {
  const text = env.AWS_BATCH_JOB_ARRAY_INDEX;
  const index = args.index ?? (text === undefined || text === '' ? 0 : Number(text));
  if (!Number.isInteger(index) || index < 0) {
    throw new TwinError('USAGE', `The array index is "${text}": expected a whole number from 0.`);
  }
  return index;
}

function printReport(report: RunReport, io: CommandIo): void {
  const { totals } = report;
  printLine(
    io.stdout,
    `${totals.calibrated} of ${totals.assets} assets calibrated, ${totals.failed} failed; ${totals.steps} steps, ${totals.valuesRead} values read, ${totals.valuesWritten} written in ${report.seconds.toFixed(1)} s`,
  );
  for (const a of report.assets) {
    const watermark =
      a.watermarkNs === undefined
        ? ''
        : `, up to ${new Date(Number(BigInt(a.watermarkNs) / 1_000_000n)).toISOString()}`;
    const nis = a.meanNis === undefined ? '' : `, mean NIS ${a.meanNis.toFixed(2)}`;
    const gaps =
      a.gaps.length === 0
        ? ''
        : `, ${a.gaps.length} gap${a.gaps.length === 1 ? '' : 's'} without samples: states widened, or begun anew`;
    printLine(io.stdout, `  ${a.asset}: ${a.outcome}, ${a.steps} steps${gaps}${watermark}${nis}`);
    if (a.error !== undefined) printLine(io.stdout, `    ${a.error.code}: ${a.error.message}`);
    if (a.rejection !== undefined) {
      printLine(io.stdout, `    ${a.valuesRejected} values refused by SiteWise: ${a.rejection}`);
    }
    for (const alarm of a.alarms) printLine(io.stdout, `    ALARM ${alarm.code}: ${alarm.message}`);
  }
  for (const line of verdictLines(report.summary.verdict)) printLine(io.stdout, line);
}

/** That a single twin was to be calibrated for an asset that SiteWise does not have. */
function otherAsset(
  assetId: string,
  alias: string,
  { name, externalId }: Pick<AssetDescription, 'name' | 'externalId'>,
  cause: TwinError,
): TwinError {
  const has = externalId === undefined ? 'no external id' : `the external id ${externalId}`;
  return new TwinError(
    'NOT_FOUND',
    `SiteWise has no asset with the external id ${assetId}, which --asset names; the twin's stream ${alias} is of the asset "${name}" with ${has}. Name that one, or leave --asset out for the asset of the definition's own aliases.`,
    { cause },
  );
}

/**
 * One pass over a share of the fleet, from options and environment to the printed report.
 *
 * @param exitCode what a report means to whoever started the job
 * @returns the exit code
 * @throws TwinError `USAGE` without a store or with a wrong array index
 */
export async function runWorkerJob(
  args: WorkerArgs,
  io: CommandIo,
  engine: CalibrationEngine,
  exitCode: typeof exitCodeOf = exitCodeOf,
): Promise<number> {
  const location = args.store ?? io.env.TWINLOOP_STORE;
  if (location === undefined || location === '') {
    throw new TwinError(
      'USAGE',
      'No store: name a folder or s3://bucket/prefix with --store or TWINLOOP_STORE.',
    );
  }
  const store = connectStore(location, args, io.env);
  const heartbeat = io.env[HEARTBEAT_VARIABLE];
  const onProgress =
    heartbeat === undefined || heartbeat === '' ? undefined : createHeartbeat(heartbeat);
  onProgress?.();
  const index = arrayIndex(args, io.env);
  const timeMap = await readTimeMap(args.timeMap);
  const client = connectSiteWise(args, io.env);
  let source: FleetSource | undefined;
  try {
    source = await openFleet(args, store);
    const report = await runWorker(
      {
        index,
        ...(args.asset === undefined ? {} : { only: args.asset }),
        timeMap,
        ...(args.settle === undefined ? {} : { settleS: args.settle }),
      },
      {
        source,
        store,
        reader: createSiteWiseReader({ client }),
        writer: createSiteWiseWriter({ client, clock: systemClock, logger: io.logger }),
        engine,
        discover: async (assetId, alias) => {
          try {
            await describeAssetByExternalId(client, assetId);
          } catch (error) {
            if (!(error instanceof TwinError) || error.code !== 'NOT_FOUND') throw error;
            // The asset may have been made by other means, without the external id.
            const found = await describeAssetByAlias(client, alias);
            if (args.twin !== undefined && args.asset !== undefined) {
              throw otherAsset(assetId, alias, found, error);
            }
          }
        },
        clock: systemClock,
        logger: io.logger,
        uptimeS: () => process.uptime(),
        ...(onProgress === undefined ? {} : { onProgress }),
      },
      io.signal,
    );
    if (io.env.TWINLOOP_METRICS === 'emf') {
      // CloudWatch takes both streams; with `--json` stdout is the report's alone.
      const metrics = args.json === true ? io.stderr : io.stdout;
      for (const text of toEmfLines(report)) printLine(metrics, text);
    }
    if (args.json === true) printJson(io.stdout, report);
    else if (io.env.TWINLOOP_METRICS !== 'emf') printReport(report, io);
    return exitCode(report, args.strict === true);
  } finally {
    client.destroy();
    await source?.close();
  }
}
