/** Something that was started and can be stopped, once or more often, with the same effect. */
export interface Closeable {
  close(): Promise<void>;
}

/** Closes in reverse order of starting; every one gets its turn, the first fault is thrown at the end. */
export async function closeAll(closeables: readonly Closeable[]): Promise<void> {
  let fault: unknown;
  let failed = false;
  for (const closeable of [...closeables].reverse()) {
    try {
      await closeable.close();
    } catch (error) {
      if (!failed) fault = error;
      failed = true;
    }
  }
  if (failed) throw fault;
}

/** Signals that ask a process to stop, with their numbers: a process that ends by one exits with 128 more. */
export const STOP_SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/** npm hands a Ctrl-C on to a process that the terminal has told already: that is one request, ms. */
const SAME_REQUEST_MS = 300;

/**
 * The first SIGINT or SIGTERM asks to stop. A second ends the process, also where an operation does
 * not come to its end.
 */
export function onStopSignal(ask: (name: keyof typeof STOP_SIGNALS) => void): void {
  let askedMs: number | undefined;
  for (const [name, number] of Object.entries(STOP_SIGNALS)) {
    process.on(name, () => {
      const nowMs = performance.now();
      if (askedMs === undefined) {
        askedMs = nowMs;
        ask(name as keyof typeof STOP_SIGNALS);
      } else if (nowMs - askedMs > SAME_REQUEST_MS)
        endBy(name as keyof typeof STOP_SIGNALS, number);
    });
  }
}

/** Ends as by a signal that nobody handles: `process.exit` waits for a file operation that hangs. */
function endBy(name: keyof typeof STOP_SIGNALS, number: number): void {
  // Those who leave nothing behind, such as child processes, do so now.
  process.emit('exit', 128 + number);
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}

/** Listens for SIGHUP, which asks a process to read its config again. */
export interface ReloadSignal {
  /** Does so at each signal from now on, one at a time; a signal that came before counts as one now. */
  use(reload: () => Promise<void>): void;
}

/** Takes SIGHUP from now on: without a listener it would end the process. */
export function onReloadSignal(): ReloadSignal {
  let reload: (() => Promise<void>) | undefined;
  let asked = false;
  let running = false;
  const run = async () => {
    if (running || reload === undefined) return;
    running = true;
    // What is asked for meanwhile is done once more, for the file may have changed again.
    while (asked) {
      asked = false;
      await reload();
    }
    running = false;
  };
  process.on('SIGHUP', () => {
    asked = true;
    void run();
  });
  return {
    use: (action) => {
      reload = action;
      void run();
    },
  };
}
