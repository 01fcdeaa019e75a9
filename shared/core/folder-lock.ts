import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, TwinError } from './errors.js';
import type { Closeable } from './lifecycle.js';

interface Holder {
  pid: number;
  /** When the process began, in clock ticks since boot, so that a recycled pid is not mistaken. */
  started: string;
}

/** When a process began (Linux), or an empty string where the platform does not tell. */
function processStart(pid: number): string {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return '';
  // The second field is the command in parentheses and may hold anything; count from its end.
  const afterCommand = readFileSync(file, 'utf8').split(') ').pop() ?? '';
  return afterCommand.split(' ')[19] ?? '';
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return processStart(holder.pid) === holder.started;
}

/** A lock file as it was found: whose it is, and a name that no other lock file has. */
interface Found {
  holder: Holder | undefined;
  id: string;
}

async function readLock(path: string): Promise<Found | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const id = createHash('sha256').update(text).digest('hex').slice(0, 16);
  try {
    return { holder: JSON.parse(text) as Holder, id };
  } catch {
    return { holder: undefined, id };
  }
}

/** Makes a file with all its content or not at all. @returns false where there is one already */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Takes a folder for this process alone; a lock left by a process that died is taken over.
 *
 * Of many that find the same dead holder one may follow it: the one whose file `.lock.after-<it>` is
 * there first. A file that was found may be gone or replaced before it is acted on, so whoever has
 * claimed looks again, and gives up the claim where the lock is not the one it read.
 *
 * @param what what the folder is to the user, e.g. `data folder`
 * @throws TwinError `ALREADY_RUNNING` naming the process that holds it, `STORAGE`
 */
export async function lockFolder(directory: string, what: string): Promise<Closeable> {
  const path = join(directory, '.lock');
  const after = ({ id }: Found) => `${path}.after-${id}`;
  const nonce = randomUUID();
  const self = { pid: process.pid, started: processStart(process.pid), nonce };
  const own = `${path}.new-${nonce}`;
  const refuse = ({ pid }: Holder) =>
    new TwinError(
      'ALREADY_RUNNING',
      `The ${what} ${directory} is in use by process ${pid}: stop that one first or name another folder.`,
    );
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(own, JSON.stringify(self));
    while (!(await linkNew(own, path))) {
      const first = await readLock(path);
      if (first === undefined) continue; // Released meanwhile.
      // One that died while it took over is followed in its turn.
      const chain: Found[] = [];
      for (
        let next: Found | undefined = first;
        next !== undefined;
        next = await readLock(after(next))
      ) {
        if (next.holder !== undefined && isAlive(next.holder)) throw refuse(next.holder);
        chain.push(next);
      }
      const claim = after(chain.at(-1)!);
      if (!(await linkNew(own, claim))) continue;
      if ((await readLock(path))?.id !== first.id) {
        await rm(claim, { force: true });
        continue;
      }
      // A second name of the same file: renaming a file onto itself would do nothing.
      await writeFile(`${own}-lock`, JSON.stringify(self));
      await rename(`${own}-lock`, path);
      for (const dead of chain) await rm(after(dead), { force: true });
      break;
    }
  } catch (error) {
    if (error instanceof TwinError) throw error;
    throw new TwinError('STORAGE', `Could not lock the ${what} ${directory}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    // The lock is held, or its error is told, whether or not this name of our own goes away.
    await rm(own, { force: true }).catch(() => undefined);
  }
  let held = true;
  return {
    close: async () => {
      if (!held) return;
      held = false;
      await rm(path, { force: true });
    },
  };
}
