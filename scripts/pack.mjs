// Packs the parts that stand alone: `npm run pack:all` puts a tarball of each into dist/packages. With
// `--test` each is installed into an empty project, held to its limits, and its README's example run.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readArguments } from './arguments.mjs';

const { values } = readArguments('npm run pack:all -- [--test]', { test: { type: 'boolean' } });
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version, license, engines, dependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);
const out = join(root, 'dist', 'packages');

/** What is bundled, what is left to npm (native code), whose types and files go along, and limits. */
const PACKAGES = [
  {
    name: 'fmi',
    description: 'Reads, checks and runs FMUs (FMI 2.0, 3.0) in processes of their own.',
    entries: { index: 'shared/fmi/index', 'dist/fmu-lane': 'shared/fmi/lanes/lane-process' },
    native: ['koffi', 'libxml2-wasm'],
    types: ['core', 'fmi'],
    index: 'shared/fmi/index',
    files: ['shared/fmi/schema', 'shared/fmi/headers'],
    argument: 'shared/twins/web-line/web-line.fmu',
    limits: { packages: 12, megabytes: 15 },
  },
  {
    name: 'kalman',
    description:
      'Kalman and unscented filters, smoothers and tests of consistency as pure functions.',
    entries: { index: 'shared/kalman/index' },
    native: [],
    types: ['core', 'kalman'],
    index: 'shared/kalman/index',
    files: [],
    limits: { packages: 2, megabytes: 3 },
  },
  {
    name: 'sitewise-local',
    description: 'A stand-in for the AWS IoT SiteWise API on one machine.',
    entries: { index: 'simulators/sitewise/index', cli: 'cli/sitewise-local' },
    native: ['lmdb'],
    types: ['core', 'sitewise'],
    moreTypes: ['simulators/sitewise'],
    index: 'simulators/sitewise/index',
    files: [],
    bin: { 'sitewise-local': './cli.js' },
    // Its types speak of the SDK's, which whoever calls it has.
    peer: '@aws-sdk/client-iotsitewise',
    limits: { packages: 20, megabytes: 40 },
  },
];

function call(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    ...options,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}${stdout}`);
  return stdout;
}

/** The licences of the packages that went into a bundle. */
function noticesOf(inputs) {
  const folders = inputs.map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(folders.filter((folder) => folder !== undefined))]
    .sort()
    .map((folder) => {
      const {
        name,
        version: of,
        license: terms,
      } = JSON.parse(readFileSync(join(process.cwd(), folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((f) => /^licen[cs]e/i.test(f));
      const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
      return `${name} ${of} (${terms})\n\n${text}`;
    })
    .join('\n\n----\n\n');
}

async function pack({
  name,
  description,
  entries,
  native,
  types,
  moreTypes = [],
  index,
  files,
  bin,
  peer,
}) {
  const folder = mkdtempSync(join(tmpdir(), 'twinloop-pack-'));
  const { metafile } = await build({
    entryPoints: Object.fromEntries(
      Object.entries(entries).map(([to, from]) => [to, join(root, 'dist', `${from}.js`)]),
    ),
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: native.flatMap((n) => [n, `${n}/*`]),
    banner: {
      js: "import { createRequire as twinloopRequire } from 'node:module';const require = twinloopRequire(import.meta.url);",
    },
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  });
  for (const part of [...types.map((t) => `shared/${t}`), ...moreTypes]) {
    cpSync(join(root, 'dist', part), join(folder, 'types', part), {
      recursive: true,
      filter: (path) => !/\.(js|map)$/.test(path),
    });
  }
  for (const file of files) cpSync(join(root, file), join(folder, file), { recursive: true });
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  cpSync(join(root, 'scripts', 'packages', name, 'README.md'), join(folder, 'README.md'));
  const notices = noticesOf(Object.keys(metafile.inputs));
  if (notices !== '') writeFileSync(join(folder, 'THIRD-PARTY.txt'), notices);
  const manifest = {
    name: `@twinloop/${name}`,
    version,
    description,
    license,
    type: 'module',
    engines,
    exports: { '.': { types: `./types/${index}.d.ts`, default: './index.js' } },
    ...(bin && { bin }),
    ...(peer && {
      peerDependencies: { [peer]: '3' },
      peerDependenciesMeta: { [peer]: { optional: true } },
    }),
    dependencies: Object.fromEntries(native.map((n) => [n, dependencies[n]])),
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const [{ filename }] = JSON.parse(
    call('npm', ['pack', '--json', '--pack-destination', out], { cwd: folder }),
  );
  rmSync(folder, { recursive: true });
  return join(out, filename);
}

/** Installs a tarball into an empty project and runs its README's JavaScript. */
function test({ name, argument, limits, bin }, tarball) {
  const folder = mkdtempSync(join(tmpdir(), 'twinloop-project-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}\n');
  call('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: folder });
  const account = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
  const packages = Object.keys(account.packages).length;
  const megabytes =
    Number(call('du', ['-sk', 'node_modules'], { cwd: folder }).split('\t')[0]) / 1024;
  const readme = readFileSync(join(folder, 'node_modules/@twinloop', name, 'README.md'), 'utf8');
  writeFileSync(join(folder, 'example.js'), /```js\n([\s\S]*?)```/.exec(readme)[1]);
  const args = ['example.js', ...(argument ? [join(root, argument)] : [])];
  const said = call(process.execPath, args, { cwd: folder, timeout: 60_000 }).trim();
  for (const command of Object.keys(bin ?? {}))
    call(join(folder, 'node_modules/.bin', command), ['--help']);
  console.log(`@twinloop/${name}: ${packages} packages, ${megabytes.toFixed(1)} MB; ${said}`);
  if (/\bfalse\b/.test(said)) throw new Error(`The example of @twinloop/${name} says ${said}.`);
  if (packages > limits.packages || megabytes > limits.megabytes) {
    throw new Error(
      `@twinloop/${name} is larger than ${limits.packages} packages or ${limits.megabytes} MB.`,
    );
  }
  rmSync(folder, { recursive: true });
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const entry of PACKAGES) {
  const tarball = await pack(entry);
  if (values.test) test(entry, tarball);
}
if (!values.test) console.log(readdirSync(out).join('\n'));
