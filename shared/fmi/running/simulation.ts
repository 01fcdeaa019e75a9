import { TwinError } from '../../core/index.js';
import type { FmuInstance, InterfaceType } from '../binding/instance.js';
import type { ModelDescription } from '../description/model-description.js';
import type { StartValue } from '../description/start-values.js';
import { stateAccess } from '../solving/continuous-states.js';
import { CsStepper } from '../solving/cs-stepper.js';
import { MeStepper } from '../solving/me-stepper.js';
import type { SolverName } from '../solving/ode-solver.js';
import type { OfferedJacobian } from '../solving/offered-jacobian.js';
import { sameTime, slackOf } from '../solving/same-time.js';
import type { InputSignals, InputTable } from '../solving/signals.js';
import { recordedVariables } from './recorded-variables.js';
import { Recorder, type ResultColumn } from './recorder.js';

/** A simulation over a time span. What is left out comes from the FMU's default experiment. */
export interface SimulateRequest {
  interface?: InterfaceType;
  /** Default: the default experiment's, else 0. */
  startTimeS?: number;
  /** Default: the default experiment's, else one second after the start. */
  stopTimeS?: number;
  /** Communication step (co-simulation; default: the output interval) or step of euler and rk4. */
  stepSizeS?: number;
  /** Time between recorded rows; default: the FMU's step size for co-simulation, else 500 to 1000 rows. */
  outputIntervalS?: number;
  /** Relative tolerance; default: the default experiment's, else 1e-6 for adaptive solvers. */
  tolerance?: number;
  /** Model exchange only; default `auto`. */
  solver?: SolverName;
  startValues?: Readonly<Record<string, StartValue>>;
  input?: InputTable;
  /** FMI 2 co-simulation: tell the FMU how its continuous inputs run through each step. */
  setInputDerivatives?: boolean;
  /** Tell how far the run is, in simulated time. */
  progress?: boolean;
  /**
   * Variables to record, elements of arrays as `x[2,3]`, or patterns with `*` and `?`; default: all
   * outputs.
   */
  outputs?: readonly string[];
  /** Record rows before and after each event; default `true`. */
  recordEvents?: boolean;
  /** FMI 3 co-simulation: use event mode where offered; default `true`. */
  useEventMode?: boolean;
}

export interface SimulationResult {
  /** Seconds, never falling; equal times are before and after an event. */
  time: Float64Array;
  columns: readonly ResultColumn[];
  /** The FMU asked for the end before the stop time. */
  terminated: boolean;
  statistics: {
    steps: number;
    /** Discarded by the FMU (co-simulation) or rejected by the solver (model exchange). */
    rejectedSteps: number;
    earlyReturns: number;
    stateEvents: number;
    timeEvents: number;
    stepEvents: number;
  };
}

/** A simulation with every default filled in. */
export interface Experiment {
  startTimeS: number;
  stopTimeS: number;
  stepSizeS: number;
  outputIntervalS: number;
  tolerance: number | undefined;
}

/** Rows that a result may have before the request is taken for a mistake. */
const MAX_ROWS = 50_000_000;

/** A round interval that makes 500 to 1000 rows. */
function autoInterval(span: number): number {
  const h = 10 ** (Math.round(Math.log10(span)) - 3);
  const n = span / h;
  return n >= 2500 ? 5 * h : n >= 2000 ? 4 * h : n >= 1000 ? 2 * h : h;
}

