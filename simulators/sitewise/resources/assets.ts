import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, invalidRequest } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import { type Account, allProperties } from './account.js';
import { requireActiveModel, requireModel } from './asset-model-records.js';
import {
  describeAsset,
  modelOf,
  requireActiveAsset,
  requireAsset,
  summaryOf,
  toDefaultValue,
} from './asset-records.js';
import { requireNoAssociations } from './associations.js';
import { saveTags } from './tags.js';

/** @throws ApiFault `ResourceAlreadyExistsException` for a name or an external id that another asset has */
function requireFree(
  account: Account,
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

/** Operations on assets; those on their properties are in `asset-properties.ts`. */
export function assetHandlers(account: Account): Handlers {
  return {
    CreateAsset(input: sdk.CreateAssetRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      if (model.modelType !== 'ASSET_MODEL') {
        throw invalidRequest(
          `Assets are made from asset models, and ${model.id} is ${model.modelType}.`,
        );
      }
      requireFree(account, model.id, input.assetName ?? '', input.assetExternalId);
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

    DescribeAsset: (input: sdk.DescribeAssetRequest) =>
      describeAsset(
        account,
        requireAsset(account, input.assetId ?? ''),
        input.excludeProperties === true,
      ),

    UpdateAsset(input: sdk.UpdateAssetRequest) {
      const asset = requireActiveAsset(account, input.assetId ?? '');
      requireFree(account, asset.modelId, input.assetName ?? '', input.assetExternalId, asset.id);
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
  };
}
