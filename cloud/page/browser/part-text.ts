import { CONDITION_TEXT, conditionOf } from './assess.js';
import { formatNumber, formatValue } from './format.js';
import type { Layout, LayoutComponent, Machine, Quantity } from './protocol.js';
import type { Store } from './store.js';

/** Finds a quantity by its variable. */
export type Find = (variable: string | undefined) => Quantity | undefined;

/** A finder over all that a machine shows. */
export function finderOf(machine: Machine): Find {
  const byVariable = new Map(machine.quantities.map((q) => [q.variable, q]));
  return (variable) => (variable === undefined ? undefined : byVariable.get(variable));
}

/** A quantity's newest value with its band, in words. */
export function bandText(quantity: Quantity, store: Store): string {
  const row = store.now(quantity.id);
  if (row === undefined) return 'no value yet';
  const [, mean, lower, upper] = row;
  if (lower === null || upper === null) return formatValue(mean, quantity.unit);
  const width = upper - lower;
  return `${formatValue(mean, quantity.unit, width)} (95 %: ${formatNumber(lower, width)} … ${formatNumber(upper, width)})`;
}

/** What is known of a component, a line each. */
export function componentLines(c: LayoutComponent, find: Find, store: Store): string[] {
  const lines = [`${c.id} (${c.kind})`];
  for (const [label, variable] of [
    ['drag', c.drag],
    ['speed', c.speed],
    ['slip', c.slip],
  ] as const) {
    const quantity = find(variable);
    if (quantity !== undefined) lines.push(`${label}: ${bandText(quantity, store)}`);
  }
  const drag = find(c.drag);
  if (drag !== undefined) lines.push(CONDITION_TEXT[conditionOf(drag, store.now(drag.id))]);
  return lines;
}

/** What is known of a span of web. */
export function spanLine(span: Layout['spans'][number], find: Find, store: Store): string {
  const quantity = find(span.tension);
  const value = quantity === undefined ? '' : `: ${bandText(quantity, store)}`;
  return `Tension ${span.from} → ${span.to}${value}`;
}
