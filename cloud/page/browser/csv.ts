import type { Machine, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** A field that spreadsheets take as text, never as a formula. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * What charts show of some quantities as CSV: a row per instant, a column per value and bound.
 * Instants are seconds of the machine, or ISO 8601.
 */
export function csvOf(store: Store, machine: Machine, quantities: readonly Quantity[]): string {
  const columns: { name: string; values: Map<number, number | null> }[] = [];
  const add = (name: string, channel: string, place: 1 | 2 | 3) => {
    const values = new Map<number, number | null>();
    for (const row of store.rows(channel)) {
      if (row[0] >= store.fromX && row[0] <= store.toX) values.set(row[0], row[place]);
    }
    if ([...values.values()].some((v) => v !== null)) columns.push({ name, values });
  };
  for (const q of quantities) {
    const unit = q.unit === '' ? '' : ` (${q.unit})`;
    add(`${q.variable}${unit}`, q.id, 1);
    const twin = q.estimate ?? q.id;
    if (q.estimate !== undefined) add(`${q.variable} by the twin${unit}`, twin, 1);
    add(`${q.variable} lower 95 %${unit}`, twin, 2);
    add(`${q.variable} upper 95 %${unit}`, twin, 3);
  }
  const xs = [...new Set(columns.flatMap((c) => [...c.values.keys()]))].sort((a, b) => a - b);
  const instant = (x: number) =>
    machine.axis === 'machine' ? String(x) : new Date(x * 1000).toISOString();
  const head = [machine.axis === 'machine' ? 'time (s)' : 'time', ...columns.map((c) => c.name)];
  const lines = xs.map((x) => [instant(x), ...columns.map((c) => c.values.get(x) ?? '')]);
  return `${head.map(field).join(',')}\n${lines.map((l) => l.join(',')).join('\n')}\n`;
}
