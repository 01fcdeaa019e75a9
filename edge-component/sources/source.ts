import type { RawSample } from '../pipeline/signal-pipeline.js';

/** What a source is given to report to. */
export interface SourceSink {
  /** The device answers: its values are good from here on. */
  up(): void;
  /**
   * The device answers, but gives no values yet: what was reached, e.g. `the session was opened`. A run that shows
   * no such sign for `connectTimeoutS` before it is up is ended.
   */
  progress(reached: string): void;
  /** The device is away for a while, and the source itself is waiting for it to come back. */
  down(reason: string): void;
  /**
   * Hands over readings.
   *
   * @param position where the source could resume after exactly these readings; kept durably
   * @returns resolves when what came of them is durable: only then acknowledge to the device
   * @throws TwinError `STORAGE` when it could not be kept; hand over again later
   */
  deliver(samples: readonly RawSample[], position?: string): Promise<void>;
  /** So many signals have a gap that could not be filled, for a reason that is one word. */
  notFilled(signals: number, reason: string): void;
  /** What somebody has to look at though the source is up; none: all is well. It makes the component unhealthy. */
  faults(texts: readonly string[]): void;
  /** Resolves when there is room for more; rejects when the signal aborts. */
  ready(signal: AbortSignal): Promise<void>;
  /** Whether there is room for more now. */
  readonly isReady: boolean;
  /** The position last kept by {@link SourceSink.deliver}, also of an earlier run. */
  readonly position: string | undefined;
}

/** A device that values are read from. */
export interface Source {
  /**
   * Connects and hands over readings for as long as the connection lives. Whoever runs it waits and
   * runs it again when it throws: every source has its own backoff.
   *
   * @param signal aborts to stop; the source then resolves within two seconds
   * @throws when the device cannot be reached or the connection is lost
   */
  run(sink: SourceSink, signal: AbortSignal): Promise<void>;
}
