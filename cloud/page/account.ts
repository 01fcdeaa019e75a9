import { nsToSeconds, type Tqv } from '../../shared/core/index.js';
import type { LedgerTotals } from '../../shared/twin/index.js';
import type { Account } from './browser/protocol.js';

const NAMES = [
  'received',
  'aligned',
  'thinned',
  'unusable',
  'duplicate',
  'lateUnused',
  'samples',
  'assimilated',
  'skipped',
  'quarantined',
] as const satisfies readonly (keyof LedgerTotals)[];

/**
 * The ledger that the worker writes with each run, as the page shows it; nothing where there is none
 * yet, or where it was written by something else.
 */
export function parseAccount(latest: Tqv | undefined): Account | undefined {
  if (typeof latest?.value !== 'string') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(latest.value);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const found = parsed as Record<string, unknown>;
  const count = (name: string) => {
    const value = found[name];
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
  };
  const counts = NAMES.map((name) => [name, count(name)] as const);
  if (counts.some(([, value]) => value === undefined)) return undefined;
  return {
    ...(Object.fromEntries(counts) as Record<(typeof NAMES)[number], number>),
    late: count('late') ?? 0,
    rewritten: count('rewritten') ?? 0,
    atMs: nsToSeconds(latest.timeNs) * 1000,
  };
}
