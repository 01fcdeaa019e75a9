import { join } from 'node:path';
import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import type { StackConfig, TwinDefinition } from '../../shared/config/index.js';
import {
  type Closeable,
  closeAll,
  type Logger,
  lockFolder,
  messageOf,
  type TimeMap,
  writeFileAtomic,
} from '../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  type SiteWiseReader,
} from '../../shared/sitewise/index.js';
import { openStore } from '../../shared/store/index.js';
import { type CalibratorState, newestState, type Twin } from '../../shared/twin/index.js';
import type { Plant } from '../plant/index.js';
import { type JobDefinition, type Scheduler, startScheduler } from '../scheduler/index.js';
import { type SiteWiseEdge, startSiteWiseEdge } from '../sitewise-edge/index.js';
import { openAccess } from './access.js';
import { CalibrationLog } from './calibration-log.js';
import { deployedCloud, localCloud, type WorkerPlace } from './cloud.js';
import { localEdgeConfig } from './edge-config.js';
import { type EdgeDeployment, type EdgeProcess, startEdgeProcess } from './edge-process.js';
import { startMachine } from './machine.js';
import { openMachineTime } from './machine-time.js';

/** What the stack starts but does not contain, as Greengrass and Batch start it. */
export interface StackEntries {
  edge: EdgeDeployment;
  /** The worker as a job, given where things are. */
  worker(where: WorkerPlace): JobDefinition;
  /** The program of the worker's container: all it needs is in its environment. */
  container: { entry: string; args: readonly string[] };
  /** Starts the operator's page on a port of loopback. */
  page(options: PageOptions): Promise<Closeable & { url: string }>;
}

/** What the page is given by the stack. */
export interface PageOptions {
  /** Port on loopback; 0 = any free. */
  port: number;
  siteWise: IoTSiteWiseClient;
  twin: TwinDefinition;
  /** What SiteWise does not hold; asked with every poll. */
  status: () => Promise<StackStatus>;
  /** What the twin is asked with: its model, and the state that the worker left. */
  outlook: { twin: Twin; state: () => Promise<CalibratorState | undefined> };
  /** Where the worker leaves its reports: a folder, and whose they are. */
  reports: { store: string; fleet: string; asset: string };
  logger: Logger;
}

/** What only the stack knows of the running loop. */
export interface StackStatus {
  /** The edge component's own figures; left out while it is away. */
  edge?: { queueDepth: number; published: number; dropped: number; healthy: boolean };
  /** Values that only the simulated machine knows, by variable. */
  truth: Readonly<Record<string, number>>;
  /** The last calibrations, oldest first. */
  calibrations: ReturnType<CalibrationLog['recent']>;
  endpoints: Readonly<Record<string, string>>;
  machineTimeS: number;
  /** Seconds of the machine per second of wall time. */
  timeScale: number;
  timeMap: TimeMap;
}

export interface StackOptions {
  /** The config with `twin`, `data` and `replay.csv` as absolute paths. */
  config: StackConfig & { twin: string };
  /** Runs on what the templates of a cloud assembly describe; for one of the fleet's assets. */
  deployed?: { from: string; asset?: string };
  entries: StackEntries;
  logger: Logger;
}

/** The running stack. */
export interface Stack extends Closeable {
  twin: Twin;
  endpoints: {
    sitewise: string;
    mqtt: string;
    opcua: string;
    monitor: string;
    twinmaker?: string;
    s3?: string;
  };
  plant: Plant;
  reader: SiteWiseReader;
  edge: EdgeProcess;
  gateway: SiteWiseEdge;
  scheduler: Scheduler;
  calibrations: CalibrationLog;
  startedAtMs: number;
  /** Whose state the worker keeps, and where. */
  fleet: string;
  assetId: string;
  stateDir: string;
  /** What the roles of a deployment were refused; undefined where there is none. */
  denied(): string[] | undefined;
}

