import type { SourceAccount } from '../pipeline/source-ledger.js';

/** How a source is doing. */
export interface SourceHealth extends SourceAccount {
  name: string;
  type: string;
  state: 'connecting' | 'up' | 'down' | 'stopped';
  /** When it came into this state, ISO 8601. */
  since: string;
  /** Readings taken over the last seconds, per second. */
  receivedPerS: number;
  /** Values passed on after the pipeline and stored: `stored` and `made`. */
  forwarded: number;
  /** Of those: BAD. */
  bad: number;
  /** Readings whose device time was not believed. */
  clockFaults: number;
  /** Readings that waited at a broker or in a history for longer than `clockToleranceS`. */
  late: number;
  /** Readings given up because they could not be stored in time. */
  overrun: number;
  /** Times it was run anew after a fault. */
  restarts: number;
  /** What somebody has to look at though it is up, such as a part of it that says nothing. */
  faults: string[];
  lastSampleAt?: string;
  lastError?: string;
}

/** What a source's own health keeps; the rest is in its ledger. */
export type OwnHealth = Omit<
  SourceHealth,
  keyof SourceAccount | 'receivedPerS' | 'forwarded' | 'bad' | 'clockFaults' | 'late' | 'overrun'
>;
