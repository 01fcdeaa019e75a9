// Bundles a part of Twinloop with esbuild and puts beside it the native packages that can't be
// bundled, without what only their builds need: for the Greengrass component and the worker's image.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

/** The date of the sources, which the same sources have each time they are built. */
function builtAt() {
  const log = spawnSync('git', ['log', '-1', '--format=%cI'], { cwd: root, encoding: 'utf8' });
  const ms = Date.parse(log.stdout ?? '');
  return Number.isNaN(ms) ? {} : { builtAt: new Date(ms).toISOString() };
}

/** The folders in node_modules that a package needs, as Node would find them. */
function closureOf(names) {
  const folders = new Set();
  const visit = (name, from) => {
    for (
      let base = from;
      ;
      base = base.split('/node_modules/').slice(0, -1).join('/node_modules/')
    ) {
      const folder = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
      const entry = lock[folder];
      if (entry !== undefined) {
        if (folders.has(folder)) return;
        folders.add(folder);
        for (const child of Object.keys(entry.dependencies ?? {})) visit(child, folder);
        return;
      }
      if (base === '') throw new Error(`${name}, needed by ${from}, is not in package-lock.json`);
    }
  };
  for (const name of names) visit(name, '');
  return [...folders];
}

/** Native packages that come as one package per platform. */
const PER_PLATFORM = { lmdb: '@lmdb/lmdb-linux-', koffi: '@koromix/koffi-linux-' };

/** Copies a platform's package from node_modules, or has npm fetch the very one of the lock file. */
function addPlatformPackage(name, target) {
  const folder = `node_modules/${name}`;
  if (existsSync(join(root, folder))) {
    cpSync(join(root, folder), join(target, folder), { recursive: true, dereference: true });
    return;
  }
  const { version: wanted, integrity } = lock[folder];
  const scratch = mkdtempSync(join(tmpdir(), 'twinloop-pack-'));
  const pack = spawnSync('npm', ['pack', `${name}@${wanted}`, '--silent'], {
    cwd: scratch,
    encoding: 'utf8',
  });
  const [file] = readdirSync(scratch);
  if (pack.status !== 0 || file === undefined) {
    rmSync(scratch, { recursive: true });
    throw new Error(`npm could not fetch ${name}@${wanted}: ${pack.stderr}`);
  }
  const found = `sha512-${createHash('sha512')
    .update(readFileSync(join(scratch, file)))
    .digest('base64')}`;
  if (found !== integrity)
    throw new Error(`${name}@${wanted} has another content than the lock file says`);
  mkdirSync(join(target, folder), { recursive: true });
  const untar = spawnSync('tar', ['-xzf', join(scratch, file), '--strip-components=1'], {
    cwd: join(target, folder),
  });
  rmSync(scratch, { recursive: true });
  if (untar.status !== 0) throw new Error(`${file} could not be unpacked`);
}

/** What runs does not need this of the packages. */
function isWanted(path, arch) {
  if (
    /(^|\/)(CMakeLists\.txt|binding\.gyp|.*\.(md|map|d\.ts|d\.cts|d\.mts|ts|c|h|cc|cpp|html))$/i.test(
      path,
    )
  ) {
    return false;
  }
  if (/node_modules\/aws-crt\/(source|crt|scripts|dist\.browser|eslint)/.test(path)) return false;
  if (/node_modules\/aws-crt\/dist\/bin\//.test(path)) {
    return path.includes(`/linux-${arch}-glibc/`);
  }
  if (/node_modules\/@serialport\/bindings-cpp\/prebuilds\//.test(path)) {
    return path.includes(`/linux-${arch}/`) && !path.includes('musl');
  }
  if (/node_modules\/node-addon-api\//.test(path)) return false;
  if (/node_modules\/lmdb\/(dependencies|src|build|dict\/|test)/.test(path)) return false;
  if (/node_modules\/koffi\/(doc|vendor|lib)\//.test(path)) return false;
  if (/node_modules\/(@lmdb|@koromix)\/.*musl/.test(path)) return false;
  return !/(^|\/)(\.[^/]+|docs?|examples?|tests?|__tests__)\//.test(path);
}

/** Files below a folder, relative to it. */
export function filesBelow(folder, base = folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path, base) : [relative(base, path)];
  });
}

/**
 * Makes a folder that runs by itself: `node <entry>.js` in it, given Node alone.
 *
 * @param target an empty folder
 * @param options.entryPoints output path without ending → source file below the root
 * @param options.native packages that load native code beside them
 */
export async function bundleInto(target, { arch, entryPoints, native, external = [] }) {
  await build({
    entryPoints: Object.fromEntries(
      Object.entries(entryPoints).map(([out, source]) => [out, join(root, source)]),
    ),
    outdir: target,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minify: true,
    keepNames: true,
    legalComments: 'linked',
    external: [...native, ...external],
    logLevel: 'error',
    banner: {
      js: "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fu}from'node:url';import{dirname as __dn}from'node:path';const require=__cr(import.meta.url);const __filename=__fu(import.meta.url);const __dirname=__dn(__filename);",
    },
  });
  for (const folder of closureOf(native)) {
    cpSync(join(root, folder), join(target, folder), { recursive: true, dereference: true });
  }
  for (const name of native) {
    const prefix = PER_PLATFORM[name];
    if (prefix !== undefined) addPlatformPackage(`${prefix}${arch}`, target);
  }
  writeFileSync(
    join(target, 'package.json'),
    `${JSON.stringify({ name: 'twinloop', version, type: 'module', private: true, ...builtAt() })}\n`,
  );
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
  for (const file of filesBelow(target)) {
    if (!isWanted(file, arch)) rmSync(join(target, file));
  }
}
