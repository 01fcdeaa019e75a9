import {
  emptyLedger,
  ledgerAliases,
  type Mark,
  noArrivals,
  noPending,
} from '../../shared/twin/index.js';
import type { AssetJob } from './asset-job.js';
import type { AssetState } from './state.js';

/** Buckets in the late window. */
const BUCKETS = 96;

/** Where an asset's estimate begins. */
export function beginning(watermarkNs: bigint): Mark {
  return {
    watermarkNs,
    groupEndNs: watermarkNs,
    samples: 0,
    inputs: {},
    partial: [],
    ledger: emptyLedger(),
    checkpoint: new Uint8Array(),
  };
}

/** A state that has nothing but its beginning. */
export function beginningState(job: AssetJob, base: Mark): AssetState {
  const bucketS = Math.min(900, Math.max(1, job.options.lateWindowS / BUCKETS));
  return {
    ...base,
    assetId: job.assetId,
    twinHash: job.twin.hash,
    marks: [],
    arrivals: {
      ...noArrivals(base.watermarkNs, bucketS),
      aliases: ledgerAliases(job.twin.definition),
    },
    late: {},
    lateUnused: {},
    rewritten: {},
    quarantined: [],
    pending: noPending,
    runId: job.runId,
  };
}

/** The arrivals' streams, for a state from before they were kept. */
export function withAliases(state: AssetState, job: AssetJob): AssetState['arrivals'] {
  return state.arrivals.aliases.length > 0
    ? state.arrivals
    : { ...state.arrivals, aliases: ledgerAliases(job.twin.definition) };
}

/** The marks up to where the run goes on. */
export function historyOf(state: AssetState, base: Mark, head: Mark): Mark[] {
  const marks = state.marks.filter((m) => m.abandoned === true || m.watermarkNs < base.watermarkNs);
  const goesBack = base.watermarkNs < head.watermarkNs;
  return goesBack ? [...marks, base] : [...marks, { ...head, inputs: base.inputs }];
}
