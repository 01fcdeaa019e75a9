import { statSync, utimesSync, writeFileSync } from 'node:fs';

/** Environment variable with the path of the file that a running worker touches. */
export const HEARTBEAT_VARIABLE = 'TWINLOOP_HEARTBEAT';
/** A worker that came no step further for so long hangs: the FMU's deadline is far shorter. */
export const MAX_SILENCE_S = 300;
const MIN_INTERVAL_MS = 1000;

/** Touches a file at every call, once a second at most. */
export function createHeartbeat(path: string): () => void {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - last < MIN_INTERVAL_MS) return;
    last = now;
    const time = new Date();
    try {
      utimesSync(path, time, time);
    } catch {
      writeFileSync(path, '');
    }
  };
}

/** Whether a worker has touched its file lately; `undefined` is the age of a missing one. */
export function heartbeatAgeS(path: string): number | undefined {
  const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return mtimeMs === undefined ? undefined : (Date.now() - mtimeMs) / 1000;
}
