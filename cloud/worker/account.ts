import { healthAliases, type TwinDefinition } from '../../shared/config/index.js';
import { nsToSeconds, type StreamTqv } from '../../shared/core/index.js';
import { ledgerTotals, wholeLedger } from '../../shared/twin/index.js';
import { total } from './counts.js';
import type { AssetState } from './state.js';

/**
 * The asset's ledger and the age of its estimate as samples of streams of their own, at the time of
 * the run: for pages, dashboards and alarms that read SiteWise alone.
 */
export function accountTqvs(twin: TwinDefinition, state: AssetState, nowNs: bigint): StreamTqv[] {
  const { ledger, age } = healthAliases(twin);
  const account = {
    ...ledgerTotals(wholeLedger(state)),
    late: total(state.late),
    rewritten: total(state.rewritten),
  };
  const samples: StreamTqv[] = [
    { alias: ledger, timeNs: nowNs, quality: 'GOOD', value: JSON.stringify(account) },
  ];
  if (state.samples > 0) {
    const value = nsToSeconds(nowNs - state.watermarkNs);
    samples.push({ alias: age, timeNs: nowNs, quality: 'GOOD', value });
  }
  return samples;
}
