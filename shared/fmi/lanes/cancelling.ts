/**
 * Jobs that wait, by the signal that cancels them: one listener a signal, as a signal looks through all that
 * it has for each that is added.
 */
export class Cancelling<Job> {
  readonly #waiting = new Map<AbortSignal, { jobs: Set<Job>; listener: () => void }>();

  /** @param cancel told a signal that was aborted and the jobs that waited with it */
  constructor(private readonly cancel: (signal: AbortSignal, jobs: ReadonlySet<Job>) => void) {}

  join(signal: AbortSignal | undefined, job: Job): void {
    if (signal === undefined) return;
    let known = this.#waiting.get(signal);
    if (known === undefined) {
      const jobs = new Set<Job>();
      const listener = () => {
        this.#waiting.delete(signal);
        this.cancel(signal, jobs);
      };
      known = { jobs, listener };
      this.#waiting.set(signal, known);
      signal.addEventListener('abort', listener, { once: true });
    }
    known.jobs.add(job);
  }

  leave(signal: AbortSignal | undefined, job: Job): void {
    const known = signal && this.#waiting.get(signal);
    if (known === undefined || !known.jobs.delete(job) || known.jobs.size > 0) return;
    this.#waiting.delete(signal!);
    signal!.removeEventListener('abort', known.listener);
  }
}
