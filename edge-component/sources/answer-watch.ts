import { TwinError } from '../../shared/core/index.js';

/** Ends a run of a source that waits too long for its device: one that accepts a connection and says nothing. */
export class AnswerWatch {
  readonly #timeoutS: number;
  /** The run that waits; undefined: none does. */
  #run: AbortController | undefined;
  #waitedS = 0;
  #reached: string | undefined;

  /** @param timeoutS longest wait for a sign of life, seconds */
  constructor(timeoutS: number) {
    this.#timeoutS = timeoutS;
  }

  /** A run begins to wait. */
  begin(run: AbortController): void {
    this.#run = run;
    this.#waitedS = 0;
    this.#reached = undefined;
  }

  /** The device gave a sign of life, but no values yet. */
  progress(reached: string): void {
    this.#waitedS = 0;
    this.#reached = reached;
  }

  /** The device answers, or the run has ended. */
  end(): void {
    this.#run = undefined;
  }

  /**
   * Time has passed. It is counted in ticks: a clock that is set neither hastens nor delays.
   *
   * @returns why the run was ended, where it was
   */
  pass(seconds: number): string | undefined {
    if (this.#run === undefined) return undefined;
    this.#waitedS += seconds;
    if (this.#waitedS < this.#timeoutS) return undefined;
    const stage = this.#reached === undefined ? 'connecting' : this.#reached;
    const why = `No answer within ${this.#timeoutS} s (connectTimeoutS) after ${stage}. The device, or what listens at its address, takes connections but says nothing: is it the right address and port, with or without encryption as configured?`;
    this.#run.abort(new TwinError('NETWORK', why, { retryable: true }));
    this.#run = undefined;
    return why;
  }
}
