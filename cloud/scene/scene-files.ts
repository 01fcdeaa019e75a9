import { join } from 'node:path';
import type { TwinDefinition } from '../../shared/config/index.js';
import { writeUserFile } from '../../shared/core/index.js';
import { createMachineModel, readOwnModel } from '../../shared/scene/index.js';
import { buildScene } from './build-scene.js';

/** A scene ready to be stored: its description and the model beside it. */
export interface SceneFiles {
  /** Names of the files and what is in them. */
  files: ReadonlyMap<string, Uint8Array>;
  /** Variables that the scene cannot show. */
  skipped: readonly string[];
}

/**
 * The files of a twin's scene: `<name>.json`, which names `<name>.glb` beside it.
 *
 * @param name of the scene
 * @param twin with the model of its picture, if it has one, in place of its path
 * @param entityId entity that is shown where the viewer names none
 * @returns undefined when the twin has neither a layout nor a model of its own
 */
export async function createSceneFiles(
  name: string,
  twin: TwinDefinition,
  entityId: string,
): Promise<SceneFiles | undefined> {
  const { glb } = twin.picture ?? {};
  const own = glb === undefined ? undefined : Buffer.from(glb, 'base64');
  const places = own === undefined ? undefined : await readOwnModel(own);
  const scene = buildScene(twin, { modelUri: `${name}.glb`, entityId }, places);
  const model =
    own ?? (twin.layout === undefined ? undefined : await createMachineModel(twin.layout));
  if (scene === undefined || model === undefined) return undefined;
  const json = `${JSON.stringify(scene.document, null, 2)}\n`;
  return {
    files: new Map([
      [`${name}.json`, new TextEncoder().encode(json)],
      [`${name}.glb`, model],
    ]),
    skipped: scene.skipped,
  };
}

/** Writes files into a folder, which is made. @returns their paths */
export async function writeFiles(
  folder: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Promise<string[]> {
  const paths: string[] = [];
  for (const [name, content] of files) {
    const path = join(folder, name);
    await writeUserFile(path, content);
    paths.push(path);
  }
  return paths;
}
