import { readdirSync, readFileSync } from 'node:fs';

/** Names the lane in the environment of its process, which descendants inherit. */
export const LANE_VARIABLE = 'TWINLOOP_LANE';

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It has ended, or is not ours.
    return '';
  }
}

function childrenOf(pid: number): number[] {
  return readProc(pid, `task/${pid}/children`)
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** A process and its descendants that did not leave it (Linux). */
function processTree(pid: number): number[] {
  const found = [pid];
  for (let i = 0; i < found.length && found.length < 10_000; i++) {
    found.push(...childrenOf(found[i] as number));
  }
  return found;
}

/** Resident memory of a process and its descendants, bytes; 0 when it can't be told. */
export function residentBytes(pid: number | undefined): number {
  if (pid === undefined) return 0;
  let bytes = 0;
  for (const one of processTree(pid)) {
    bytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(one, 'status'))?.[1] ?? 0) * 1024;
  }
  return bytes;
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Processes that bear a lane's name in their environment, wherever they have gone (Linux). */
function bearersOf(name: string): number[] {
  if (process.platform !== 'linux') return [];
  const mark = `${LANE_VARIABLE}=${name}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid)
    .filter((pid) => readProc(pid, 'environ').split('\0').includes(mark));
}

/**
 * Ends a process with its group and descendants; on Linux also those that left both but still bear
 * the lane's name.
 */
export function endTree(pid: number | undefined, laneName: string): void {
  if (pid === undefined) return;
  const tree = process.platform === 'linux' ? processTree(pid) : [];
  if (process.platform !== 'win32') end(-pid);
  end(pid);
  for (const one of tree) if (one !== pid) end(one);
  endBearers(laneName);
}

/** Ends what a lane's process left behind. */
export function endBearers(laneName: string): void {
  // Who forks while it is looked for is found in the next round.
  for (let round = 0; round < 5; round++) {
    const left = bearersOf(laneName);
    if (left.length === 0) return;
    for (const pid of left) end(pid);
  }
}