/** Fills in the defaults. @throws TwinError `VALUE_INVALID` for times that make no sense */
export function resolveExperiment(
  md: ModelDescription,
  type: InterfaceType,
  request: SimulateRequest,
): Experiment {
  const given = md.defaultExperiment;
  const startTimeS = request.startTimeS ?? given.startTime ?? 0;
  const stopTimeS = request.stopTimeS ?? given.stopTime ?? startTimeS + 1;
  const span = stopTimeS - startTimeS;
  const check = (name: string, value: number, ok: boolean, expected: string) => {
    if (!ok) {
      throw new TwinError('VALUE_INVALID', `${name} = ${value}: expected ${expected}.`);
    }
  };
  check('start time', startTimeS, Number.isFinite(startTimeS), 'a finite number of seconds');
  check(
    'stop time',
    stopTimeS,
    Number.isFinite(stopTimeS) && span >= 0,
    `a time not before ${startTimeS} s`,
  );
  let outputIntervalS = request.outputIntervalS;
  if (outputIntervalS === undefined) {
    const own =
      type === 'cs' ? (md.coSimulation?.fixedInternalStepSize ?? given.stepSize) : undefined;
    outputIntervalS = own ?? request.stepSizeS ?? (span > 0 ? autoInterval(span) : 1);
    while (own !== undefined && span / outputIntervalS > 1000) outputIntervalS *= 2;
  }
  const stepSizeS =
    request.stepSizeS ?? (type === 'cs' ? outputIntervalS : autoInterval(span || 1));
  check(
    'output interval',
    outputIntervalS,
    outputIntervalS > 0 && Number.isFinite(outputIntervalS),
    'a positive number of seconds',
  );
  check(
    'step size',
    stepSizeS,
    stepSizeS > 0 && Number.isFinite(stepSizeS),
    'a positive number of seconds',
  );
  check(
    'output interval',
    outputIntervalS,
    span / outputIntervalS <= MAX_ROWS,
    `at least ${span / MAX_ROWS} s for this span`,
  );
  const tolerance = request.tolerance ?? given.tolerance;
  if (tolerance !== undefined) {
    check('tolerance', tolerance, tolerance > 0 && tolerance < 1, 'a number between 0 and 1');
  }
  return { startTimeS, stopTimeS, stepSizeS, outputIntervalS, tolerance };
}

/** What a run is given beside the request. */
interface RunExtras {
  onProgress?: (timeS: number) => void;
  offeredJacobian?: OfferedJacobian | undefined;
}

/** Runs an instance that has just left initialization mode to the end of the experiment. */
export function runSimulation(
  md: ModelDescription,
  instance: FmuInstance,
  experiment: Experiment,
  request: SimulateRequest,
  signals: InputSignals | undefined,
  eventModeUsed: boolean,
  { onProgress, offeredJacobian }: RunExtras = {},
): SimulationResult {
  const recorder = new Recorder(instance, recordedVariables(md, request.outputs));
  try {
    return instance.interface === 'cs'
      ? simulateCs(md, instance, experiment, request, signals, eventModeUsed, recorder, onProgress)
      : simulateMe(md, instance, experiment, request, signals, recorder, {
          ...(onProgress !== undefined && { onProgress }),
          offeredJacobian,
        });
  } finally {
    recorder.release();
  }
}

function simulateCs(
  md: ModelDescription,
  instance: FmuInstance,
  experiment: Experiment,
  request: SimulateRequest,
  signals: InputSignals | undefined,
  eventModeUsed: boolean,
  recorder: Recorder,
  onProgress: ((timeS: number) => void) | undefined,
): SimulationResult {
  const { startTimeS, stopTimeS, stepSizeS, outputIntervalS } = experiment;
  const recordEvents = request.recordEvents ?? true;
  const stepper = new CsStepper(instance, startTimeS, {
    canVaryStep: md.coSimulation?.canHandleVariableCommunicationStepSize ?? false,
    eventModeUsed,
    stepSizeS,
    signals,
    inputDerivatives: request.setInputDerivatives === true,
    onEvent: (t) => {
      if (recordEvents) recorder.sample(t);
    },
  });
  recorder.sample(startTimeS);
  const reached = (timeS: number) => stepper.timeS >= timeS - slackOf(timeS, stepSizeS);
  // Rows are named by multiples of the interval, so that no rounding adds up in the result.
  let row = 1;
  const rowTime = () => startTimeS + row * outputIntervalS;
  for (let step = 1; !stepper.terminated && !reached(stopTimeS); step++) {
    let target = startTimeS + step * stepSizeS;
    if (target > stopTimeS + slackOf(stopTimeS, stepSizeS)) {
      // A last, shorter step only where the FMU takes it; else the run ends on its grid.
      if (!stepper.canVaryStep) break;
      target = stopTimeS;
    }
    if (stepper.canVaryStep && reached(target)) continue;
    stepper.advanceTo(stepper.canVaryStep ? target : stepper.timeS + stepSizeS);
    onProgress?.(stepper.timeS);
    if (stepper.terminated) recorder.sample(stepper.timeS);
    else if (reached(rowTime()) || reached(stopTimeS)) {
      while (reached(startTimeS + (row + 1) * outputIntervalS)) row++;
      const onRow = Math.abs(rowTime() - stepper.timeS) <= slackOf(rowTime(), stepSizeS);
      const timeS = onRow ? rowTime() : reached(stopTimeS) ? stopTimeS : stepper.timeS;
      // An event may have written the row already.
      if (timeS > recorder.lastTime) recorder.sample(timeS);
      if (reached(rowTime())) row++;
    }
  }
  return {
    ...recorder.result(),
    terminated: stepper.terminated,
    statistics: {
      steps: stepper.steps,
      rejectedSteps: stepper.discardedSteps,
      earlyReturns: stepper.earlyReturns,
      stateEvents: stepper.events,
      timeEvents: 0,
      stepEvents: 0,
    },
  };
}

