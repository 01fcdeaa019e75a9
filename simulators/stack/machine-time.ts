import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  decodeTimeMap,
  encodeTimeMap,
  systemClock,
  type TimeMap,
  writeFileAtomic,
} from '../../shared/core/index.js';

/** The machine's time, kept over restarts: it rests while the stack is stopped. */
export interface MachineTime {
  /** Where the time map is kept, for the worker. */
  path: string;
  /** The machine's time at which it goes on, seconds. */
  startS: number;
  /** How timestamps relate to the machine's time, as far as it has been declared. */
  map(): TimeMap;
  /** Declares that from `wallNs` on the machine runs from `startS`. */
  begin(wallNs: bigint, scale: number): Promise<void>;
  /** Remembers how far the machine has come. */
  reached(machineS: number): Promise<void>;
}

/**
 * After a crash the last seconds may not have been remembered: the machine goes on so much later
 * (wall seconds, times the scale), so that its time never runs backwards.
 */
const CRASH_MARGIN_S = 3;

/** Opens the machine's time in a data folder. @throws TwinError `FILE_INVALID` */
export async function openMachineTime(dataDir: string): Promise<MachineTime> {
  const path = join(dataDir, 'time-map.json');
  const reachedPath = join(dataDir, 'machine-time.json');
  let map: TimeMap = existsSync(path)
    ? decodeTimeMap(await readFile(path, 'utf8'), path)
    : { segments: [] };
  const last = map.segments.at(-1);
  let startS = 0;
  if (last !== undefined) {
    const { machineS, wallNs } = JSON.parse(await readFile(reachedPath, 'utf8')) as {
      machineS: number;
      wallNs: string;
    };
    const fresh = BigInt(wallNs) >= last.wallNs;
    startS = (fresh ? machineS : last.machineS) + CRASH_MARGIN_S * last.scale;
  }
  const reached = (machineS: number) =>
    writeFileAtomic(
      reachedPath,
      JSON.stringify({ machineS, wallNs: systemClock.nowNs().toString() }),
    );
  return {
    path,
    startS,
    map: () => map,
    reached,
    async begin(wallNs, scale) {
      map = { segments: [...map.segments, { wallNs, machineS: startS, scale }] };
      // In this order: a crash in between leaves a time to go on from in any case.
      await reached(startS);
      await writeFileAtomic(path, encodeTimeMap(map));
    },
  };
}
