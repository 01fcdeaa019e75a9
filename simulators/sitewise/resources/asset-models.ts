import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, conflicting, invalidRequest } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import { type Account, type AssetModelRecord, allProperties } from './account.js';
import {
  MAX_HIERARCHIES,
  modelStatus,
  requireActiveModel,
  requireModel,
  requireUniqueProperties,
  saveChanged,
  toModelProperty,
} from './asset-model-records.js';
import { propagate, usersOf } from './component-models.js';
import {
  changedComposites,
  compositeOf,
  compositeSummary,
  propertyPathOf,
  toCompositeModel,
} from './composite-records.js';
import { requireInterfacesKept, requireMappedKept, requireNotApplied } from './interfaces.js';
import { saveTags } from './tags.js';

/** All that is told of a model. */
function describe(account: Account, model: AssetModelRecord): sdk.DescribeAssetModelResponse {
  return {
    assetModelId: model.id,
    assetModelExternalId: model.externalId,
    assetModelArn: account.arn('asset-model', model.id),
    assetModelName: model.name,
    assetModelType: model.modelType,
    assetModelDescription: model.description ?? '',
    assetModelProperties: model.properties.map((p) => ({ ...p, path: propertyPathOf(model, p) })),
    assetModelHierarchies: model.hierarchies,
    assetModelCompositeModels: model.compositeModels.map((c) => ({
      id: c.id,
      externalId: c.externalId,
      name: c.name,
      type: c.type,
      description: c.description,
      properties: c.properties,
    })),
    assetModelCompositeModelSummaries: model.compositeModels.map((c) => compositeSummary(model, c)),
    assetModelCreationDate: new Date(model.createdAtMs),
    assetModelLastUpdateDate: new Date(model.updatedAtMs),
    assetModelStatus: modelStatus(model),
    assetModelVersion: String(model.version),
    interfaceDetails: (model.interfaces ?? []).map((i) => ({ id: i.interfaceId })),
  };
}

