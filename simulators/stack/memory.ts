import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Closeable } from '../../shared/core/index.js';

/** Watches how much memory this process and all it has started use together. */
export interface MemoryWatch extends Closeable {
  /** The most seen so far, MB; undefined where the platform does not tell. */
  peakMb(): number | undefined;
}

/** Resident memory of a process and its descendants, kB: each page shared by n counts 1/n. */
export function treeKb(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number((stat.split(') ').pop() ?? '').split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // The process ended in between.
    }
  }
  const pending = [root];
  let total = 0;
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    pending.push(...(children.get(pid) ?? []));
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      total += Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      // Likewise.
    }
  }
  return total;
}

/** Starts looking, every two seconds. */
export function watchMemory(): MemoryWatch {
  if (!existsSync('/proc/self/smaps_rollup')) {
    return { peakMb: () => undefined, close: () => Promise.resolve() };
  }
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, treeKb(process.pid) / 1024);
  };
  look();
  const timer = setInterval(look, 2000);
  timer.unref();
  return {
    peakMb: () => Math.round(peak),
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
