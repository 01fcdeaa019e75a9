import {
  type ComponentRequest,
  CreateComponentTypeCommand,
  type CreateComponentTypeRequest,
  CreateEntityCommand,
  CreateSceneCommand,
  CreateWorkspaceCommand,
  DeleteComponentTypeCommand,
  DeleteEntityCommand,
  DeleteSceneCommand,
  DeleteWorkspaceCommand,
  GetEntityCommand,
  type IoTTwinMakerClient,
  UpdateComponentTypeCommand,
  UpdateEntityCommand,
  UpdateSceneCommand,
  UpdateWorkspaceCommand,
} from '@aws-sdk/client-iottwinmaker';
import { systemClock, TwinError } from '../../shared/core/index.js';
import type { Made, ResourceType, Wanted } from './resource-types.js';

const POLL_MS = 20;
const text = (value: unknown) => (value === undefined ? undefined : String(value));

/** Properties of a template begin with a capital letter, those of the API do not. */
function toApi(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toApi);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => [
      key.charAt(0).toLowerCase() + key.slice(1),
      // The keys of maps are names: they stay as they are.
      MAPS.has(key) && typeof v === 'object' && v !== null
        ? Object.fromEntries(Object.entries(v).map(([name, item]) => [name, toApi(item)]))
        : toApi(v),
    ]),
  );
}
const MAPS = new Set([
  'Components',
  'Properties',
  'PropertyDefinitions',
  'Functions',
  'Configuration',
  'SceneMetadata',
  'Tags',
  'MapValue',
]);
type Input = Record<string, unknown>;
const inputOf = ({ properties }: Wanted) => toApi(properties) as Input;

/** What was made, found by the same ids as CloudFormation's `Ref` gives. */
const made = (id: string, arn: string | undefined): Made => ({
  id,
  attributes: { Arn: arn ?? '' },
});
const placeOf = ({ id }: Made) => {
  const [workspaceId = '', inner = ''] = id.split('|');
  return { workspaceId, inner };
};

/** AWS::IoTTwinMaker::Workspace. */
export function workspaceType(client: IoTTwinMakerClient): ResourceType {
  return {
    async create(wanted) {
      const workspaceId = text(wanted.properties.WorkspaceId);
      const { arn } = await client.send(
        new CreateWorkspaceCommand({ ...inputOf(wanted), workspaceId }),
      );
      return made(workspaceId ?? '', arn);
    },
    async update(before, wanted) {
      if (before.id !== wanted.properties.WorkspaceId) return undefined;
      const { description, role, s3Location } = inputOf(wanted) as Record<string, string>;
      await client.send(
        new UpdateWorkspaceCommand({ workspaceId: before.id, description, role, s3Location }),
      );
      return before;
    },
    async delete({ id }) {
      await client.send(new DeleteWorkspaceCommand({ workspaceId: id }));
    },
  };
}

/** AWS::IoTTwinMaker::Scene. */
export function sceneType(client: IoTTwinMakerClient): ResourceType {
  const idOf = ({ properties }: Wanted) => `${properties.WorkspaceId}|${properties.SceneId}`;
  return {
    async create(wanted) {
      const input = inputOf(wanted);
      const { arn } = await client.send(
        new CreateSceneCommand({
          ...input,
          workspaceId: text(input.workspaceId),
          sceneId: text(input.sceneId),
          contentLocation: text(input.contentLocation),
        }),
      );
      return made(idOf(wanted), arn);
    },
    async update(before, wanted) {
      if (before.id !== idOf(wanted)) return undefined;
      const input = inputOf(wanted);
      await client.send(
        new UpdateSceneCommand({
          ...input,
          workspaceId: text(input.workspaceId),
          sceneId: text(input.sceneId),
        }),
      );
      return before;
    },
    async delete(before) {
      const { workspaceId, inner: sceneId } = placeOf(before);
      await client.send(new DeleteSceneCommand({ workspaceId, sceneId }));
    },
  };
}

