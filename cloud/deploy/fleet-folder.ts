import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetConfig, TwinDefinition } from '../../shared/config/index.js';
import { makeScratch } from '../../shared/core/index.js';

/** A fleet with all that its worker reads. */
export interface FleetFiles {
  fleet: FleetConfig;
  /** Definitions, with what the files of their pictures hold in place of paths. */
  twins: ReadonlyMap<string, TwinDefinition>;
  /** Paths of the twins' FMUs. */
  fmus: ReadonlyMap<string, string>;
}

/**
 * Lays a fleet out as the worker expects it in the store, with paths that hold there.
 *
 * @returns a new temporary folder
 */
export function writeFleetFolder({ fleet, twins, fmus }: FleetFiles): string {
  const folder = makeScratch('fleet');
  const paths: Record<string, string> = {};
  for (const [name, twin] of twins) {
    const path = `twins/${name}`;
    mkdirSync(join(folder, path), { recursive: true });
    copyFileSync(fmus.get(name) as string, join(folder, path, 'model.fmu'));
    const picture = writePicture(join(folder, path), twin.picture);
    writeJson(join(folder, path, 'twin.json'), { ...twin, fmu: './model.fmu', picture });
    paths[name] = `./${path}/twin.json`;
  }
  writeJson(join(folder, 'fleet.json'), { ...fleet, twins: paths });
  return folder;
}

/** Writes the file of a picture, which stands in the definition by its content; @returns the one that names it. */
function writePicture(
  folder: string,
  picture: TwinDefinition['picture'],
): TwinDefinition['picture'] {
  if (picture?.svg !== undefined) {
    writeFileSync(join(folder, 'picture.svg'), picture.svg);
    return { ...picture, svg: './picture.svg' };
  }
  if (picture?.glb !== undefined) {
    writeFileSync(join(folder, 'picture.glb'), Buffer.from(picture.glb, 'base64'));
    return { ...picture, glb: './picture.glb' };
  }
  return picture;
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes files into a new temporary folder. @returns its path */
export function writeFolder(files: ReadonlyMap<string, Uint8Array | string>): string {
  const folder = makeScratch('fleet');
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  return folder;
}
