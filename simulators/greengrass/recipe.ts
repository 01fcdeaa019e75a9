import { arch } from 'node:process';
import { parse as parseYaml } from 'yaml';
import { readUserFile, TwinError } from '../../shared/core/index.js';

/** What the stand-in reads of a recipe. */
export interface LoadedRecipe {
  name: string;
  version: string;
  defaultConfiguration: Record<string, unknown>;
  dependencies: string[];
  lifecycle: { install?: string; run: string };
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'aarch64' };

type Tree = Record<string, unknown>;

function script(step: unknown): string | undefined {
  if (typeof step === 'string') return step;
  const { script: text } = (step ?? {}) as { script?: unknown };
  return typeof text === 'string' ? text : undefined;
}

/**
 * Reads a recipe and chooses the manifest for this machine.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`
 */
export async function loadRecipe(path: string): Promise<LoadedRecipe> {
  const recipe = parseYaml((await readUserFile(path, 'recipe')).toString('utf8')) as Tree;
  const wrong = (what: string) => new TwinError('FILE_INVALID', `The recipe ${path} ${what}.`);
  if (recipe.RecipeFormatVersion !== '2020-01-25') {
    throw wrong('has another RecipeFormatVersion than 2020-01-25');
  }
  const manifests = (recipe.Manifests ?? []) as Tree[];
  const manifest = manifests.find((m) => {
    const platform = (m.Platform ?? {}) as Tree;
    const fits = (value: unknown, ours: string) =>
      value === undefined || value === '*' || value === ours;
    return fits(platform.os, 'linux') && fits(platform.architecture, ARCHITECTURES[arch] ?? arch);
  });
  const lifecycle = (manifest?.Lifecycle ?? {}) as Tree;
  const run = script(lifecycle.run);
  if (run === undefined) throw wrong(`has no manifest with a run step for linux on ${arch}`);
  const install = script(lifecycle.install);
  const configuration = (recipe.ComponentConfiguration ?? {}) as Tree;
  return {
    name: String(recipe.ComponentName),
    version: String(recipe.ComponentVersion),
    defaultConfiguration: (configuration.DefaultConfiguration ?? {}) as Tree,
    dependencies: Object.keys((recipe.ComponentDependencies ?? {}) as Tree),
    lifecycle: { ...(install === undefined ? {} : { install }), run },
  };
}

/** Puts the values of recipe variables into a script. */
export function fillVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{([a-z]+:[^}]*)\}/g, (whole, name: string) => variables[name] ?? whole);
}
