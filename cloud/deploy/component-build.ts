import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { messageOf, readUserFile, TwinError } from '../../shared/core/index.js';

/** A Greengrass component as `npm run build:component` leaves it. */
export interface BuiltComponent {
  name: string;
  version: string;
  /** YAML; artifacts are at {@link ARTIFACT_PLACE}. */
  recipe: string;
  /** Folder with a zip per platform. */
  artifacts: string;
}

/** What a built recipe has in place of the bucket and the folder of its artifacts. */
export const ARTIFACT_PLACE = 's3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/';

/**
 * Reads what was built.
 *
 * @param folder `greengrass-build`
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`
 */
export async function loadComponent(folder: string): Promise<BuiltComponent> {
  const path = join(folder, 'recipes/recipe.yaml');
  let recipe: string;
  try {
    recipe = (await readUserFile(path, 'recipe')).toString('utf8');
  } catch (cause) {
    throw new TwinError(
      'FILE_NOT_FOUND',
      `${messageOf(cause)} Build the component first: npm run build:component.`,
      { cause },
    );
  }
  const { ComponentName: name, ComponentVersion: version } = parseYaml(recipe) as {
    ComponentName?: unknown;
    ComponentVersion?: unknown;
  };
  if (typeof name !== 'string' || typeof version !== 'string' || !recipe.includes(ARTIFACT_PLACE)) {
    throw new TwinError(
      'FILE_INVALID',
      `${path} is no recipe of npm run build:component: expected ComponentName, ComponentVersion and artifacts at ${ARTIFACT_PLACE}`,
    );
  }
  const parent = join(folder, 'artifacts', name);
  const [built, ...others] = await readdir(parent).catch(() => []);
  if (built === undefined || others.length > 0) {
    throw new TwinError(
      'FILE_INVALID',
      `${parent} has ${others.length === 0 ? 'no version' : 'several versions'}: expected one. Build the component again: npm run build:component.`,
    );
  }
  const artifacts = join(parent, built);
  const present = await readdir(artifacts);
  const missing = recipe
    .split(/\s+/)
    .filter((word) => word.startsWith(ARTIFACT_PLACE))
    .map((uri) => uri.slice(ARTIFACT_PLACE.length))
    .filter((file) => !present.includes(file));
  if (missing.length > 0) {
    throw new TwinError(
      'FILE_NOT_FOUND',
      `${artifacts} lacks ${missing.join(' and ')}, which the recipe names: build for all platforms, npm run build:component.`,
    );
  }
  return { name, version, recipe, artifacts };
}
