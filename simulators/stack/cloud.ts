import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  assetStreams,
  fleetSchema,
  parseConfig,
  type StackConfig,
  withAliasPrefix,
} from '../../shared/config/index.js';
import { type Closeable, type Logger, TwinError } from '../../shared/core/index.js';
import { createSiteWiseClient, ensureAsset } from '../../shared/sitewise/index.js';
import { loadTwin, type Twin } from '../../shared/twin/index.js';
import { deployLocally, folderOfStore, startRehearsal } from '../cloudformation/index.js';
import type { JobDefinition } from '../scheduler/index.js';
import { startSiteWise } from '../sitewise/index.js';
import type { StackAccess } from './access.js';

interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The loop's far end: SiteWise, the fleet with the machine's asset, and the job that calibrates it. */
export interface StackCloud extends Closeable {
  twin: Twin;
  endpoint: string;
  region: string;
  /** With which the gateway publishes. */
  gateway: Keys;
  fleet: string;
  assetId: string;
  fleetPath: string;
  /** Folder of the worker's store. */
  stateDir: string;
  /** What is run on schedule; its manifest is there from then on. */
  job(timeMapPath: string): Promise<JobDefinition>;
  /** Other servers, by name. */
  servers: { twinmaker?: string; s3?: string };
  /** What roles were refused since the start, as `role: action on resource`. */
  denied(): string[] | undefined;
}

/** Where a worker finds what it works on. */
export interface WorkerPlace {
  fleetPath: string;
  stateDir: string;
  endpoint: string;
  region: string;
  credentials: Keys;
  /** PEM file with the endpoint's certificate authority. */
  caFile: string;
  timeMapPath: string;
}

export interface CloudOptions {
  config: StackConfig & { twin: string };
  guard: StackAccess;
  logger: Logger;
}

/** A worker takes readings that are so old: those of a laptop arrive within a second. */
const SETTLE_S = 2;
const LOCAL_FLEET = 'local';

/** External id of the local asset; SiteWise wants two characters at least. */
function assetExternalId(twinName: string): string {
  return `${twinName}-1`;
}

/** SiteWise with the one asset of the twin that the config names. */
export async function localCloud(
  { config, guard, logger }: CloudOptions,
  worker: (where: WorkerPlace) => JobDefinition,
): Promise<StackCloud> {
  const twin = await loadTwin(config.twin);
  const { name } = twin.definition;
  const assetId = assetExternalId(name);
  const stateDir = join(config.data, 'state');
  const fleetPath = join(config.data, 'fleet.json');
  await mkdir(stateDir, { recursive: true });
  const siteWise = await startSiteWise({
    port: config.ports.siteWise,
    dataDir: join(config.data, 'sitewise'),
    credentials: guard.siteWise,
    tls: guard.certificate,
    logger,
  });
  const { endpoint, region } = siteWise;
  try {
    const credentials = guard.siteWise;
    const client = createSiteWiseClient({
      endpoint,
      region,
      credentials,
      ca: guard.certificate.cert,
    });
    try {
      await ensureAsset(client, {
        model: { externalId: name, name },
        asset: { externalId: assetId, name },
        streams: assetStreams(twin.definition),
      });
    } finally {
      client.destroy();
    }
    const fleet = {
      name: LOCAL_FLEET,
      twins: { [name]: config.twin },
      assets: [{ id: assetId, twin: name }],
      calibration: { settleS: SETTLE_S, lookbackS: 6 * 86_400 },
    };
    const { caFile } = guard;
    const place = { fleetPath, stateDir, endpoint, region, credentials, caFile };
    return {
      twin,
      endpoint,
      region,
      gateway: credentials,
      fleet: LOCAL_FLEET,
      assetId,
      fleetPath,
      stateDir,
      async job(timeMapPath) {
        await writeFile(fleetPath, `${JSON.stringify(fleet, null, 2)}\n`);
        return worker({ ...place, timeMapPath });
      },
      servers: {},
      denied: () => undefined,
      close: () => siteWise.close(),
    };
  } catch (error) {
    await siteWise.close();
    throw error;
  }
}

/**
 * What the templates of a cloud assembly describe, deployed into the stand-ins: the gateway and the
 * worker have exactly the permissions of their roles.
 *
 * @param deployed `cdk.out`, and the asset whose machine runs; default: the first of the fleet
 * @throws TwinError as `deployLocally`; `NOT_FOUND` where the templates have no job, fleet or such asset
 */
export async function deployedCloud(
  { config, guard, logger }: CloudOptions,
  { from, asset }: { from: string; asset?: string },
  worker: { entry: string; args: readonly string[] },
): Promise<StackCloud> {
  const dataDir = join(config.data, 'deployment');
  await deployLocally(from, { dataDir, logger });
  const rehearsal = await startRehearsal({
    dataDir,
    logger,
    siteWise: {
      port: config.ports.siteWise,
      credentials: guard.siteWise,
      tls: guard.certificate,
      activationMs: 50,
    },
  });
  try {
    const [job] = rehearsal.jobs();
    if (job === undefined) {
      throw new TwinError('NOT_FOUND', `${from} has no schedule that submits a job to Batch.`);
    }
    const stateDir = folderOfStore(dataDir, job.environment.TWINLOOP_STORE);
    const fleetPath = join(stateDir, 'fleet', 'fleet.json');
    const fleet = parseConfig(
      fleetSchema,
      JSON.parse(await readFile(fleetPath, 'utf8')),
      fleetPath,
    );
    const chosen = asset === undefined ? fleet.assets[0] : fleet.assets.find((a) => a.id === asset);
    if (chosen === undefined) {
      const known = fleet.assets.map((a) => a.id).join(', ');
      throw new TwinError(
        'NOT_FOUND',
        `The fleet ${fleet.name} has no asset ${asset}: it has ${known}.`,
      );
    }
    const twin = await loadTwin(resolve(dirname(fleetPath), fleet.twins[chosen.twin] ?? ''));
    const { aliasPrefix } = chosen;
    const definition =
      aliasPrefix === undefined ? twin.definition : withAliasPrefix(twin.definition, aliasPrefix);
    const gateway = rehearsal.gatewayRole();
    const acting = [job.role, ...(gateway === undefined ? [] : [gateway])];
    return {
      twin: { ...twin, definition },
      endpoint: rehearsal.siteWise.endpoint,
      region: rehearsal.siteWise.region,
      gateway: gateway ?? guard.siteWise,
      fleet: fleet.name,
      assetId: chosen.id,
      fleetPath,
      stateDir,
      job: async (timeMapPath) => ({
        entry: worker.entry,
        args: [
          ...worker.args,
          ...['--time-map', timeMapPath, '--settle', String(SETTLE_S), '--asset', chosen.id],
        ],
        env: { ...job.environment, NODE_EXTRA_CA_CERTS: guard.caFile },
        ownEnvironment: true,
      }),
      servers: { twinmaker: rehearsal.twinMaker.endpoint, s3: rehearsal.s3.endpoint },
      denied: () =>
        acting.flatMap((role) => [...role.denied].map((what) => `${role.name}: ${what}`)).sort(),
      close: () => rehearsal.close(),
    };
  } catch (error) {
    await rehearsal.close();
    throw error;
  }
}
