import { h, svg } from './dom.js';
import { formatNumber, formatUnit } from './format.js';
import { nameOf } from './names.js';
import type { Machine, Quantity } from './protocol.js';
import type { Store } from './store.js';

const MOST = 4;

/** Which parts move a quantity, and how far: bars, the longest first. Empty where nothing is known. */
export function driversOf(store: Store, machine: Machine, quantity: Quantity): HTMLElement[] {
  const drivers = store.outlook?.series[quantity.id]?.drivers ?? [];
  const size = (d: { sinceNew: number }) => Math.abs(d.sinceNew);
  const most = Math.max(...drivers.map(size), 0);
  if (most === 0) return [];
  const unit = quantity.unit === '' ? '' : `, ${formatUnit(quantity.unit)}`;
  const ranked = [...drivers].sort((a, b) => size(b) - size(a)).slice(0, MOST);
  const rows = ranked.flatMap((d) => {
    const parameter = machine.quantities.find((q) => q.variable === d.parameter);
    const name = parameter === undefined ? d.parameter : nameOf(parameter, machine.layout);
    const width = (100 * size(d)) / most;
    const bar = svg('svg', {
      viewBox: '0 0 100 9',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    });
    bar.append(svg('rect', { width: String(Math.max(0.5, width)), height: '9', rx: '1' }));
    return [
      h('span', { text: name }),
      h('span', { class: 'track' }, bar),
      h('span', { class: 'amount', text: signed(d.sinceNew, most) }),
    ];
  });
  const [unsure] = [...drivers].sort((a, b) => b.varianceShare - a.varianceShare);
  const parameter = machine.quantities.find((q) => q.variable === unsure?.parameter);
  const lines = [
    h('h4', { text: `Why: what wear has changed so far${unit}` }),
    h('div', { class: 'drivers' }, ...rows),
  ];
  if (unsure !== undefined && parameter !== undefined && unsure.varianceShare > 0.05) {
    const share = Math.round(100 * unsure.varianceShare);
    const text = `${share} % of what is unsure about it comes from ${nameOf(parameter, machine.layout)}.`;
    lines.push(h('p', { class: 'hint', text }));
  }
  return lines;
}

function signed(value: number, most: number): string {
  if (Math.abs(value) < most / 100) return 'under 1 %';
  const text = formatNumber(value, most / 5);
  return value > 0 ? `+${text}` : text;
}
