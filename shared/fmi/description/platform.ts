import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TwinError } from '../../core/index.js';
import type { ModelDescription } from './model-description.js';

/** Folder names of this machine's binaries, FMI 2's name first where it has one. */
export function platformFolders(
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): string[] {
  const system = { linux: 'linux', win32: 'windows', darwin: 'darwin' }[platform as string];
  const machine = { x64: 'x86_64', arm64: 'aarch64', ia32: 'x86' }[arch];
  if (system === undefined || machine === undefined) return [];
  const short = { linux: 'linux', win32: 'win', darwin: 'darwin' }[platform as string];
  // FMI 2 knows no processors: its darwin64 may hold libraries for both of macOS.
  const wide = arch === 'x64' || platform === 'darwin';
  const fmi2 = wide ? [`${short}64`] : arch === 'ia32' ? [`${short}32`] : [];
  return [...fmi2, `${machine}-${system}`];
}

const ENDINGS: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  win32: '.dll',
  darwin: '.dylib',
};

const ending = () => ENDINGS[process.platform] ?? '.so';

/**
 * The shared library of a model for this machine, if the FMU has one: the one with the model's name; where
 * there is none and no source, the only one that there is.
 */
export function findBinary(unzipDir: string, modelIdentifier: string): string | undefined {
  const folders = platformFolders()
    .map((folder) => join(unzipDir, 'binaries', folder))
    .filter((folder) => existsSync(folder));
  const named = folders.map((folder) => join(folder, `${modelIdentifier}${ending()}`));
  const only = folders.flatMap((folder) => {
    const libraries = readdirSync(folder).filter((name) => name.endsWith(ending()));
    return libraries.length === 1 ? [join(folder, libraries[0] as string)] : [];
  });
  const hasSources = existsSync(join(unzipDir, 'sources'));
  return [...named.filter((path) => existsSync(path)), ...(hasSources ? [] : only)][0];
}

/** Whether a library bears the name that it must have. */
export function isNamedFor(path: string, modelIdentifier: string): boolean {
  return basename(path) === `${modelIdentifier}${ending()}`;
}

/** modelIdentifier is a C identifier, for it is part of function names. */
export function checkIdentifiers(
  md: ModelDescription,
  report: (line: number, text: string) => void,
): void {
  for (const info of [md.coSimulation, md.modelExchange, md.scheduledExecution]) {
    if (info !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(info.modelIdentifier)) {
      report(
        info.line,
        `modelIdentifier ${JSON.stringify(info.modelIdentifier.slice(0, 80))} is no C identifier.`,
      );
    }
  }
}

/**
 * What an FMU is called in the file system. Others than C identifiers are wrong, but harmless.
 *
 * @throws TwinError `FMU_INVALID` when modelIdentifier could be anything but a file's name
 */
export function checkModelIdentifier(md: ModelDescription, source: string): void {
  for (const info of [md.coSimulation, md.modelExchange, md.scheduledExecution]) {
    if (info !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$/.test(info.modelIdentifier)) {
      throw new TwinError(
        'FMU_INVALID',
        `${source}: line ${info.line}: modelIdentifier ${JSON.stringify(info.modelIdentifier.slice(0, 80))} is no name of a file (letters, digits, _ . + -).`,
      );
    }
  }
}
