import type { ClockStatus } from '../clock/clock-watch.js';
import type { OutboxCounters } from '../outbox/outbox.js';
import type { SetAside } from '../outbox/repair.js';
import type { SenderStatus } from '../publishers/sender.js';
import type { SourceHealth } from '../sources/source-health.js';
import type { VirtualSensorsStatus } from '../virtual-sensors/virtual-sensors.js';
import type { Ledger } from './ledger.js';

/** What the component says of itself: over HTTP, on a local topic, and to `edge status`. */
export interface EdgeStatus {
  component: {
    name: string;
    version: string;
    pid: number;
    startedAt: string;
    state: 'starting' | 'running' | 'paused' | 'stopping' | 'failed';
    /** Why it failed. */
    failure?: string;
    configSource: string;
    /** Why a new config was refused; the last one stays. */
    configError?: string;
  };
  /**
   * Healthy means: every source is up, the publisher is connected and refused nothing, the outbox takes
   * writes, the clock is set, the ledger has no gap, nothing was lost for good since the start, and virtual sensors
   * are computed and GOOD.
   */
  healthy: boolean;
  clock: ClockStatus;
  ledger: Ledger;
  /** Values that wait in the outbox. */
  queueDepth: number;
  /** Age of the oldest of them, seconds. */
  oldestAgeS: number;
  /** Values taken by the far end since the start. */
  published: number;
  /** Values dropped because the outbox was full. */
  dropped: number;
  /** Values set aside in dead letter files since the start, by reason. */
  deadLettered: Record<string, number>;
  /** Values lost for good since the start, by reason: `outbox-full-GOOD`, `dead-letter-deleted-TooOld`, `overrun` … */
  lost: Record<string, number>;
  ratesPerS: { in: number; out: number };
  outbox: OutboxCounters & {
    bytes: number;
    maxBytes: number;
    parked: number;
    fault?: string;
    setAside?: SetAside;
  };
  publisher: SenderStatus & { type: string };
  sources: SourceHealth[];
  virtualSensors?: VirtualSensorsStatus;
}