/** AWS::IoTTwinMaker::ComponentType. */
export function componentTypeType(client: IoTTwinMakerClient): ResourceType {
  const idOf = ({ properties }: Wanted) =>
    `${properties.WorkspaceId}|${properties.ComponentTypeId}`;
  const contentOf = (wanted: Wanted) => {
    const input = inputOf(wanted);
    return {
      ...(input as Partial<CreateComponentTypeRequest>),
      workspaceId: text(input.workspaceId),
      componentTypeId: text(input.componentTypeId),
    };
  };
  return {
    async create(wanted) {
      const { arn } = await client.send(new CreateComponentTypeCommand(contentOf(wanted)));
      return made(idOf(wanted), arn);
    },
    async update(before, wanted) {
      if (before.id !== idOf(wanted)) return undefined;
      await client.send(new UpdateComponentTypeCommand(contentOf(wanted)));
      return before;
    },
    async delete(before) {
      const { workspaceId, inner: componentTypeId } = placeOf(before);
      await client.send(new DeleteComponentTypeCommand({ workspaceId, componentTypeId }));
    },
  };
}

/** AWS::IoTTwinMaker::Entity with its components. */
export function entityType(client: IoTTwinMakerClient): ResourceType {
  type Components = Record<string, ComponentRequest>;
  const componentsOf = (properties: Record<string, unknown>) =>
    (toApi({ Components: properties.Components ?? {} }) as { components: Components }).components;
  const keyOf = ({ properties }: Wanted, entityId = properties.EntityId) =>
    `${properties.WorkspaceId}|${entityId}`;

  /** Waits for an entity as CloudFormation does. @throws TwinError with why it failed */
  async function settled(workspaceId: string, entityId: string): Promise<void> {
    for (;;) {
      const { status } = await client.send(new GetEntityCommand({ workspaceId, entityId }));
      if (status?.state === 'ACTIVE') return;
      if (status?.state === 'ERROR') {
        throw new TwinError(
          'FILE_INVALID',
          `The entity ${entityId} could not be made: ${status.error?.message}`,
        );
      }
      await systemClock.sleep(POLL_MS);
    }
  }

  return {
    async create(wanted) {
      const { properties } = wanted;
      const workspaceId = text(properties.WorkspaceId) ?? '';
      const { entityId = '', arn } = await client.send(
        new CreateEntityCommand({
          workspaceId,
          entityId: text(properties.EntityId),
          entityName: text(properties.EntityName),
          description: text(properties.Description),
          parentEntityId: text(properties.ParentEntityId),
          tags: properties.Tags as Record<string, string> | undefined,
          components: componentsOf(properties),
        }),
      );
      try {
        await settled(workspaceId, entityId);
      } catch (error) {
        await client.send(new DeleteEntityCommand({ workspaceId, entityId }));
        throw error;
      }
      return made(keyOf(wanted, entityId), arn);
    },
    async update(before, wanted, old) {
      const { workspaceId, inner: entityId } = placeOf(before);
      if (before.id !== keyOf(wanted, wanted.properties.EntityId ?? entityId)) return undefined;
      const now = componentsOf(wanted.properties);
      const then = componentsOf(old);
      const same = (name: string) => now[name]?.componentTypeId === then[name]?.componentTypeId;
      const gone = Object.keys(then).filter((name) => !same(name));
      const place = { workspaceId, entityId };
      if (gone.length > 0) {
        const componentUpdates = Object.fromEntries(
          gone.map((name) => [name, { updateType: 'DELETE' as const }]),
        );
        await client.send(new UpdateEntityCommand({ ...place, componentUpdates }));
      }
      const parentEntityId = text(wanted.properties.ParentEntityId);
      await client.send(
        new UpdateEntityCommand({
          ...place,
          entityName: text(wanted.properties.EntityName),
          description: text(wanted.properties.Description),
          parentEntityUpdate:
            parentEntityId === undefined
              ? { updateType: 'DELETE' }
              : { updateType: 'UPDATE', parentEntityId },
          componentUpdates: Object.fromEntries(
            Object.entries(now).map(([name, { componentTypeId, description, properties }]) => [
              name,
              {
                updateType: then[name] !== undefined && same(name) ? 'UPDATE' : 'CREATE',
                componentTypeId,
                description,
                propertyUpdates: properties,
              },
            ]),
          ),
        }),
      );
      await settled(workspaceId, entityId);
      return before;
    },
    async delete(before) {
      const { workspaceId, inner: entityId } = placeOf(before);
      await client.send(new DeleteEntityCommand({ workspaceId, entityId }));
    },
  };
}
