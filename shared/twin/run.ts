import type { Calibrator, CalibratorState, Sample, SensorSlopes, StepResult } from './types.js';

/** A run of samples through a calibrator. */
export interface CalibrationRun {
  state: CalibratorState;
  steps: StepResult[];
  /** What the sensors could tell at the last sample that was assimilated. */
  slopes?: SensorSlopes;
}

/**
 * Takes samples through a calibrator one after the other.
 *
 * @param onStep called after each with the number done
 * @throws TwinError as {@link Calibrator.step}
 */
export async function runSamples(
  calibrator: Calibrator,
  start: CalibratorState,
  samples: readonly Sample[],
  onStep: (done: number) => void = () => {},
  signal?: AbortSignal,
): Promise<CalibrationRun> {
  const run: CalibrationRun = { state: start, steps: [] };
  for (const sample of samples) {
    const step = await calibrator.step(run.state, sample, signal);
    run.state = step.state;
    run.steps.push(step.result);
    if (step.slopes !== undefined) run.slopes = step.slopes;
    onStep(run.steps.length);
  }
  return run;
}
