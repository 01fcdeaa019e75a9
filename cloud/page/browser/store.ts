import { carriedTo } from './carried.js';
import type {
  Detail,
  Machine,
  Outlook,
  PageEvent,
  PlanAnswer,
  Row,
  Snapshot,
  Status,
  Update,
  Verdicts,
} from './protocol.js';

/** What the span shown is compared with: the one before it, or the one that the last event ended. */
export type Comparison = 'before' | 'event';

/** Most rows a page keeps per channel; past it, every second one of the older half goes. */
const MAX_ROWS = 2400;

/** Everything the page knows. */
export class Store {
  machine: Machine | undefined;
  status: Status | undefined;
  /** When the last message came, by this browser's clock. */
  heardAtMs = 0;
  /** How far back charts reach from the newest row, seconds of the axis. */
  windowS = Number.POSITIVE_INFINITY;
  /** What the span shown is compared with; undefined while nothing is. */
  comparison: Comparison | undefined;
  /** The latest beginning first. */
  events: readonly PageEvent[] = [];
  /** Rises with every change of the events. */
  eventsRevision = 0;
  /** Those of the newest run. */
  verdicts: Verdicts = {};
  /** Today's course, and beside it what was tried last. */
  outlook: Outlook | undefined;
  tried: Outlook | undefined;
  /** Rises with every change of the two. */
  outlookRevision = 0;
  /** The plan that was asked for last, or why there is none; undefined before one was. */
  plan: Promise<PlanAnswer | string> | undefined;
  /** What was read closely of the span shown; absent where nothing was, or it could not be. */
  detail: Detail | undefined;
  /** Rises with every change of it. */
  detailRevision = 0;
  #range: readonly [from: number, to: number] | undefined;
  readonly #earlierRanges: (readonly [number, number] | undefined)[] = [];
  readonly #channels = new Map<string, Row[]>();
  readonly #revisions = new Map<string, number>();
  #newestX = Number.NEGATIVE_INFINITY;

  take(message: Snapshot | Update): void {
    if ('machine' in message) {
      this.machine = message.machine;
      this.#channels.clear();
      this.#newestX = Number.NEGATIVE_INFINITY;
    }
    this.status = message.status;
    if (message.verdicts !== undefined) this.verdicts = message.verdicts;
    if (message.events !== undefined) {
      this.events = message.events;
      this.eventsRevision++;
    }
    this.heardAtMs = Date.now();
    for (const [id, rows] of Object.entries(message.channels)) this.#merge(id, rows);
  }

  /** Takes what the twin expects; what is left out stays. */
  expect(courses: { today?: Outlook; tried?: Outlook | undefined }): void {
    if (courses.today !== undefined) this.outlook = courses.today;
    if ('tried' in courses) this.tried = courses.tried;
    this.outlookRevision++;
  }

  rows(id: string): readonly Row[] {
    return this.#channels.get(id) ?? [];
  }

  /** Rows for the span shown: those that were read closely, and what has come since. */
  rowsShown(id: string): readonly Row[] {
    const rows = this.rows(id);
    const close = this.closeUp?.channels[id];
    if (close === undefined) return rows;
    const newestX = close.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY;
    const after = Math.max(newestX, this.status?.past?.untilX ?? newestX);
    const later = rows.filter((row) => row[0] > after);
    return later.length === 0 ? close : [...close, ...later];
  }

  /** What was read closely, where it is of the span shown. */
  get closeUp(): Detail | undefined {
    const { detail, range } = this;
    if (detail === undefined || range === undefined) return undefined;
    return detail.fromX <= range[0] + 1 && detail.toX >= Math.min(range[1], this.#newestX) - 1
      ? detail
      : undefined;
  }

  /** Takes what was read closely; undefined lets go of it. */
  takeDetail(detail: Detail | undefined): void {
    if (detail === this.detail) return;
    this.detail = detail;
    this.detailRevision++;
  }

  /** Rises with every change of a channel. */
  revision(id: string): number {
    return this.#revisions.get(id) ?? 0;
  }

  /** The newest instant of any channel, seconds of the axis. */
  get newestX(): number {
    return this.#newestX;
  }

  /** What the reader has zoomed to; undefined while charts follow the newest value. */
  get range(): readonly [from: number, to: number] | undefined {
    return this.#range;
  }

  /** Zooms all charts; undefined lets them follow again. */
  setRange(range: readonly [from: number, to: number] | undefined): void {
    if (range === undefined) this.#earlierRanges.length = 0;
    else this.#earlierRanges.push(this.#range);
    this.#range = range;
  }

  /** One zoom back. */
  backRange(): void {
    this.#range = this.#earlierRanges.pop();
  }

  /** Where charts begin. */
  get fromX(): number {
    return this.#range?.[0] ?? this.#newestX - this.windowS;
  }

  /** Where charts end. */
  get toX(): number {
    return this.#range?.[1] ?? Number.POSITIVE_INFINITY;
  }

  /** The newest row that has a value. */
  last(id: string): Row | undefined {
    return this.#channels.get(id)?.findLast((row) => row[1] !== null);
  }

  /** The present on the axis: later than anything heard where the machine is silent. */
  get nowX(): number {
    const { status, machine } = this;
    if (status === undefined || !Number.isFinite(this.#newestX)) return this.#newestX;
    const clockX = machine?.axis === 'machine' ? status.machineTimeS : status.nowMs / 1000;
    // While all is live the newest instant is now: clocks of two machines need not agree.
    return status.freshness.state === 'silent'
      ? Math.max(this.#newestX, clockX ?? this.#newestX)
      : this.#newestX;
  }

  /** The newest row that has a value, carried forward to now where the twin can say how. */
  now(id: string): Row | undefined {
    const last = this.last(id);
    return carriedTo(this.outlook, id, last, this.nowX) ?? last;
  }

  #merge(id: string, rows: readonly Row[]): void {
    let known = this.#channels.get(id);
    if (known === undefined) {
      known = [];
      this.#channels.set(id, known);
    }
    this.#revisions.set(id, this.revision(id) + 1);
    this.#newestX = Math.max(this.#newestX, rows.at(-1)?.[0] ?? this.#newestX);
    for (const row of rows) {
      let i = known.length;
      while (i > 0 && (known[i - 1]?.[0] ?? 0) > row[0]) i--;
      if (known[i - 1]?.[0] === row[0]) known[i - 1] = row;
      else known.splice(i, 0, row);
    }
    if (known.length > MAX_ROWS) {
      const half = known.length >> 1;
      this.#channels.set(
        id,
        known.filter((_, i) => i >= half || i % 2 === 0),
      );
    }
  }
}
