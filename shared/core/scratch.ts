import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What scratch folders are for. */
export type ScratchKind = 'lane' | 'fleet';

const NAME = /^twinloop-(?:lane|fleet)-(\d+)-/;
/** Younger folders are left alone: a process that is not seen from here may be in one, ms. */
const ABANDONED_MS = 60 * 60 * 1000;

const swept = new Set<string>();

/**
 * Makes a scratch folder for this process, which is the caller's to remove, and once per parent folder sweeps
 * away what callers left behind that were killed.
 */
export function makeScratch(kind: ScratchKind, parent = tmpdir()): string {
  if (!swept.has(parent)) {
    swept.add(parent);
    sweepScratches(parent);
  }
  return mkdtempSync(join(parent, `twinloop-${kind}-${process.pid}-`));
}

/** Removes scratch folders of this user whose callers have ended more than an hour ago. */
export function sweepScratches(parent: string, nowMs = Date.now()): void {
  for (const name of readdirSync(parent)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || lives(Number(pid))) continue;
    const path = join(parent, name);
    try {
      const found = lstatSync(path);
      const own = process.getuid === undefined || found.uid === process.getuid();
      if (!own || !found.isDirectory() || nowMs - found.mtimeMs < ABANDONED_MS) continue;
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Somebody else sweeps it away, or it can't be removed: a later caller tries again.
    }
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
