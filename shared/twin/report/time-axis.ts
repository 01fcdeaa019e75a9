const HOUR_S = 3600;
const DAY_S = 86_400;

/** The unit in which a span of time is drawn, in seconds and by name. */
export const timeUnitOf = (spanS: number): [number, string] =>
  spanS > 2 * DAY_S ? [DAY_S, 'days'] : spanS > 2 * HOUR_S ? [HOUR_S, 'hours'] : [1, 'seconds'];

/** Seconds from which a time is one of the calendar's: before, it counts from an origin of its own. */
const CALENDAR_S = 1e8;

/** An instant for people: a time of the calendar, or seconds from the machine's own origin. */
export const instantText = (timeS: number): string =>
  timeS > CALENDAR_S
    ? `${new Date(1000 * timeS).toISOString().slice(0, 19)}Z`
    : `${Number(timeS.toPrecision(6))} s`;
