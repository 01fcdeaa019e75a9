import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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
import { openSystem } from './ssp/open-system.js';
import type { FmuSystem, Master } from './system.js';
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
  /** Several FMUs that are connected (SSP): the description is that of the whole. */
  system?: FmuSystem;
}

/** The FMUs whose code is run: those of a system, or the one itself. */
export function partsOf(fmu: Fmu): readonly Fmu[] {
  return fmu.system === undefined ? [fmu] : fmu.system.components.map((c) => c.fmu);
}

export interface OpenFmuOptions {
  /** Where archives are unpacked; default: a folder of this user under the temporary folder. */
  cacheDir?: string;
  limits?: Partial<ArchiveLimits>;
  /** Opens it in spite of faults in its description that leave it readable; is told which. */
  onIgnoredProblems?: (problems: readonly DescriptionProblem[]) => void;
  /** Of a system: in which order its components step; default `gauss-seidel`. */
  master?: Master;
  /** Of a system: longest step of its master, seconds; default: what it names itself. */
  masterStepSizeS?: number;
}

/** A system's description by its usual name. */
const SSD = 'SystemStructure.ssd';

/** Files of an FMU or a system, in a folder. */
interface Unpacked {
  /** Absolute. */
  path: string;
  dir: string;
  /** Of the archive; a folder has none. */
  sha256?: string;
  cacheDir: string;
  /** The description of a system of FMUs, where it is one. */
  ssdPath?: string;
}

/** Unpacks an archive, or takes a folder as it is, and finds out which of both kinds it is. */
async function unpack(path: string, options: OpenFmuOptions): Promise<Unpacked> {
  const absolute = resolve(path);
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const isFolder = await isDirectory(absolute);
  if (!isFolder && /\.ssd$/i.test(absolute)) {
    return { path: absolute, dir: dirname(absolute), cacheDir, ssdPath: absolute };
  }
  const unpacked: Unpacked = isFolder
    ? { path: absolute, dir: absolute, cacheDir }
    : {
        path: absolute,
        cacheDir,
        ...(await unpackArchive(absolute, cacheDir, {
          ...DEFAULT_ARCHIVE_LIMITS,
          ...options.limits,
        })),
      };
  // By what it holds, not by its name: systems are stored under the names of FMUs, too.
  const ssdPath = join(unpacked.dir, SSD);
  if (await isFile(join(unpacked.dir, 'modelDescription.xml'))) return unpacked;
  if (await isFile(ssdPath)) return { ...unpacked, ssdPath };
  if (!/\.ssp$/i.test(absolute)) return unpacked;
  throw new TwinError(
    'FMU_INVALID',
    `${path} has no ${SSD} at its top: it is no system of FMUs (SSP).`,
  );
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
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
  const unpacked = await unpack(path, options);
  if (unpacked.ssdPath !== undefined) {
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `${path} is a system of FMUs: check its parts one by one, and the whole with \`twinloop fmu info\`, which names every connection that does not fit.`,
    );
  }
  return readUnpacked(unpacked, path);
}

async function readUnpacked({ path: absolute, dir, sha256, cacheDir }: Unpacked, path: string) {
  const descriptionPath = join(dir, 'modelDescription.xml');
  let xml: Buffer;
  try {
    xml = await readFile(descriptionPath);
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
      sha256: sha256 ?? (await sha256OfFile(descriptionPath)),
      unzipDir: dir,
      cacheDir,
      modelDescription,
    },
    problems,
    xml,
  };
}

/**
 * Opens an FMU: an archive, or a folder that one was unpacked to. A system of FMUs (SSP: an archive,
 * its folder, or a .ssd file) opens as one FMU that has the variables of all.
 *
 * @throws TwinError `FILE_NOT_FOUND`; `FMU_INVALID` when the archive or its description breaks the
 *   standard or is hostile; `FMU_UNSUPPORTED` for other FMI versions than 1.0, 2.0 and 3.0
 */
export async function openFmu(path: string, options: OpenFmuOptions = {}): Promise<Fmu> {
  const unpacked = await unpack(path, options);
  const { ssdPath } = unpacked;
  if (ssdPath !== undefined) {
    const { master, masterStepSizeS, ...parts } = options;
    return openSystem(
      { ...unpacked, ssdPath },
      {
        ...(master !== undefined && { master }),
        ...(masterStepSizeS !== undefined && { stepSizeS: masterStepSizeS }),
      },
      (component) => openFmu(component, parts),
    );
  }
  const { fmu, problems } = await readUnpacked(unpacked, path);
  const errors = problems.filter(isObstacle);
  if (errors.length > 0) {
    if (options.onIgnoredProblems === undefined) throw descriptionError(path, errors);
    options.onIgnoredProblems(errors);
  }
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
