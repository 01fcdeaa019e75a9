const HOUR_S = 3600;
const DAY_S = 86_400;

/** The unit in which a span of time is drawn, in seconds and by name. */
export const timeUnitOf = (spanS: number): [number, string] =>
  spanS > 2 * DAY_S ? [DAY_S, 'days'] : spanS > 2 * HOUR_S ? [HOUR_S, 'hours'] : [1, 'seconds'];
