// Makes a fresh clone ready: installs packages when they are missing or the lockfile changed, then
// builds what is stale. Runs before `npm start` and `npm test`; needs nothing but Node itself.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments } from './arguments.mjs';

const { positionals } = readArguments('npm run ready -- [PART]', {}, 1);
const [project = '.'] = positionals;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Twinloop needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(2);
}

function run(command, args, label) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) {
    console.error(`${label} failed (${result.error?.message ?? `exit ${result.status}`}).`);
    process.exit(result.status ?? 1);
  }
}

/** Whether npm's own account of node_modules has every package of the lockfile, at its version. */
function isInstalled() {
  const account = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(account)) return false;
  const found = JSON.parse(readFileSync(account, 'utf8')).packages;
  return Object.entries(lock).every(
    ([path, { version, optional }]) =>
      path === '' || (found[path] === undefined ? optional : found[path].version === version),
  );
}

if (!isInstalled()) {
  console.error('Installing packages (once; as long as the download of some 490 takes) …');
  const options = ['--no-fund', '--no-audit', '--loglevel=error'];
  const ci = spawnSync('npm', ['ci', ...options], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  // `npm ci` refuses a lockfile that lacks the optional packages of other platforms, as one made
  // against a registry without them does; `npm install` takes the same versions and skips those.
  if (ci.status !== 0 && /in sync/.test(ci.stderr ?? '')) {
    run('npm', ['install', '--no-save', ...options], 'npm install');
  } else if (ci.status !== 0) {
    console.error(`${ci.stdout ?? ''}${ci.stderr ?? ''}`);
    console.error(`npm ci failed (${ci.error?.message ?? `exit ${ci.status}`}).`);
    process.exit(ci.status ?? 1);
  }
}
// All of it, or the part that was asked for: `node scripts/ready.mjs cloud`.
const entry = join(root, 'dist', project === '.' ? 'cli.js' : project);
if (!existsSync(entry))
  console.error('Building (once; a minute, more where the machine is busy) …');
run(
  process.execPath,
  [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', join(root, project)],
  'The build',
);
if (project === '.') {
  run(process.execPath, [join(root, 'scripts', 'bundle-cli.mjs')], 'Bundling the command line');
  run(process.execPath, [join(root, 'scripts', 'bundle-page.mjs')], 'Bundling the page');
}
