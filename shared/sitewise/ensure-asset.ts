import {
  type AssetModelPropertyDefinition,
  AssociateTimeSeriesToAssetPropertyCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  CreateAssetModelCompositeModelCommand,
  DescribeAssetModelCommand,
  type DescribeAssetModelCommandOutput,
  DescribeAssetModelCompositeModelCommand,
  DescribeTimeSeriesCommand,
  type IoTSiteWiseClient,
  ResourceNotFoundException,
  UpdateAssetModelCommand,
  UpdateAssetModelCompositeModelCommand,
  UpdateAssetPropertyCommand,
} from '@aws-sdk/client-iotsitewise';
import { type Clock, systemClock, TwinError } from '../core/index.js';
import { type AssetDescription, describeAsset } from './discovery.js';
import { toTwinError } from './errors.js';
import type { StreamDataType } from './values.js';

/** A stream that an asset is to have. */
export interface StreamDefinition {
  alias: string;
  /** The property's name, unique in the model. */
  name: string;
  unit?: string;
  dataType?: StreamDataType;
  /** Name of the composite model in the asset's model that it belongs to; left out: the model itself. */
  composite?: string;
}

/** What {@link ensureAsset} makes sure of. */
export interface EnsureAssetOptions {
  /** External id and name of the model; assets of one kind share it. */
  model: { externalId: string; name: string };
  asset: { externalId: string; name: string };
  streams: readonly StreamDefinition[];
  clock?: Clock;
  signal?: AbortSignal;
  /** Longest wait for SiteWise to activate a model or asset, milliseconds; default 60000. */
  timeoutMs?: number;
  /** Wait between two looks at its state, milliseconds; default 100, doubled up to 2000. */
  pollMs?: number;
}

function toProperty(stream: StreamDefinition): AssetModelPropertyDefinition {
  return {
    name: stream.name,
    dataType: stream.dataType ?? 'DOUBLE',
    ...(stream.unit === undefined || stream.unit === '' ? {} : { unit: stream.unit }),
    type: { measurement: {} },
  };
}

/**
 * Makes sure that a model with these properties, an asset of it, and the properties' aliases exist:
 * creates what is missing, adds properties to a model that lacks some, and takes over values that
 * were already written under an alias. Calling it again changes nothing.
 *
 * @throws TwinError `CONFLICT` when something else has the name or alias, `NETWORK` when SiteWise
 *   does not activate in time, `ACCESS_DENIED`, `THROTTLED`, `VALUE_INVALID`
 */
export async function ensureAsset(
  client: IoTSiteWiseClient,
  options: EnsureAssetOptions,
): Promise<AssetDescription> {
  try {
    const assetModelId = await ensureModel(client, options);
    const asset = await ensureAssetOf(client, assetModelId, options);
    await ensureAliases(client, asset, options.streams);
    return await describeAsset(client, asset.assetId);
  } catch (error) {
    throw toTwinError(error, `Creating the asset ${options.asset.externalId} failed`);
  }
}

