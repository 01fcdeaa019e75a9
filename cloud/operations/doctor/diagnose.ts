import type { IoTSiteWiseClient } from '@aws-sdk/client-iotsitewise';
import { type Clock, type Logger, TwinError } from '../../../shared/core/index.js';
import {
  type AssetDescription,
  createSiteWiseReader,
  describeAssetByAlias,
  describeAssetByExternalId,
} from '../../../shared/sitewise/index.js';
import type { ObjectStore } from '../../../shared/store/index.js';
import { type CalibrationEngine, type FleetSource, twinOfAsset } from '../../worker/index.js';
import { type Check, failed, ok } from './check.js';
import { checkAsset, type Freshness, toFailure } from './check-asset.js';
import { checkEdge } from './check-edge.js';
import { checkModels } from './check-models.js';
import { checkPermissions } from './check-permissions.js';
import { checkRuns, checkSensors, checkState } from './check-store.js';
import { checkSent, checkTaken } from './check-way.js';

/** Assets that are looked at at a time. */
const PARALLEL_ASSETS = 8;

/** What a diagnosis looks at. */
export interface DiagnosisOptions {
  source: FleetSource;
  client: IoTSiteWiseClient;
  /** Left out: nothing is known of states and runs. */
  store?: ObjectStore | undefined;
  engine: CalibrationEngine;
  /** Status server of an edge component. */
  edgeUrl?: string | undefined;
  /** Only these assets; default: every one that is enabled. */
  only?: readonly string[] | undefined;
  freshness: Freshness;
  clock: Clock;
  logger: Logger;
}

/**
 * Looks at a whole system from the model to the results, changing nothing.
 *
 * @throws TwinError `NOT_FOUND` when `only` names an asset that the fleet does not have; the
 *   signal's reason
 */
export async function diagnose(options: DiagnosisOptions, signal: AbortSignal): Promise<Check[]> {
  const { source, client, store, engine, freshness } = options;
  const { fleet } = source;
  const unknown = options.only?.filter((id) => !fleet.assets.some((a) => a.id === id)) ?? [];
  if (unknown.length > 0) {
    throw new TwinError('NOT_FOUND', `The fleet ${fleet.name} has no asset ${unknown.join(', ')}.`);
  }
  const assets = fleet.assets.filter((a) =>
    options.only === undefined ? a.enabled : options.only.includes(a.id),
  );
  const { twins, checks } = await checkModels(source, engine, options.logger, signal);
  const nowNs = options.clock.nowNs();
  const describe = (assetId: string, alias: string) => findAsset(client, assetId, alias);

  const found = assets.flatMap((asset) => {
    const twin = twins.get(asset.twin);
    return twin === undefined ? [] : [{ asset, twin: twinOfAsset(twin, asset) }];
  });
  const [first] = found;
  const firstAlias = first?.twin.definition.measured[0]?.alias ?? '';
  const reach =
    first === undefined
      ? undefined
      : await checkReach(await endpointOf(client), () => describe(first.asset.id, firstAlias));
  if (reach !== undefined) checks.push(reach);
  const reached = reach?.status === 'ok';

  const wayLooks = (now: bigint) => ({
    reader: createSiteWiseReader({ client }),
    nowNs: now,
    waitS: freshness.resultsS,
    signal,
  });
  const ofAssets: Check[][] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < found.length; i = next++) {
      signal.throwIfAborted();
      const { asset, twin } = found[i] as (typeof found)[number];
      const looks = {
        describe,
        reader: createSiteWiseReader({ client }),
        nowNs,
        freshness,
      };
      ofAssets[i] = [
        ...(reached ? await checkAsset(asset.id, twin.definition, looks) : []),
        ...(store === undefined
          ? []
          : await checkState(fleet.name, asset.id, twin, store, engine, (state) =>
              reached ? checkTaken(asset.id, twin, state, wayLooks(nowNs)) : Promise.resolve([]),
            )),
        ...(store === undefined ? [] : await checkSensors(fleet.name, asset.id, store)),
      ];
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_ASSETS }, lane));
  checks.push(...ofAssets.flat());
  if (store !== undefined) {
    checks.push(...(await checkRuns(fleet.name, store, nowNs, freshness.resultsS)));
  }
  if (reached && first !== undefined) {
    const probed = { fleet: fleet.name, assetId: first.asset.id, alias: firstAlias };
    checks.push(...(await checkPermissions(client, store, probed)));
  }
  if (options.edgeUrl !== undefined) {
    const edge = await checkEdge(options.edgeUrl, freshness.dataS);
    checks.push(...edge.checks);
    if (edge.status !== undefined && reached) {
      const twinsFound = found.map((f) => f.twin);
      checks.push(await checkSent(edge.status, twinsFound, wayLooks(nowNs)));
    }
  }
  return checks;
}

/** By external id, or, made by other means, by the alias of a stream. */
async function findAsset(
  client: IoTSiteWiseClient,
  assetId: string,
  alias: string,
): Promise<AssetDescription> {
  try {
    return await describeAssetByExternalId(client, assetId);
  } catch (error) {
    if (!(error instanceof TwinError) || error.code !== 'NOT_FOUND') throw error;
    return describeAssetByAlias(client, alias);
  }
}

async function endpointOf(client: IoTSiteWiseClient): Promise<string> {
  const own = await client.config.endpoint?.();
  if (own === undefined) return `IoT SiteWise in ${await client.config.region()}`;
  return `${own.protocol}//${own.hostname}${own.port === undefined ? '' : `:${own.port}`}`;
}

/** Whether SiteWise answers, and takes the credentials; an answer of any other kind will do. */
async function checkReach(endpoint: string, ask: () => Promise<unknown>): Promise<Check> {
  try {
    await ask();
  } catch (error) {
    const check = toFailure('siteWise', endpoint, error);
    const denied = error instanceof TwinError && error.code === 'ACCESS_DENIED';
    const cause = (error as Error).cause as { name?: string } | undefined;
    // A policy that lacks one operation is the probes' business; keys that nobody knows are not.
    if (denied && cause?.name !== 'AccessDeniedException') return check;
    if (error instanceof TwinError && error.code === 'NETWORK') {
      return failed('siteWise', endpoint, error.message, check.remedy ?? '');
    }
  }
  return ok('siteWise', endpoint, 'answers, and takes the credentials');
}
