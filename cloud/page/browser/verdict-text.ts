import type { Quantity, QuantityVerdict } from './protocol.js';
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
  (verdict?.reasons ?? []).map((r) => `${r.charAt(0).toUpperCase()}${r.slice(1)}.`).join(' ');
