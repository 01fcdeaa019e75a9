import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf, nsToDate } from '../../shared/core/index.js';

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
if (root.doesExist(Buffer.from('ledger'))) {
  for (const { value } of root.openDB({ name: 'ledger', encoding: 'string' }).getRange()) count += value.length;
}
root.close();
`;

/** A start waits no longer than this for the walk, however large the file is. */
const PROBE_TIMEOUT_MS = 20_000;
/** What ends a process whose native code ran into a broken file. */
const CRASHES: ReadonlySet<NodeJS.Signals> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGABRT',
  'SIGILL',
  'SIGFPE',
]);

/** How a walk through an outbox ended: read, found broken, or not ended by itself. */
type Probed = { sound: true } | { broken: string } | { unknown: string };

/**
 * Walks an outbox in a process of its own. Only what its reader says, or its crash, proves a fault: a
 * walk that takes too long, or that somebody ends, says nothing about the file.
 */
export function probeOutbox(path: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<Probed> {
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', PROBE, lmdb, path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // A stop does not wait for it; nor shall it go on reading when nobody wants to know.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    let said = '';
    let tooLong = false;
    const timer = setTimeout(() => {
      tooLong = true;
      kill();
    }, timeoutMs);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 10_000) said += text;
    });
    const end = (probed: Probed) => {
      clearTimeout(timer);
      process.removeListener('exit', kill);
      resolve(probed);
    };
    child.once('error', (error) => end({ unknown: messageOf(error) }));
    child.once('close', (code, by) => {
      const error = said.split('\n').find((line) => line.includes('Error'));
      if (code === 0) end({ sound: true });
      else if (tooLong) end({ unknown: `it took longer than ${timeoutMs} ms` });
      else if (by !== null && !CRASHES.has(by)) end({ unknown: `it was ended by ${by}` });
      else if (error !== undefined || by !== null) {
        end({ broken: error ?? `its reader ended with ${by}` });
      } else end({ unknown: `its reader ended with ${code} without a word` });
    });
  });
}

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
  const probed = await probeOutbox(path);
  if ('sound' in probed) return undefined;
  if ('unknown' in probed) {
    logger.warn('The outbox was not looked through to its end: it is used as it is', {
      path,
      reason: probed.unknown,
    });
    return undefined;
  }
  const reason = probed.broken;
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
