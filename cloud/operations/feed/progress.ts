import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, TwinError, writeFileAtomic } from '../../../shared/core/index.js';
import type { TimeShift } from './time-shift.js';

const schema = z.strictObject({
  /** Of recording, rows, columns and destination: what goes on must be the same. */
  fingerprint: z.string(),
  shift: z.strictObject({ firstNs: z.string(), firstS: z.number(), timeScale: z.number() }),
  /** Rows before this one are dealt with. */
  nextRow: z.int().nonnegative(),
  written: z.int().nonnegative(),
  rejected: z.int().nonnegative(),
  rejections: z.record(z.string(), z.int()),
});

/** Where a feed is: written after each batch, so that the next call goes on there. */
export interface FeedProgress {
  fingerprint: string;
  shift: TimeShift;
  /** Rows before this one are dealt with. */
  nextRow: number;
  /** Values that SiteWise took, and that it will never take, with their number by error code. */
  written: number;
  rejected: number;
  rejections: Record<string, number>;
}

/**
 * What an interrupted feed left; undefined where there was none.
 *
 * @throws TwinError `FILE_INVALID`; `STATE_MISMATCH` when it was a feed of something else
 */
export async function readProgress(
  path: string,
  fingerprint: string,
): Promise<FeedProgress | undefined> {
  if (!existsSync(path)) return undefined;
  let progress: FeedProgress;
  try {
    const { shift, ...rest } = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    progress = { ...rest, shift: { ...shift, firstNs: BigInt(shift.firstNs) } };
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${path} is not the progress of a feed (${messageOf(cause).split('\n')[0]}): name another file with --progress, or begin anew with --restart.`,
      { cause },
    );
  }
  if (progress.fingerprint !== fingerprint) {
    throw new TwinError(
      'STATE_MISMATCH',
      `${path} belongs to a feed of another recording, rows, aliases or endpoint: name another file with --progress, or begin anew with --restart.`,
    );
  }
  return progress;
}

/** Keeps where a feed is. */
export function writeProgress(path: string, progress: FeedProgress): Promise<void> {
  const { shift, ...rest } = progress;
  const text = JSON.stringify(
    { ...rest, shift: { ...shift, firstNs: shift.firstNs.toString() } },
    null,
    2,
  );
  return writeFileAtomic(path, `${text}\n`);
}

/** Forgets a feed that is complete. */
export function removeProgress(path: string): Promise<void> {
  return rm(path, { force: true });
}
