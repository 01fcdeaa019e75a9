import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { invalid, missing } from '../api.js';
import {
  type ComponentRecord,
  type EntityRecord,
  keyOf,
  ROOT,
  shownDates,
  type TwinMakerAccount,
} from './records.js';

/** @throws ApiFault `ResourceNotFoundException` */
export function requireEntity(account: TwinMakerAccount, workspaceId = '', id = ''): EntityRecord {
  const found = account.entities.get(keyOf(workspaceId, id));
  if (found === undefined) throw missing(`The entity ${id} of workspace ${workspaceId}`);
  return found;
}

/** The ARN of an entity. */
export const entityArn = (account: TwinMakerAccount, entity: EntityRecord): string =>
  account.arn(entity.workspaceId, `entity/${entity.id}`);

/** The entities of a workspace. */
export const entitiesOf = (account: TwinMakerAccount, workspaceId: string): EntityRecord[] =>
  [...account.entities.values()].filter((e) => e.workspaceId === workspaceId);

/** The entities right below another. */
export const childrenOf = (
  account: TwinMakerAccount,
  { workspaceId, id }: EntityRecord,
): EntityRecord[] => entitiesOf(account, workspaceId).filter((e) => e.parentId === id);

function statusOf(
  account: TwinMakerAccount,
  entity: EntityRecord,
  error: string | undefined,
): sdk.Status {
  const state = account.stateOf(entity);
  if (error === undefined || state !== 'ACTIVE') return { state, error: {} };
  return { state: 'ERROR', error: { code: 'PROCESSING_ERROR', message: error } };
}

/** An entity as listings show it. */
export function entitySummary(account: TwinMakerAccount, entity: EntityRecord) {
  const error = Object.values(entity.components).find((c) => c.error !== undefined)?.error;
  return {
    entityId: entity.id,
    entityName: entity.name,
    arn: entityArn(account, entity),
    parentEntityId: entity.parentId,
    status: statusOf(account, entity, error),
    description: entity.description,
    hasChildEntities: childrenOf(account, entity).length > 0,
    ...shownDates(entity),
  };
}

/** A component of an entity as listings show it. */
export const componentSummary = (
  account: TwinMakerAccount,
  entity: EntityRecord,
  name: string,
  component: ComponentRecord,
) => ({
  componentName: name,
  componentTypeId: component.typeId,
  description: component.description,
  status: statusOf(account, entity, component.error),
});

/** @throws ApiFault `ValidationException` for a parent that is not there, or below the entity */
export function checkParent(
  account: TwinMakerAccount,
  workspaceId: string,
  parentId: string,
  id: string,
): void {
  for (let at = parentId; at !== ROOT; ) {
    const parent = account.entities.get(keyOf(workspaceId, at));
    if (at === id) throw invalid(`The entity ${id} cannot be below itself.`);
    if (parent === undefined) throw invalid(`The parent entity ${at} does not exist.`);
    at = parent.parentId;
  }
}
