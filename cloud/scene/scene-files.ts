import { join } from 'node:path';
import type { TwinDefinition } from '../../shared/config/index.js';
import { writeUserFile } from '../../shared/core/index.js';
import { createMachineModel } from '../../shared/scene/index.js';
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
 * @param entityId entity that is shown where the viewer names none
 * @returns undefined when the twin has no layout
 */
export async function createSceneFiles(
  name: string,
  twin: TwinDefinition,
  entityId: string,
): Promise<SceneFiles | undefined> {
  const scene = buildScene(twin, { modelUri: `${name}.glb`, entityId });
  if (scene === undefined || twin.layout === undefined) return undefined;
  const json = `${JSON.stringify(scene.document, null, 2)}\n`;
  return {
    files: new Map([
      [`${name}.json`, new TextEncoder().encode(json)],
      [`${name}.glb`, await createMachineModel(twin.layout)],
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
