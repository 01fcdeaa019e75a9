import type { Detail, Machine, Quantity } from './protocol.js';
import { resolutionAt } from './resolution-text.js';
import type { Store } from './store.js';

/** A field that spreadsheets take as text, never as a formula. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * What charts show of some quantities as CSV: a row per instant, a column per value and bound, and what
 * each row stands for: a value as it was written, or an interval. Instants are seconds of the machine, or
 * ISO 8601; that of an interval is its middle.
 *
 * @param detail the span as it was read for this; left out, rows are those of the charts
 */
export function csvOf(
  store: Store,
  machine: Machine,
  quantities: readonly Quantity[],
  detail: Detail | undefined,
): string {
  const columns: { name: string; values: Map<number, number | null> }[] = [];
  const add = (name: string, channel: string, place: 1 | 2 | 3) => {
    const values = new Map<number, number | null>();
    for (const row of detail?.channels[channel] ?? store.rowsShown(channel)) {
      if (row[0] >= store.fromX && row[0] <= store.toX) values.set(row[0], row[place]);
    }
    if ([...values.values()].some((v) => v !== null)) columns.push({ name, values });
  };
  for (const q of quantities) {
    const unit = q.unit === '' ? '' : ` (${q.unit})`;
    add(`${q.variable}${unit}`, q.id, 1);
    const twin = q.estimate ?? q.id;
    if (q.estimate !== undefined || q.role === 'input') {
      add(`${q.variable} lowest${unit}`, q.id, 2);
      add(`${q.variable} highest${unit}`, q.id, 3);
    }
    if (q.role === 'input') continue;
    if (q.estimate !== undefined) add(`${q.variable} by the twin${unit}`, twin, 1);
    add(`${q.variable} lower 95 %${unit}`, twin, 2);
    add(`${q.variable} upper 95 %${unit}`, twin, 3);
  }
  const xs = [...new Set(columns.flatMap((c) => [...c.values.keys()]))].sort((a, b) => a - b);
  const instant = (x: number) =>
    machine.axis === 'machine' ? String(x) : new Date(x * 1000).toISOString();
  const head = [
    machine.axis === 'machine' ? 'time (s)' : 'time',
    'resolution',
    ...columns.map((c) => c.name),
  ];
  const lines = xs.map((x) => [
    instant(x),
    field(resolutionAt(store, detail ?? store.closeUp, x)),
    ...columns.map((c) => c.values.get(x) ?? ''),
  ]);
  return `${head.map(field).join(',')}\n${lines.map((l) => l.join(',')).join('\n')}\n`;
}
