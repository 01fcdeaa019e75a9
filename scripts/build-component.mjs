// Builds the Greengrass component: a zip per platform with the bundled JavaScript and only its own
// native parts, and the recipe, laid out as `gdk component build` with a custom build expects it:
// greengrass-build/artifacts/<name>/<version>/*.zip and greengrass-build/recipes/recipe.yaml.
//
//   node scripts/build-component.mjs [--arch x64|arm64] [--recipe]
//
// --recipe only writes recipes/ from the config's schema.
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
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { zipSync } from 'fflate';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: { arch: { type: 'string', multiple: true }, recipe: { type: 'boolean' } },
});
const recipeModule = join(root, 'dist/edge-component/greengrass/recipe.js');
const { bundleName, COMPONENT_NAME, edgeRecipeYaml, PLATFORMS } = await import(recipeModule);
const { edgeSchema, toJsonSchema } = await import(join(root, 'dist/shared/config/index.js'));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function writeRecipes() {
  mkdirSync(join(root, 'recipes'), { recursive: true });
  writeFileSync(join(root, 'recipes', `${COMPONENT_NAME}.yaml`), edgeRecipeYaml(version));
  const schema = { ...toJsonSchema(edgeSchema), title: "Twinloop's edge component" };
  writeFileSync(
    join(root, 'recipes/edge-config.schema.json'),
    `${JSON.stringify(schema, null, 2)}\n`,
  );
}

writeRecipes();
if (options.recipe) process.exit(0);

/** What cannot be bundled because it loads native code beside it. */
const NATIVE = ['lmdb', 'koffi', 'aws-iot-device-sdk-v2'];
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

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

/** Native packages of one platform, by their names in the lock file. */
const platformPackages = (arch) => [`@lmdb/lmdb-linux-${arch}`, `@koromix/koffi-linux-${arch}`];

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

/** What a gateway does not need of the packages. */
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
  if (/node_modules\/lmdb\/(dependencies|src|build|dict\/|test)/.test(path)) return false;
  if (/node_modules\/koffi\/(doc|src|vendor|lib)\//.test(path)) return false;
  if (/node_modules\/@lmdb\/.*musl/.test(path)) return false;
  return !/(^|\/)(\.github|docs?|examples?|tests?|__tests__)\//.test(path);
}

function filesBelow(folder, base = folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path, base) : [relative(base, path)];
  });
}

async function buildBundle(arch) {
  const target = mkdtempSync(join(tmpdir(), 'twinloop-bundle-'));
  await build({
    entryPoints: {
      'edge-component/main': join(root, 'edge-component/main.ts'),
      'dist/shared/fmi/lane-process': join(root, 'shared/fmi/lane-process.ts'),
    },
    outdir: target,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minify: true,
    keepNames: true,
    legalComments: 'linked',
    // An optional lock provider of the OPC UA certificate store, not installed here either.
    external: [...NATIVE, 'proper-lockfile'],
    logLevel: 'error',
    banner: {
      js: "import{createRequire as __cr}from'node:module';import{fileURLToPath as __fu}from'node:url';import{dirname as __dn}from'node:path';const require=__cr(import.meta.url);const __filename=__fu(import.meta.url);const __dirname=__dn(__filename);",
    },
  });
  for (const folder of closureOf(NATIVE)) {
    cpSync(join(root, folder), join(target, folder), { recursive: true, dereference: true });
  }
  for (const name of platformPackages(arch)) addPlatformPackage(name, target);
  writeFileSync(
    join(target, 'package.json'),
    `${JSON.stringify({ name: 'twinloop', version, type: 'module', private: true })}\n`,
  );
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
  const files = {};
  for (const file of filesBelow(target)) {
    // A fixed time makes the same content the same file.
    if (isWanted(file, arch)) {
      files[file] = [readFileSync(join(target, file)), { level: 9, mtime: new Date('2026-01-01') }];
    }
  }
  rmSync(target, { recursive: true });
  return zipSync(files);
}

const gdk = JSON.parse(readFileSync(join(root, 'gdk-config.json'), 'utf8'));
const [[name, component]] = Object.entries(gdk.component);
const out = join(root, 'greengrass-build');
const artifacts = join(out, 'artifacts', name, component.version);
const wanted = options.arch ?? PLATFORMS.map((p) => p.node);
rmSync(out, { recursive: true, force: true });
mkdirSync(artifacts, { recursive: true });
mkdirSync(join(out, 'recipes'), { recursive: true });
for (const arch of wanted) {
  const zip = await buildBundle(arch);
  const file = join(artifacts, `${bundleName(arch)}.zip`);
  writeFileSync(file, zip);
  const sha256 = createHash('sha256').update(zip).digest('hex');
  console.log(`${relative(root, file)}  ${(zip.length / 1e6).toFixed(1)} MB  sha256 ${sha256}`);
}
writeFileSync(join(out, 'recipes/recipe.yaml'), edgeRecipeYaml(version));
