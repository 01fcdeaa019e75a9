import { type ChildProcess, fork } from 'node:child_process';
import { compiledEntry, type ErrorCode, TwinError } from '../../../shared/core/index.js';
import type { Plan } from '../../../shared/twin/index.js';
import type { Asker, Course } from './asker.js';
import type { FromAsking, ToAsking } from './asking-protocol.js';

/** A process that nobody asks for so long is ended: it holds models and memory. */
const IDLE_MS = 10 * 60_000;

interface Waiting {
  resolve(answer: Course | Plan): void;
  reject(error: unknown): void;
}

type Request = Exclude<ToAsking, { type: 'cancel' }>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** Asks twins in a process of its own, started with the first question. */
export class AskingProcess implements Asker {
  readonly #niceness: number;
  readonly #idleMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #ended: Promise<void> = Promise.resolve();
  #lastId = 0;
  #isClosed = false;

  /**
   * @param options.niceness of the process and its models, so that others go first; default 0
   * @param options.idleMs after which it is ended; default ten minutes
   */
  constructor(options: { niceness?: number; idleMs?: number } = {}) {
    this.#niceness = options.niceness ?? 0;
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  course: Asker['course'] = (present, question, ahead, signal) =>
    this.#ask({ type: 'course', present, question, ahead }, signal) as Promise<Course>;

  plan: Asker['plan'] = (present, signal) =>
    this.#ask({ type: 'plan', present }, signal) as Promise<Plan>;

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    await this.#ended;
  }

  #ask(request: WithoutId<Request>, signal: AbortSignal | undefined): Promise<Course | Plan> {
    if (this.#isClosed || signal?.aborted === true) {
      return Promise.reject(new TwinError('CANCELLED', 'The page is being closed.'));
    }
    const id = ++this.#lastId;
    const child = this.#started();
    clearTimeout(this.#idle);
    const cancel = () => this.#send(child, { type: 'cancel', id });
    signal?.addEventListener('abort', cancel, { once: true });
    return new Promise<Course | Plan>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send(child, { ...request, id } as Request);
    }).finally(() => {
      signal?.removeEventListener('abort', cancel);
      if (this.#waiting.size > 0) return;
      this.#idle = setTimeout(() => this.#end(), this.#idleMs);
      this.#idle.unref();
    });
  }

  #send(child: ChildProcess, message: ToAsking): void {
    // One that has gone is told of by its end.
    if (child.connected) child.send(message, () => {});
  }

  #started(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const entry = compiledEntry('cloud/page/asking/asking-process');
    const args = this.#niceness === 0 ? [] : [String(this.#niceness)];
    const child = fork(entry, args, {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    child.on('message', (message: FromAsking) => this.#take(message));
    this.#ended = new Promise((resolve) => {
      const gone = (why: string) => {
        if (this.#child === child) this.#child = undefined;
        const error = new TwinError(
          'INTERNAL',
          `The process that asks the twin ${why}: ask again.`,
        );
        for (const waiting of this.#waiting.values()) waiting.reject(error);
        this.#waiting.clear();
        resolve();
      };
      child.once('error', (error) => gone(`could not be run (${error.message})`));
      child.once('exit', (code, signal) => gone(`ended (${signal ?? `exit ${code}`})`));
    });
    return child;
  }

  #take(message: FromAsking): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('answer' in message) waiting?.resolve(message.answer);
    else waiting?.reject(new TwinError(message.error.code as ErrorCode, message.error.message));
  }

  #end(): void {
    clearTimeout(this.#idle);
    const child = this.#child;
    this.#child = undefined;
    if (child?.connected === true) child.disconnect();
  }
}
