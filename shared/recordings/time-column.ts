import { TwinError } from '../core/index.js';
import { ColumnBuilder, type Unreadable } from './column-builder.js';
import type { TimeFormat } from './options.js';
import { createTimeReader, settleDayAndMonth, type TimeReader } from './times/time-reader.js';
import type { Zone } from './times/zone.js';

/** The times of the rows that have one, and why others have none. */
export interface TimeColumn {
  /** Whole seconds since 1970 in UTC, or since an origin. */
  s: Float64Array;
  /** Nanoseconds of the second. */
  ns: Float64Array;
  format: TimeFormat;
  /** Why the day stands first, or the month, where the recording settled it. */
  settledBy?: string;
  zones: TimeReader['zones'];
}

/** Collects the times of a recording's rows. */
export class TimeColumnBuilder {
  private readonly s = new ColumnBuilder('.');
  private readonly ns = new ColumnBuilder('.');
  private readonly other = new ColumnBuilder('.');
  private readonly reader: TimeReader;
  private example = '';
  readonly faults: Record<string, Unreadable & { row: number }> = {};

  constructor(
    private readonly format: TimeFormat,
    options: {
      decimal: '.' | ',';
      zone: Zone;
      zoneGiven: boolean;
      given: boolean;
      /** Whether each row is an instant of its own, not one reading of several. */
      instants: boolean;
    },
    private readonly source: string,
  ) {
    this.reader = createTimeReader(format, options);
    this.unsettled = format === 'dmy' && !options.given;
    this.zoneGiven = options.zoneGiven;
  }

  /** Whether the day or the month stands first is still open. */
  private readonly unsettled: boolean;
  private readonly zoneGiven: boolean;

  get count(): number {
    return this.s.length;
  }

  /** Takes one row's cell; false where it holds no time: then the row is left out. */
  cell(text: string, row: number): boolean {
    const fault = this.reader.read(text);
    if (fault !== undefined) {
      const known = this.faults[fault];
      if (known === undefined) this.faults[fault] = { count: 1, example: text.slice(0, 60), row };
      else known.count++;
      return false;
    }
    if (this.example === '') this.example = text;
    this.take();
    return true;
  }

  /**
   * Takes one row's cell from its bytes; false where its text has to be looked at: then nothing is taken.
   */
  bytes(bytes: Uint8Array, from: number, to: number): boolean {
    if (!this.reader.readBytes(bytes, from, to)) return false;
    this.take();
    return true;
  }

  private take(): void {
    const { s, ns, otherS } = this.reader.last;
    this.s.push(s);
    this.ns.push(ns);
    if (this.unsettled) this.other.push(otherS);
  }

  /** Takes a time that somebody else has read. */
  moment(s: number, ns: number): void {
    this.s.push(s);
    this.ns.push(ns);
    if (this.unsettled) this.other.push(s);
  }

  /** @throws TwinError `FILE_INVALID` where times can be read two ways, or mix those with and without zone */
  done(): TimeColumn {
    const { zones } = this.reader;
    if (zones.with > 0 && zones.without > 0 && !this.zoneGiven) {
      throw new TwinError(
        'FILE_INVALID',
        `${this.source}: ${zones.with} times carry a zone and ${zones.without} do not. Name the zone of the latter by --time-zone, e.g. --time-zone Europe/Berlin or --time-zone UTC.`,
      );
    }
    const columns = { s: this.s.done(), ns: this.ns.done(), zones };
    if (!this.unsettled || this.count === 0) return { ...columns, format: this.format };
    const other = this.other.done();
    const decided = settleDayAndMonth(columns.s, other, this.reader.evidence, this.example);
    return {
      ...columns,
      s: decided.format === 'dmy' ? columns.s : other,
      format: decided.format,
      settledBy: decided.by,
    };
  }
}
