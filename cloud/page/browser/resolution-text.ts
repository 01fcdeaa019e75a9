import { formatWhen } from './format.js';
import type { Detail, Machine, Resolution } from './protocol.js';
import type { Store } from './store.js';

const WIDTHS: Readonly<Record<Exclude<Resolution, 'raw'>, string>> = {
  '1m': '1 min',
  '15m': '15 min',
  '1h': '1 h',
  '1d': '1 day',
};

/** What a row at an instant stands for, as a CSV has it: `raw`, `1h average` … */
export function resolutionAt(store: Store, detail: Detail | undefined, x: number): string {
  if (detail !== undefined && x >= detail.fromX && x <= detail.toX) {
    const { resolution, every } = detail;
    const rows = every > 1 ? `, row of ${every}` : '';
    return `${resolution === 'raw' ? 'raw' : `${resolution} average`}${rows}`;
  }
  const { past } = store.status ?? {};
  const isPast = past !== undefined && x < past.untilX;
  // Charts thin out old rows, so not every value may be there.
  return isPast ? `${past.resolution} average, as drawn` : 'raw, as drawn';
}

/** What the charts draw, in words; empty where every row is a value as it was written. */
export function resolutionText(store: Store, machine: Machine): string {
  const close = store.closeUp;
  if (close !== undefined) {
    const rows = close.every > 1 ? `, one row of ${close.every}` : '';
    return close.resolution === 'raw'
      ? `values as measured${rows}`
      : `${averages(close.resolution)}${rows}`;
  }
  const { past } = store.status ?? {};
  if (past === undefined || past.resolution === 'raw' || past.untilX <= store.fromX) return '';
  return `until ${formatWhen(past.untilX, machine.axis)} ${averages(past.resolution)}`;
}

/** Averages, and bands that never look narrower than they were. */
function averages(resolution: Exclude<Resolution, 'raw'>): string {
  return `averages of ${WIDTHS[resolution]}, bands at their widest`;
}
