import { TwinError } from './errors.js';
import { readUserFile } from './files.js';
import { nsToSeconds, secondsToNs } from './time.js';

/** From `wallNs` on, the machine's time is `machineS` seconds and runs `scale` times as fast. */
export interface TimeSegment {
  wallNs: bigint;
  machineS: number;
  scale: number;
}

/**
 * How the timestamps of samples relate to the machine's own time. A real machine has the identity;
 * a simulated or replayed one runs faster, and rests while the stack is stopped.
 */
export interface TimeMap {
  readonly segments: readonly TimeSegment[];
}

/** A machine whose time is wall time: seconds since 1970. */
export const wallTime: TimeMap = { segments: [] };

/** The machine's time of a timestamp, seconds. */
export function toMachineTimeS(map: TimeMap, timeNs: bigint): number {
  const segment = map.segments.findLast((s) => s.wallNs <= timeNs) ?? map.segments[0];
  if (segment === undefined) return nsToSeconds(timeNs);
  return segment.machineS + nsToSeconds(timeNs - segment.wallNs) * segment.scale;
}

/** The timestamp of a time of the machine; within a rest of the stack there is none, and its beginning is given. */
export function toWallNs(map: TimeMap, machineS: number): bigint {
  const at = map.segments.findLastIndex((s) => s.machineS <= machineS);
  const segment = map.segments[Math.max(0, at)];
  if (segment === undefined) return secondsToNs(machineS);
  return segment.wallNs + secondsToNs((machineS - segment.machineS) / (segment.scale || 1));
}

/** A time map as JSON text. */
export function encodeTimeMap(map: TimeMap): string {
  const segments = map.segments.map((s) => ({ ...s, wallNs: s.wallNs.toString() }));
  return `${JSON.stringify({ segments }, null, 2)}\n`;
}

/**
 * Reads a time map.
 *
 * @throws TwinError `FILE_INVALID`
 */
export function decodeTimeMap(text: string, source: string): TimeMap {
  try {
    const { segments } = JSON.parse(text) as { segments: Record<string, unknown>[] };
    return {
      segments: segments.map((s) => {
        const machineS = Number(s.machineS);
        const scale = Number(s.scale);
        if (!Number.isFinite(machineS) || !(scale > 0))
          throw new Error('a segment lacks its scale');
        return { wallNs: BigInt(String(s.wallNs)), machineS, scale };
      }),
    };
  } catch (cause) {
    throw new TwinError(
      'FILE_INVALID',
      `${source} is not a time map: expected {"segments":[{"wallNs","machineS","scale"}]}.`,
      { cause },
    );
  }
}

/**
 * Reads a time map that the user named.
 *
 * @param path left out: the machine's time is wall time
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID`
 */
export async function readTimeMap(path: string | undefined): Promise<TimeMap> {
  if (path === undefined) return wallTime;
  return decodeTimeMap((await readUserFile(path, 'time map')).toString('utf8'), path);
}
