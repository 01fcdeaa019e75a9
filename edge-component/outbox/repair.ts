import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Clock, type Logger, nsToDate } from '../../shared/core/index.js';

/** An outbox file that could not be read and was moved away. */
export interface SetAside {
  path: string;
  reason: string;
}

// Opens the environment and walks all rows. In a process of its own: on a broken file the native
// code may not throw but crash.
const PROBE = `
const { open } = require(process.argv[1]);
const root = open({ path: process.argv[2], noSubdir: false, overlappingSync: false, maxDbs: 8, keyEncoding: 'binary', encoding: 'binary' });
const binary = { keyEncoding: 'binary', encoding: 'binary' };
let count = 0;
for (const name of ['queue', 'doubtful', 'parked']) {
  for (const { value } of root.openDB({ name, ...binary }).getRange()) count += value.length;
}
for (const { value } of root.openDB({ name: 'aliases', keyEncoding: 'uint32', encoding: 'string' }).getRange()) count += value.length;
for (const { value } of root.openDB({ name: 'checkpoints', encoding: 'string' }).getRange()) count += value.length;
root.close();
`;

/** Walking an outbox at its default limit of 1 GB takes some tens of seconds on a small gateway. */
const PROBE_TIMEOUT_MS = 120_000;

/**
 * Looks through an existing outbox and moves a broken one out of the way, where somebody may look
 * at it.
 */
export async function setAsideIfBroken(
  path: string,
  clock: Clock,
  logger: Logger,
): Promise<SetAside | undefined> {
  if (!existsSync(join(path, 'data.mdb'))) return undefined;
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  const probe = spawnSync(process.execPath, ['-e', PROBE, lmdb, path], {
    timeout: PROBE_TIMEOUT_MS,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (probe.status === 0) return undefined;
  const reason =
    probe.stderr.split('\n').find((line) => line.includes('Error')) ??
    `its reader ended with ${probe.signal ?? probe.status}`;
  const stamp = nsToDate(clock.nowNs()).toISOString().replaceAll(/[:.]/g, '-');
  const target = `${path}.broken-${stamp}`;
  await rename(path, target);
  await mkdir(path, { recursive: true });
  logger.error('Outbox could not be read: set aside, beginning a new one', {
    path: target,
    reason,
  });
  return { path: target, reason };
}
