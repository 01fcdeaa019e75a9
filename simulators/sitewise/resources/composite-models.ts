import type * as sdk from '@aws-sdk/client-iotsitewise';
import { invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import type { Account, AssetModelRecord, CompositeModelRecord, ModelProperty } from './account.js';
import {
  dropLostSeries,
  requireActiveModel,
  requireModel,
  requireUniqueProperties,
  saveChanged,
  toModelProperty,
} from './asset-model-records.js';
import { describeProperty, modelOf, requireAsset } from './asset-records.js';
import { composedOf, contains, propagate, usersOf } from './component-models.js';
import { compositeSummary, pathOf, propertyPathOf, toCompositeModel } from './composite-records.js';
import { requireInterfacesKept } from './interfaces.js';

/** Composite models in one asset model, and their depth. */
const MAX_COMPOSITE_MODELS = 50;

/** The component models, from the outermost in, by which a composite model came into a model. */
function compositionOf(model: AssetModelRecord, composite: CompositeModelRecord) {
  return pathOf(model, composite)
    .flatMap(({ id }) => model.compositeModels.find((c) => c.id === id)?.composedAssetModelId ?? [])
    .map((id) => ({ id }));
}

/**
 * A component's properties in a model with the external ids and units that they are given there.
 *
 * @throws ApiFault `InvalidRequestException` where anything else of them is to change
 */
function ofComponent(
  composite: CompositeModelRecord,
  given: readonly sdk.AssetModelProperty[] | undefined,
): ModelProperty[] {
  for (const { id, name } of given ?? []) {
    if (composite.properties.some((p) => p.id === id && p.name === name)) continue;
    throw invalidRequest(
      `Composite model ${composite.id} is made of a component: its property ${name} is added and changed there.`,
    );
  }
  return composite.properties.map((p) => {
    const found = given?.find((g) => g.id === p.id);
    return {
      ...p,
      ...(found?.externalId === undefined ? {} : { externalId: found.externalId }),
      ...(found?.unit === undefined ? {} : { unit: found.unit }),
    };
  });
}

/** Operations on composite models: defined inline, or made of a component model. */
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
    requireInterfacesKept(account, changed);
    dropLostSeries(account, model, changed);
    account.saveModel(changed);
    propagate(account, changed.id, (before, after) => saveChanged(account, before, after));
  }
  /** @throws ApiFault `InvalidRequestException` for what cannot be composed into the model */
  function requireComponent(model: AssetModelRecord, id: string): AssetModelRecord {
    const component = requireActiveModel(account, id);
    if (component.modelType !== 'COMPONENT_MODEL') {
      throw invalidRequest(
        `Asset model ${component.id} is ${component.modelType}: composite models are made of component models.`,
      );
    }
    if (contains(account, component.id, model.id)) {
      throw invalidRequest(`Component model ${component.id} would hold itself.`);
    }
    return component;
  }

  return {
    async CreateAssetModelCompositeModel(input: sdk.CreateAssetModelCompositeModelRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      const component =
        input.composedAssetModelId === undefined
          ? undefined
          : requireComponent(model, input.composedAssetModelId);
      if (component !== undefined && (input.assetModelCompositeModelProperties ?? []).length > 0) {
        throw invalidRequest('A composite model of a component has the properties of that alone.');
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
        ...(component === undefined ? {} : { composedAssetModelId: component.id }),
      };
      if (model.compositeModels.some((c) => c.id === composite.id)) {
        throw invalidRequest(`Composite model ${composite.id} already exists.`);
      }
      const made = component === undefined ? [composite] : composedOf(account, composite, []);
      if (model.compositeModels.length + made.length > MAX_COMPOSITE_MODELS) {
        throw invalidRequest(`A model has at most ${MAX_COMPOSITE_MODELS} composite models.`);
      }
      await save(model, [...model.compositeModels, ...made]);
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
        assetModelCompositeModelProperties: composite.properties.map((p) => ({
          ...p,
          path: propertyPathOf(model, p),
        })),
        ...(composite.composedAssetModelId === undefined
          ? {}
          : { compositionDetails: { compositionRelationship: compositionOf(model, composite) } }),
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
        properties:
          composite.origins === undefined
            ? (input.assetModelCompositeModelProperties ?? []).map(toModelProperty)
            : ofComponent(composite, input.assetModelCompositeModelProperties),
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
      if (composite.derivedFrom !== undefined) {
        throw invalidRequest(
          `Composite model ${composite.id} came with a component: it goes with the composite model that is made of that.`,
        );
      }
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

    ListCompositionRelationships: (input: sdk.ListCompositionRelationshipsRequest) => {
      const component = requireModel(account, input.assetModelId ?? '');
      const uses = usersOf(account, component.id).flatMap((model) =>
        model.compositeModels
          .filter((c) => c.composedAssetModelId === component.id)
          .map((c) => ({
            assetModelId: model.id,
            assetModelCompositeModelId: c.id,
            assetModelCompositeModelType: c.type,
          })),
      );
      const scope = `ListCompositionRelationships/${component.id}`;
      const { page, ...rest } = paginate(scope, uses, (u) => u.assetModelCompositeModelId, input);
      return { ...rest, compositionRelationshipSummaries: page };
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
