import {
  durationText,
  nsToDate,
  nsToSeconds,
  secondsToNs,
  type TimeMap,
  TwinError,
} from '../../../shared/core/index.js';

/** SiteWise takes values this old. */
const WINDOW_S = 7 * 86_400;
/** Left of it for the time that feeding takes: the oldest values go first. */
const MARGIN_S = 3_600;
/** Values of the future are taken for this long. */
const AHEAD_S = 600;

/** How the times of a recording become timestamps: `firstNs + (t - firstS) / timeScale`. */
export interface TimeShift {
  /** Timestamp of the first row, epoch nanoseconds. */
  firstNs: bigint;
  /** Its time in the recording, seconds. */
  firstS: number;
  /** Seconds of the recording per second of SiteWise's time. */
  timeScale: number;
}

/**
 * Puts a recording into the window that SiteWise takes, its last row at `endNs`. It keeps its pace
 * where it fits, and is compressed where it doesn't.
 *
 * @param timeScale a pace of one's own
 * @throws TwinError `USAGE` when the end is in the future or the pace makes it too long
 */
export function shiftIntoWindow(
  times: Float64Array,
  nowNs: bigint,
  endNs: bigint,
  timeScale?: number,
): TimeShift {
  const firstS = times[0] ?? 0;
  const lengthS = (times.at(-1) ?? firstS) - firstS;
  const endedS = nsToSeconds(nowNs - endNs);
  if (endedS < -AHEAD_S) {
    throw new TwinError(
      'USAGE',
      `The end ${nsToDate(endNs).toISOString()} is in the future: SiteWise takes values up to ten minutes ahead.`,
    );
  }
  const roomS = WINDOW_S - MARGIN_S - endedS;
  if (roomS <= 0) {
    throw new TwinError(
      'USAGE',
      `The end ${nsToDate(endNs).toISOString()} is too long ago: SiteWise takes values of the last 7 days. For older ones use its bulk import.`,
    );
  }
  const least = Math.max(lengthS / roomS, Number.MIN_VALUE);
  if (timeScale !== undefined && timeScale < least) {
    throw new TwinError(
      'USAGE',
      `At a time scale of ${timeScale} the recording of ${durationText(Math.round(lengthS))} reaches back further than the 7 days that SiteWise takes: expected at least ${least.toPrecision(4)}.`,
    );
  }
  const scale = timeScale ?? Math.max(1, least);
  return { firstNs: endNs - secondsToNs(lengthS / scale), firstS, timeScale: scale };
}

/** The recording's own times, which have to be seconds since 1970. */
export function keepTimes(times: Float64Array): TimeShift {
  const firstS = times[0] ?? 0;
  return { firstNs: secondsToNs(firstS), firstS, timeScale: 1 };
}

/** The timestamp of a time of the recording. */
export function toTimestampNs(shift: TimeShift, timeS: number): bigint {
  return shift.firstNs + secondsToNs((timeS - shift.firstS) / shift.timeScale);
}

/** How a worker gets back the machine's time, for `twinloop worker run --time-map`. */
export function toTimeMap(shift: TimeShift): TimeMap {
  return {
    segments: [{ wallNs: shift.firstNs, machineS: shift.firstS, scale: shift.timeScale }],
  };
}
