import { type StreamTqv, TwinError } from '../../shared/core/index.js';
import type { AssetDeps, AssetJob } from './asset-job.js';
import type { Progress } from './progress.js';
import { toStreamTqvs } from './results.js';
import { type AssetState, encodeAssetState, noPending } from './state.js';

/** A state in the store, and the version under which it is there. */
export interface Committed {
  state: AssetState;
  etag: string;
}

/** Writes a state if nobody wrote since the one before. @throws TwinError `CONFLICT` */
export async function commitState(
  deps: Pick<AssetDeps, 'store'>,
  before: Committed | undefined,
  state: AssetState,
  key: string,
): Promise<Committed> {
  const condition = before === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: before.etag };
  const { etag } = await deps.store.put(key, encodeAssetState(state), condition);
  return { state, etag };
}

/**
 * Sends the results of a committed state, and commits that they are sent.
 *
 * @param account what else is to be told, of now: lost when it does not get through, as the next run
 *   tells it anew
 */
export async function publish(
  job: AssetJob,
  deps: AssetDeps,
  committed: Committed,
  progress: Progress,
  key: string,
  signal: AbortSignal,
  account: readonly StreamTqv[] = [],
): Promise<Committed> {
  const results = toStreamTqvs(committed.state.pending);
  const samples = [...results, ...account];
  if (samples.length === 0) return committed;
  const result = await deps.writer.write(samples, signal);
  progress.valuesWritten += result.accepted;
  progress.valuesRejected += result.rejected.length;
  const [rejected] = result.rejected;
  if (rejected !== undefined) {
    progress.rejection ??= `${rejected.sample.alias}: ${rejected.code}: ${rejected.message}`;
    deps.logger.warn('SiteWise refused results', {
      asset: job.assetId,
      values: result.rejected.length,
      reason: progress.rejection,
    });
  }
  const told = new Set(account.map((s) => s.alias));
  const [held] = result.retry.filter((r) => !told.has(r.sample.alias));
  if (held !== undefined) {
    const denied = held.code.includes('AccessDenied');
    throw new TwinError(
      denied ? 'ACCESS_DENIED' : held.code.includes('Throttl') ? 'THROTTLED' : 'NETWORK',
      `SiteWise did not take ${result.retry.length} of ${samples.length} results (${held.sample.alias}: ${held.code}: ${held.message}). They are kept with the state and sent by the next run.`,
      { retryable: !denied },
    );
  }
  if (results.length === 0) return committed;
  const state: AssetState = { ...committed.state, pending: noPending, runId: job.runId };
  return commitState(deps, committed, state, key);
}
