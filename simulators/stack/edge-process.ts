import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { type Closeable, type Logger, messageOf, TwinError } from '../../shared/core/index.js';

/** The part of the edge component's status that the stack looks at. */
export interface EdgeProcessStatus {
  queueDepth: number;
  published: number;
  dropped: number;
  healthy: boolean;
}

/** The edge component as a process of its own, started again when it ends by itself. */
export interface EdgeProcess extends Closeable {
  pid(): number | undefined;
  /** Its status, or undefined while it is away. */
  status(): Promise<EdgeProcessStatus | undefined>;
}

const START_MS = 30_000;
const RESTART_MS = 1000;
const STOP_MS = 4000;

/**
 * Starts the edge component by the entry point that its recipe names, and waits until it is ready.
 *
 * @throws TwinError `INTERNAL` with what it said when it does not come up
 */
export async function startEdgeProcess(options: {
  entry: string;
  configPath: string;
  dataDir: string;
  logger: Logger;
}): Promise<EdgeProcess> {
  const { entry, configPath, dataDir, logger } = options;
  const log = createWriteStream(join(dataDir, 'edge.log'), { flags: 'a' });
  let child: ChildProcess | undefined;
  let statusUrl: string | undefined;
  let stopping = false;
  let restart: NodeJS.Timeout | undefined;

  function launch(): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = fork(entry, ['--config', configPath], {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        execArgv: [],
      });
      child = started;
      let tail = '';
      for (const stream of [started.stdout, started.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          tail = (tail + text).slice(-2000);
          log.write(text);
        });
      }
      const timer = setTimeout(() => {
        started.kill('SIGKILL');
        reject(new TwinError('INTERNAL', `The edge component did not come up:\n${tail}`));
      }, START_MS);
      started.on('message', (message: { type?: string; statusUrl?: string }) => {
        if (message.type !== 'ready') return;
        clearTimeout(timer);
        statusUrl = message.statusUrl;
        resolve();
      });
      started.once('exit', (code, signal) => {
        clearTimeout(timer);
        statusUrl = undefined;
        child = undefined;
        reject(
          new TwinError('INTERNAL', `The edge component ended with ${code ?? signal}:\n${tail}`),
        );
        if (stopping) return;
        logger.warn('The edge component ended and is started again', { code, signal });
        restart = setTimeout(() => {
          launch().catch((error: unknown) => {
            logger.error('The edge component did not come up again', { reason: messageOf(error) });
          });
        }, RESTART_MS);
      });
    });
  }

  try {
    await launch();
  } catch (error) {
    stopping = true;
    clearTimeout(restart);
    log.end();
    throw error;
  }
  return {
    pid: () => child?.pid,
    async status() {
      if (statusUrl === undefined) return undefined;
      try {
        const response = await fetch(`${statusUrl}/status`, { signal: AbortSignal.timeout(1000) });
        return (await response.json()) as EdgeProcessStatus;
      } catch {
        return undefined;
      }
    },
    async close() {
      stopping = true;
      clearTimeout(restart);
      const running = child;
      if (running !== undefined) {
        const gone = new Promise<void>((resolve) => running.once('exit', () => resolve()));
        running.kill('SIGTERM');
        const kill = setTimeout(() => running.kill('SIGKILL'), STOP_MS);
        await gone;
        clearTimeout(kill);
      }
      log.end();
    },
  };
}
