import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, conflicting, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import { KIND, type StoredValue } from '../store/block.js';
import {
  type Account,
  type AssetModelRecord,
  type AssetRecord,
  allProperties,
  type ModelProperty,
} from './account.js';
import { requireActiveModel, requireModel } from './asset-models.js';
import { requireNoAssociations } from './associations.js';
import { compositeSummary } from './composite-models.js';
import { saveTags } from './tags.js';

/** @throws ApiFault `ResourceNotFoundException` */
export function requireAsset(account: Account, id: string): AssetRecord {
  const asset = account.asset(id);
  if (asset === undefined) throw notFound('Asset', id);
  return asset;
}

/** @throws ApiFault `ConflictingOperationException` while the asset is being changed */
export function requireActiveAsset(account: Account, id: string): AssetRecord {
  const asset = requireAsset(account, id);
  if (asset.status.state !== 'ACTIVE') {
    throw conflicting(
      `Asset ${asset.id} is in state ${asset.status.state}; it must be ACTIVE.`,
      asset.id,
      account.arn('asset', asset.id),
    );
  }
  return asset;
}

/** The model of an asset. */
export function modelOf(account: Account, asset: AssetRecord): AssetModelRecord {
  return requireModel(account, asset.modelId);
}

/**
 * A property of an asset by UUID or `externalId:…`.
 *
 * @throws ApiFault `ResourceNotFoundException`
 */
export function requireProperty(
  account: Account,
  asset: AssetRecord,
  propertyId: string,
): ModelProperty {
  const external = propertyId.startsWith('externalId:') ? propertyId.slice(11) : undefined;
  const property = allProperties(modelOf(account, asset)).find((p) =>
    external === undefined ? p.id === propertyId : p.externalId === external,
  );
  if (property === undefined) throw notFound('Property', propertyId);
  return property;
}

/** A property of an asset as the API shows it. */
export function describeProperty(
  account: Account,
  asset: AssetRecord,
  property: ModelProperty,
): sdk.AssetProperty {
  const setting = asset.settings[property.id];
  return {
    id: property.id,
    externalId: property.externalId,
    name: property.name,
    alias: account.seriesByProperty(asset.id, property.id)?.alias,
    dataType: property.dataType,
    dataTypeSpec: property.dataTypeSpec,
    unit: setting?.unit ?? property.unit,
    notification: {
      topic: `$aws/sitewise/asset-models/${asset.modelId}/assets/${asset.id}/properties/${property.id}`,
      state: setting?.notification ?? 'DISABLED',
    },
    path: [
      { id: asset.id, name: asset.name },
      { id: property.id, name: property.name },
    ],
  };
}

/** A default value as the store takes it; undefined when it does not fit the data type. */
function toDefaultValue(property: ModelProperty, seconds: number): StoredValue | undefined {
  const text = property.type?.attribute?.defaultValue;
  if (text === undefined) return undefined;
  const base = { seconds, nanos: 0, quality: 0 };
  switch (property.dataType) {
    case 'DOUBLE':
      return Number.isFinite(Number(text))
        ? { ...base, kind: KIND.double, number: Number(text) }
        : undefined;
    case 'INTEGER':
      return Number.isInteger(Number(text))
        ? { ...base, kind: KIND.integer, number: Number(text) }
        : undefined;
    case 'BOOLEAN':
      return { ...base, kind: KIND.boolean, number: text === 'true' ? 1 : 0 };
    case 'STRING':
      return { ...base, kind: KIND.string, number: 0, text };
    default:
      return undefined;
  }
}

/** An asset as listings show it. */
export function summaryOf(account: Account, asset: AssetRecord) {
  return {
    id: asset.id,
    externalId: asset.externalId,
    arn: account.arn('asset', asset.id),
    name: asset.name,
    assetModelId: asset.modelId,
    description: asset.description,
    creationDate: new Date(asset.createdAtMs),
    lastUpdateDate: new Date(asset.updatedAtMs),
    status: { state: asset.status.state },
    hierarchies: modelOf(account, asset).hierarchies.map((h) => ({
      id: h.id,
      externalId: h.externalId,
      name: h.name,
    })),
  };
}

