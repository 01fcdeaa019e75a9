import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { paginate } from '../../sitewise/api/pagination.js';
import { conflict, invalid, missing, refuseMembers, type TwinMakerHandlers } from '../api.js';
import type { Components } from './components.js';
import {
  type ComponentRecord,
  type EntityRecord,
  keyOf,
  ROOT,
  shownDates,
  type TwinMakerAccount,
} from './records.js';
import { PAGE_SIZE } from './workspaces.js';

/** @throws ApiFault `ResourceNotFoundException` */
export function requireEntity(account: TwinMakerAccount, workspaceId = '', id = ''): EntityRecord {
  const found = account.entities.get(keyOf(workspaceId, id));
  if (found === undefined) throw missing(`The entity ${id} of workspace ${workspaceId}`);
  return found;
}

/** Operations on entities. */
export function entityHandlers(
  account: TwinMakerAccount,
  components: Components,
): TwinMakerHandlers {
  const arnOf = (entity: EntityRecord) => account.arn(entity.workspaceId, `entity/${entity.id}`);
  const inWorkspace = (id: string) =>
    [...account.entities.values()].filter((e) => e.workspaceId === id);
  const childrenOf = ({ workspaceId, id }: EntityRecord) =>
    inWorkspace(workspaceId).filter((e) => e.parentId === id);
  const failed = (error: string): sdk.Status => ({
    state: 'ERROR',
    error: { code: 'PROCESSING_ERROR', message: error },
  });
  function statusOf(entity: EntityRecord): sdk.Status {
    const error = Object.values(entity.components).find((c) => c.error !== undefined)?.error;
    const state = account.stateOf(entity);
    return error === undefined || state !== 'ACTIVE' ? { state, error: {} } : failed(error);
  }
  function statusOfComponent(entity: EntityRecord, { error }: ComponentRecord): sdk.Status {
    const state = account.stateOf(entity);
    return error === undefined || state !== 'ACTIVE' ? { state, error: {} } : failed(error);
  }
  const summary = (entity: EntityRecord) => ({
    entityId: entity.id,
    entityName: entity.name,
    arn: arnOf(entity),
    parentEntityId: entity.parentId,
    status: statusOf(entity),
    description: entity.description,
    hasChildEntities: childrenOf(entity).length > 0,
    ...shownDates(entity),
  });
  /** @throws ApiFault `ValidationException` for a parent that is not there, or below the entity */
  function checkParent(workspaceId: string, parentId: string, id: string): void {
    for (let at = parentId; at !== ROOT; ) {
      const parent = account.entities.get(keyOf(workspaceId, at));
      if (at === id) throw invalid(`The entity ${id} cannot be below itself.`);
      if (parent === undefined) throw invalid(`The parent entity ${at} does not exist.`);
      at = parent.parentId;
    }
  }

  return {
    async CreateEntity(input: sdk.CreateEntityRequest) {
      refuseMembers(input, ['compositeComponents']);
      const workspace = account.workspace(input.workspaceId ?? '');
      const id = input.entityId ?? randomUUID();
      const parentId = input.parentEntityId ?? ROOT;
      const key = keyOf(workspace.id, id);
      const refuseTaken = () => {
        if (account.entities.get(key) === undefined) return;
        throw conflict(`The entity ${id} exists already in workspace ${workspace.id}.`);
      };
      refuseTaken();
      checkParent(workspace.id, parentId, id);
      const made: Record<string, ComponentRecord> = {};
      for (const [name, request] of Object.entries(input.components ?? {})) {
        made[name] = await components.create(workspace, name, request);
      }
      // Another request may have come first while SiteWise was asked.
      refuseTaken();
      const entity: EntityRecord = {
        workspaceId: workspace.id,
        id,
        name: input.entityName ?? '',
        description: input.description,
        parentId,
        components: made,
        ...account.dates(),
      };
      account.entities.set(key, entity);
      account.tag(arnOf(entity), input.tags);
      return {
        entityId: id,
        arn: arnOf(entity),
        creationDateTime: new Date(entity.createdMs),
        state: account.stateOf(entity),
      };
    },
    GetEntity(input: sdk.GetEntityRequest) {
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      return {
        workspaceId: entity.workspaceId,
        ...summary(entity),
        components: Object.fromEntries(
          Object.entries(entity.components).map(([name, component]) => [
            name,
            {
              componentName: name,
              componentTypeId: component.typeId,
              description: component.description,
              status: statusOfComponent(entity, component),
              properties: components.propertiesOf(entity.workspaceId, component),
              areAllPropertiesReturned: true,
            },
          ]),
        ),
        areAllComponentsReturned: true,
      };
    },
    ListEntities(input: sdk.ListEntitiesRequest) {
      const { id } = account.workspace(input.workspaceId ?? '');
      const filters = input.filters ?? [];
      const fits = (entity: EntityRecord) =>
        filters.every(({ parentEntityId, componentTypeId, externalId }) => {
          if (parentEntityId !== undefined) return entity.parentId === parentEntityId;
          const parts = Object.values(entity.components);
          if (componentTypeId !== undefined) return parts.some((c) => c.typeId === componentTypeId);
          return parts.some((c) =>
            Object.values(components.propertiesOf(id, c)).some(
              (p) => p.definition?.isExternalId === true && p.value?.stringValue === externalId,
            ),
          );
        });
      const all = inWorkspace(id)
        .filter(fits)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const scope = `ListEntities ${id} ${JSON.stringify(filters)}`;
      const { page, ...next } = paginate(scope, all, (e) => e.id, input, PAGE_SIZE);
      return { entitySummaries: page.map(summary), ...next };
    },
    async UpdateEntity(input: sdk.UpdateEntityRequest) {
      refuseMembers(input, ['compositeComponentUpdates']);
      const before = requireEntity(account, input.workspaceId, input.entityId);
      const workspace = account.workspace(before.workspaceId);
      const { parentEntityUpdate: parent } = input;
      const parentId =
        parent === undefined
          ? before.parentId
          : parent.updateType === 'DELETE'
            ? ROOT
            : (parent.parentEntityId ?? ROOT);
      checkParent(before.workspaceId, parentId, before.id);
      const changed = { ...before.components };
      for (const [name, request] of Object.entries(input.componentUpdates ?? {})) {
        const own = changed[name];
        if (request.updateType === 'DELETE') delete changed[name];
        else if (request.updateType === 'CREATE' || own === undefined) {
          if (own !== undefined)
            throw conflict(`The entity ${before.id} has a component ${name} already.`);
          changed[name] = await components.create(workspace, name, {
            ...request,
            properties: request.propertyUpdates,
          });
        } else changed[name] = await components.update(workspace, name, own, request);
      }
      const entity = {
        ...before,
        name: input.entityName ?? before.name,
        description: input.description ?? before.description,
        parentId,
        components: changed,
        updatedMs: account.nowMs(),
      };
      account.entities.set(keyOf(before.workspaceId, before.id), entity);
      return { updateDateTime: new Date(entity.updatedMs), state: account.stateOf(entity) };
    },
    DeleteEntity(input: sdk.DeleteEntityRequest) {
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      const remove = (one: EntityRecord) => {
        for (const child of childrenOf(one)) remove(child);
        account.entities.delete(keyOf(one.workspaceId, one.id));
        account.tags.delete(arnOf(one));
      };
      if (input.isRecursive !== true && childrenOf(entity).length > 0) {
        throw invalid(
          `The entity ${entity.id} has children: set isRecursive, or delete them first.`,
        );
      }
      remove(entity);
      return { state: 'DELETING' };
    },
    ListComponents(input: sdk.ListComponentsRequest) {
      refuseMembers(input, ['componentPath']);
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      const all = Object.entries(entity.components).sort();
      const scope = `ListComponents ${entity.workspaceId} ${entity.id}`;
      const { page, ...next } = paginate(scope, all, ([name]) => name, input, PAGE_SIZE);
      return {
        componentSummaries: page.map(([componentName, component]) => ({
          componentName,
          componentTypeId: component.typeId,
          description: component.description,
          status: statusOfComponent(entity, component),
        })),
        ...next,
      };
    },
    ListProperties(input: sdk.ListPropertiesRequest) {
      refuseMembers(input, ['componentPath']);
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      const component = entity.components[input.componentName ?? ''];
      if (component === undefined) {
        throw missing(`The component ${input.componentName} of entity ${entity.id}`);
      }
      const all = Object.entries(components.propertiesOf(entity.workspaceId, component)).sort();
      const scope = `ListProperties ${entity.workspaceId} ${entity.id} ${input.componentName}`;
      const { page, ...next } = paginate(scope, all, ([name]) => name, input, PAGE_SIZE);
      return {
        propertySummaries: page.map(([propertyName, property]) => ({
          propertyName,
          ...property,
          areAllPropertyValuesReturned: true,
        })),
        ...next,
      };
    },
  };
}
