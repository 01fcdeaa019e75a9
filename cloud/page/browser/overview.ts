import type { Machine, PartsPicture, Quantity } from './protocol.js';

/** Values that stand in one part of an overview at most; all are in the charts below. */
const MOST_SHOWN = 8;

/** A picture of a machine of which nobody drew one: what drives it, what it is, what it does. */
export function overviewOf(machine: Machine): PartsPicture {
  const groups: readonly [Quantity['role'], string, string][] = [
    ['input', 'drives', 'What drives it'],
    ['parameter', 'machine', machine.name],
    ['measured', 'measured', 'Measured'],
    ['virtualSensor', 'computed', 'Computed'],
  ];
  const parts = groups.flatMap(([role, id, label], i) => {
    const quantities = machine.quantities.filter((q) => q.role === role);
    if (quantities.length === 0 && id !== 'machine') return [];
    const more = quantities.length - MOST_SHOWN;
    return [
      {
        id,
        kind: 'box' as const,
        label: more > 0 ? `${label} (${more} more below)` : label,
        x: Math.min(i, 2),
        shows: quantities.slice(0, MOST_SHOWN).map((q) => q.variable),
        plain: id !== 'machine',
      },
    ];
  });
  const links = [
    { from: 'drives', to: 'machine' },
    { from: 'machine', to: 'measured' },
    { from: 'machine', to: 'computed' },
  ].filter((l) => [l.from, l.to].every((id) => parts.some((p) => p.id === id)));
  return { parts, links };
}
