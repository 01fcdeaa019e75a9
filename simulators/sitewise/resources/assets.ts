import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, conflicting, invalidRequest } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import { type Account, allProperties } from './account.js';
import { requireActiveModel, requireModel } from './asset-model-records.js';
import {
  describeProperty,
  modelOf,
  requireActiveAsset,
  requireAsset,
  requireProperty,
  summaryOf,
  toDefaultValue,
} from './asset-records.js';
import { requireNoAssociations } from './associations.js';
import { compositeOf, compositeSummary } from './composite-records.js';
import { saveTags } from './tags.js';

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
    CreateAsset(input: sdk.CreateAssetRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      if (model.modelType !== 'ASSET_MODEL') {
        throw invalidRequest(
          `Assets are made from asset models, and ${model.id} is ${model.modelType}.`,
        );
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

    UpdateAsset(input: sdk.UpdateAssetRequest) {
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
      return { assetStatus: { state: 'UPDATING' } };
    },

    DeleteAsset(input: sdk.DeleteAssetRequest) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      requireNoAssociations(account, asset);
      for (const property of allProperties(modelOf(account, asset))) {
        const series = account.seriesByProperty(asset.id, property.id);
        if (series !== undefined) account.deleteSeries(series);
      }
      account.saveAsset({ ...asset, status: account.pending('DELETING') });
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
      const scope = `ListAssetProperties/${asset.id}/${input.filter ?? 'BASE'}`;
      const model = modelOf(account, asset);
      const properties = input.filter === 'ALL' ? allProperties(model) : model.properties;
      const { page, ...rest } = paginate(scope, properties, (p) => p.id, input);
      return {
        ...rest,
        assetPropertySummaries: page.map((p) => {
          const { id, externalId, alias, unit, notification, path } = describeProperty(
            account,
            asset,
            p,
          );
          const assetCompositeModelId = compositeOf(model, p)?.id;
          return { id, externalId, alias, unit, notification, assetCompositeModelId, path };
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

    UpdateAssetProperty(input: sdk.UpdateAssetPropertyRequest) {
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
      return {};
    },
  };
}
