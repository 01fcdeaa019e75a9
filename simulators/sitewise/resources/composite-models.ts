import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import type { Account, AssetModelRecord, CompositeModelRecord } from './account.js';
import {
  dropLostSeries,
  requireActiveModel,
  requireModel,
  requireUniqueProperties,
  toModelProperty,
} from './asset-model-records.js';
import { describeProperty, modelOf, requireAsset } from './asset-records.js';
import { compositeSummary, pathOf, toCompositeModel } from './composite-records.js';

/** Composite models in one asset model, and their depth. */
const MAX_COMPOSITE_MODELS = 50;

/** Operations on composite models that are defined inline; component models cannot be composed in. */
export function compositeModelHandlers(account: Account): Handlers {
  function requireComposite(model: AssetModelRecord, id: string): CompositeModelRecord {
    const external = id.startsWith('externalId:') ? id.slice(11) : undefined;
    const found = model.compositeModels.find((c) =>
      external === undefined ? c.id === id : c.externalId === external,
    );
    if (found === undefined) throw notFound('Composite model', id);
    return found;
  }
  async function save(model: AssetModelRecord, compositeModels: CompositeModelRecord[]) {
    const changed: AssetModelRecord = {
      ...model,
      compositeModels,
      updatedAtMs: account.nowMs(),
      version: model.version + 1,
      status: account.pending('UPDATING'),
    };
    requireUniqueProperties(changed);
    dropLostSeries(account, model, changed);
    account.saveModel(changed);
  }

  return {
    async CreateAssetModelCompositeModel(input: sdk.CreateAssetModelCompositeModelRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      if (input.composedAssetModelId !== undefined) {
        throw invalidRequest(
          'This stand-in takes inline composite models only: leave composedAssetModelId out.',
        );
      }
      if (model.compositeModels.length >= MAX_COMPOSITE_MODELS) {
        throw invalidRequest(`A model has at most ${MAX_COMPOSITE_MODELS} composite models.`);
      }
      const parent =
        input.parentAssetModelCompositeModelId === undefined
          ? undefined
          : requireComposite(model, input.parentAssetModelCompositeModelId);
      const composite: CompositeModelRecord = {
        ...toCompositeModel({
          id: input.assetModelCompositeModelId,
          externalId: input.assetModelCompositeModelExternalId,
          name: input.assetModelCompositeModelName,
          type: input.assetModelCompositeModelType,
          description: input.assetModelCompositeModelDescription,
          properties: input.assetModelCompositeModelProperties,
        }),
        parentId: parent?.id,
      };
      if (model.compositeModels.some((c) => c.id === composite.id)) {
        throw invalidRequest(`Composite model ${composite.id} already exists.`);
      }
      await save(model, [...model.compositeModels, composite]);
      return {
        assetModelCompositeModelId: composite.id,
        assetModelCompositeModelPath: pathOf(account.model(model.id) ?? model, composite),
        assetModelStatus: { state: 'UPDATING' },
      };
    },

    DescribeAssetModelCompositeModel: (input: sdk.DescribeAssetModelCompositeModelRequest) => {
      const model = requireModel(account, input.assetModelId ?? '');
      const composite = requireComposite(model, input.assetModelCompositeModelId ?? '');
      return {
        assetModelId: model.id,
        assetModelCompositeModelId: composite.id,
        assetModelCompositeModelExternalId: composite.externalId,
        assetModelCompositeModelPath: pathOf(model, composite),
        assetModelCompositeModelName: composite.name,
        assetModelCompositeModelDescription: composite.description ?? '',
        assetModelCompositeModelType: composite.type,
        assetModelCompositeModelProperties: composite.properties,
        assetModelCompositeModelSummaries: model.compositeModels
          .filter((c) => c.parentId === composite.id)
          .map((c) => compositeSummary(model, c)),
      };
    },

    async UpdateAssetModelCompositeModel(input: sdk.UpdateAssetModelCompositeModelRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      const composite = requireComposite(model, input.assetModelCompositeModelId ?? '');
      const changed: CompositeModelRecord = {
        ...composite,
        externalId: input.assetModelCompositeModelExternalId ?? composite.externalId,
        name: input.assetModelCompositeModelName ?? composite.name,
        description: input.assetModelCompositeModelDescription,
        properties: (input.assetModelCompositeModelProperties ?? []).map(toModelProperty),
      };
      await save(
        model,
        model.compositeModels.map((c) => (c.id === composite.id ? changed : c)),
      );
      return {
        assetModelCompositeModelPath: pathOf(model, composite),
        assetModelStatus: { state: 'UPDATING' },
      };
    },

    async DeleteAssetModelCompositeModel(input: sdk.DeleteAssetModelCompositeModelRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      const composite = requireComposite(model, input.assetModelCompositeModelId ?? '');
      const gone = new Set([composite.id]);
      for (const c of model.compositeModels) {
        if (pathOf(model, c).some((segment) => segment.id === composite.id)) gone.add(c.id);
      }
      await save(
        model,
        model.compositeModels.filter((c) => !gone.has(c.id)),
      );
      return { assetModelStatus: { state: 'UPDATING' } };
    },

    ListAssetModelCompositeModels: (input: sdk.ListAssetModelCompositeModelsRequest) => {
      const model = requireModel(account, input.assetModelId ?? '');
      const scope = `ListAssetModelCompositeModels/${model.id}`;
      const { page, ...rest } = paginate(scope, model.compositeModels, (c) => c.id, input);
      return {
        ...rest,
        assetModelCompositeModelSummaries: page.map((c) => compositeSummary(model, c)),
      };
    },

    DescribeAssetCompositeModel: (input: sdk.DescribeAssetCompositeModelRequest) => {
      const asset = requireAsset(account, input.assetId ?? '');
      const model = modelOf(account, asset);
      const composite = requireComposite(model, input.assetCompositeModelId ?? '');
      return {
        assetId: asset.id,
        assetCompositeModelId: composite.id,
        assetCompositeModelExternalId: composite.externalId,
        assetCompositeModelPath: pathOf(model, composite),
        assetCompositeModelName: composite.name,
        assetCompositeModelDescription: composite.description ?? '',
        assetCompositeModelType: composite.type,
        assetCompositeModelProperties: composite.properties.map((p) =>
          describeProperty(account, asset, p),
        ),
        assetCompositeModelSummaries: model.compositeModels
          .filter((c) => c.parentId === composite.id)
          .map((c) => compositeSummary(model, c)),
      };
    },
  };
}
