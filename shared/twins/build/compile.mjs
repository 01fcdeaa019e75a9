// Compiles the example models for every platform that people model on: by `cc` for this machine, by zig
// (a C compiler that crosses, from PyPI) for Windows, macOS and the other Linux. With `--this-machine` on
// the command line by `cc` alone.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments } from '../../../scripts/arguments.mjs';

const ZIG_VERSION = '0.17.1';
const venv = fileURLToPath(new URL('../../../node_modules/.cache/zig', import.meta.url));

/** Zig's triple, the library's ending, and the folder's name by version of FMI. */
const TARGETS = [
  { triple: 'x86_64-linux-gnu.2.17', ending: '.so', fmi2: 'linux64', fmi3: 'x86_64-linux' },
  { triple: 'aarch64-linux-gnu.2.17', ending: '.so', fmi2: 'aarch64-linux', fmi3: 'aarch64-linux' },
  { triple: 'x86_64-windows-gnu', ending: '.dll', fmi2: 'win64', fmi3: 'x86_64-windows' },
  { triple: 'x86_64-macos', ending: '.dylib', fmi2: 'darwin64', fmi3: 'x86_64-darwin' },
  { triple: 'aarch64-macos', ending: '.dylib', fmi2: 'darwin64', fmi3: 'aarch64-darwin' },
];

/** The command of a C compiler that crosses; installs it where Python is there. */
function zig() {
  const python = join(venv, 'bin/python');
  const run = (command, args) => spawnSync(command, args, { encoding: 'utf8' }).status === 0;
  const installed = () => existsSync(python) && run(python, ['-m', 'ziglang', 'version']);
  if (installed()) return [python, '-m', 'ziglang', 'cc'];
  const made =
    run('python3', ['-m', 'venv', venv]) &&
    run(python, ['-m', 'pip', 'install', '-q', `ziglang==${ZIG_VERSION}`]);
  return made && installed() ? [python, '-m', 'ziglang', 'cc'] : undefined;
}

const isOwn = ({ triple }) =>
  process.platform === 'linux' &&
  triple.startsWith(process.arch === 'arm64' ? 'aarch64-linux' : 'x86_64-linux');

/**
 * What a model's build was called with: where to, and whether for this machine only.
 *
 * @param {string} [folder] where it goes unless another is named
 */
export function buildArguments(folder = '.') {
  const { values, positionals } = readArguments(
    'node build.mjs [FOLDER] [--this-machine]',
    { 'this-machine': { type: 'boolean' } },
    1,
  );
  return { output: resolve(positionals[0] ?? folder), alone: values['this-machine'] === true };
}

/**
 * Libraries of a model, by their path in the archive. Without a compiler for a platform there is none
 * for it, which is said; without `cc` there is nothing to be said but that.
 *
 * @param {{ identifier: string, fmi: 2 | 3, sources: string[], folder: string, flags?: string[] }} model
 *   sources relative to the folder, which also takes what is built
 * @returns {Record<string, Uint8Array>}
 */
export function compileAll({ identifier, fmi, sources, folder, flags = [] }) {
  const alone = buildArguments().alone;
  const cross = alone ? undefined : zig();
  const built = TARGETS.flatMap((target) => {
    const own = isOwn(target);
    if (!own && cross === undefined) return [];
    const file = join(folder, `${identifier}-${target.triple}${target.ending}`);
    const [command, ...first] = own
      ? ['cc']
      : [...cross, '-target', target.triple, '-fno-sanitize=all'];
    const linux = target.ending === '.so' ? ['-Wl,--build-id=none', '-Wl,--as-needed'] : [];
    const { status, stderr, error } = spawnSync(
      command,
      [
        ...first,
        // No contraction to fused operations: all platforms compute the same numbers.
        ...['-std=c99', '-O2', '-ffp-contract=off', '-fPIC', '-shared', '-s', ...linux, ...flags],
        ...['-o', file, ...sources, '-lm'],
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    if (error !== undefined) throw new Error(`No C compiler found: install ${command}.`);
    if (status !== 0) throw new Error(`${target.triple}: ${stderr}`);
    return [{ ...target, bytes: new Uint8Array(readFileSync(file)) }];
  });
  if (cross === undefined && !alone) {
    console.error('Neither zig nor a Python to install it: a library for this machine only.');
  }
  const libraries = {};
  for (const { ending, bytes, ...target } of built) {
    const path = `binaries/${target[`fmi${fmi}`]}/${identifier}${ending}`;
    libraries[path] = libraries[path] === undefined ? bytes : universal([libraries[path], bytes]);
  }
  return libraries;
}

/** Slices begin at multiples of two to this power: a page of Apple's processors. */
const SLICE_ALIGNMENT = 14;

/**
 * Joins libraries for macOS of several processors into one, as FMI 2 has one folder for all.
 * Layout: <mach-o/fat.h>, big-endian: magic, count; per slice its processor, kind, offset, size, alignment.
 */
function universal(slices) {
  const align = (n) => Math.ceil(n / 2 ** SLICE_ALIGNMENT) * 2 ** SLICE_ALIGNMENT;
  let end = align(8 + 20 * slices.length);
  const offsets = slices.map((slice) => {
    const at = end;
    end = align(at + slice.length);
    return at;
  });
  const last = slices.length - 1;
  const file = Buffer.alloc(offsets[last] + slices[last].length);
  file.writeUInt32BE(0xcafebabe, 0);
  file.writeUInt32BE(slices.length, 4);
  slices.forEach((slice, i) => {
    const header = Buffer.from(slice.buffer, slice.byteOffset, 12);
    const entry = 8 + 20 * i;
    file.writeUInt32BE(header.readUInt32LE(4), entry);
    file.writeUInt32BE(header.readUInt32LE(8), entry + 4);
    file.writeUInt32BE(offsets[i], entry + 8);
    file.writeUInt32BE(slice.length, entry + 12);
    file.writeUInt32BE(SLICE_ALIGNMENT, entry + 16);
    file.set(slice, offsets[i]);
  });
  return new Uint8Array(file);
}
