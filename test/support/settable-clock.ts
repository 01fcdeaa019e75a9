import { ManualClock } from '../../shared/core/index.js';

/** A manual clock that can also be set, as by somebody at the machine: nobody who sleeps wakes. */
export class SettableClock extends ManualClock {
  /** Added to the time. */
  shiftNs = 0n;

  override nowNs(): bigint {
    return super.nowNs() + this.shiftNs;
  }
}
