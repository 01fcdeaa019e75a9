import type * as sdk from '@aws-sdk/client-iotsitewise';
import { conflicting, notFound } from '../api/faults.js';
import { KIND, type StoredValue } from '../store/block.js';
import {
  type Account,
  type AssetModelRecord,
  type AssetRecord,
  allProperties,
  type ModelProperty,
} from './account.js';
import { requireModel } from './asset-model-records.js';
import { compositeSummary, propertyPathOf } from './composite-records.js';
import { notificationTopic } from './notifications.js';

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
      topic: notificationTopic(asset, property),
      state: setting?.notification ?? 'DISABLED',
    },
    path: propertyPathOf(modelOf(account, asset), property, asset),
  };
}

/** An asset as the API shows it. */
export function describeAsset(account: Account, asset: AssetRecord, withoutProperties: boolean) {
  const model = modelOf(account, asset);
  return {
    assetId: asset.id,
    assetExternalId: asset.externalId,
    assetArn: account.arn('asset', asset.id),
    assetName: asset.name,
    assetModelId: asset.modelId,
    assetDescription: asset.description,
    assetProperties: withoutProperties
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
}

/** A default value as the store takes it; undefined when it does not fit the data type. */
export function toDefaultValue(property: ModelProperty, seconds: number): StoredValue | undefined {
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
