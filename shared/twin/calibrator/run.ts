import { TwinError } from '../../core/index.js';
import { isModelFault } from '../model/model-faults.js';
import { reportStep } from '../report/report.js';
import { instantText } from '../report/time-axis.js';
import type { Calibrator, CalibratorState, Sample, SensorSlopes, StepResult } from '../types.js';

/** A run of samples through a calibrator. */
export interface CalibrationRun {
  state: CalibratorState;
  steps: StepResult[];
  /** What the sensors could tell at the last sample that was assimilated. */
  slopes?: SensorSlopes;
}

/** Gets the steps of a run as they come. */
export type TakeStep = (step: StepResult) => void | Promise<void>;

/**
 * Takes samples through a calibrator one after the other. A sample at which the model fails is set
 * aside, named with its row, its time and the FMU's words, and the run goes on from the state before.
 *
 * @param onStep called after each with the number done
 * @param take gets each step in place of the run, which then keeps none
 * @throws TwinError as {@link Calibrator.step}, where that is not the fault of one sample
 */
export async function runSamples(
  calibrator: Calibrator,
  start: CalibratorState,
  samples: readonly Sample[],
  onStep: (done: number) => void = () => {},
  signal?: AbortSignal,
  take?: TakeStep,
): Promise<CalibrationRun> {
  const run: CalibrationRun = { state: start, steps: [] };
  const keep = take ?? ((step: StepResult) => void run.steps.push(step));
  let done = 0;
  for (const sample of samples) {
    let result: StepResult;
    try {
      const step = await calibrator.step(run.state, sample, signal);
      run.state = step.state;
      result = step.result;
      if (step.slopes !== undefined) run.slopes = step.slopes;
    } catch (error) {
      if (!isOfOneSample(error, run.state)) throw error;
      result = setAside(calibrator, run.state, sample, error);
    }
    await keep(result);
    onStep(++done);
  }
  return run;
}

/** A state that is not sound stays so for every sample. */
function isOfOneSample(error: unknown, state: CalibratorState): error is TwinError {
  return (
    error instanceof TwinError &&
    isModelFault(error) &&
    [...state.filter.x, ...state.filter.S].every(Number.isFinite)
  );
}

function setAside(
  { twin }: Calibrator,
  state: CalibratorState,
  sample: Sample,
  error: TwinError,
): StepResult {
  const row = sample.row === undefined ? '' : `row ${sample.row}, `;
  return reportStep({
    twin,
    state,
    sample,
    skipped: 'model-failed',
    alarms: [
      {
        code: 'model-failed',
        subject: twin.definition.name,
        message: `The model failed at ${row}${instantText(sample.timeS)}, which is left out: ${error.message}`,
      },
    ],
  });
}
