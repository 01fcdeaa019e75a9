const YEAR_S = 365.25 * 86_400;

/** Seconds as people say them. */
export function durationText(s: number): string {
  if (s >= 2 * YEAR_S) return `${(s / YEAR_S).toFixed(1)} years`;
  if (s >= 2 * 86_400) return `${(s / 86_400).toFixed(1)} days`;
  if (s >= 2 * 3600) return `${(s / 3600).toFixed(1)} h`;
  if (s >= 120) return `${(s / 60).toFixed(1)} min`;
  return `${Number(s.toPrecision(4))} s`;
}

/** Seconds that are counted without an exponent. */
const MOST_COUNTED_S = 1e5;

/** The same with the seconds beside it, for those who set or look them up: `7.3 years (2.30e8 s)`. */
export function secondsText(s: number): string {
  const said = durationText(s);
  if (said.endsWith(' s')) return said;
  const counted =
    s < MOST_COUNTED_S ? `${Number(s.toPrecision(5))}` : s.toExponential(2).replace('e+', 'e');
  return `${said} (${counted} s)`;
}
