// Builds an example twin of one C file: its FMU and its recording.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { compileAll } from './compile.mjs';

const headers = fileURLToPath(new URL('../../fmi/headers/fmi2', import.meta.url));
const shell = fileURLToPath(new URL('./fmi2-co-simulation.h', import.meta.url));

/** The same bytes on every day: an archive holds times. */
const EPOCH = new Date('2026-01-01T00:00:00Z');

/**
 * @param {{ folder: string, output: string, name: string, identifier: string, recording: string }} twin
 *   folder with modelDescription.xml and model/IDENTIFIER.c; the recording's text
 */
export function buildSmallTwin({ folder, output, name, identifier, recording }) {
  const scratch = mkdtempSync(join(tmpdir(), `${name}-`));
  try {
    const read = (path) => new Uint8Array(readFileSync(path));
    const sources = {
      [`${identifier}.c`]: read(join(folder, 'model', `${identifier}.c`)),
      'fmi2-co-simulation.h': read(shell),
    };
    for (const header of ['Functions', 'FunctionTypes', 'TypesPlatform']) {
      sources[`fmi2${header}.h`] = read(join(headers, `fmi2${header}.h`));
    }
    for (const [file, bytes] of Object.entries(sources)) writeFileSync(join(scratch, file), bytes);
    const libraries = compileAll({
      ...{ identifier, fmi: 2, folder: scratch },
      sources: [`${identifier}.c`],
      flags: ['-w'],
    });
    const own = Object.fromEntries(
      Object.entries(sources)
        .filter(([file]) => !file.startsWith('fmi2F') && !file.startsWith('fmi2T'))
        .map(([file, bytes]) => [`sources/${file}`, bytes]),
    );
    const entries = {
      'modelDescription.xml': read(join(folder, 'modelDescription.xml')),
      ...own,
      ...libraries,
    };
    const archive = zipSync(
      Object.fromEntries(
        Object.entries(entries).map(([path, bytes]) => [path, [bytes, { mtime: EPOCH, level: 9 }]]),
      ),
    );
    mkdirSync(output, { recursive: true });
    writeFileSync(join(output, `${name}.fmu`), archive);
    writeFileSync(join(output, 'export.csv'), recording);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A generator of normal numbers from a seed (mulberry32, Box and Muller). */
export function normals(seed) {
  let a = seed;
  const uniform = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
