import type { OutboxAccount } from '../outbox/ledger.js';
import type { SourceHealth } from '../sources/source-health.js';

/** The component's account: what became of every value, and where some are missing. */
export interface Ledger {
  /** Of all values since the outbox was made. */
  outbox: OutboxAccount;
  /** Values since the start that no source handed over: of virtual sensors and of this account itself. */
  own: number;
  /** The places where values are missing; empty when the account adds up. */
  gaps: string[];
}

/**
 * Checks the account from place to place: in each source, from the sources to the outbox, in the outbox.
 *
 * @param appended values made durable since the start
 * @param handed values that the sources of earlier configs handed over since the start
 * @param ownInHand values of the component's own that are being stored
 */
export function takeLedger(options: {
  sources: readonly SourceHealth[];
  account: OutboxAccount;
  missingAtStart: number;
  appended: number;
  own: number;
  ownInHand: number;
  handed: number;
}): Ledger {
  const { sources, account, missingAtStart, appended, own, ownInHand, handed } = options;
  const gaps: string[] = [];
  for (const { name, gap } of sources) {
    if (gap !== 0) gaps.push(`source ${name}: ${gap} readings have no fate`);
  }
  const stored = sources.reduce((n, s) => n + s.forwarded, handed + own);
  // A value counts in the outbox some moments before its source is told.
  const inHand = sources.reduce((n, s) => n + s.inFlight, ownInHand);
  const between = appended - stored;
  if (between < 0 || between > inHand) {
    gaps.push(`sources → outbox: ${stored} values were handed over, ${appended} were stored`);
  }
  if (account.gap !== 0) gaps.push(`outbox: ${account.gap} values have no fate`);
  if (missingAtStart !== 0) {
    gaps.push(`outbox: ${missingAtStart} values were missing when it was opened`);
  }
  return { outbox: account, own, gaps };
}
