const NS_PER_S = 1_000_000_000n;

/** SiteWise's way to write a time. */
export interface TimeInNanos {
  timeInSeconds: number;
  offsetInNanos: number;
}

/** Splits epoch nanoseconds into SiteWise's seconds and offset. */
export function toTimeInNanos(timeNs: bigint): TimeInNanos {
  const offset = ((timeNs % NS_PER_S) + NS_PER_S) % NS_PER_S;
  return { timeInSeconds: Number((timeNs - offset) / NS_PER_S), offsetInNanos: Number(offset) };
}

/** Joins SiteWise's seconds and offset to epoch nanoseconds. */
export function fromTimeInNanos(time: {
  timeInSeconds: number | undefined;
  offsetInNanos?: number | undefined;
}): bigint {
  return BigInt(time.timeInSeconds ?? 0) * NS_PER_S + BigInt(time.offsetInNanos ?? 0);
}

/** Seconds to nanoseconds, rounded to the nearest. */
export function secondsToNs(seconds: number): bigint {
  const whole = Math.floor(seconds);
  return BigInt(whole) * NS_PER_S + BigInt(Math.round((seconds - whole) * 1e9));
}

/** Nanoseconds to seconds as a double (about 0.2 µs of resolution for today's epoch times). */
export function nsToSeconds(timeNs: bigint): number {
  return Number(timeNs / NS_PER_S) + Number(timeNs % NS_PER_S) / 1e9;
}

/** A `Date` to epoch nanoseconds. */
export function dateToNs(date: Date): bigint {
  return BigInt(date.getTime()) * 1_000_000n;
}

/** Epoch nanoseconds to a `Date`, cut to milliseconds. */
export function nsToDate(timeNs: bigint): Date {
  return new Date(Number(timeNs / 1_000_000n));
}
