import { type CalibrationRun, runSamples, type TakeStep } from '../calibrator/run.js';
import type { Commission } from '../fit/index.js';
import { isEvent } from '../transient/events.js';
import type { Calibrator, CalibratorState, Sample } from '../types.js';
import type { Refitter } from './refit.js';

/** A run of samples with the refits on the way. */
export interface RefittedRun extends CalibrationRun {
  /** The newest fit; undefined where no window held enough. */
  newest?: Commission;
  /** Where each was made. */
  refits: { timeS: number; samples: number }[];
}

/** Samples between two looks whether a refit is due, … */
const LOOK_EVERY = 10;
/** … and while something happens that may be a change of parameters, and once they have changed. */
const LOOK_CLOSELY = 1;
/** Share of a window that may be newer than the newest fit at a run's end. */
const MOST_UNFITTED = 0.1;
/** … unless the window has less than this share of the samples of the fit before. */
const LEAST_OF_LAST = 0.5;

/**
 * Takes samples through a calibrator, refitting the constants as the schedule has it, and once more at
 * the end where much came since.
 *
 * @param samples in order; those not newer than the state serve as the first window
 * @param take gets each step in place of the run, which then keeps none
 */
export async function runWithRefits(
  calibrator: Calibrator,
  refitter: Refitter,
  start: CalibratorState,
  samples: readonly Sample[],
  onStep: (done: number) => void = () => {},
  signal?: AbortSignal,
  take?: TakeStep,
): Promise<RefittedRun> {
  const run: RefittedRun = { state: refitter.begin(start), steps: [], refits: [] };
  const windowOf = (seen: number) => refitter.window(samples, run.state, seen);
  const refit = async (seen: number) => {
    const window = windowOf(seen);
    const made = await refitter.refit(run.state, window, signal);
    run.state = made.state;
    run.newest = made.result;
    run.refits.push({ timeS: run.state.timeS, samples: window.length });
  };
  for (let done = 0; done < samples.length; ) {
    const { transient, refit: fitted } = run.state.filter;
    const changes = isEvent(transient?.events) || fitted?.changeS !== undefined;
    const every = changes ? LOOK_CLOSELY : LOOK_EVERY;
    const part = samples.slice(done, done + every);
    const before = done;
    const told = (k: number) => onStep(before + k);
    const some = await runSamples(calibrator, run.state, part, told, signal, take);
    run.state = some.state;
    run.steps.push(...some.steps);
    done += part.length;
    const window = windowOf(done);
    if (Number.isFinite(run.state.timeS) && refitter.isDue(run.state, window)) await refit(done);
  }
  const last = run.state.filter.refit;
  const window = windowOf(samples.length);
  const newer = window.filter((s) => s.timeS > (last?.timeS ?? Number.NEGATIVE_INFINITY)).length;
  // A window of a few rows would unlearn what a fit of many has told.
  const few = last?.fitted === true && window.length < LEAST_OF_LAST * last.samples;
  if (!few && Number.isFinite(run.state.timeS) && newer > MOST_UNFITTED * window.length) {
    await refit(samples.length);
  }
  return run;
}
