import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ErrorCode } from '../../core/index.js';
import { compiledEntry, type Logger, TwinError } from '../../core/index.js';
import { FmiCallError } from '../binding/status.js';
import type { Fmu } from '../description/fmu.js';
import {
  type FromLane,
  type LaneError,
  TELLING_FD,
  type ToLane,
  type Told,
} from '../running/lane-protocol.js';

/** How often a running process's memory is looked at, ms. */
const MEMORY_WATCH_MS = 100;

/** Last words of a process that are kept for its obituary. */
const STDERR_TAIL = 2000;

export interface LaneOptions {
  fmu: Fmu;
  logger: Logger;
  loggingOn: boolean;
  fmiLogging: boolean;
  onCall: ((text: string) => void) | undefined;
  /** Deadline for starting the process and loading the library, ms. */
  startTimeoutMs: number;
  /** Resident memory above which the process is ended, bytes. */
  memoryLimitBytes: number;
}

interface Job {
  id: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  timer: NodeJS.Timeout | undefined;
  watch: NodeJS.Timeout | undefined;
}

/** One child process with the FMU in it. */
export class Lane {
  /** Runs that it has answered. */
  runs = 0;
  rssBytes = 0;
  readonly #options: LaneOptions;
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #exited: Promise<void>;
  #job: Job | undefined;
  #heard = 0;
  /** An answer that came before what was told ahead of it. */
  #answer: FromLane | undefined;
  #nextId = 1;
  #lastWords = '';
  #end: TwinError | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const child = fork(compiledEntry('shared/fmi/lanes/lane-process'), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
      execArgv: [],
    });
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      options.logger.debug('FMU wrote to stdout', { text: text.trimEnd() });
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-STDERR_TAIL);
      options.logger.debug('FMU wrote to stderr', { text: text.trimEnd() });
    });
    createInterface({ input: child.stdio[TELLING_FD] as Readable }).on('line', (line) =>
      this.#hear(line),
    );
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#fail(this.#end ?? this.#obituary(code, signal));
        resolve();
      });
      child.once('error', (error) => {
        this.#fail(
          new TwinError('FMU_CRASHED', `Could not start a process for the FMU: ${error.message}`, {
            cause: error,
          }),
        );
        if (child.pid === undefined) resolve();
      });
    });
    const { fmu, loggingOn, fmiLogging } = options;
    const opened = this.#submit(
      (id) => ({ type: 'open', id, fmu, loggingOn, fmiLogging }),
      options.startTimeoutMs,
    );
    this.#ready = opened.then(() => {
      this.runs = 0;
    });
    this.#ready.catch(() => undefined);
    child.on('message', (message) => this.#receive(message as FromLane));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether another run can be given to it. */
  get alive(): boolean {
    return this.#end === undefined;
  }

  /** Resolves when the library is loaded. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /**
   * Has the process do one job.
   *
   * @param timeoutMs after which the process is killed
   * @throws TwinError what the job threw there; `FMU_CRASHED`, `FMU_TIMEOUT`, `CANCELLED`
   */
  async run(
    toMessage: (id: number) => ToLane,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<unknown> {
    await this.#ready;
    if (signal?.aborted) throw cancelled(signal);
    const cancel = () => this.kill(cancelled(signal));
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await this.#submit(toMessage, timeoutMs);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  #submit(toMessage: (id: number) => ToLane, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      const id = this.#nextId++;
      const timer = Number.isFinite(timeoutMs)
        ? setTimeout(() => {
            this.kill(
              new TwinError(
                'FMU_TIMEOUT',
                `${this.#options.fmu.modelDescription.modelName} did not answer within ${timeoutMs} ms; its process was ended. Allow it more time, or look at the model with --fmi-logging.`,
                { retryable: true },
              ),
            );
          }, timeoutMs)
        : undefined;
      this.#job = { id, resolve, reject, timer, watch: this.#watchMemory() };
      this.#child.send(toMessage(id), (error) => {
        if (error !== null && error !== undefined)
          this.kill(this.#end ?? this.#obituary(null, null));
      });
    });
  }

  /** While a run lasts, looks at what its process takes (Linux; elsewhere only between runs). */
  #watchMemory(): NodeJS.Timeout | undefined {
    if (process.platform !== 'linux') return undefined;
    const { memoryLimitBytes, fmu } = this.#options;
    const timer = setInterval(() => {
      const rssBytes = residentBytes(this.#child.pid);
      if (rssBytes <= memoryLimitBytes) return;
      this.kill(
        new TwinError(
          'FMU_CRASHED',
          `${fmu.modelDescription.modelName} took ${Math.round(rssBytes / 2 ** 20)} MB of memory in one run; its process was ended (limit ${Math.round(memoryLimitBytes / 2 ** 20)} MB).`,
        ),
      );
    }, MEMORY_WATCH_MS);
    timer.unref();
    return timer;
  }

  /** A line of the telling channel. */
  #hear(line: string): void {
    this.#heard++;
    let told: Told;
    try {
      told = JSON.parse(line) as Told;
    } catch {
      // The FMU itself wrote to a descriptor that is not its own.
      this.#options.logger.warn('Unreadable line from an FMU process', {
        line: line.slice(0, 200),
      });
      return;
    }
    if ('call' in told) this.#options.onCall?.(told.call);
    else {
      const { status, category, message } = told.log;
      const level = status === 'OK' ? 'info' : status === 'Warning' ? 'warn' : 'error';
      this.#options.logger[level]('FMU message', { status, category, text: message });
    }
    const answer = this.#answer;
    if (answer !== undefined && this.#heard >= answer.told) {
      this.#answer = undefined;
      this.#receive(answer);
    }
  }

  #receive(message: FromLane): void {
    // What was told before the answer is heard before it.
    if (this.#heard < message.told) {
      this.#answer = message;
      return;
    }
    const job = this.#job;
    if (job === undefined) return;
    this.#job = undefined;
    clearTimeout(job.timer);
    clearInterval(job.watch);
    this.runs++;
    if (message.type === 'done') {
      this.rssBytes = message.rssBytes;
      job.resolve(message.result);
    } else {
      const error = revive(message.error);
      if (message.fatal) this.kill(error);
      job.reject(error);
    }
  }

  #obituary(code: number | null, signal: NodeJS.Signals | null): TwinError {
    const how = signal !== null ? `was ended by ${signal}` : `ended with exit code ${code}`;
    const words = this.#lastWords.trim();
    return new TwinError(
      'FMU_CRASHED',
      `The process of ${this.#options.fmu.modelDescription.modelName} ${how} during a run: its binary crashed or ended it.${words === '' ? '' : ` Its last words: ${words}`}`,
    );
  }

  /** Ends the process and whatever it is doing. */
  kill(reason: TwinError): void {
    this.#fail(reason);
    this.#child.kill('SIGKILL');
  }

  #fail(reason: TwinError): void {
    this.#end ??= reason;
    const job = this.#job;
    this.#job = undefined;
    if (job !== undefined) {
      clearTimeout(job.timer);
      clearInterval(job.watch);
      job.reject(reason);
    }
  }

  /** Ends the process and waits until it is gone. */
  async close(): Promise<void> {
    this.kill(new TwinError('CANCELLED', 'The FMU pool was closed.'));
    await this.#exited;
  }
}

/** The error of a run whose signal was aborted. */
export function cancelled(signal: AbortSignal | undefined): TwinError<'CANCELLED'> {
  return new TwinError('CANCELLED', 'The FMU run was cancelled.', { cause: signal?.reason });
}

function revive(error: LaneError): TwinError {
  if (error.function !== undefined && error.status !== undefined) {
    return new FmiCallError(
      error.function,
      error.status,
      error.message.split(': ').slice(1).join(': '),
    );
  }
  return new TwinError(error.code as ErrorCode, error.message);
}

/** Resident memory of a process; 0 when it can't be told. */
function residentBytes(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
