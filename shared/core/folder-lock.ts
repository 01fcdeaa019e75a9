import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
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

/**
 * Takes a folder for this process alone; a lock left by a process that died is taken over.
 *
 * @param what what the folder is to the user, e.g. `data folder`
 * @throws TwinError `ALREADY_RUNNING` naming the process that holds it, `STORAGE`
 */
export async function lockFolder(directory: string, what: string): Promise<Closeable> {
  const path = join(directory, '.lock');
  const self: Holder = { pid: process.pid, started: processStart(process.pid) };
  try {
    await mkdir(directory, { recursive: true });
    for (;;) {
      try {
        const handle = await open(path, 'wx');
        await handle.writeFile(JSON.stringify(self));
        await handle.close();
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const holder = await readHolder(path);
        if (holder !== undefined && isAlive(holder)) {
          throw new TwinError(
            'ALREADY_RUNNING',
            `The ${what} ${directory} is in use by process ${holder.pid}: stop that one first or name another folder.`,
          );
        }
        await rm(path, { force: true });
      }
    }
  } catch (error) {
    if (error instanceof TwinError) throw error;
    throw new TwinError('STORAGE', `Could not lock the ${what} ${directory}: ${messageOf(error)}`, {
      cause: error,
    });
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

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}
