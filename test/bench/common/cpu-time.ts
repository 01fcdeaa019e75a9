import { readFileSync } from 'node:fs';

/** Of Linux, for all it tells of processes. */
const TICKS_PER_S = 100;

/** CPU time of this process and of all that it started and that have ended, seconds: other load is not in it. */
export function cpuTime(): { ownS: number; childrenS: number } {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').pop()?.split(' ') ?? [];
  const seconds = (from: number) => (Number(fields[from]) + Number(fields[from + 1])) / TICKS_PER_S;
  return { ownS: seconds(11), childrenS: seconds(13) };
}
