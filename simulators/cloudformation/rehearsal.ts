import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import {
  type Clock,
  type Logger,
  lockFolder,
  silentLogger,
  TwinError,
} from '../../shared/core/index.js';
import { createSiteWiseClient } from '../../shared/sitewise/index.js';
import { startS3 } from '../s3/index.js';
import { containerEnvironment } from '../scheduler/index.js';
import { type SiteWise, type SiteWiseOptions, startSiteWise } from '../sitewise/index.js';
import {
  createTwinMakerClient,
  type SiteWiseAs,
  startTwinMaker,
  type TwinMaker,
  type TwinMakerOptions,
} from '../twinmaker/index.js';
import { bucketDeploymentType, bucketFolder, bucketType } from './bucket-resources.js';
import { type Deployed, type DeployReport, deployAssembly, readDeployed } from './deploy.js';
import { ACCOUNT } from './resource-types.js';
import { bucketKeyOf, gatewayRoleOf, jobsOf, type Role, rolesOf } from './roles.js';
import { assetModelType, assetType } from './sitewise-resources.js';
import { componentTypeType, entityType, sceneType, workspaceType } from './twinmaker-resources.js';

/** The folder of a store that a job names as `s3://bucket`. @throws TwinError `VALUE_INVALID` */
export function folderOfStore(dataDir: string, store = ''): string {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(store) ?? [];
  if (bucket === undefined) {
    throw new TwinError(
      'VALUE_INVALID',
      `The job's TWINLOOP_STORE is "${store}": expected s3://….`,
    );
  }
  return join(bucketFolder(dataDir, bucket), prefix);
}

const siteWiseFolder = (dataDir: string) => join(dataDir, 'sitewise');
const twinMakerFolder = (dataDir: string) => join(dataDir, 'twinmaker');

/** SiteWise as roles see it, with a client for each that is kept. */
function siteWiseAs(
  siteWise: SiteWise,
  roles: () => readonly Role[],
): { siteWiseAs: SiteWiseAs; close(): void } {
  const clients = new Map<string, IoTSiteWiseClient>();
  return {
    siteWiseAs(arn) {
      const role = roles().find((r) => r.arn === arn);
      if (role === undefined) return undefined;
      let client = clients.get(role.arn);
      if (client === undefined) {
        const { accessKeyId, secretAccessKey } = role;
        const credentials = { accessKeyId, secretAccessKey };
        client = createSiteWiseClient({ ...siteWise, credentials, maxAttempts: 1 });
        clients.set(role.arn, client);
      }
      return client;
    },
    close() {
      for (const client of clients.values()) client.destroy();
    },
  };
}

export interface RehearsalOptions {
  /** Folder of everything that is deployed; kept between deployments. */
  dataDir: string;
  ignore?: readonly string[];
  logger?: Logger;
  clock?: Clock;
  /** How SiteWise listens once it is deployed: port, keys, certificate. */
  siteWise?: Pick<SiteWiseOptions, 'port' | 'credentials' | 'tls' | 'activationMs'>;
}

/** Starts SiteWise and TwinMaker over what a deployment has made; what ends them is put first. */
async function startServices(
  dataDir: string,
  roles: () => readonly Role[],
  options: Pick<RehearsalOptions, 'clock' | 'siteWise'> & {
    logger: Logger;
    twinMaker?: Pick<TwinMakerOptions, 'principals'>;
  },
  closing: (() => void | Promise<void>)[],
): Promise<{ siteWise: SiteWise; twinMaker: TwinMaker }> {
  const { clock, logger } = options;
  const siteWise = await startSiteWise({
    dataDir: siteWiseFolder(dataDir),
    activationMs: 0,
    region: ACCOUNT.region,
    principals: (id) => roles().find((r) => r.accessKeyId === id),
    logger,
    ...(clock === undefined ? {} : { clock }),
    ...options.siteWise,
  });
  closing.unshift(() => siteWise.close());
  const access = siteWiseAs(siteWise, roles);
  closing.unshift(() => access.close());
  const twinMaker = await startTwinMaker({
    dataDir: twinMakerFolder(dataDir),
    activationMs: 0,
    region: ACCOUNT.region,
    credentials: siteWise.credentials,
    ...options.twinMaker,
    siteWiseAs: access.siteWiseAs,
    logger,
  });
  closing.unshift(() => twinMaker.close());
  return { siteWise, twinMaker };
}

/**
 * Deploys a cloud assembly into the stand-ins on this machine.
 *
 * @param directory `cdk.out`
 * @throws TwinError as `deployAssembly`; `ALREADY_RUNNING`
 */
export async function deployLocally(
  directory: string,
  options: RehearsalOptions,
): Promise<DeployReport> {
  const { dataDir, ignore = [] } = options;
  const lock = await lockFolder(dataDir, 'deployment');
  const logger = options.logger ?? silentLogger;
  const closing: (() => void | Promise<void>)[] = [() => lock.close()];
  try {
    // Roles act as soon as they are there: TwinMaker reads assets while entities are made.
    let growing: Deployed = { stacks: {} };
    const roles = () => rolesOf(growing);
    const { siteWise, twinMaker } = await startServices(dataDir, roles, { logger }, closing);
    const client = createSiteWiseClient({ ...siteWise });
    closing.unshift(() => client.destroy());
    const scenes = createTwinMakerClient(twinMaker);
    closing.unshift(() => scenes.destroy());
    return await deployAssembly(directory, {
      dataDir,
      ignore,
      onStart: (deployed) => {
        growing = deployed;
      },
      types: {
        'AWS::IoTSiteWise::AssetModel': assetModelType(client),
        'AWS::IoTSiteWise::Asset': assetType(client),
        'AWS::IoTTwinMaker::ComponentType': componentTypeType(scenes),
        'AWS::IoTTwinMaker::Entity': entityType(scenes),
        'AWS::IoTTwinMaker::Scene': sceneType(scenes),
        'AWS::IoTTwinMaker::Workspace': workspaceType(scenes),
        'AWS::S3::Bucket': bucketType(dataDir),
        'Custom::CDKBucketDeployment': bucketDeploymentType(dataDir),
      },
    });
  } finally {
    for (const close of closing) await close();
  }
}

