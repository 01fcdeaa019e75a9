/** What a process of a pool has done so far. */
export interface LaneWork {
  /** Runs that it has answered. */
  runs: number;
  /** Wall time of these runs, and of starting it and loading the library, ms. */
  workedMs: number;
  startedMs: number;
  rssBytes: number;
}

/** When a process of a pool is replaced. */
export interface WearLimits {
  /** Runs from which it is, where somebody named them. */
  recycleAfter: number | undefined;
  memoryLimitBytes: number;
}

/** Runs from which a process is replaced, against leaks … */
const RUNS = 5000;
/** … once it has worked so many times as long as it took to start: quick runs would mostly wait for new processes. */
const STARTS = 20;

/** Whether a process is to be replaced: it may have leaked in many runs, or has taken too much memory. */
export function isWorn(
  { runs, workedMs, startedMs, rssBytes }: LaneWork,
  { recycleAfter, memoryLimitBytes }: WearLimits,
): boolean {
  if (rssBytes > memoryLimitBytes) return true;
  if (recycleAfter !== undefined) return runs >= recycleAfter;
  return runs >= RUNS && workedMs >= STARTS * startedMs;
}