async function untilActive(
  what: string,
  options: EnsureAssetOptions,
  look: () => Promise<{ state: string | undefined; fault: string | undefined }>,
): Promise<void> {
  const clock = options.clock ?? systemClock;
  let waitMs = options.pollMs ?? 100;
  let leftMs = options.timeoutMs ?? 60_000;
  for (;;) {
    const { state, fault } = await look();
    if (state === 'ACTIVE') return;
    if (state === 'FAILED') {
      throw new TwinError('CONFLICT', `SiteWise could not activate the ${what}: ${fault ?? ''}`);
    }
    if (leftMs <= 0) {
      throw new TwinError('NETWORK', `The ${what} is still ${state} after the longest wait.`, {
        retryable: true,
      });
    }
    await clock.sleep(waitMs, options.signal);
    leftMs -= waitMs;
    waitMs = Math.min(2_000, waitMs * 2);
  }
}

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    if (error instanceof TwinError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

async function ensureModel(
  client: IoTSiteWiseClient,
  options: EnsureAssetOptions,
): Promise<string> {
  const assetModelId = `externalId:${options.model.externalId}`;
  const describe = () => client.send(new DescribeAssetModelCommand({ assetModelId }));
  const active = (found: DescribeAssetModelCommandOutput) => ({
    state: found.assetModelStatus?.state,
    fault: found.assetModelStatus?.error?.message,
  });
  const waitActive = () =>
    untilActive(`asset model ${options.model.externalId}`, options, async () =>
      active(await describe()),
    );
  const own = options.streams.filter((s) => s.composite === undefined);
  const names = new Set(options.streams.flatMap((s) => s.composite ?? []));
  const composites = [...names].map(
    (name) => [name, options.streams.filter((s) => s.composite === name)] as const,
  );
  let found = await orUndefined(describe());
  if (found === undefined) {
    await client.send(
      new CreateAssetModelCommand({
        assetModelExternalId: options.model.externalId,
        assetModelName: options.model.name,
        assetModelProperties: own.map(toProperty),
        assetModelCompositeModels: composites.map(([name, streams]) => ({
          name,
          type: 'CUSTOM',
          properties: streams.map(toProperty),
        })),
      }),
    );
  } else {
    await waitActive();
    found = await describe();
    const there = new Set((found.assetModelProperties ?? []).map((p) => p.name));
    const lacking = own.filter((s) => !there.has(s.name));
    if (lacking.length > 0) {
      await client.send(
        new UpdateAssetModelCommand({
          assetModelId,
          assetModelName: found.assetModelName,
          // SiteWise describes a missing description as an empty one, which it does not take.
          assetModelDescription: found.assetModelDescription || undefined,
          assetModelHierarchies: found.assetModelHierarchies,
          assetModelCompositeModels: found.assetModelCompositeModels,
          assetModelProperties: [
            ...(found.assetModelProperties ?? []),
            ...(lacking.map(toProperty) as NonNullable<typeof found.assetModelProperties>),
          ],
        }),
      );
      await waitActive();
    }
    for (const [name, streams] of composites) {
      await ensureComposite(client, assetModelId, name, streams);
      await waitActive();
    }
  }
  await waitActive();
  return (await describe()).assetModelId ?? '';
}

/** Makes a composite model of a model that is there, or adds the properties that it lacks. */
async function ensureComposite(
  client: IoTSiteWiseClient,
  assetModelId: string,
  name: string,
  streams: readonly StreamDefinition[],
): Promise<void> {
  const { assetModelCompositeModelSummaries = [] } = await client.send(
    new DescribeAssetModelCommand({ assetModelId }),
  );
  const id = assetModelCompositeModelSummaries.find(
    (c) => c.name === name && (c.path ?? []).length <= 1,
  )?.id;
  if (id === undefined) {
    await client.send(
      new CreateAssetModelCompositeModelCommand({
        assetModelId,
        assetModelCompositeModelName: name,
        assetModelCompositeModelType: 'CUSTOM',
        assetModelCompositeModelProperties: streams.map(toProperty),
      }),
    );
    return;
  }
  const of = { assetModelId, assetModelCompositeModelId: id };
  const found = await client.send(new DescribeAssetModelCompositeModelCommand(of));
  const properties = found.assetModelCompositeModelProperties ?? [];
  const lacking = streams.filter((s) => !properties.some((p) => p.name === s.name));
  if (lacking.length === 0) return;
  await client.send(
    new UpdateAssetModelCompositeModelCommand({
      ...of,
      assetModelCompositeModelName: name,
      assetModelCompositeModelDescription: found.assetModelCompositeModelDescription || undefined,
      assetModelCompositeModelProperties: [
        ...properties,
        ...(lacking.map(toProperty) as typeof properties),
      ],
    }),
  );
}

async function ensureAssetOf(
  client: IoTSiteWiseClient,
  assetModelId: string,
  options: EnsureAssetOptions,
): Promise<AssetDescription> {
  const assetId = `externalId:${options.asset.externalId}`;
  const found = await orUndefined(describeAsset(client, assetId));
  if (found === undefined) {
    await client.send(
      new CreateAssetCommand({
        assetModelId,
        assetName: options.asset.name,
        assetExternalId: options.asset.externalId,
      }),
    );
  } else if (found.assetModelId !== assetModelId) {
    throw new TwinError(
      'CONFLICT',
      `The asset ${options.asset.externalId} exists with another model (${found.assetModelId}): give the asset another external id, or delete it.`,
    );
  }
  await untilActive(`asset ${options.asset.externalId}`, options, async () => ({
    state: (await describeAsset(client, assetId)).state,
    fault: undefined,
  }));
  return describeAsset(client, assetId);
}

async function ensureAliases(
  client: IoTSiteWiseClient,
  asset: AssetDescription,
  streams: readonly StreamDefinition[],
): Promise<void> {
  const byName = new Map(asset.streams.map((s) => [s.name, s]));
  for (const stream of streams) {
    const property = byName.get(stream.name);
    if (property === undefined || property.alias === stream.alias) continue;
    const { assetId } = asset;
    const { propertyId } = property;
    const written = await orUndefined(
      client.send(new DescribeTimeSeriesCommand({ alias: stream.alias })),
    );
    if (written !== undefined && written.assetId === undefined) {
      // Values came before the asset: the series that holds them becomes the property's.
      await client.send(
        new AssociateTimeSeriesToAssetPropertyCommand({ alias: stream.alias, assetId, propertyId }),
      );
    } else {
      await client.send(
        new UpdateAssetPropertyCommand({ assetId, propertyId, propertyAlias: stream.alias }),
      );
    }
  }
}
