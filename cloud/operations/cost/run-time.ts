import type { ObjectStore } from '../../../shared/store/index.js';
import { getText, keySegment } from '../../../shared/store/index.js';
import type { RunReport } from '../../worker/index.js';

/** How many of the newest reports are read. */
const REPORTS = 50;

/** What the reports of past runs tell of their time. */
export interface MeasuredRunTime {
  runs: number;
  steps: number;
  /** Wall time of a run per step, seconds. */
  stepS: number;
}

/** Wall time per step over the newest runs in a store; undefined where none has made a step. */
export async function measuredRunTime(
  store: ObjectStore,
  fleet: string,
): Promise<MeasuredRunTime | undefined> {
  const keys = await store.list(`reports/${keySegment(fleet)}/`);
  let runs = 0;
  let steps = 0;
  let seconds = 0;
  for (const key of keys.slice(-REPORTS)) {
    const text = await getText(store, key);
    if (text === undefined) continue; // it expired meanwhile
    const report = JSON.parse(text) as RunReport;
    if (report.totals.steps === 0) continue;
    runs++;
    steps += report.totals.steps;
    seconds += report.seconds;
  }
  return steps === 0 ? undefined : { runs, steps, stepS: seconds / steps };
}
