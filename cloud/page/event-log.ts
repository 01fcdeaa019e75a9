import type { Alarm, PageEvent } from './browser/protocol.js';

/** Most events that are kept; the oldest that are over go first. */
const MAX_EVENTS = 500;
/** Most samples whose alarms are remembered: for that long a late one still finds its place. */
const MAX_ENTRIES = 20_000;

/** The alarms of one sample. */
interface Entry {
  x: number;
  /** On the wall's clock. */
  timeMs: number;
  alarms: readonly Alarm[];
}

/**
 * What happened, from the alarms that calibrations wrote: an alarm that stands in samples that follow
 * each other is one event, with the first sample as its beginning and the first without it as its end.
 * Samples may come late or again; the newest word about an instant counts.
 */
export class EventLog {
  readonly #entries: Entry[] = [];
  #events: PageEvent[] | undefined;

  /**
   * Takes what a calibration wrote for a sample.
   *
   * @param x its time, seconds of the page's axis
   * @param timeMs the same, ms since 1970
   */
  take(x: number, alarms: readonly Alarm[], timeMs = x * 1000): void {
    let i = this.#entries.length;
    while (i > 0 && (this.#entries[i - 1]?.x ?? 0) > x) i--;
    const known = this.#entries[i - 1];
    if (known?.x === x) known.alarms = alarms;
    else this.#entries.splice(i, 0, { x, timeMs, alarms });
    if (this.#entries.length > MAX_ENTRIES) this.#entries.splice(0, MAX_ENTRIES / 10);
    this.#events = undefined;
  }

  /** All events, the latest beginning first. */
  events(): readonly PageEvent[] {
    this.#events ??= this.#fold();
    return this.#events;
  }

  #fold(): PageEvent[] {
    const open = new Map<string, PageEvent>();
    const all: PageEvent[] = [];
    for (const { x, timeMs, alarms } of this.#entries) {
      const now = new Map(alarms.map((a) => [`${a.code}:${a.subject}`, a]));
      for (const [key, event] of open) {
        if (now.has(key)) continue;
        event.untilX = x;
        event.untilMs = timeMs;
        open.delete(key);
      }
      for (const [key, alarm] of now) {
        const event = open.get(key);
        if (event !== undefined) {
          event.message = alarm.message || event.message;
          continue;
        }
        const begun: PageEvent = { ...alarm, key: `${key}@${x}`, sinceX: x, sinceMs: timeMs };
        open.set(key, begun);
        all.push(begun);
      }
    }
    all.reverse();
    if (all.length <= MAX_EVENTS) return all;
    const isOpen = (e: PageEvent) => e.untilX === undefined;
    const room = Math.max(0, MAX_EVENTS - all.filter(isOpen).length);
    let over = 0;
    return all.filter((e) => isOpen(e) || over++ < room);
  }
}
