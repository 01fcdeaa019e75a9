import type { Quantity, Row } from './protocol.js';
import type { Store } from './store.js';

/** How a quantity stands to its limit. */
export type Condition = 'unknown' | 'good' | 'near' | 'beyond';

/** `beyond`: the whole band has passed the limit; `near`: part of it has. */
export function conditionOf(quantity: Quantity, row: Row | undefined): Condition {
  if (row === undefined || row[1] === null) return 'unknown';
  const { above, below } = quantity.limit ?? {};
  const lower = row[2] ?? row[1];
  const upper = row[3] ?? row[1];
  if (above !== undefined && lower > above) return 'beyond';
  if (below !== undefined && upper < below) return 'beyond';
  if (above !== undefined && row[1] > above) return 'near';
  if (below !== undefined && row[1] < below) return 'near';
  return 'good';
}

/** What a condition is called on the page. */
export const CONDITION_TEXT: Readonly<Record<Condition, string>> = {
  unknown: 'no value yet',
  good: 'within limits',
  near: 'may be past its limit',
  beyond: 'past its limit',
};

/** How much of the way to its limit a quantity has gone: 0 far away, 1 at it. */
export function severityOf(quantity: Quantity, row: Row | undefined): number {
  const value = row?.[1];
  if (value === undefined || value === null) return 0;
  const { above, below } = quantity.limit ?? {};
  if (above !== undefined && above !== 0) return Math.max(0, value / above);
  if (below !== undefined && below !== 0 && value !== 0) return Math.max(0, below / value);
  return 0;
}

/** The parameter that deserves to be looked at first. */
export function worstParameter(store: Store): Quantity | undefined {
  const parameters = store.machine?.quantities.filter((q) => q.role === 'parameter') ?? [];
  let worst = parameters[0];
  let most = -1;
  for (const quantity of parameters) {
    const row = store.now(quantity.id);
    const severity = quantity.limit === undefined ? (row?.[1] ?? 0) : severityOf(quantity, row);
    if (severity > most) {
      most = severity;
      worst = quantity;
    }
  }
  return worst;
}
