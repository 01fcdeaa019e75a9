import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function isOurs(directory: string): boolean {
  const file = join(directory, 'package.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'twinloop';
}

function findPackageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!isOurs(directory)) {
    const parent = dirname(directory);
    // A bundle stands alone: its assets lie beside it.
    if (parent === directory) return dirname(fileURLToPath(import.meta.url));
    directory = parent;
  }
  return directory;
}

/** The folder of Twinloop's package.json: where files that are not code are found from. */
export const packageRoot: string = findPackageRoot();

/** An absolute path of a file of the package, e.g. `packageFile('shared/twins/web-line/twin.json')`. */
export function packageFile(path: string): string {
  return join(packageRoot, path);
}

/**
 * The compiled file of a module, for starting it as a process of its own; also right when the
 * caller runs from TypeScript sources.
 *
 * @param path the module's path in the package without its ending, e.g. `cli`
 */
export function compiledEntry(path: string): string {
  return join(packageRoot, 'dist', `${path}.js`);
}

/** What package.json says of the build. */
function manifest(): { version: string; builtAt?: string } {
  return JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
}

/** Twinloop's version, as in package.json. */
export function packageVersion(): string {
  return manifest().version;
}

/** No release was built before. */
const FIRST_RELEASE_MS = Date.UTC(2026, 0, 1);

/** When this release was built, ms since 1970; from sources: a time before any release. */
export function packageBuildTime(): number {
  const builtMs = Date.parse(manifest().builtAt ?? '');
  return Number.isNaN(builtMs) ? FIRST_RELEASE_MS : builtMs;
}
