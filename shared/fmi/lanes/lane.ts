import { constants } from 'node:os';
import type { ErrorCode } from '../../core/index.js';
import { type Logger, TwinError } from '../../core/index.js';
import { FmiCallError } from '../binding/status.js';
import type { Fmu } from '../description/fmu.js';
import type { FmuHabits } from '../solving/habits.js';
import { LaneChild } from './lane-child.js';
import type { FromLane, LaneError, ToLane, Told } from './lane-protocol.js';
import type { MessageLog } from './message-log.js';
import { currentLevel, giveUpLevel, type SandboxLevel, SCRATCH_LIMIT_BYTES } from './sandbox.js';

/** How often a running process's memory and scratch folder are looked at, ms. */
const WATCH_MS = 100;

export interface LaneOptions {
  fmu: Fmu;
  logger: Logger;
  /** Takes what the FMU says. */
  messages: MessageLog;
  loggingOn: boolean;
  fmiLogging: boolean;
  /** What a proof has found out about the FMU. */
  habits: FmuHabits;
  onCall: ((text: string) => void) | undefined;
  /** The strongest sandbox to try. */
  sandbox: SandboxLevel;
  /** Deadline for starting the process and loading the library, ms. */
  startTimeoutMs: number;
  /** Resident memory above which the process is ended, bytes. */
  memoryLimitBytes: number;
}

interface Job {
  id: number;
  begunMs: number;
  runs: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  onProgress: ((timeS: number) => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  watch: NodeJS.Timeout | undefined;
}

/** One child process with the FMU in it. */
export class Lane {
  /** Runs that it has answered. */
  runs = 0;
  rssBytes = 0;
  /** Wall time of its runs, and of its start, ms. */
  workedMs = 0;
  startedMs = 0;
  readonly #options: LaneOptions;
  readonly #ready: Promise<void>;
  #child: LaneChild;
  #job: Job | undefined;
  #heard = 0;
  /** An answer that came before what was told ahead of it. */
  #answer: FromLane | undefined;
  #nextId = 1;
  #end: TwinError | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    const begun = performance.now();
    this.#child = this.#start(currentLevel(options.sandbox));
    this.#ready = this.#submit((id) => this.#opening(id), options.startTimeoutMs).then(() => {
      this.runs = 0;
      this.startedMs = performance.now() - begun;
      this.workedMs = 0;
    });
    this.#ready.catch(() => undefined);
  }

  #opening(id: number): ToLane {
    const { fmu, loggingOn, fmiLogging, habits } = this.#options;
    return { type: 'open', id, fmu, loggingOn, fmiLogging, habits };
  }

  #start(level: SandboxLevel): LaneChild {
    const { fmu, logger } = this.#options;
    const child = new LaneChild(level, fmu, logger, {
      onMessage: (message) => this.#receive(message),
      onLine: (line) => this.#hear(line),
      onExit: (code, signal, error) => {
        if (!child.saidHello && this.#end === undefined && level === 'namespaces') {
          this.#weaken(level, error?.message ?? child.lastWords.trim());
        } else this.#fail(this.#end ?? this.#obituary(code, signal, error));
      },
    });
    return child;
  }

  /** Starts again in a weaker sandbox where the system does not allow the one that was tried. */
  #weaken(level: SandboxLevel, reason: string): void {
    giveUpLevel(level);
    const weaker = currentLevel(this.#options.sandbox);
    this.#options.logger.info('FMU sandbox not available', { level, using: weaker, reason });
    this.#child = this.#start(weaker);
    const job = this.#job;
    if (job !== undefined) this.#child.send(this.#opening(job.id), () => this.#lost());
  }

  /** How the process is contained. */
  get level(): SandboxLevel {
    return this.#child.level;
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
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (timeS: number) => void } = {},
  ): Promise<unknown> {
    await this.#ready;
    if (signal?.aborted) throw cancelled(signal);
    const cancel = () => this.kill(cancelled(signal));
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await this.#submit(toMessage, timeoutMs, onProgress);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  #submit(
    toMessage: (id: number) => ToLane,
    timeoutMs: number,
    onProgress?: (timeS: number) => void,
  ): Promise<unknown> {
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
      const begunMs = performance.now();
      const message = toMessage(id);
      const runs = message.type === 'many' ? message.jobs.length : 1;
      this.#job = { id, begunMs, runs, resolve, reject, onProgress, timer, watch: this.#watch() };
      this.#child.send(message, () => this.#lost());
    });
  }

  /** A message did not get through: a process that ended tells itself how, one that did not is ended. */
  #lost(): void {
    if (this.#child.saidHello) this.kill(this.#end ?? this.#obituary(null, null));
  }

  /** While a run lasts, looks at the memory (Linux; elsewhere only between runs) and disk it takes. */
  #watch(): NodeJS.Timeout {
    const { memoryLimitBytes, fmu } = this.#options;
    const { modelName } = fmu.modelDescription;
    const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
    const timer = setInterval(() => {
      const memory = this.#child.memoryBytes();
      const disk = this.#child.scratchBytes();
      if (memory > memoryLimitBytes) {
        this.kill(
          new TwinError(
            'FMU_CRASHED',
            `${modelName} took ${megabytes(memory)} of memory in one run; its process was ended (limit ${megabytes(memoryLimitBytes)}).`,
          ),
        );
      } else if (disk > SCRATCH_LIMIT_BYTES) {
        this.kill(
          new TwinError(
            'FMU_CRASHED',
            `${modelName} wrote ${megabytes(disk)} to its scratch folder; its process was ended (limit ${megabytes(SCRATCH_LIMIT_BYTES)}).`,
          ),
        );
      }
    }, WATCH_MS);
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
    else if ('progressS' in told) this.#job?.onProgress?.(told.progressS);
    else this.#options.messages.add(told.log);
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
    this.runs += job.runs;
    this.workedMs += performance.now() - job.begunMs;
    if (message.type === 'done') {
      this.rssBytes = message.rssBytes;
      job.resolve(message.result);
    } else {
      const error = revive(message.error);
      if (message.fatal) this.kill(error);
      job.reject(error);
    }
  }

  #obituary(code: number | null, signal: NodeJS.Signals | null, error?: Error): TwinError {
    const { modelName } = this.#options.fmu.modelDescription;
    if (error !== undefined) {
      return new TwinError(
        'FMU_CRASHED',
        `Could not start a process for the FMU: ${error.message}`,
        { cause: error },
      );
    }
    const by = signal ?? signalOf(code);
    const how = by !== undefined ? `was ended by ${by}` : `ended with exit code ${code}`;
    const words = this.#child.lastWords.trim();
    return new TwinError(
      'FMU_CRASHED',
      `The process of ${modelName} ${how} during a run: its binary crashed or ended it.${words === '' ? '' : ` Its last words: ${words}`}`,
    );
  }

  /** Ends the process and whatever it is doing. */
  kill(reason: TwinError): void {
    this.#fail(reason);
    this.#child.kill();
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
    await this.#child.exited;
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

/** The signal that a shell reports as an exit code. */
function signalOf(code: number | null): string | undefined {
  if (code === null || code <= 128) return undefined;
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
}