/**
 * Starts the whole loop: SiteWise, its gateway, the machine, the edge component under a nucleus, the
 * scheduled worker (a process per run), and the page. What was started before a fault is stopped.
 *
 * @throws TwinError `ALREADY_RUNNING`, `PORT_IN_USE`, `CONFIG_INVALID`, `FILE_NOT_FOUND` …
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const opened: Closeable[] = [];
  try {
    return await open(options, opened);
  } catch (error) {
    await closeAll(opened).catch((fault: unknown) => {
      options.logger.warn('Stopping after a failed start went wrong', { reason: messageOf(fault) });
    });
    throw error;
  }
}

async function open(options: StackOptions, opened: Closeable[]): Promise<Stack> {
  const { config, entries, logger } = options;
  const keep = <T extends Closeable>(item: T): T => {
    opened.push(item);
    return item;
  };
  const startedAtMs = Date.now();
  const dataDir = config.data;
  keep(await lockFolder(dataDir, 'data folder'));
  const machineTime = await openMachineTime(dataDir);

  const guard = await openAccess(dataDir);
  const { deployed } = options;
  const cloud = keep(
    await (deployed === undefined
      ? localCloud({ config, guard, logger }, entries.worker)
      : deployedCloud({ config, guard, logger }, deployed, entries.container)),
  );
  const { twin, endpoint, region } = cloud;
  const { definition } = twin;
  const ca = guard.certificate.cert;
  const client = createSiteWiseClient({ endpoint, region, credentials: guard.siteWise, ca });
  keep({ close: () => Promise.resolve(client.destroy()) });
  const gateway = keep(
    await startSiteWiseEdge({
      mqttPort: config.ports.mqtt,
      siteWise: { endpoint, region, credentials: cloud.gateway, ca },
      dataDir: join(dataDir, 'gateway'),
      credentials: guard.broker,
      tls: guard.certificate,
      maxWaitMs: 250,
      logger,
    }),
  );

  const { machine, plant } = await startMachine(config, twin, machineTime, logger, keep);
  const edgeConfig = localEdgeConfig({
    twin: definition,
    sensors: machine.sensors,
    opcuaUrl: plant.endpointUrl,
    broker: { url: gateway.mqttUrl, caFile: guard.caFile, ...guard.broker },
    dataDir: join(dataDir, 'edge'),
  });
  const edge = keep(
    await startEdgeProcess({ deployment: entries.edge, config: edgeConfig, dataDir, logger }),
  );

  const calibrations = new CalibrationLog(startedAtMs);
  const job = await cloud.job(machineTime.path);
  const scheduler = keep(
    startScheduler({
      cron: config.schedule,
      job,
      onRun: (run) => calibrations.add(run, logger),
      logger,
    }),
  );
  await noteSystem(dataDir, {
    fleet: cloud.fleetPath,
    store: cloud.stateDir,
    endpoint,
    region,
    caFile: guard.caFile,
    keysFile: guard.keysFile,
    edgeStatusFile: join(dataDir, 'edge', 'status.json'),
  });
  const reader = createSiteWiseReader({ client });
  const endpoints = {
    sitewise: endpoint,
    mqtt: gateway.mqttUrl,
    opcua: plant.endpointUrl,
    monitor: '',
    ...cloud.servers,
  };
  const page = keep(
    await entries.page({
      port: config.ports.monitor,
      siteWise: client,
      twin: definition,
      status: async () => {
        const status = await edge.status();
        return {
          ...(status === undefined ? {} : { edge: status }),
          truth: plant.truth(),
          calibrations: calibrations.recent(),
          endpoints,
          machineTimeS: plant.machineS(),
          timeScale: config.timeScale,
          timeMap: machineTime.map(),
        };
      },
      outlook: {
        twin,
        state: () => newestState(openStore(cloud.stateDir), twin, cloud.assetId, cloud.fleet),
      },
      reports: { store: cloud.stateDir, fleet: cloud.fleet, asset: cloud.assetId },
      logger,
    }),
  );
  endpoints.monitor = page.url;
  let closed: Promise<void> | undefined;
  return {
    twin,
    endpoints,
    plant,
    reader,
    edge,
    gateway,
    scheduler,
    calibrations,
    startedAtMs,
    fleet: cloud.fleet,
    assetId: cloud.assetId,
    stateDir: cloud.stateDir,
    denied: cloud.denied,
    close() {
      closed ??= closeAll(opened);
      return closed;
    },
  };
}

/** Notes where everything is, for `twinloop doctor --data`. */
function noteSystem(dataDir: string, system: Record<string, string>): Promise<void> {
  return writeFileAtomic(join(dataDir, 'system.json'), `${JSON.stringify(system, null, 2)}\n`);
}
