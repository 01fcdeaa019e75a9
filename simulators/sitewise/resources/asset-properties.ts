import type * as sdk from '@aws-sdk/client-iotsitewise';
import { conflicting } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import { type Account, allProperties } from './account.js';
import {
  describeProperty,
  modelOf,
  requireActiveAsset,
  requireAsset,
  requireProperty,
} from './asset-records.js';
import { compositeOf } from './composite-records.js';

/** Operations on the properties of assets. */
export function assetPropertyHandlers(account: Account): Handlers {
  return {
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
