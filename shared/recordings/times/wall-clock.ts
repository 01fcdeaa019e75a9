import { UTC, type Zone } from './zone.js';

/** By so much a clock on the wall is set back in autumn. */
export const HOUR_S = 3600;

/**
 * Turns what a clock on the wall showed, row after row, into UTC. In the hour that is repeated in
 * autumn it takes the one that goes on from the row before: later in a file that begins with the
 * oldest row, earlier in one that begins with the newest.
 */
export class WallClock {
  private local = Number.NaN;
  private utc = Number.NaN;
  private rises = 0;
  private falls = 0;
  /** The last step between two rows of different times, seconds of the wall's clock. */
  private stepS = Number.NaN;

  /** @param instants whether each row is an instant of its own, not one reading of several */
  constructor(
    private readonly zone: Zone,
    private readonly instants: boolean,
  ) {}

  /**
   * @param local seconds since 1970 as the wall's clock counts them
   * @returns UTC seconds; `NaN` where that clock never showed this
   */
  toUtc(local: number): number {
    if (this.zone === UTC || Number.isNaN(local)) return local;
    const candidates = this.zone.toUtc(local);
    const utc = candidates.length > 1 ? this.choose(local, candidates) : candidates[0];
    if (utc === undefined) return Number.NaN;
    // Of the repeated hour it is known by UTC only which way the rows run.
    const before = candidates.length > 1 ? this.utc : this.local;
    const now = candidates.length > 1 ? utc : local;
    if (now > before) this.rises++;
    else if (now < before) this.falls++;
    if (local !== this.local) this.stepS = Math.abs(local - this.local);
    this.local = local;
    this.utc = utc;
    return utc;
  }

  private choose(local: number, candidates: readonly number[]): number {
    const { utc } = this;
    const newestFirst = this.falls > this.rises;
    const [first, second] = newestFirst ? candidates.toReversed() : candidates;
    if (Number.isNaN(utc)) return first!;
    const ahead = (c: number) => (newestFirst ? utc - c : c - utc);
    // An instant an hour after the last is the hour once more; readings of one instant share it.
    if (local === this.local)
      return this.instants && this.stepS >= HOUR_S && ahead(second!) > 0 ? second! : utc;
    if (Math.min(this.rises, this.falls) > 0) {
      // Rows that are out of order elsewhere may be so here: the nearer is the likelier.
      return Math.abs(ahead(second!)) < Math.abs(ahead(first!)) ? second! : first!;
    }
    return ahead(first!) >= 0 || ahead(second!) < 0 ? first! : second!;
  }
}
