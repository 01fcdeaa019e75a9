// Builds the Greengrass component: a zip per platform with the bundled JavaScript and only its own
// native parts, and the recipe, laid out as `gdk component build` with a custom build expects it:
// greengrass-build/artifacts/<name>/<version>/*.zip and greengrass-build/recipes/recipe.yaml.
//
//   node scripts/build-component.mjs [--arch x64|arm64] [--config edge.yaml] [--check] [--recipe]
//
// --config puts a config of any length into the artifact, and names it in the recipe: a nucleus hands out
// short configurations only (lite: 10,000 bytes).
// --check then starts the bundle of this machine's architecture as a gateway would; --recipe only
// writes recipes/ from the config's schema.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, relative } from 'node:path';
import { zipSync } from 'fflate';
import { readArguments } from './arguments.mjs';
import { bundleInto, filesBelow, root, version } from './bundle.mjs';
import { checkBundle } from './check-component.mjs';

const { values: options } = readArguments(
  'npm run build:component -- [--arch x64|arm64] [--config FILE] [--check] [--recipe]',
  {
    arch: { type: 'string', multiple: true },
    config: { type: 'string' },
    check: { type: 'boolean' },
    recipe: { type: 'boolean' },
  },
);
const recipeModule = join(root, 'dist/edge-component/greengrass/recipe.js');
const { bundleName, COMPONENT_NAME, edgeRecipeYaml, PLATFORMS } = await import(recipeModule);
const { edgeSchema, loadConfig, toJsonSchema } = await import(
  join(root, 'dist/shared/config/index.js')
);

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

/** The config that goes into the artifact, checked before anything is built. */
async function configInArtifact() {
  if (options.config === undefined) return undefined;
  const config = await loadConfig(edgeSchema, options.config, 'edge config');
  return { file: `edge-config${extname(options.config)}`, config };
}

let inArtifact;
try {
  inArtifact = await configInArtifact();
} catch (error) {
  console.error(error.message);
  process.exit(2);
}

async function buildBundle(arch) {
  const target = mkdtempSync(join(tmpdir(), 'twinloop-bundle-'));
  await bundleInto(target, {
    arch,
    entryPoints: {
      'edge-component/main': 'edge-component/main.ts',
      'dist/fmu-lane': 'shared/fmi/lanes/lane-process.ts',
    },
    // serialport: for Modbus on a serial line, loaded only there.
    native: ['lmdb', 'koffi', 'aws-iot-device-sdk-v2', 'serialport'],
    // An optional lock provider of the OPC UA certificate store, not installed here either.
    external: ['proper-lockfile'],
  });
  const files = {};
  for (const file of filesBelow(target)) {
    // A fixed time makes the same content the same file.
    files[file] = [readFileSync(join(target, file)), { level: 9, mtime: new Date('2026-01-01') }];
  }
  rmSync(target, { recursive: true });
  if (inArtifact !== undefined) {
    files[inArtifact.file] = [readFileSync(options.config), { mtime: new Date('2026-01-01') }];
  }
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
const builtRecipe = join(out, 'recipes/recipe.yaml');
writeFileSync(builtRecipe, edgeRecipeYaml(version, inArtifact));
if (options.check) {
  const own = bundleName(process.arch);
  await checkBundle({
    root,
    zipFile: join(artifacts, `${own}.zip`),
    recipe: builtRecipe,
    bundleName: own,
  });
  console.log(
    `${own} runs from its recipe under the stand-in nucleus: values arrive by MQTT and by the API`,
  );
}