/** What is deployed, with its far ends running: each role can do what its policies allow. */
export interface Rehearsal {
  siteWise: SiteWise;
  twinMaker: TwinMaker;
  s3: { endpoint: string };
  roles: readonly Role[];
  /** The jobs that schedules submit. @throws TwinError `ACCESS_DENIED`, `NOT_FOUND` */
  jobs(): PreparedJob[];
  /** The role that gateways get through AWS IoT; undefined where the templates have none. */
  gatewayRole(): Role | undefined;
  /** Runs the job of every schedule once. @throws TwinError `ACCESS_DENIED`, `NOT_FOUND` */
  runJobs(entry: JobEntry, signal: AbortSignal): Promise<RehearsedJob[]>;
  close(): Promise<void>;
}

/** The program that a job's container would start. */
export interface JobEntry {
  entry: string;
  args: readonly string[];
}

/** A job as Batch would start it. */
export interface PreparedJob {
  role: Role;
  /** Of the container: its own, the role's keys, and where the stand-ins are. */
  environment: Record<string, string>;
  /** How many jobs of an array; 1: a plain job. */
  size: number;
}

/** How one job ended. */
export interface RehearsedJob {
  role: string;
  /** Of an array; 0 for a plain job. */
  index: number;
  exitCode: number;
  stdout: string;
  stderr: string;
  /** What its role was refused. */
  denied: string[];
}

/**
 * Starts what was deployed.
 *
 * @throws TwinError `NOT_FOUND` where nothing is; `ALREADY_RUNNING`
 */
export async function startRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const { dataDir, logger = silentLogger } = options;
  const deployed = await readDeployed(dataDir);
  if (Object.keys(deployed.stacks).length === 0) {
    throw new TwinError(
      'NOT_FOUND',
      `Nothing is deployed in ${dataDir}: run \`twinloop deploy local cdk.out --data ${dataDir}\` first.`,
    );
  }
  const roles = rolesOf(deployed);
  const lock = await lockFolder(dataDir, 'deployment');
  const closing: (() => void | Promise<void>)[] = [() => lock.close()];
  const close = async () => {
    for (const end of closing.splice(0)) await end();
  };
  try {
    const services = { ...options, logger, twinMaker: { principals: roles } };
    const { siteWise, twinMaker } = await startServices(dataDir, () => roles, services, closing);
    const s3 = await startS3({
      principals: roles,
      folderOf: (bucket) => {
        const folder = bucketFolder(dataDir, bucket);
        return existsSync(folder) ? folder : undefined;
      },
      keyOf: (bucket) => bucketKeyOf(deployed, bucket),
    });
    closing.unshift(() => s3.close());
    const jobs = (): PreparedJob[] =>
      jobsOf(deployed).map((job) => {
        const scheduler = roles.find((r) => r.arn === job.scheduler);
        const role = roles.find((r) => r.arn === job.jobRole);
        if (scheduler === undefined || role === undefined) {
          throw new TwinError(
            'NOT_FOUND',
            `The schedule ${job.schedule} names a role that the templates have not: ${job.scheduler}, ${job.jobRole}.`,
          );
        }
        for (const resource of [job.queue, job.definition]) {
          if (scheduler.allows('batch:SubmitJob', resource)) continue;
          throw new TwinError(
            'ACCESS_DENIED',
            `The policies of ${scheduler.name} do not allow batch:SubmitJob on ${resource}: no job is ever started.`,
          );
        }
        const environment = {
          ...job.environment,
          AWS_REGION: ACCOUNT.region,
          AWS_ACCESS_KEY_ID: role.accessKeyId,
          AWS_SECRET_ACCESS_KEY: role.secretAccessKey,
          TWINLOOP_SITEWISE_ENDPOINT: siteWise.endpoint,
          TWINLOOP_S3_ENDPOINT: s3.endpoint,
        };
        return { role, environment, size: job.size };
      });
    return {
      siteWise,
      twinMaker,
      s3,
      roles,
      jobs,
      gatewayRole: () => {
        const arn = gatewayRoleOf(deployed);
        return roles.find((r) => r.arn === arn);
      },
      async runJobs(entry, signal) {
        const runs: RehearsedJob[] = [];
        for (const { role, environment, size } of jobs()) {
          for (let index = 0; index < size && !signal.aborted; index++) {
            role.denied.clear();
            const ended = await run(entry, signal, {
              ...environment,
              ...(size > 1 ? { AWS_BATCH_JOB_ARRAY_INDEX: String(index) } : {}),
            });
            runs.push({ role: role.name, index, ...ended, denied: [...role.denied].sort() });
          }
        }
        return runs;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs a job's program with the environment of its container and nothing of ours. */
async function run(
  { entry, args }: JobEntry,
  signal: AbortSignal,
  env: Record<string, string>,
): Promise<Pick<RehearsedJob, 'exitCode' | 'stdout' | 'stderr'>> {
  const child = spawn(process.execPath, [entry, ...args], {
    env: containerEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', (error) => (signal.aborted ? resolve(130) : reject(error)));
    child.once('close', (code) => resolve(code ?? 1));
  });
  return { exitCode, stdout, stderr };
}
