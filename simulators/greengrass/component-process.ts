import { type ChildProcess, spawn } from 'node:child_process';
import { type Closeable, type Logger, TwinError } from '../../shared/core/index.js';

/** The states of a component's life. */
export type ComponentState =
  | 'NEW'
  | 'INSTALLED'
  | 'STARTING'
  | 'RUNNING'
  | 'ERRORED'
  | 'BROKEN'
  | 'STOPPING'
  | 'FINISHED';

export interface ComponentProcessOptions {
  name: string;
  workDir: string;
  env: NodeJS.ProcessEnv;
  /** Wait before a component that failed is started again, ms. */
  restartDelayMs: number;
  /** With so many failures within an hour the component is broken and left alone. */
  maxFailures: number;
  logger: Logger;
  /** What the component writes on stdout and stderr. */
  onOutput?: ((text: string) => void) | undefined;
  onState?: ((state: ComponentState) => void) | undefined;
}

const STOP_MS = 5000;
const FAILURES_COUNT_MS = 3_600_000;

/** A component's process through its life: install, run, again after a failure, stop. */
export class ComponentProcess implements Closeable {
  readonly #options: ComponentProcessOptions;
  readonly #waiters = new Set<{ state: ComponentState; resolve: () => void }>();
  #state: ComponentState = 'NEW';
  #child: ChildProcess | undefined;
  #starts = 0;
  /** When it failed, by the monotonic clock. */
  #failures: number[] = [];
  #restart: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: ComponentProcessOptions) {
    this.#options = options;
  }

  get state(): ComponentState {
    return this.#state;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Times it was started. */
  get starts(): number {
    return this.#starts;
  }

  /** Resolves when the component is in this state. */
  reached(state: ComponentState): Promise<void> {
    if (this.#state === state) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.add({ state, resolve }));
  }

  /** Takes the state that the component tells of itself. */
  report(state: 'RUNNING' | 'ERRORED'): void {
    if (!this.#closing) this.#enter(state);
  }

  /**
   * Runs the install step, where there is one.
   *
   * @throws TwinError `STORAGE` when it fails
   */
  async install(script: string | undefined): Promise<void> {
    const { name, workDir: cwd, env } = this.#options;
    if (script !== undefined) {
      const child = spawn('sh', ['-c', script], { cwd, env });
      await new Promise<void>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code) => {
          if (code === 0) resolve();
          else reject(new TwinError('STORAGE', `The install step of ${name} ended with ${code}.`));
        });
      });
    }
    this.#enter('INSTALLED');
  }

  /** Starts the run step, and again whenever it fails. */
  run(script: string): void {
    const { workDir: cwd, env, logger, onOutput, restartDelayMs, maxFailures } = this.#options;
    this.#starts++;
    this.#enter('STARTING');
    const child = spawn('sh', ['-c', script], {
      cwd,
      env,
      // A process group of its own: whatever the script starts ends with it, and a Ctrl-C in the
      // terminal does not reach it.
      detached: true,
      // The channel tells a Node component when this process was killed, so that it does not
      // outlive its nucleus; on a gateway systemd sees to that.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text));
    }
    child.once('error', (error) => {
      logger.error('The component could not be started', { error: error.message });
    });
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#closing || code === 0) {
        this.#enter('FINISHED');
        return;
      }
      const now = performance.now();
      this.#failures = [...this.#failures.filter((t) => now - t < FAILURES_COUNT_MS), now];
      logger.warn('The component ended', { code, signal, failures: this.#failures.length });
      this.#enter('ERRORED');
      if (this.#failures.length >= maxFailures) this.#enter('BROKEN');
      else this.#restart = setTimeout(() => this.run(script), restartDelayMs);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) return;
    this.#enter('STOPPING');
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const signal = (name: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // It has ended in the meantime.
      }
    };
    signal('SIGTERM');
    const timer = setTimeout(() => signal('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  #enter(state: ComponentState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const waiter of [...this.#waiters]) {
      if (waiter.state !== state) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
    this.#options.onState?.(state);
  }
}
