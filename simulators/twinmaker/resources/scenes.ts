import type * as sdk from '@aws-sdk/client-iottwinmaker';
import { paginate } from '../../sitewise/api/pagination.js';
import { conflict, missing, type TwinMakerHandlers } from '../api.js';
import { keyOf, type SceneRecord, shownDates, type TwinMakerAccount } from './records.js';
import { PAGE_SIZE } from './workspaces.js';

/** Operations on scenes: where their documents are; the documents themselves lie in S3. */
export function sceneHandlers(account: TwinMakerAccount): TwinMakerHandlers {
  const arnOf = (scene: { workspaceId: string; id: string }) =>
    account.arn(scene.workspaceId, `scene/${scene.id}`);
  const shown = (scene: SceneRecord) => ({
    sceneId: scene.id,
    arn: arnOf(scene),
    contentLocation: scene.contentLocation,
    description: scene.description,
    ...shownDates(scene),
  });
  const required = (workspaceId = '', sceneId = '') => {
    const found = account.scenes.get(keyOf(workspaceId, sceneId));
    if (found === undefined) throw missing(`The scene ${sceneId} of workspace ${workspaceId}`);
    return found;
  };
  return {
    CreateScene(input: sdk.CreateSceneRequest) {
      const { id: workspaceId } = account.workspace(input.workspaceId ?? '');
      const id = input.sceneId ?? '';
      const key = keyOf(workspaceId, id);
      if (account.scenes.get(key) !== undefined) {
        throw conflict(`The scene ${id} exists already in workspace ${workspaceId}.`);
      }
      const scene: SceneRecord = {
        workspaceId,
        id,
        contentLocation: input.contentLocation ?? '',
        description: input.description,
        capabilities: input.capabilities ?? [],
        sceneMetadata: input.sceneMetadata ?? {},
        ...account.dates(),
      };
      account.scenes.set(key, scene);
      account.tag(arnOf(scene), input.tags);
      return { arn: arnOf(scene), creationDateTime: new Date(scene.createdMs) };
    },
    GetScene(input: sdk.GetSceneRequest) {
      const scene = required(input.workspaceId, input.sceneId);
      const { workspaceId, capabilities, sceneMetadata } = scene;
      return { workspaceId, ...shown(scene), capabilities, sceneMetadata };
    },
    ListScenes(input: sdk.ListScenesRequest) {
      const { id } = account.workspace(input.workspaceId ?? '');
      const all = [...account.scenes.values()]
        .filter((s) => s.workspaceId === id)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const { page, ...next } = paginate(`ListScenes ${id}`, all, (s) => s.id, input, PAGE_SIZE);
      return { sceneSummaries: page.map(shown), ...next };
    },
    UpdateScene(input: sdk.UpdateSceneRequest) {
      const before = required(input.workspaceId, input.sceneId);
      const updatedMs = account.nowMs();
      account.scenes.set(keyOf(before.workspaceId, before.id), {
        ...before,
        contentLocation: input.contentLocation ?? before.contentLocation,
        description: input.description ?? before.description,
        capabilities: input.capabilities ?? before.capabilities,
        sceneMetadata: input.sceneMetadata ?? before.sceneMetadata,
        updatedMs,
      });
      return { updateDateTime: new Date(updatedMs) };
    },
    DeleteScene(input: sdk.DeleteSceneRequest) {
      const scene = required(input.workspaceId, input.sceneId);
      account.scenes.delete(keyOf(scene.workspaceId, scene.id));
      account.tags.delete(arnOf(scene));
      return {};
    },
  };
}
