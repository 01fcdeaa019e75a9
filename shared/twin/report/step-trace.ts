import type { StepResult } from '../types.js';
import { type KnownCourse, KnownCourses } from './hindsight.js';
import { ContradictionCount, type PastAlarm } from './past-alarms.js';
import { PullCount, type PulledParameter } from './pulled-constants.js';

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
  /** How often readings contradicted the model, or each other. */
  contradictions: readonly PastAlarm[];
  /** How far the estimate of each parameter was pulled one way. */
  pulled: readonly PulledParameter[];
  /** What was known of each parameter, since the first fit where there are fits. */
  known: readonly KnownCourse[];
  /** What was said of the first sample at which the model failed. */
  firstFailure: string | undefined;
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
  firstFailure: string | undefined;
  readonly #contradictions = new ContradictionCount();
  readonly #pulls = new PullCount();
  readonly #known = new KnownCourses();
  readonly #traceOf: (step: StepResult) => StepTrace;

  /** @param kept what is kept of each step; default: what is small */
  constructor(kept: (step: StepResult) => StepTrace = traceOf) {
    this.#traceOf = kept;
  }

  get pulled(): PulledParameter[] {
    return this.#pulls.found;
  }

  get known(): KnownCourse[] {
    return this.#known.found;
  }

  get contradictions(): PastAlarm[] {
    return this.#contradictions.found;
  }

  /** Takes the next step. */
  take(step: StepResult): void {
    this.traces.push(this.#traceOf(step));
    this.last = step;
    this.firstFailure ??= step.alarms.find((a) => a.code === 'model-failed')?.message;
    if (step.skipped !== undefined) return;
    this.lastUsed = step;
    this.#contradictions.take(step);
    this.#pulls.take(step);
    this.#known.take(step);
  }
}

/** Steps that are all at hand, for their summary. */
export function runStepsOf(steps: readonly StepResult[]): RunSteps {
  const keeper = new StepKeeper((step) => step);
  for (const step of steps) keeper.take(step);
  return keeper;
}
