// Makes a fresh clone ready: installs packages when they are missing or the lockfile changed, then
// builds what is stale. Runs before `npm start` and `npm test`; needs nothing but Node itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.twinloop-lock');
const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');

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

const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === lock;
if (!installed) {
  console.error('Installing packages (once; about a minute) …');
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
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
}
// All of it, or the part that was asked for: `node scripts/ready.mjs cloud`.
const [project = 'test'] = process.argv.slice(2);
const built = existsSync(join(root, 'dist', project === 'test' ? 'cli.js' : project));
if (!built) console.error('Building (once; seconds) …');
run(
  process.execPath,
  [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', join(root, project)],
  'The build',
);
