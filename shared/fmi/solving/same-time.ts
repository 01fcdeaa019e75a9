/** Distance between neighbouring doubles at a time, seconds. */
function resolutionAt(timeS: number): number {
  return Math.abs(timeS) * Number.EPSILON;
}

/** Whether two times differ by rounding only: by a few of the smallest steps that doubles make. */
export function sameTime(a: number, b: number): boolean {
  if (a === b) return true;
  const apart = Math.abs(a - b);
  return apart < Number.POSITIVE_INFINITY && apart <= 4 * resolutionAt(Math.abs(a) + Math.abs(b));
}

/**
 * How far sums of steps may lie from the times that they aim at, seconds: a share of the step, and
 * what doubles can tell apart at that time, but never a whole step. Times themselves say nothing:
 * at 1.7e9 s a millisecond is a lot.
 */
export function slackOf(timeS: number, stepSizeS: number): number {
  return Math.min(Math.max(1e-6 * stepSizeS, 8 * resolutionAt(timeS)), 0.4 * stepSizeS);
}
