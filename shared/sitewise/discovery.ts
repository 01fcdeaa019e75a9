import {
  DescribeAssetCommand,
  type DescribeAssetCommandOutput,
  DescribeAssetCompositeModelCommand,
  DescribeTimeSeriesCommand,
  type IoTSiteWiseClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-iotsitewise';
import { TwinError } from '../core/index.js';
import { toTwinError } from './errors.js';

/** One stream of an asset. */
export interface AssetStream {
  propertyId: string;
  name: string;
  alias: string | undefined;
  unit: string | undefined;
  dataType: string;
}

/** An asset and its streams, those of its composite models among them. */
export interface AssetDescription {
  assetId: string;
  externalId: string | undefined;
  assetModelId: string;
  name: string;
  /** `ACTIVE` when it can be used. */
  state: string;
  streams: AssetStream[];
}

async function toDescription(
  client: IoTSiteWiseClient,
  output: DescribeAssetCommandOutput,
): Promise<AssetDescription> {
  const { assetCompositeModels = [], assetCompositeModelSummaries = [] } = output;
  const properties = [
    ...(output.assetProperties ?? []),
    ...assetCompositeModels.flatMap((c) => c.properties ?? []),
  ];
  // Composite models may be told of by summaries alone.
  for (const { id } of assetCompositeModelSummaries) {
    if (assetCompositeModels.some((c) => c.id === id)) continue;
    const { assetCompositeModelProperties = [] } = await client.send(
      new DescribeAssetCompositeModelCommand({
        assetId: output.assetId,
        assetCompositeModelId: id,
      }),
    );
    properties.push(...assetCompositeModelProperties);
  }
  return {
    assetId: output.assetId ?? '',
    externalId: output.assetExternalId,
    assetModelId: output.assetModelId ?? '',
    name: output.assetName ?? '',
    state: output.assetStatus?.state ?? 'ACTIVE',
    streams: properties.map((p) => ({
      propertyId: p.id ?? '',
      name: p.name ?? '',
      alias: p.alias,
      unit: p.unit,
      dataType: p.dataType ?? 'DOUBLE',
    })),
  };
}

/**
 * Describes an asset by its UUID or by `externalId:<id>`.
 *
 * @throws TwinError `NOT_FOUND`, `ACCESS_DENIED`, `THROTTLED`, `NETWORK`
 */
export async function describeAsset(
  client: IoTSiteWiseClient,
  assetId: string,
): Promise<AssetDescription> {
  try {
    return await toDescription(client, await client.send(new DescribeAssetCommand({ assetId })));
  } catch (error) {
    throw toTwinError(error, `Describing the asset ${assetId} failed`);
  }
}

/** Describes an asset by its external id; errors as {@link describeAsset}. */
export function describeAssetByExternalId(
  client: IoTSiteWiseClient,
  externalId: string,
): Promise<AssetDescription> {
  return describeAsset(client, `externalId:${externalId}`);
}

/**
 * Describes the asset that owns the property with this alias.
 *
 * @throws TwinError `NOT_FOUND` also for a time series that belongs to no asset
 */
export async function describeAssetByAlias(
  client: IoTSiteWiseClient,
  alias: string,
): Promise<AssetDescription> {
  let assetId: string | undefined;
  try {
    ({ assetId } = await client.send(new DescribeTimeSeriesCommand({ alias })));
  } catch (error) {
    if (error instanceof ResourceNotFoundException) {
      throw new TwinError('NOT_FOUND', `SiteWise knows no stream by the alias ${alias}.`, {
        cause: error,
      });
    }
    throw toTwinError(error, `Looking up the alias ${alias} failed`);
  }
  if (assetId === undefined) {
    throw new TwinError(
      'NOT_FOUND',
      `The stream ${alias} belongs to no asset: create the asset, or associate the stream with it.`,
    );
  }
  return describeAsset(client, assetId);
}
