import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { packageFile } from '../../../shared/core/index.js';
import { platformFolders } from '../../../shared/fmi/description/platform.js';

/** Whether test FMUs can be built here. */
export const hasCompiler = spawnSync('cc', ['--version']).status === 0;

const fixtures = packageFile('test/fixtures/fmus');
/** Where what tests build is kept, by its content. */
export const fixtureCache = join(tmpdir(), `twinloop-test-fmus-${userInfo().uid}`);
const ending = { win32: '.dll', darwin: '.dylib' }[process.platform as string] ?? '.so';

const read = (...parts: string[]) => readFileSync(join(fixtures, ...parts));

/**
 * Builds one of our own test FMUs with `cc`, once per content of its sources.
 *
 * @param edit changes its description, e.g. to make it wrong
 * @param flags of the compiler
 * @returns the path of the .fmu
 */
export function buildFmu(
  name: string,
  version: 1 | 2 | 3,
  edit: (xml: string) => string = (xml) => xml,
  flags: readonly string[] = ['-O1'],
): string {
  const xml = edit(read('descriptions', `${name}.fmi${version}.xml`).toString('utf8'));
  return compileFmu({ name, version, xml, source: join(fixtures, 'models', `${name}.c`), flags });
}

/** What an FMU is compiled from. */
interface FmuSource {
  name: string;
  version: 1 | 2 | 3;
  xml: string;
  /** Path of the model in C, in the frame of `include/model.h`. */
  source: string;
  flags?: readonly string[];
}

/** Builds an FMU from a model in C, once per content. @returns the path of the .fmu */
export function compileFmu({ name, version, xml, source, flags = ['-O1'] }: FmuSource): string {
  const headers = packageFile(`shared/fmi/headers/fmi${version}`);
  const hash = createHash('sha256').update(xml).update(flags.join(' '));
  for (const file of readdirSync(join(fixtures, 'include')).sort())
    hash.update(read('include', file));
  hash.update(readFileSync(source));
  const key = hash.digest('hex').slice(0, 24);
  const path = join(fixtureCache, `${name}-fmi${version}-${key}.fmu`);
  if (existsSync(path)) return path;
  mkdirSync(fixtureCache, { recursive: true, mode: 0o700 });
  const unique = `${process.pid}.${Math.random().toString(36).slice(2)}`;
  const library = join(fixtureCache, `${key}.${unique}${ending}`);
  execFileSync('cc', [
    ...flags,
    '-shared',
    '-fPIC',
    '-w',
    ...(version === 1 ? [`-DMODEL_IDENTIFIER=${name}`] : [`-I${headers}`]),
    `-I${join(fixtures, 'include')}`,
    '-o',
    library,
    source,
    join(fixtures, 'include', `fmi${version}-shell.c`),
    '-lm',
  ]);
  const folders = platformFolders();
  const folder = version < 3 ? folders[0] : folders[folders.length - 1];
  const zip = zipSync({
    'modelDescription.xml': new TextEncoder().encode(xml),
    [`binaries/${folder}/${name}${ending}`]: new Uint8Array(readFileSync(library)),
  });
  writeFileSync(`${path}.${unique}`, zip);
  renameSync(`${path}.${unique}`, path);
  rmSync(library);
  return path;
}

/** Makes an FMI 1.0 description one for co-simulation: there, an FMU is one or the other. */
export const asSlave = (xml: string): string =>
  xml.replace(
    '</fmiModelDescription>',
    '<Implementation><CoSimulation_StandAlone><Capabilities canHandleVariableCommunicationStepSize="true" canInterpolateInputs="true"/></CoSimulation_StandAlone></Implementation></fmiModelDescription>',
  );
