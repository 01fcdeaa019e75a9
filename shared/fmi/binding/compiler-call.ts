import { type SpawnSyncOptionsWithStringEncoding, spawn, spawnSync } from 'node:child_process';

/** What is kept of a compiler's complaints, bytes; messages show the beginning. */
const MAX_COMPLAINTS = 64 * 1024;

export interface CompilerCall {
  command: string;
  args: string[];
}

/** How a call ended. */
export interface CompilerOutcome {
  /** It returned 0. */
  ok: boolean;
  /** There is no such program. */
  missing: boolean;
  complaints: string;
}

/** Ends a compiler and its passes: `cc` leaves the work to processes that outlive it. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** In a process group of its own, so that it can be ended as a whole. */
const ownGroup = { detached: process.platform !== 'win32' };

const isMissing = (error: Error | undefined) =>
  (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';

/**
 * Runs a compiler.
 *
 * @param deadline ends it, with all that it started
 */
export function callCompiler(
  { command, args }: CompilerCall,
  deadline?: AbortSignal,
): Promise<CompilerOutcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...ownGroup, stdio: ['ignore', 'ignore', 'pipe'] });
    const end = () => endGroup(child.pid);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaints.length < MAX_COMPLAINTS) complaints += chunk.toString();
    });
    const settle = (ok: boolean, error?: Error) => {
      deadline?.removeEventListener('abort', end);
      process.off('exit', end);
      resolve({ ok, missing: isMissing(error), complaints: complaints || (error?.message ?? '') });
    };
    child.once('error', (error) => settle(false, error));
    child.once('close', (code) => settle(code === 0));
    process.once('exit', end);
    deadline?.addEventListener('abort', end, { once: true });
    if (deadline?.aborted) end();
  });
}

/** As {@link callCompiler}, while this process waits. @param timeoutMs ends it */
export function callCompilerSync(
  { command, args }: CompilerCall,
  timeoutMs: number,
): CompilerOutcome {
  // `detached` is passed on, though its type does not declare it.
  const options: SpawnSyncOptionsWithStringEncoding = {
    ...ownGroup,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: timeoutMs,
    encoding: 'utf8',
    maxBuffer: MAX_COMPLAINTS * 64,
  };
  const result = spawnSync(command, args, options);
  if (result.error !== undefined) endGroup(result.pid || undefined);
  return {
    ok: result.status === 0,
    missing: isMissing(result.error),
    complaints: result.stderr || (result.error?.message ?? ''),
  };
}
