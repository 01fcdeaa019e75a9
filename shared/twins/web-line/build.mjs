// Builds the example twin's FMUs, here or in the folder named as its argument: `npm run build:twin`.
//
//   node shared/twins/web-line/build.mjs [OUTPUT_FOLDER] [--this-machine]
//
// Needs `cc`; the binaries for other platforms are compiled by zig, which it installs where it can.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { buildArguments, compileAll } from '../build/compile.mjs';
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
const { output } = buildArguments(here);

const versions = {
  2: {
    archive: 'web-line.fmu',
    describe: modelDescription2,
    own: ['fmi2.c'],
    headers: ['fmi2Functions.h', 'fmi2FunctionTypes.h', 'fmi2TypesPlatform.h'],
  },
  3: {
    archive: 'web-line-fmi3.fmu',
    describe: modelDescription3,
    own: ['fmi3.c'],
    headers: ['fmi3Functions.h', 'fmi3FunctionTypes.h', 'fmi3PlatformTypes.h'],
  },
};

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
    const libraries = compileAll({
      identifier: MODEL_IDENTIFIER,
      fmi: Number(number),
      sources,
      folder,
      flags: ['-fvisibility=hidden', '-Wall', '-DFMI_VERSION'],
    });
    Object.assign(entries, libraries);
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
