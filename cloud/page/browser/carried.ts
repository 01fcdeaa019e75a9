import type { Outlook, Row } from './protocol.js';

/** Results and courses of one calibration are dated alike, but for rounding. */
export const SAME_S = 1.5;

/** The series of a channel: what the twin makes of a sensor has the sensor's. */
function seriesIdOf(channel: string): string {
  return channel.replace(/^estimate:/, 'measured:');
}

/**
 * A quantity's last result carried forward to now, with the band as it has grown since: between
 * calibrations the twin goes on under the newest inputs.
 *
 * @param last its newest result
 * @param nowX seconds of the axis
 * @returns undefined where nothing has to be carried, or nothing says how: no course, one from before
 *   that result, or one that has ended
 */
export function carriedTo(
  outlook: Outlook | undefined,
  channel: string,
  last: Row | undefined,
  nowX: number,
): Row | undefined {
  const series = outlook?.series[seriesIdOf(channel)];
  if (outlook === undefined || series === undefined || last === undefined) return undefined;
  if (outlook.fromX < last[0] - SAME_S || nowX <= Math.max(last[0], outlook.fromX))
    return undefined;
  const { x } = outlook;
  const k = x.findIndex((at) => at >= nowX);
  if (k < 1) return undefined;
  const [from, to] = [x[k - 1] ?? 0, x[k] ?? 0];
  const share = to > from ? (nowX - from) / (to - from) : 1;
  const at = (values: readonly number[] | undefined): number | null => {
    const [a, b] = [values?.[k - 1], values?.[k]];
    return a === undefined || b === undefined ? null : a + share * (b - a);
  };
  const [lower, upper] = series.bands[2] ?? [];
  return [nowX, at(series.median), at(lower), at(upper)];
}
