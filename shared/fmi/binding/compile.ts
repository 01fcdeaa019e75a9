import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { packageFile, TwinError } from '../../core/index.js';
import type { Fmu } from '../description/fmu.js';
import type { InterfaceInfo } from '../description/model-description.js';
import { childOf, childrenOf } from '../description/parse-common.js';
import { parseXml } from '../description/xml.js';
import { type CompilerCall, callCompiler, callCompilerSync } from './compiler-call.js';

const COMPILE_TIMEOUT_MS = 120_000;

interface Sources {
  files: string[];
  defines: string[];
  includes: string[];
}

/** What sources/buildDescription.xml lists (FMI 3, and later FMI 2). */
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

/** Where compiled sources of an FMU are kept, by content and machine. */
function compiledPath(fmu: Fmu, modelIdentifier: string): string {
  const key = createHash('sha256')
    .update(`${fmu.sha256} ${modelIdentifier} ${process.platform} ${process.arch} 2`)
    .digest('hex')
    .slice(0, 32);
  return join(fmu.cacheDir, 'compiled', `${key}.so`);
}

/** FMI 2: the listed files; where none are listed, all C files at the top. */
function fromModelDescription(dir: string, info: InterfaceInfo): Sources {
  const files =
    info.sourceFiles.length > 0 || !existsSync(dir)
      ? [...info.sourceFiles]
      : readdirSync(dir).filter((name) => /\.(c|cc|cpp|cxx)$/.test(name));
  return { files, defines: [], includes: [] };
}

/** The calls of the compiler; those of `objects` do not depend on each other. */
interface Plan {
  library: string;
  folder: string;
  objects: CompilerCall[];
  link: CompilerCall;
  /** What the link makes; moved into place when it is whole. */
  made: string;
}

function planOf(fmu: Fmu, info: InterfaceInfo, lookedFor: string): Plan {
  const { modelName, fmiMajorVersion } = fmu.modelDescription;
  const dir = join(fmu.unzipDir, 'sources');
  const described = fromBuildDescription(dir, info.modelIdentifier);
  const sources = described ?? fromModelDescription(dir, info);
  if (!existsSync(dir) || sources.files.length === 0) {
    const shipped = existsSync(join(fmu.unzipDir, 'binaries'))
      ? readdirSync(join(fmu.unzipDir, 'binaries')).join(', ')
      : '';
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `${modelName} has no binary for this machine (looked for ${lookedFor}; ${shipped === '' ? 'it has none at all' : `it has ${shipped}`}) and no sources to compile. Export it for this platform, or with its sources.`,
    );
  }
  const library = compiledPath(fmu, info.modelIdentifier);
  const folder = `${library}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  const options = [
    '-fPIC',
    '-O2',
    '-w',
    `-I${packageFile(`shared/fmi/headers/fmi${fmiMajorVersion}`)}`,
    `-I${dir}`,
    ...sources.includes.map((name) => `-I${inside(dir, name)}`),
    // Plain names, as a shared library has them.
    ...(fmiMajorVersion === 3 ? ['-DFMI3_OVERRIDE_FUNCTION_PREFIX'] : []),
    ...sources.defines.map((define) => `-D${define}`),
  ];
  const isCpp = (name: string) => /\.(cc|cpp|cxx)$/i.test(name);
  const objects = sources.files.map((name, i) => ({
    command: isCpp(name) ? 'c++' : 'cc',
    args: [...options, '-c', inside(dir, name), '-o', join(folder, `${i}.o`)],
  }));
  const made = join(folder, 'library.so');
  return {
    library,
    folder,
    made,
    objects,
    link: {
      command: sources.files.some(isCpp) ? 'c++' : 'cc',
      args: [
        '-shared',
        ...objects.map((_, i) => join(folder, `${i}.o`)),
        '-lm',
        '-lpthread',
        '-o',
        made,
      ],
    },
  };
}

function failure(modelName: string, output: string): TwinError<'FMU_UNSUPPORTED'> {
  return new TwinError(
    'FMU_UNSUPPORTED',
    `The C sources of ${modelName} did not compile: ${output.slice(0, 1000)}`,
  );
}

function withoutCompiler(modelName: string, command: string): TwinError<'FMU_UNSUPPORTED'> {
  return new TwinError(
    'FMU_UNSUPPORTED',
    `${modelName} ships no binary for this machine, only sources, and there is no compiler \`${command}\` here. Install one (Debian: apt install gcc g++ libc6-dev) or export the FMU for this platform.`,
  );
}

/**
 * Compiles the sources that an FMU ships, file by file on all cores, once per content, into the cache.
 *
 * @param deadline ends the compilers
 * @returns the shared library
 * @throws TwinError `FMU_UNSUPPORTED` without sources or compiler, or when a compiler fails;
 *   `FMU_TIMEOUT` at the deadline
 */
export async function compileSources(
  fmu: Fmu,
  info: InterfaceInfo,
  lookedFor: string,
  deadline?: AbortSignal,
): Promise<string> {
  const { modelName } = fmu.modelDescription;
  const plan = planOf(fmu, info, lookedFor);
  if (existsSync(plan.library)) return plan.library;
  const run = async (call: CompilerCall) => {
    const { ok, missing, complaints } = await callCompiler(call, deadline);
    if (deadline?.aborted) {
      throw new TwinError(
        'FMU_TIMEOUT',
        `The sources of ${modelName} were not compiled before the deadline. Allow more time.`,
        { retryable: true },
      );
    }
    if (missing) throw withoutCompiler(modelName, call.command);
    if (!ok) throw failure(modelName, complaints);
  };
  mkdirSync(plan.folder, { recursive: true, mode: 0o700 });
  try {
    const waiting = [...plan.objects];
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next);
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    await run(plan.link);
    renameSync(plan.made, plan.library);
    return plan.library;
  } finally {
    rmSync(plan.folder, { recursive: true, force: true });
  }
}

/** As {@link compileSources}, one file after the other, for instances in this process. */
export function compileSourcesSync(fmu: Fmu, info: InterfaceInfo, lookedFor: string): string {
  const { modelName } = fmu.modelDescription;
  const plan = planOf(fmu, info, lookedFor);
  if (existsSync(plan.library)) return plan.library;
  mkdirSync(plan.folder, { recursive: true, mode: 0o700 });
  try {
    for (const call of [...plan.objects, plan.link]) {
      const { ok, missing, complaints } = callCompilerSync(call, COMPILE_TIMEOUT_MS);
      if (missing) throw withoutCompiler(modelName, call.command);
      if (!ok) throw failure(modelName, complaints);
    }
    renameSync(plan.made, plan.library);
    return plan.library;
  } finally {
    rmSync(plan.folder, { recursive: true, force: true });
  }
}
