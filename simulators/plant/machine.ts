import type { Closeable } from '../../shared/core/index.js';

/** What the machine's sensors and its hidden self say at one instant. */
export interface MachineReading {
  /** The machine's own time, seconds. */
  machineS: number;
  /** What its sensors read, by variable. */
  sensors: Readonly<Record<string, number>>;
  /** What nobody measures, by variable: parameters and virtual sensors; empty where unknown. */
  truth: Readonly<Record<string, number>>;
}

/** A machine to read, simulated or recorded. */
export interface Machine extends Closeable {
  /** Variables that its sensors read. */
  readonly sensors: readonly string[];
  /**
   * The next reading after a time of the machine.
   *
   * @returns undefined when there is none any more
   */
  next(afterS: number): Promise<MachineReading | undefined>;
}