/** Operations on assets and their properties. */
export function assetHandlers(account: Account): Handlers {
  function requireFree(
    modelId: string,
    name: string,
    externalId: string | undefined,
    except?: string,
  ) {
    const byExternalId =
      externalId === undefined ? undefined : account.asset(`externalId:${externalId}`);
    const byName = account.allAssets().find((a) => a.modelId === modelId && a.name === name);
    for (const [taken, what] of [
      [byExternalId, `with the external id ${externalId}`],
      [byName, `named ${name}`],
    ] as const) {
      if (taken === undefined || taken.id === except) continue;
      throw alreadyExists(
        `An asset ${what} already exists.`,
        taken.id,
        account.arn('asset', taken.id),
      );
    }
  }

  return {
    async CreateAsset(input: sdk.CreateAssetRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      if (model.modelType === 'COMPONENT_MODEL') {
        throw invalidRequest('Assets are made from asset models, not from component models.');
      }
      requireFree(model.id, input.assetName ?? '', input.assetExternalId);
      const id = input.assetId ?? randomUUID();
      const arn = account.arn('asset', id);
      if (account.asset(id) !== undefined) {
        throw alreadyExists(`Asset ${id} already exists.`, id, arn);
      }
      const now = account.nowMs();
      saveTags(account, arn, input.tags);
      account.saveAsset({
        id,
        externalId: input.assetExternalId,
        modelId: model.id,
        name: input.assetName ?? '',
        description: input.assetDescription,
        settings: {},
        createdAtMs: now,
        updatedAtMs: now,
        status: account.pending('CREATING'),
      });
      for (const property of allProperties(model)) {
        const value = toDefaultValue(property, Math.floor(now / 1000));
        if (value === undefined) continue;
        const { number } = account.createSeries({
          assetId: id,
          propertyId: property.id,
          dataType: property.dataType ?? 'DOUBLE',
          alias: undefined,
        });
        account.values.put(number, value);
      }
      await account.commit();
      return { assetId: id, assetArn: arn, assetStatus: { state: 'CREATING' } };
    },

    DescribeAsset: (input: sdk.DescribeAssetRequest) => {
      const asset = requireAsset(account, input.assetId ?? '');
      const model = modelOf(account, asset);
      return {
        assetId: asset.id,
        assetExternalId: asset.externalId,
        assetArn: account.arn('asset', asset.id),
        assetName: asset.name,
        assetModelId: asset.modelId,
        assetDescription: asset.description,
        assetProperties:
          input.excludeProperties === true
            ? []
            : model.properties.map((p) => describeProperty(account, asset, p)),
        assetHierarchies: model.hierarchies.map((h) => ({
          id: h.id,
          externalId: h.externalId,
          name: h.name,
        })),
        assetCompositeModels: model.compositeModels.map((c) => ({
          id: c.id,
          externalId: c.externalId,
          name: c.name,
          type: c.type,
          description: c.description,
          properties: c.properties.map((p) => describeProperty(account, asset, p)),
        })),
        assetCompositeModelSummaries: model.compositeModels.map((c) => compositeSummary(model, c)),
        assetCreationDate: new Date(asset.createdAtMs),
        assetLastUpdateDate: new Date(asset.updatedAtMs),
        assetStatus: { state: asset.status.state },
      };
    },

    async UpdateAsset(input: sdk.UpdateAssetRequest) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      requireFree(asset.modelId, input.assetName ?? '', input.assetExternalId, asset.id);
      if (
        input.assetExternalId !== undefined &&
        asset.externalId !== undefined &&
        input.assetExternalId !== asset.externalId
      ) {
        throw invalidRequest('An external id cannot be changed once it is set.');
      }
      account.saveAsset({
        ...asset,
        name: input.assetName ?? asset.name,
        externalId: input.assetExternalId ?? asset.externalId,
        description: input.assetDescription,
        updatedAtMs: account.nowMs(),
        status: account.pending('UPDATING'),
      });
      await account.commit();
      return { assetStatus: { state: 'UPDATING' } };
    },

    async DeleteAsset(input: sdk.DeleteAssetRequest) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      requireNoAssociations(account, asset);
      for (const property of allProperties(modelOf(account, asset))) {
        const series = account.seriesByProperty(asset.id, property.id);
        if (series !== undefined) account.deleteSeries(series);
      }
      account.saveAsset({ ...asset, status: account.pending('DELETING') });
      await account.commit();
      return { assetStatus: { state: 'DELETING' } };
    },

    ListAssets: (input: sdk.ListAssetsRequest) => {
      const filter = input.filter ?? 'ALL';
      if (filter === 'ALL' && input.assetModelId === undefined) {
        throw invalidRequest('The filter ALL needs an assetModelId.');
      }
      const modelId =
        input.assetModelId === undefined ? undefined : requireModel(account, input.assetModelId).id;
      const assets = account
        .allAssets()
        .filter(
          (a) =>
            (modelId === undefined || a.modelId === modelId) &&
            (filter === 'ALL' || a.parent === undefined),
        );
      const scope = `ListAssets/${modelId ?? ''}/${filter}`;
      const { page, ...rest } = paginate(scope, assets, (a) => a.id, input);
      return { ...rest, assetSummaries: page.map((a) => summaryOf(account, a)) };
    },

    ListAssetProperties: (input: sdk.ListAssetPropertiesRequest) => {
      const asset = requireAsset(account, input.assetId ?? '');
      const scope = `ListAssetProperties/${asset.id}`;
      const properties = modelOf(account, asset).properties;
      const { page, ...rest } = paginate(scope, properties, (p) => p.id, input);
      return {
        ...rest,
        assetPropertySummaries: page.map((p) => {
          const { id, externalId, alias, unit, notification, path } = describeProperty(
            account,
            asset,
            p,
          );
          return { id, externalId, alias, unit, notification, path };
        }),
      };
    },

    DescribeAssetProperty: (input: sdk.DescribeAssetPropertyRequest) => {
      const asset = requireAsset(account, input.assetId ?? '');
      const property = requireProperty(account, asset, input.propertyId ?? '');
      return {
        assetId: asset.id,
        assetExternalId: asset.externalId,
        assetName: asset.name,
        assetModelId: asset.modelId,
        assetProperty: { ...describeProperty(account, asset, property), type: property.type },
      };
    },

    async UpdateAssetProperty(input: sdk.UpdateAssetPropertyRequest) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      const property = requireProperty(account, asset, input.propertyId ?? '');
      const alias = input.propertyAlias;
      const series = account.seriesByProperty(asset.id, property.id);
      const taken = alias === undefined ? undefined : account.seriesByAlias(alias);
      if (taken !== undefined && taken !== series) {
        throw conflicting(
          taken.assetId === undefined
            ? `The alias ${alias} belongs to a time series without a property: associate that with the property.`
            : `The alias ${alias} belongs to property ${taken.propertyId} of asset ${taken.assetId}.`,
          taken.id,
          account.arn('time-series', taken.id),
        );
      }
      if (series !== undefined) account.changeSeries(series, { alias });
      else if (alias !== undefined) {
        account.createSeries({
          alias,
          assetId: asset.id,
          propertyId: property.id,
          dataType: property.dataType ?? 'DOUBLE',
        });
      }
      account.saveAsset({
        ...asset,
        settings: {
          ...asset.settings,
          [property.id]: {
            unit: input.propertyUnit ?? asset.settings[property.id]?.unit,
            notification:
              input.propertyNotificationState ?? asset.settings[property.id]?.notification,
          },
        },
        updatedAtMs: account.nowMs(),
      });
      await account.commit();
      return {};
    },
  };
}
