import { nameOf } from './names.js';
import type { Machine, Quantity, QuantityVerdict } from './protocol.js';
import type { Store } from './store.js';

const GRADES = { good: '✓ good', care: '! use with care', unusable: '✕ do not use' } as const;

/** Whether a quantity may be acted on, as the newest run says; undefined where it says nothing. */
export function verdictOn(store: Store, quantity: Quantity): QuantityVerdict | undefined {
  if (quantity.role === 'input') return undefined;
  // What stands under no name concerns all.
  return store.verdicts[quantity.variable] ?? store.verdicts[''];
}

/** A verdict in two or three words. */
export const gradeText = (verdict: QuantityVerdict | undefined) =>
  verdict === undefined ? '' : GRADES[verdict.grade];

/** Why a quantity is not good, in sentences; empty where it is. */
export const reasonText = (verdict: QuantityVerdict | undefined) =>
  (verdict?.reasons ?? []).map(sentence).join(' ');

const sentence = (reason: string) => `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;

/** Each reason once, after the names of those that it concerns. */
export function reasonLines(
  store: Store,
  machine: Machine,
  quantities: readonly Quantity[],
): string[] {
  const byReason = new Map<string, string[]>();
  for (const quantity of quantities) {
    for (const reason of verdictOn(store, quantity)?.reasons ?? []) {
      const names = byReason.get(reason) ?? [];
      byReason.set(reason, [...names, nameOf(quantity, machine.layout)]);
    }
  }
  return [...byReason].map(([reason, names]) => {
    const isOfAll = names.length > 1 && names.length === quantities.length;
    return `${isOfAll ? 'All of these' : names.join(', ')}: ${reason}.`;
  });
}
