import { passedBy } from './ahead-text.js';
import { SAME_S } from './carried.js';
import type { Outlook, OutlookSeries, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** What is expected of one quantity's limit. */
export interface Expected {
  quantity: Quantity;
  series: OutlookSeries;
  /** Seconds from now; 80 % interval and median, `null` where later than the horizon. */
  reachedS: readonly [number | null, number | null, number | null];
  /** Within the horizon. */
  chance: number;
}

/** Worth a line: as probable as not within the horizon, or this probable within a day. */
const LIKELY = 0.5;
const SOON_CHANCE = 0.1;
const SOON_S = 86_400;

/** Seconds from the newest instant to the end of the courses. */
export function horizonOf(store: Store, outlook: Outlook): number {
  return Math.max(0, (outlook.x.at(-1) ?? 0) - store.nowX);
}

/** Seconds from the beginning of the courses to the newest instant. */
export function sinceOf(store: Store, outlook: Outlook): number {
  return Math.max(0, store.nowX - outlook.fromX);
}

/** Whether a newer result than the courses' beginning lies inside the limit, with all of its band. */
function isSeenInside(store: Store, outlook: Outlook, { id, estimate, limit }: Quantity): boolean {
  const last = store.last(estimate ?? id);
  if (last === undefined || last[0] <= outlook.fromX + SAME_S) return false;
  const [, value, lower, upper] = last;
  const high = upper ?? value;
  const low = lower ?? value;
  if (high === null || low === null) return false;
  return !(high >= (limit?.above ?? high + 1)) && !(low <= (limit?.below ?? low - 1));
}

/** Limits that will probably be reached and have not been passed, the nearest first. */
export function expectedLimits(store: Store): Expected[] {
  const { outlook, machine } = store;
  if (outlook === undefined || machine === undefined) return [];
  const since = sinceOf(store, outlook);
  const fromNow = (s: number | null) => (s === null ? null : Math.max(0, s - since));
  const isStanding = (variable: string) =>
    store.events.some(
      (e) => e.subject === variable && e.code === 'limit' && e.untilX === undefined,
    );
  const found = machine.quantities.flatMap((quantity): Expected[] => {
    const series = outlook.series[quantity.id];
    const chance = series?.passed?.at(-1) ?? 0;
    if (series?.reachedS === undefined || series.passed === undefined) return [];
    const soon = passedBy(series.passed, outlook.x, store.nowX + SOON_S);
    if (chance < LIKELY && soon < SOON_CHANCE) return [];
    const [early, middle, late] = series.reachedS;
    // What is past its limit already is an event, not an expectation.
    if (isStanding(quantity.variable)) return [];
    if (late === 0 || (middle === 0 && (series.passed?.[0] ?? 0) > 0.9)) return [];
    const reachedS = [fromNow(early), fromNow(middle), fromNow(late)] as const;
    // Expected by now, and not so: a repair since, which the next courses know.
    if (reachedS[1] === 0 && isSeenInside(store, outlook, quantity)) return [];
    return [{ quantity, series, reachedS, chance }];
  });
  const time = (e: Expected) => e.reachedS[1] ?? e.reachedS[0] ?? Number.POSITIVE_INFINITY;
  return found.sort((a, b) => time(a) - time(b) || b.chance - a.chance);
}
