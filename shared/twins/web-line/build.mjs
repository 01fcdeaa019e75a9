// Builds the example twin's FMUs, here or in the folder named as its argument: `npm run build:twin`.
//
//   node shared/twins/web-line/build.mjs [OUTPUT_FOLDER]
//
// Needs `cc`; adds binaries for arm64 where `aarch64-linux-gnu-gcc` is installed (Debian package
// gcc-aarch64-linux-gnu) and says so where it isn't.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import {
  buildDescription3,
  instantiationToken,
  MODEL_IDENTIFIER,
  modelDescription2,
  modelDescription3,
  SOURCES,
  variablesHeader,
} from './describe.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const model = join(here, 'model');
const headers = join(here, '../../fmi/headers');
const output = process.argv[2] === undefined ? here : resolve(process.argv[2]);

const versions = {
  2: {
    archive: 'web-line.fmu',
    describe: modelDescription2,
    own: ['fmi2.c'],
    headers: ['fmi2Functions.h', 'fmi2FunctionTypes.h', 'fmi2TypesPlatform.h'],
    folders: { 'x86_64-linux': 'linux64', 'aarch64-linux': 'aarch64-linux' },
  },
  3: {
    archive: 'web-line-fmi3.fmu',
    describe: modelDescription3,
    own: ['fmi3.c'],
    headers: ['fmi3Functions.h', 'fmi3FunctionTypes.h', 'fmi3PlatformTypes.h'],
    folders: { 'x86_64-linux': 'x86_64-linux', 'aarch64-linux': 'aarch64-linux' },
  },
};

const compilers = [
  {
    tuple: process.arch === 'arm64' ? 'aarch64-linux' : 'x86_64-linux',
    command: 'cc',
    required: true,
  },
  process.arch === 'arm64'
    ? { tuple: 'x86_64-linux', command: 'x86_64-linux-gnu-gcc' }
    : { tuple: 'aarch64-linux', command: 'aarch64-linux-gnu-gcc' },
];

function fail(message) {
  console.error(`build:twin: ${message}`);
  process.exit(1);
}

/** @returns the library's bytes, or undefined where the compiler is missing */
function compile(compiler, sources, folder) {
  const file = join(folder, `${MODEL_IDENTIFIER}-${compiler.tuple}.so`);
  // No contraction to fused operations: both architectures compute the same numbers.
  const flags = ['-std=c99', '-O2', '-ffp-contract=off', '-fPIC', '-fvisibility=hidden', '-Wall'];
  const links = ['-shared', '-s', '-Wl,--build-id=none', '-Wl,--as-needed', '-o', file];
  const result = spawnSync(
    compiler.command,
    [...flags, '-DFMI_VERSION', ...links, ...sources, '-lm'],
    { cwd: folder, encoding: 'utf8' },
  );
  if (result.error?.code === 'ENOENT') {
    if (compiler.required === true) fail(`no C compiler found: install \`${compiler.command}\`.`);
    console.error(
      `build:twin: ${compiler.command} is not installed: no binary for ${compiler.tuple}.`,
    );
    return undefined;
  }
  if (result.status !== 0) fail(`${compiler.command} failed:\n${result.stderr}`);
  if (result.stderr !== '') console.error(result.stderr);
  return readFileSync(file);
}

const read = (folder, name) => readFileSync(join(folder, name));
const cFiles = [...SOURCES, 'instance.h', 'rosenbrock.h', 'web_line.h'];
const token = instantiationToken([...cFiles, 'fmi2.c', 'fmi3.c'].map((name) => read(model, name)));
const temporary = mkdtempSync(join(tmpdir(), 'twinloop-web-line-'));
try {
  for (const [number, version] of Object.entries(versions)) {
    const entries = { 'modelDescription.xml': version.describe(token) };
    const sources = [...SOURCES, ...version.own];
    for (const name of [...cFiles, ...version.own]) entries[`sources/${name}`] = read(model, name);
    for (const name of version.headers) {
      entries[`sources/${name}`] = read(join(headers, `fmi${number}`), name);
    }
    entries['sources/variables.h'] = variablesHeader(token);
    if (number === '3') entries['sources/buildDescription.xml'] = buildDescription3();
    // Compiled from the very files that the archive holds.
    const folder = join(temporary, `fmi${number}`);
    mkdirSync(folder);
    for (const [name, content] of Object.entries(entries)) {
      if (name.startsWith('sources/')) writeFileSync(join(folder, name.slice(8)), content);
    }
    for (const compiler of compilers) {
      const library = compile(compiler, sources, folder);
      if (library === undefined) continue;
      entries[`binaries/${version.folders[compiler.tuple]}/${MODEL_IDENTIFIER}.so`] = library;
    }
    const files = Object.fromEntries(
      Object.keys(entries)
        .sort()
        .map((name) => [name, new Uint8Array(Buffer.from(entries[name]))]),
    );
    // One fixed time for all entries: the same sources give the same archive.
    const archive = zipSync(files, { level: 9, mtime: new Date(2020, 0, 1) });
    mkdirSync(output, { recursive: true });
    writeFileSync(join(output, version.archive), archive);
    console.error(`${join(output, version.archive)}: ${Math.ceil(archive.length / 1024)} KiB`);
  }
  if (output === here) writeFileSync(join(model, 'variables.h'), variablesHeader(token));
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
