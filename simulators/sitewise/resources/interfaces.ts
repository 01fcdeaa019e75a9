import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iotsitewise';
import { conflicting, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import {
  type Account,
  type AssetModelRecord,
  allProperties,
  type InterfaceRecord,
  type ModelProperty,
} from './account.js';
import {
  requireActiveModel,
  requireModel,
  requireUniqueProperties,
} from './asset-model-records.js';

/** Models that an interface is applied to. */
function appliedTo(account: Account, interfaceId: string): AssetModelRecord[] {
  return account
    .allModels()
    .filter((m) => m.interfaces?.some((i) => i.interfaceId === interfaceId));
}

/** @throws ApiFault `InvalidRequestException` where a changed model lacks what an interface asks of it */
export function requireInterfacesKept(account: Account, changed: AssetModelRecord): void {
  const properties = allProperties(changed);
  for (const { interfaceId, propertyMappings } of changed.interfaces ?? []) {
    const asked = account.model(interfaceId);
    for (const { propertyId, interfacePropertyId } of propertyMappings) {
      const own = properties.find((p) => p.id === propertyId);
      const wanted = asked?.properties.find((p) => p.id === interfacePropertyId);
      if (wanted === undefined || own?.dataType === wanted.dataType) continue;
      throw invalidRequest(
        `The interface ${interfaceId} asks for the property ${wanted.name} of type ${wanted.dataType}: it cannot be ${own === undefined ? 'left out' : 'of another type'} while the interface is applied.`,
      );
    }
  }
}

/** @throws ApiFault `InvalidRequestException` where a changed interface no longer fits a model that it is applied to */
export function requireMappedKept(account: Account, changed: AssetModelRecord): void {
  if (changed.modelType !== 'INTERFACE') return;
  for (const model of appliedTo(account, changed.id)) {
    const { propertyMappings = [] } =
      model.interfaces?.find((i) => i.interfaceId === changed.id) ?? {};
    const mapped = new Set(propertyMappings.map((m) => m.interfacePropertyId));
    const added = changed.properties.filter((p) => !mapped.has(p.id));
    const gone = [...mapped].filter((id) => changed.properties.every((p) => p.id !== id));
    if (added.length + gone.length === 0) continue;
    throw invalidRequest(
      `The interface ${changed.id} is applied to asset model ${model.id}: this stand-in does not change the properties of one that is; take it off first.`,
    );
  }
}

const propertyBy = (properties: readonly ModelProperty[], id: string | undefined) =>
  properties.find((p) =>
    id?.startsWith('externalId:') ? p.externalId === id.slice(11) : p.id === id,
  );

/** Operations on interfaces, and on the models that they are applied to. */
export function interfaceHandlers(account: Account): Handlers {
  function requireInterface(id: string): AssetModelRecord {
    const found = requireModel(account, id);
    if (found.modelType !== 'INTERFACE') {
      throw invalidRequest(`Asset model ${found.id} is no interface, but ${found.modelType}.`);
    }
    return found;
  }
  function relationOf(model: AssetModelRecord, asked: AssetModelRecord): InterfaceRecord {
    const found = model.interfaces?.find((i) => i.interfaceId === asked.id);
    if (found === undefined) {
      throw notFound('Interface relationship', `of ${asked.id} with asset model ${model.id}`);
    }
    return found;
  }
  const save = (model: AssetModelRecord, change: Partial<AssetModelRecord>) => {
    const changed: AssetModelRecord = {
      ...model,
      ...change,
      updatedAtMs: account.nowMs(),
      version: model.version + 1,
      status: account.pending('UPDATING'),
    };
    requireUniqueProperties(changed);
    account.saveModel(changed);
  };
  const answer = (model: AssetModelRecord, asked: AssetModelRecord) => ({
    assetModelId: model.id,
    interfaceAssetModelId: asked.id,
    assetModelArn: account.arn('asset-model', model.id),
    assetModelStatus: { state: 'UPDATING' },
  });

  return {
    PutAssetModelInterfaceRelationship(input: sdk.PutAssetModelInterfaceRelationshipRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      if (model.modelType === 'INTERFACE') {
        throw invalidRequest('An interface is applied to asset models, not to another interface.');
      }
      const asked = requireInterface(input.interfaceAssetModelId ?? '');
      const {
        matchByPropertyName = false,
        createMissingProperty = false,
        overrides = [],
      } = input.propertyMappingConfiguration ?? {};
      const chosen = new Map<string, ModelProperty>();
      for (const o of overrides) {
        const wanted = propertyBy(asked.properties, o.interfaceAssetModelPropertyId);
        const own = propertyBy(allProperties(model), o.assetModelPropertyId);
        if (wanted === undefined) throw notFound('Property', o.interfaceAssetModelPropertyId ?? '');
        if (own === undefined) throw notFound('Property', o.assetModelPropertyId ?? '');
        chosen.set(wanted.id, own);
      }
      const created: ModelProperty[] = [];
      const lacking: string[] = [];
      const propertyMappings = asked.properties.flatMap((wanted) => {
        let own =
          chosen.get(wanted.id) ??
          (matchByPropertyName ? model.properties.find((p) => p.name === wanted.name) : undefined);
        if (own === undefined && createMissingProperty) {
          const { externalId: _, ...rest } = wanted;
          own = { ...rest, id: randomUUID() };
          created.push(own);
        }
        if (own === undefined) {
          lacking.push(wanted.name ?? wanted.id);
          return [];
        }
        if (own.dataType !== wanted.dataType) {
          throw invalidRequest(
            `The interface asks for ${wanted.name} of type ${wanted.dataType}; the property ${own.name} is of type ${own.dataType}.`,
          );
        }
        return [{ propertyId: own.id, interfacePropertyId: wanted.id }];
      });
      if (lacking.length > 0) {
        throw invalidRequest(
          `Nothing in asset model ${model.id} answers to ${lacking.join(', ')} of the interface: name a property in overrides, or use matchByPropertyName or createMissingProperty.`,
        );
      }
      const hierarchyMappings = asked.hierarchies.flatMap((wanted) => {
        const own = model.hierarchies.find((h) => h.name === wanted.name);
        return own === undefined ? [] : [{ hierarchyId: own.id, interfaceHierarchyId: wanted.id }];
      });
      const others = (model.interfaces ?? []).filter((i) => i.interfaceId !== asked.id);
      save(model, {
        properties: [...model.properties, ...created],
        interfaces: [...others, { interfaceId: asked.id, propertyMappings, hierarchyMappings }],
      });
      return answer(model, asked);
    },

    DescribeAssetModelInterfaceRelationship(
      input: sdk.DescribeAssetModelInterfaceRelationshipRequest,
    ) {
      const model = requireModel(account, input.assetModelId ?? '');
      const asked = requireInterface(input.interfaceAssetModelId ?? '');
      const { propertyMappings, hierarchyMappings } = relationOf(model, asked);
      return {
        assetModelId: model.id,
        interfaceAssetModelId: asked.id,
        propertyMappings: propertyMappings.map((m) => ({
          assetModelPropertyId: m.propertyId,
          interfaceAssetModelPropertyId: m.interfacePropertyId,
        })),
        hierarchyMappings: hierarchyMappings.map((m) => ({
          assetModelHierarchyId: m.hierarchyId,
          interfaceAssetModelHierarchyId: m.interfaceHierarchyId,
        })),
      };
    },

    DeleteAssetModelInterfaceRelationship(input: sdk.DeleteAssetModelInterfaceRelationshipRequest) {
      const model = requireActiveModel(account, input.assetModelId ?? '');
      const asked = requireInterface(input.interfaceAssetModelId ?? '');
      const { interfaceId } = relationOf(model, asked);
      save(model, { interfaces: model.interfaces?.filter((i) => i.interfaceId !== interfaceId) });
      return answer(model, asked);
    },

    ListInterfaceRelationships(input: sdk.ListInterfaceRelationshipsRequest) {
      const asked = requireInterface(input.interfaceAssetModelId ?? '');
      const scope = `ListInterfaceRelationships/${asked.id}`;
      const { page, ...rest } = paginate(scope, appliedTo(account, asked.id), (m) => m.id, input);
      return { ...rest, interfaceRelationshipSummaries: page.map((m) => ({ id: m.id })) };
    },
  };
}

/** @throws ApiFault `ConflictingOperationException` for an interface that is applied to models */
export function requireNotApplied(account: Account, model: AssetModelRecord): void {
  const [user] = appliedTo(account, model.id);
  if (user === undefined) return;
  throw conflicting(
    `The interface ${model.id} is still applied to asset model ${user.id}.`,
    model.id,
    account.arn('asset-model', model.id),
  );
}
