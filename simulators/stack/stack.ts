import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import { type StackConfig, type TwinDefinition, twinStreams } from '../../shared/config/index.js';
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
  ensureAsset,
  type SiteWiseReader,
} from '../../shared/sitewise/index.js';
import { openStore } from '../../shared/store/index.js';
import { type CalibratorState, loadTwin, newestState, type Twin } from '../../shared/twin/index.js';
import {
  createSimulatedMachine,
  defaultScenario,
  openRecording,
  type Plant,
  startPlant,
} from '../plant/index.js';
import { type JobDefinition, type Scheduler, startScheduler } from '../scheduler/index.js';
import { type SiteWise, startSiteWise } from '../sitewise/index.js';
import { type SiteWiseEdge, startSiteWiseEdge } from '../sitewise-edge/index.js';
import { openAccess } from './access.js';
import { CalibrationLog } from './calibration-log.js';
import { localEdgeConfig } from './edge-config.js';
import { type EdgeDeployment, type EdgeProcess, startEdgeProcess } from './edge-process.js';
import { openMachineTime } from './machine-time.js';

/** What the stack starts but does not contain, as Greengrass and Batch start it. */
export interface StackEntries {
  edge: EdgeDeployment;
  /** The worker as a job, given where things are. */
  worker(where: WorkerPlace): JobDefinition;
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

/** Where a worker finds what it works on. */
export interface WorkerPlace {
  fleetPath: string;
  stateDir: string;
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** PEM file with the endpoint's certificate authority. */
  caFile: string;
  timeMapPath: string;
}

export interface StackOptions {
  /** The config with `twin`, `data` and `replay.csv` as absolute paths. */
  config: StackConfig & { twin: string };
  entries: StackEntries;
  logger: Logger;
}

/** The recording that stands for the machine, read as the config says. */
function openReplay(
  twin: Twin['definition'],
  { csv, columns, ...reading }: NonNullable<StackConfig['replay']>,
): ReturnType<typeof openRecording> {
  const given = Object.fromEntries(Object.entries(reading).filter(([, v]) => v !== undefined));
  return openRecording({ twin, csv, columns, reading: given });
}

/** The running stack. */
export interface Stack extends Closeable {
  twin: Twin;
  endpoints: { sitewise: string; mqtt: string; opcua: string; monitor: string };
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
}

/** How often the machine's time is written down, wall milliseconds. */
const REACHED_EVERY_MS = 1000;

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
  const stateDir = join(dataDir, 'state');
  const twin = await loadTwin(config.twin);
  const { definition } = twin;
  keep(await lockFolder(dataDir, 'data folder'));
  await mkdir(stateDir, { recursive: true });
  const machineTime = await openMachineTime(dataDir);

  const guard = await openAccess(dataDir);
  const siteWise: SiteWise = keep(
    await startSiteWise({
      port: config.ports.siteWise,
      dataDir: join(dataDir, 'sitewise'),
      credentials: guard.siteWise,
      tls: guard.certificate,
      logger,
    }),
  );
  const { endpoint, region } = siteWise;
  const credentials = guard.siteWise;
  const access = { endpoint, region, credentials, ca: guard.certificate.cert };
  const client = createSiteWiseClient(access);
  keep({ close: () => Promise.resolve(client.destroy()) });
  await ensureAsset(client, {
    model: { externalId: definition.name, name: definition.name },
    asset: { externalId: assetExternalId(definition.name), name: definition.name },
    streams: twinStreams(definition),
  });
  const gateway = keep(
    await startSiteWiseEdge({
      mqttPort: config.ports.mqtt,
      siteWise: access,
      dataDir: join(dataDir, 'gateway'),
      credentials: guard.broker,
      tls: guard.certificate,
      maxWaitMs: 250,
      logger,
    }),
  );

  const machine =
    config.replay === undefined
      ? await createSimulatedMachine({
          twin: definition,
          fmuPath: twin.fmuPath,
          scenario: defaultScenario(definition),
          seed: config.seed,
          intervalS: config.publishIntervalS * config.timeScale,
          logger,
        })
      : await openReplay(definition, config.replay);
  const plant = keep(
    await startPlant({
      machine,
      twin: definition,
      port: config.ports.opcua,
      dataDir,
      timeScale: config.timeScale,
      startS: machineTime.startS,
      begin: (wallNs) => machineTime.begin(wallNs, config.timeScale),
      logger,
    }),
  );
  const reached = () =>
    machineTime.reached(plant.machineS()).catch((error: unknown) => {
      logger.warn('The machine time could not be kept', { reason: messageOf(error) });
    });
  const timer = setInterval(() => void reached(), REACHED_EVERY_MS);
  keep({
    close: async () => {
      clearInterval(timer);
      await plant.halt();
      await reached();
    },
  });

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
  const fleetPath = join(dataDir, 'fleet.json');
  await writeFile(fleetPath, `${JSON.stringify(localFleet(twin, config), null, 2)}\n`);
  const scheduler = keep(
    startScheduler({
      cron: config.schedule,
      job: entries.worker({
        fleetPath,
        stateDir,
        endpoint,
        region,
        credentials,
        caFile: guard.caFile,
        timeMapPath: machineTime.path,
      }),
      onRun: (run) => calibrations.add(run, logger),
      logger,
    }),
  );
  await noteSystem(dataDir, {
    fleet: fleetPath,
    store: stateDir,
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
        state: () =>
          newestState(openStore(stateDir), twin, assetExternalId(definition.name), LOCAL_FLEET),
      },
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
    fleet: LOCAL_FLEET,
    assetId: assetExternalId(definition.name),
    stateDir,
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

/** External id of the local asset; SiteWise wants two characters at least. */
export function assetExternalId(twinName: string): string {
  return `${twinName}-1`;
}

const LOCAL_FLEET = 'local';

/** A fleet of the one machine, in the shape of the fleet config's schema. */
function localFleet(twin: Twin, config: StackConfig & { twin: string }): Record<string, unknown> {
  const { name } = twin.definition;
  return {
    name: LOCAL_FLEET,
    twins: { [name]: config.twin },
    assets: [{ id: assetExternalId(name), twin: name }],
    // The streams of a laptop arrive within a second.
    calibration: { settleS: 2, lookbackS: 6 * 86_400 },
  };
}
