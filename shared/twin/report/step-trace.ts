import type { StepResult } from '../types.js';

/** What a run's summary needs of a step: small, as a run may have a million. */
export type StepTrace = Pick<
  StepResult,
  | 'timeS'
  | 'skipped'
  | 'nis'
  | 'statesNis'
  | 'channels'
  | 'logLikelihood'
  | 'alarms'
  | 'beforeFit'
  | 'eventSinceS'
  | 'gapS'
> & { diagnostics: Pick<StepResult['diagnostics'], 'modelRuns' | 'regimeChange'> };

/** A run's steps as its summary needs them: the traces of all, and whole what it ended with. */
export interface RunSteps {
  traces: readonly StepTrace[];
  /** The newest step. */
  last: StepResult | undefined;
  /** The newest that was assimilated. */
  lastUsed: StepResult | undefined;
}

const NONE: StepResult['alarms'] = [];

/** The trace of a step. Of its alarms only those are kept that a run counts over its length. */
function traceOf(step: StepResult): StepTrace {
  const { timeS, skipped, nis, statesNis, channels, logLikelihood } = step;
  const { beforeFit, eventSinceS, gapS } = step;
  const { modelRuns, regimeChange } = step.diagnostics;
  const alarms = step.alarms.some((a) => a.code === 'state-noise')
    ? step.alarms.filter((a) => a.code === 'state-noise')
    : NONE;
  return {
    timeS,
    nis,
    channels,
    logLikelihood,
    alarms,
    diagnostics: { modelRuns, regimeChange },
    ...(skipped === undefined ? {} : { skipped }),
    ...(statesNis === undefined ? {} : { statesNis }),
    ...(beforeFit === undefined ? {} : { beforeFit }),
    ...(eventSinceS === undefined ? {} : { eventSinceS }),
    ...(gapS === undefined ? {} : { gapS }),
  };
}

/** Takes the steps of a run as they come and keeps what its summary needs. */
export class StepKeeper implements RunSteps {
  readonly traces: StepTrace[] = [];
  last: StepResult | undefined;
  lastUsed: StepResult | undefined;

  /** Takes the next step. */
  take(step: StepResult): void {
    this.traces.push(traceOf(step));
    this.last = step;
    if (step.skipped === undefined) this.lastUsed = step;
  }
}

/** Steps that are all at hand, for their summary. */
export const runStepsOf = (steps: readonly StepResult[]): RunSteps => ({
  traces: steps,
  last: steps.at(-1),
  lastUsed: steps.findLast((s) => s.skipped === undefined),
});
