import { randomUUID } from 'node:crypto';
import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { paginate } from '../../sitewise/api/pagination.js';
import { conflict, invalid, refuseMembers, type TwinMakerHandlers } from '../api.js';
import type { Components } from './components.js';
import {
  checkParent,
  childrenOf,
  componentSummary,
  entitiesOf,
  entityArn,
  entitySummary,
  requireEntity,
} from './entity-records.js';
import {
  type ComponentRecord,
  type EntityRecord,
  keyOf,
  ROOT,
  type TwinMakerAccount,
} from './records.js';
import { PAGE_SIZE } from './workspaces.js';

/** Operations on entities; those on their components are in `entity-components.ts`. */
export function entityHandlers(
  account: TwinMakerAccount,
  components: Components,
): TwinMakerHandlers {
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
      checkParent(account, workspace.id, parentId, id);
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
      account.tag(entityArn(account, entity), input.tags);
      return {
        entityId: id,
        arn: entityArn(account, entity),
        creationDateTime: new Date(entity.createdMs),
        state: account.stateOf(entity),
      };
    },
    GetEntity(input: sdk.GetEntityRequest) {
      const entity = requireEntity(account, input.workspaceId, input.entityId);
      return {
        workspaceId: entity.workspaceId,
        ...entitySummary(account, entity),
        components: Object.fromEntries(
          Object.entries(entity.components).map(([name, component]) => [
            name,
            {
              ...componentSummary(account, entity, name, component),
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
      const all = entitiesOf(account, id)
        .filter(fits)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const scope = `ListEntities ${id} ${JSON.stringify(filters)}`;
      const { page, ...next } = paginate(scope, all, (e) => e.id, input, PAGE_SIZE);
      return { entitySummaries: page.map((e) => entitySummary(account, e)), ...next };
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
      checkParent(account, before.workspaceId, parentId, before.id);
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
        for (const child of childrenOf(account, one)) remove(child);
        account.entities.delete(keyOf(one.workspaceId, one.id));
        account.tags.delete(entityArn(account, one));
      };
      if (input.isRecursive !== true && childrenOf(account, entity).length > 0) {
        throw invalid(
          `The entity ${entity.id} has children: set isRecursive, or delete them first.`,
        );
      }
      remove(entity);
      return { state: 'DELETING' };
    },
  };
}
