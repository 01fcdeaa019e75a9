import { type AlignedGroup, type Mark, noPending } from '../../shared/twin/index.js';
import { accountTqvs } from './account.js';
import { nextState } from './advance.js';
import { commitState, publish } from './commit.js';
import type { Forward } from './forward-run.js';
import { noteFault } from './quarantine.js';
import { resultAliases } from './results.js';

/** A model that failed: what was done before stays, and the failure is remembered. */
export async function failAt(
  run: Forward,
  fault: { error: unknown; group: AlignedGroup },
): Promise<never> {
  // A replay that cannot be finished changes nothing: the estimate stays where it was.
  const before = run.committed?.state ?? { ...run.state, ...run.mark };
  const noted = noteFault(before, fault.group.timeNs, fault.error);
  if (noted !== undefined) {
    const state = { ...noted, runId: run.job.runId };
    run.committed = await commitState(run.deps, run.committed, state, run.key);
  }
  throw fault.error;
}

/** Writes how far a run has come, and sends its results. */
export async function commit(run: Forward): Promise<void> {
  const { job, deps, progress, mark } = run;
  const pending =
    run.rows.length === 0
      ? noPending
      : { aliases: resultAliases(job.twin.definition), rows: run.rows };
  const { fault, ...rest } = nextState(
    run.state,
    mark,
    run.history,
    run.arrivals,
    job.options.lateWindowS,
  );
  const passed = fault === undefined || fault.timeNs <= mark.watermarkNs;
  const next = {
    ...rest,
    ...(passed ? {} : { fault }),
    channels: run.channels,
    pending,
    runId: job.runId,
  };
  run.committed = await commitState(deps, run.committed, next, run.key);
  run.state = next;
  run.arrivals = next.arrivals;
  run.history = [...next.marks, mark];
  run.rows = [];
  run.replayUntilNs = undefined;
  progress.watermarkNs = mark.watermarkNs;
  progress.state = next;
  if (!run.signal.aborted) {
    const account = accountTqvs(job.twin.definition, next, deps.clock.nowNs());
    run.committed = await publish(job, deps, run.committed, progress, run.key, run.signal, account);
    run.state = { ...run.state, pending: noPending };
  }
}

/** Remembers since when work is left over, or that none is. */
export async function noteBehind(run: Forward): Promise<void> {
  const { progress, committed } = run;
  if (committed === undefined || run.signal.aborted) return;
  const { behindSinceNs, ...rest } = committed.state;
  const behind = progress.behindS !== undefined;
  if (behind === (behindSinceNs !== undefined)) return;
  const state = behind ? { ...rest, behindSinceNs: progress.untilNs } : rest;
  run.committed = await commitState(run.deps, committed, state, run.key);
}

/** Commits what a run has found out without a new sample to commit it with. */
export async function finish(run: Forward, base: Mark): Promise<void> {
  if (run.replayUntilNs !== undefined) {
    // The replay ended before the old estimate's time: out of time, or its last readings are gone.
    if (run.mark.watermarkNs > base.watermarkNs) await commit(run);
    return;
  }
  const kept = run.committed?.state;
  if (kept === undefined || kept.arrivals.sweptNs === run.state.arrivals.sweptNs) return;
  const state = { ...kept, arrivals: run.state.arrivals, runId: run.job.runId };
  run.committed = await commitState(run.deps, run.committed, state, run.key);
}
