import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';

const folder = mkdtempSync(join(tmpdir(), 'twinloop-entry-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run of the container's entry, with its last line of log. */
function start(env: Record<string, string>) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [packageFile('dist/cloud/worker/main.js')],
    { env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...env }, encoding: 'utf8' },
  );
  return { status, logged: JSON.parse(stderr.trim().split('\n').at(-1)!) as object };
}

test('a worker that cannot begin tells it as it tells of an asset, and is started again only where that may help', () => {
  const level = 'error';
  expect(start({})).toMatchObject({ status: 2, logged: { level, code: 'USAGE' } });
  expect(start({ TWINLOOP_STORE: folder })).toMatchObject({
    status: 2,
    logged: { level, code: 'NOT_FOUND', retryable: false },
  });
  const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'eu-west-1' };
  const away = { TWINLOOP_STORE: 's3://bucket/x', TWINLOOP_S3_ENDPOINT: 'http://127.0.0.1:9' };
  expect(start({ ...keys, ...away })).toMatchObject({
    status: 1,
    logged: { level, code: 'NETWORK', retryable: true },
  });
}, 60_000);