function simulateMe(
  md: ModelDescription,
  instance: FmuInstance,
  experiment: Experiment,
  request: SimulateRequest,
  signals: InputSignals | undefined,
  recorder: Recorder,
  { onProgress, offeredJacobian }: RunExtras,
): SimulationResult {
  const { startTimeS, stopTimeS, stepSizeS, outputIntervalS } = experiment;
  const recordEvents = request.recordEvents ?? true;
  const stepper = new MeStepper(instance, startTimeS, {
    solver: request.solver ?? 'auto',
    stopTimeS,
    stateNames: stateAccess(md, 'me').states.map((v) => v.name),
    stepSizeS,
    relativeTolerance: experiment.tolerance ?? 1e-6,
    maxStepSizeS: Math.max((stopTimeS - startTimeS) / 50, Number.MIN_VALUE),
    needsCompletedIntegratorStep: md.modelExchange?.needsCompletedIntegratorStep ?? true,
    signals,
    offeredJacobian,
  });
  recorder.sample(startTimeS);
  let row = 1;
  stepper.observer = {
    nextSample: () => {
      const t = startTimeS + row * outputIntervalS;
      return t > stopTimeS && !sameTime(t, stopTimeS)
        ? Number.POSITIVE_INFINITY
        : Math.min(t, stopTimeS);
    },
    sample: (t) => {
      recorder.sample(t);
      row++;
    },
    ...(onProgress !== undefined && { step: onProgress }),
    event: (t, after) => {
      // Right before an event a sample may just have been taken.
      if (recordEvents && (after || t > recorder.lastTime)) recorder.sample(t);
      // Without rows for events, the one row of this time tells what holds from here on.
      else if (after && t === recorder.lastTime) recorder.resample(t);
    },
  };
  stepper.advanceTo(stopTimeS);
  if (stepper.timeS > recorder.lastTime) recorder.sample(stepper.timeS);
  return {
    ...recorder.result(),
    terminated: stepper.terminated,
    statistics: {
      steps: stepper.steps,
      rejectedSteps: stepper.rejectedSteps,
      earlyReturns: 0,
      stateEvents: stepper.stateEvents,
      timeEvents: stepper.timeEvents,
      stepEvents: stepper.stepEvents,
    },
  };
}

/**
 * A recorded column of numbers.
 *
 * @throws TwinError `VARIABLE_UNKNOWN` when it was not recorded or holds no numbers
 */
export function resultColumn(result: SimulationResult, name: string): Float64Array {
  const column = result.columns.find((c) => c.name === name);
  if (!(column?.values instanceof Float64Array)) {
    throw new TwinError(
      'VARIABLE_UNKNOWN',
      `The result has no numbers for ${JSON.stringify(name)}. It has: ${result.columns.map((c) => c.name).join(', ')}.`,
    );
  }
  return column.values;
}