/** Operations on asset models. */
export function assetModelHandlers(account: Account): Handlers {
  function requireFreeName(name: string, except?: string): void {
    const taken = account.allModels().find((m) => m.name === name && m.id !== except);
    if (taken !== undefined) {
      throw alreadyExists(
        `An asset model named ${name} already exists.`,
        taken.id,
        account.arn('asset-model', taken.id),
      );
    }
  }
  function requireFreeExternalId(externalId: string | undefined, except?: string): void {
    const taken = externalId === undefined ? undefined : account.model(`externalId:${externalId}`);
    if (taken !== undefined && taken.id !== except) {
      throw alreadyExists(
        `An asset model with the external id ${externalId} already exists.`,
        taken.id,
        account.arn('asset-model', taken.id),
      );
    }
  }
  function toHierarchy(h: sdk.AssetModelHierarchyDefinition | sdk.AssetModelHierarchy) {
    const child = requireModel(account, h.childAssetModelId ?? '');
    return {
      ...h,
      name: h.name ?? '',
      id: h.id ?? randomUUID(),
      childAssetModelId: child.id,
    };
  }

  return {
    CreateAssetModel(input: sdk.CreateAssetModelRequest) {
      const properties = (input.assetModelProperties ?? []).map(toModelProperty);
      const hierarchies = (input.assetModelHierarchies ?? []).map(toHierarchy);
      if (hierarchies.length > MAX_HIERARCHIES) {
        throw invalidRequest(`A model has at most ${MAX_HIERARCHIES} hierarchies.`);
      }
      requireFreeName(input.assetModelName ?? '');
      requireFreeExternalId(input.assetModelExternalId);
      const id = input.assetModelId ?? randomUUID();
      if (account.model(id) !== undefined) {
        throw alreadyExists(
          `Asset model ${id} already exists.`,
          id,
          account.arn('asset-model', id),
        );
      }
      const now = account.nowMs();
      const model: AssetModelRecord = {
        id,
        externalId: input.assetModelExternalId,
        name: input.assetModelName ?? '',
        modelType: input.assetModelType ?? 'ASSET_MODEL',
        description: input.assetModelDescription,
        properties,
        hierarchies,
        compositeModels: (input.assetModelCompositeModels ?? []).map(toCompositeModel),
        createdAtMs: now,
        updatedAtMs: now,
        version: 1,
        status: account.pending('CREATING'),
      };
      requireUniqueProperties(model);
      // Tags may be refused: nothing of the model is kept then.
      saveTags(account, account.arn('asset-model', id), input.tags);
      account.saveModel(model);
      return {
        assetModelId: id,
        assetModelArn: account.arn('asset-model', id),
        assetModelStatus: { state: 'CREATING' },
      };
    },

    DescribeAssetModel: (input: sdk.DescribeAssetModelRequest) => {
      const model = requireModel(account, input.assetModelId ?? '');
      const description = describe(account, model);
      return input.excludeProperties === true
        ? { ...description, assetModelProperties: [] }
        : description;
    },

    UpdateAssetModel(input: sdk.UpdateAssetModelRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      const properties = (input.assetModelProperties ?? []).map(toModelProperty);
      for (const property of properties) {
        const before = model.properties.find((p) => p.id === property.id);
        if (before !== undefined && before.dataType !== property.dataType) {
          throw invalidRequest(`The data type of property ${property.name} cannot be changed.`);
        }
      }
      const hierarchies = (input.assetModelHierarchies ?? []).map(toHierarchy);
      requireFreeName(input.assetModelName ?? '', model.id);
      requireFreeExternalId(input.assetModelExternalId, model.id);
      if (input.assetModelExternalId !== undefined && model.externalId !== undefined) {
        if (input.assetModelExternalId !== model.externalId) {
          throw invalidRequest('An external id cannot be changed once it is set.');
        }
      }
      const changed: AssetModelRecord = {
        ...model,
        externalId: input.assetModelExternalId ?? model.externalId,
        name: input.assetModelName ?? model.name,
        description: input.assetModelDescription,
        properties,
        hierarchies,
        compositeModels: changedComposites(model, input.assetModelCompositeModels),
        updatedAtMs: account.nowMs(),
        version: model.version + 1,
        status: account.pending('UPDATING'),
      };
      requireInterfacesKept(account, changed);
      requireMappedKept(account, changed);
      saveChanged(account, model, changed);
      propagate(account, model.id, (before, after) => saveChanged(account, before, after));
      return { assetModelStatus: { state: 'UPDATING' } };
    },

    DeleteAssetModel(input: sdk.DeleteAssetModelRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      const arn = account.arn('asset-model', model.id);
      if (account.allAssets().some((a) => a.modelId === model.id)) {
        throw conflicting(`Asset model ${model.id} still has assets.`, model.id, arn);
      }
      const parent = account
        .allModels()
        .find(
          (m) => m.id !== model.id && m.hierarchies.some((h) => h.childAssetModelId === model.id),
        );
      if (parent !== undefined) {
        throw conflicting(
          `Asset model ${model.id} is still in a hierarchy of ${parent.id}.`,
          model.id,
          arn,
        );
      }
      const [user] = usersOf(account, model.id);
      if (user !== undefined) {
        throw conflicting(`Asset model ${user.id} is still made of ${model.id}.`, model.id, arn);
      }
      requireNotApplied(account, model);
      account.saveModel({ ...model, status: account.pending('DELETING') });
      return { assetModelStatus: { state: 'DELETING' } };
    },

    ListAssetModels: (input: sdk.ListAssetModelsRequest) => {
      const types = input.assetModelTypes;
      const models = account
        .allModels()
        .filter((m) => types === undefined || types.length === 0 || types.includes(m.modelType));
      const { page, ...rest } = paginate('ListAssetModels', models, (m) => m.id, input);
      return {
        ...rest,
        assetModelSummaries: page.map((m) => ({
          id: m.id,
          externalId: m.externalId,
          arn: account.arn('asset-model', m.id),
          name: m.name,
          assetModelType: m.modelType,
          description: m.description ?? '',
          creationDate: new Date(m.createdAtMs),
          lastUpdateDate: new Date(m.updatedAtMs),
          status: modelStatus(m),
          version: String(m.version),
        })),
      };
    },

    ListAssetModelProperties: (input: sdk.ListAssetModelPropertiesRequest) => {
      const model = requireModel(account, input.assetModelId ?? '');
      const scope = `ListAssetModelProperties/${model.id}/${input.filter ?? 'BASE'}`;
      const properties = input.filter === 'ALL' ? allProperties(model) : model.properties;
      const { page, ...rest } = paginate(scope, properties, (p) => p.id, input);
      return {
        ...rest,
        assetModelPropertySummaries: page.map((p) => ({
          ...p,
          assetModelCompositeModelId: compositeOf(model, p)?.id,
          path: propertyPathOf(model, p),
          interfaceSummaries: (model.interfaces ?? []).flatMap((i) =>
            i.propertyMappings
              .filter((m) => m.propertyId === p.id)
              .map((m) => ({
                interfaceAssetModelId: i.interfaceId,
                interfaceAssetModelPropertyId: m.interfacePropertyId,
              })),
          ),
        })),
      };
    },
  };
}
