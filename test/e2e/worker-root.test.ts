// The worker in the root file system of its image: Debian's packages, `node` and the worker's folder, and
// nothing else of this machine. TWINLOOP_WORKER_ROOT names one that `scripts/image.mjs --root` assembled;
// without it the test is skipped.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeAssetState, stateKey } from '../../cloud/index.js';
import { packageFile } from '../../shared/core/index.js';
import { reportsOf, startTestFleet, type TestFleet } from '../support/fleet.js';

const root = process.env.TWINLOOP_WORKER_ROOT;
const reason = root === undefined ? ' (skipped: set TWINLOOP_WORKER_ROOT)' : '';
let fleet: TestFleet | undefined;
afterAll(() => fleet?.close());

describe.skipIf(root === undefined)(`the worker in its image’s root${reason}`, () => {
  test('calibrates with an FMU of native code, as its user, and writes to /tmp alone', async () => {
    fleet = await startTestFleet({ assets: 1, samples: 2, root });
    const { code, stderr } = await fleet.start(0).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/cannot open shared object|ENOENT|EROFS|EACCES/);
    const [report] = await reportsOf(fleet);
    expect(report?.assets[0]).toMatchObject({ asset: 'line-1', outcome: 'calibrated' });
    const key = stateKey('lines', 'line-1');
    const found = await fleet.store.get(key);
    if (found === undefined) throw new Error('no state was kept');
    expect(decodeAssetState(found.body, 'line-1', key)).toMatchObject({ samples: 2 });
  }, 60_000);

  test('says what it misses when it is started with nothing', () => {
    const run = spawnSync(packageFile('scripts/run-in-root.sh'), [root as string], {
      env: { PATH: process.env.PATH },
      encoding: 'utf8',
    });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('TWINLOOP_STORE');
  });

  test('has the Node of the Dockerfile, not this machine’s', async () => {
    const dockerfile = await readFile(packageFile('cloud/worker/Dockerfile'), 'utf8');
    const [, version] = /^ARG NODE_VERSION=(.+)$/m.exec(dockerfile) ?? [];
    const { stdout } = spawnSync(
      packageFile('scripts/run-in-root.sh'),
      [root as string, '--entrypoint', '/usr/local/bin/node', '--version'],
      { env: { PATH: process.env.PATH }, encoding: 'utf8' },
    );
    expect(stdout.trim()).toBe(`v${version}`);
  });

  test('cannot be written to, and runs as a user without rights', () => {
    const probe = `const { writeFileSync } = require('node:fs');
      writeFileSync('/tmp/x', ''); let code = '';
      try { writeFileSync('/app/x', ''); } catch (e) { code = e.code; }
      console.log(process.getuid(), code);`;
    const { stdout } = spawnSync(
      packageFile('scripts/run-in-root.sh'),
      [root as string, '--entrypoint', '/usr/local/bin/node', '-e', probe],
      { env: { PATH: process.env.PATH }, encoding: 'utf8' },
    );
    expect(stdout.trim()).toBe('1000 EROFS');
  });
});
