import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { packageFile, TwinError } from '../../core/index.js';
import type { Fmu } from '../description/fmu.js';
import type { InterfaceInfo } from '../description/model-description.js';
import { childOf, childrenOf } from '../description/parse-common.js';
import { parseXml } from '../description/xml.js';

const COMPILE_TIMEOUT_MS = 120_000;

interface Sources {
  files: string[];
  defines: string[];
  includes: string[];
}

/** FMI 3: what sources/buildDescription.xml lists for C. */
function fromBuildDescription(dir: string, modelIdentifier: string): Sources | undefined {
  const path = join(dir, 'buildDescription.xml');
  if (!existsSync(path)) return undefined;
  const root = parseXml(readFileSync(path), 'sources/buildDescription.xml');
  const configuration =
    childrenOf(root, 'BuildConfiguration').find(
      (c) => c.attributes.get('modelIdentifier') === modelIdentifier,
    ) ?? childOf(root, 'BuildConfiguration');
  const sets = childrenOf(configuration, 'SourceFileSet');
  const names = (parent: typeof root, child: string) =>
    childrenOf(parent, child).flatMap((c) => c.attributes.get('name') ?? []);
  return {
    files: sets.flatMap((set) => names(set, 'SourceFile')),
    includes: sets.flatMap((set) => names(set, 'IncludeDirectory')),
    defines: sets.flatMap((set) =>
      childrenOf(set, 'PreprocessorDefinition').flatMap((d) => {
        const name = d.attributes.get('name');
        const value = d.attributes.get('value');
        return name === undefined ? [] : [value === undefined ? name : `${name}=${value}`];
      }),
    ),
  };
}

/** A path inside the sources, or an error: the file names are the FMU's. */
function inside(dir: string, name: string): string {
  const path = normalize(join(dir, name));
  if (isAbsolute(name) || name.startsWith('-') || !`${path}${sep}`.startsWith(dir + sep)) {
    throw new TwinError(
      'FMU_INVALID',
      `The FMU lists a source file ${JSON.stringify(name.slice(0, 200))} that lies outside of its sources.`,
    );
  }
  return path;
}

/**
 * Compiles the C sources that an FMU ships, once per content, into the cache.
 *
 * @param lookedFor where binaries were looked for, for the message
 * @returns the shared library
 * @throws TwinError `FMU_UNSUPPORTED` without sources or compiler, or when the compiler fails
 */
export function compileSources(fmu: Fmu, info: InterfaceInfo, lookedFor: string): string {
  const { modelName, fmiMajorVersion } = fmu.modelDescription;
  const dir = join(fmu.unzipDir, 'sources');
  const sources: Sources | undefined =
    fmiMajorVersion === 3
      ? fromBuildDescription(dir, info.modelIdentifier)
      : { files: [...info.sourceFiles], defines: [], includes: [] };
  if (!existsSync(dir) || sources === undefined || sources.files.length === 0) {
    const shipped = existsSync(join(fmu.unzipDir, 'binaries'))
      ? readdirSync(join(fmu.unzipDir, 'binaries')).join(', ')
      : '';
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `${modelName} has no binary for this machine (looked for ${lookedFor}; ${shipped === '' ? 'it has none at all' : `it has ${shipped}`}) and no sources to compile. Export it for this platform, or with its sources.`,
    );
  }
  const key = createHash('sha256')
    .update(`${fmu.sha256} ${info.modelIdentifier} ${process.platform} ${process.arch}`)
    .digest('hex')
    .slice(0, 32);
  const folder = join(fmu.cacheDir, 'compiled');
  const library = join(folder, `${key}.so`);
  if (existsSync(library)) return library;
  if (spawnSync('cc', ['--version']).status !== 0) {
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `${modelName} ships no binary for this machine (looked for ${lookedFor}), only C sources, and there is no C compiler \`cc\` here. Install one (Debian: apt install gcc libc6-dev) or export the FMU for this platform.`,
    );
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const scratch = `${library}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const result = spawnSync(
    'cc',
    [
      '-shared',
      '-fPIC',
      '-O2',
      '-w',
      `-I${packageFile(`shared/fmi/headers/fmi${fmiMajorVersion}`)}`,
      `-I${dir}`,
      ...sources.includes.map((name) => `-I${inside(dir, name)}`),
      ...sources.defines.map((define) => `-D${define}`),
      ...sources.files.map((name) => inside(dir, name)),
      '-lm',
      '-o',
      scratch,
    ],
    { encoding: 'utf8', timeout: COMPILE_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 },
  );
  if (result.status !== 0) {
    rmSync(scratch, { force: true });
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `The C sources of ${modelName} did not compile: ${(result.stderr || result.error?.message || '').slice(0, 1000)}`,
    );
  }
  renameSync(scratch, library);
  return library;
}
