import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, TwinError } from '../../core/index.js';
import {
  type ArchiveLimits,
  DEFAULT_ARCHIVE_LIMITS,
  defaultCacheDir,
  sha256OfFile,
  unpackArchive,
} from './archive.js';
import type { ModelDescription } from './model-description.js';
import { readModelDescription } from './parse.js';
import { checkModelIdentifier } from './platform.js';
import { type DescriptionProblem, descriptionError, isObstacle } from './xml-attributes.js';

/** An FMU that was unpacked and read; plain data, so that it can be sent to another process. */
export interface Fmu {
  /** Where it came from, absolute. */
  path: string;
  /** SHA-256 of the archive (of modelDescription.xml for an unpacked folder), hexadecimal. */
  sha256: string;
  /** Folder with its files. */
  unzipDir: string;
  /** Folder where compiled sources may be kept. */
  cacheDir: string;
  modelDescription: ModelDescription;
}

export interface OpenFmuOptions {
  /** Where archives are unpacked; default: a folder of this user under the temporary folder. */
  cacheDir?: string;
  limits?: Partial<ArchiveLimits>;
  /** Open it in spite of faults in its description that leave it readable. */
  ignoreProblems?: boolean;
}

/**
 * Unpacks an FMU and reads its description, keeping the faults found in it.
 *
 * @throws TwinError as {@link openFmu}, but for faults of the description that leave it readable
 */
export async function readFmu(
  path: string,
  options: OpenFmuOptions = {},
): Promise<{ fmu: Fmu; problems: DescriptionProblem[]; xml: Uint8Array }> {
  const absolute = resolve(path);
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const isFolder = await isDirectory(absolute);
  const unpacked = isFolder
    ? {
        dir: absolute,
        sha256: await sha256OfFile(join(absolute, 'modelDescription.xml')),
      }
    : await unpackArchive(absolute, cacheDir, { ...DEFAULT_ARCHIVE_LIMITS, ...options.limits });
  let xml: Buffer;
  try {
    xml = await readFile(join(unpacked.dir, 'modelDescription.xml'));
  } catch (error) {
    throw new TwinError(
      'FMU_INVALID',
      `${path} has no modelDescription.xml at its top: it is no FMU (${messageOf(error)}).`,
      { cause: error },
    );
  }
  const { modelDescription, problems } = readModelDescription(xml, `${path}:modelDescription.xml`);
  checkModelIdentifier(modelDescription, path);
  return {
    fmu: {
      path: absolute,
      sha256: unpacked.sha256,
      unzipDir: unpacked.dir,
      cacheDir,
      modelDescription,
    },
    problems,
    xml,
  };
}

/**
 * Opens an FMU: an archive, or a folder that one was unpacked to.
 *
 * @throws TwinError `FILE_NOT_FOUND`; `FMU_INVALID` when the archive or its description breaks the
 *   standard or is hostile; `FMU_UNSUPPORTED` for other FMI versions than 1.0, 2.0 and 3.0
 */
export async function openFmu(path: string, options: OpenFmuOptions = {}): Promise<Fmu> {
  const { fmu, problems } = await readFmu(path, options);
  const errors = problems.filter(isObstacle);
  if (errors.length > 0 && options.ignoreProblems !== true) throw descriptionError(path, errors);
  return fmu;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new TwinError('FILE_NOT_FOUND', `No FMU at ${path}: check the path.`, { cause: error });
    }
    throw new TwinError('FILE_INVALID', `Could not read the FMU ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
