import type { FmuInstance, InterfaceType } from '../binding/instance.js';
import { applyStartValues } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import type { StartValue } from '../description/start-values.js';
import { CsStepper } from '../solving/cs-stepper.js';
import { holdStartValues } from '../solving/held-start-values.js';
import { MAX_STATES_IMPLICIT, MeStepper } from '../solving/me-stepper.js';
import type { InputSignals } from '../solving/signals.js';
import type { InstanceCache } from './instance-cache.js';

/** How an instance is brought into initialization mode. */
export interface InitializeOptions {
  startValues: Readonly<Record<string, StartValue>>;
  inputs: Readonly<Record<string, number>>;
  startTimeS: number;
  stopTimeS?: number | undefined;
  tolerance?: number | undefined;
  eventModeUsed?: boolean;
  /** A communication step that the FMU takes, seconds. */
  stepSizeS?: number | undefined;
}

/** An instance in initialization mode, with its start values set and found to be so. */
export function initialize(
  fmu: Fmu,
  cache: InstanceCache,
  type: InterfaceType,
  options: InitializeOptions,
): FmuInstance {
  const begin = (instance: FmuInstance) => begun(fmu, cache, instance, options);
  const instance = cache.fresh(type, options.eventModeUsed ?? false, {
    begin,
    probe: (candidate) => probe(fmu, cache, candidate, options),
  });
  begin(instance);
  return instance;
}

function begun(
  fmu: Fmu,
  cache: InstanceCache,
  instance: FmuInstance,
  options: InitializeOptions,
): void {
  const { startValues, inputs, startTimeS, stopTimeS, tolerance } = options;
  instance.setupExperiment(startTimeS, stopTimeS, tolerance);
  // Values can't be read yet, so elements of arrays go with the start values of the others.
  const elements = Object.entries(inputs).filter(
    ([name]) => cache.scalar(name).element !== undefined,
  );
  const assignments = applyStartValues(fmu, instance, {
    ...startValues,
    ...Object.fromEntries(elements),
  });
  cache.set(
    instance,
    elements.length === 0
      ? inputs
      : Object.fromEntries(
          Object.entries(inputs).filter(([name]) => cache.scalar(name).element === undefined),
        ),
  );
  instance.enterInitializationMode(startTimeS, stopTimeS, tolerance);
  // FMI 1 can't be read before it is initialized.
  if (fmu.modelDescription.fmiMajorVersion > 1)
    holdStartValues(instance, assignments, (text, status) => cache.complain(text, status));
}

/** Steps of a probe. */
const PROBE_STEPS = 3;

/** What an instance in initialization mode makes of its first steps: to compare two instances by. */
function probe(
  fmu: Fmu,
  cache: InstanceCache,
  instance: FmuInstance,
  options: InitializeOptions,
): Float64Array {
  const md = fmu.modelDescription;
  const watched = md.variables.filter(
    (v) =>
      v.type === 'Float64' &&
      v.dimensions.length === 0 &&
      v.clocks.length === 0 &&
      (v.causality === 'output' || v.derivative !== undefined),
  );
  const block = cache.block(instance, watched);
  const values: number[] = [];
  const read = () => {
    block.get();
    values.push(...block.values);
  };
  instance.exitInitializationMode();
  const stepSizeS = options.stepSizeS ?? md.defaultExperiment.stepSize ?? 0.1;
  const stepper =
    instance.interface === 'cs' && options.eventModeUsed === true
      ? undefined
      : stepperOn(fmu, cache, instance, options.startTimeS, stepSizeS, 1e-4);
  read();
  for (let step = 0; stepper !== undefined && step < PROBE_STEPS; step++) {
    if (!stepper.advance(stepSizeS)) break;
    read();
  }
  return Float64Array.from(values);
}

/**
 * A stepper on an instance in event mode (model exchange) or step mode (co-simulation).
 *
 * @param tolerance of the solver under model exchange
 */
export function stepperOn(
  fmu: Fmu,
  cache: InstanceCache,
  instance: FmuInstance,
  timeS: number,
  stepSizeS: number,
  tolerance: number,
  signals?: InputSignals,
): CsStepper | MeStepper {
  const md = fmu.modelDescription;
  if (instance.interface === 'cs') {
    return new CsStepper(instance, timeS, {
      canVaryStep: md.coSimulation?.canHandleVariableCommunicationStepSize ?? false,
      eventModeUsed: false,
      stepSizeS,
      signals,
    });
  }
  cache.countStates(instance);
  return new MeStepper(instance, timeS, {
    // Where a model is at rest only an implicit method takes long steps.
    solver: instance.stateCount <= MAX_STATES_IMPLICIT ? 'rodas3' : 'dopri5',
    stepSizeS,
    relativeTolerance: tolerance,
    maxStepSizeS: Number.POSITIVE_INFINITY,
    offeredJacobian: cache.offeredJacobian,
    needsCompletedIntegratorStep: md.modelExchange?.needsCompletedIntegratorStep ?? true,
    signals,
  });
}
