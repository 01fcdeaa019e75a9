import type { FmuInstance, InterfaceType } from '../binding/instance.js';
import { applyStartValues } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import type { StartValue } from '../description/start-values.js';
import { CsStepper } from '../solving/cs-stepper.js';
import { MeStepper } from '../solving/me-stepper.js';
import type { InputSignals } from '../solving/signals.js';
import type { InstanceCache } from './instance-cache.js';

/** Number of states up to which dense Jacobians by differences are worth it. */
const MAX_STATES_IMPLICIT = 300;

/** How an instance is brought into initialization mode. */
export interface InitializeOptions {
  startValues: Readonly<Record<string, StartValue>>;
  inputs: Readonly<Record<string, number>>;
  startTimeS: number;
  stopTimeS?: number | undefined;
  tolerance?: number | undefined;
  eventModeUsed?: boolean;
}

/** An instance in initialization mode, with its start values set. */
export function initialize(
  fmu: Fmu,
  cache: InstanceCache,
  type: InterfaceType,
  options: InitializeOptions,
): FmuInstance {
  const instance = cache.fresh(type, options.eventModeUsed ?? false);
  applyStartValues(fmu, instance, options.startValues);
  cache.set(instance, options.inputs);
  instance.enterInitializationMode(options.startTimeS, options.stopTimeS, options.tolerance);
  return instance;
}

/**
 * A stepper on an instance in event mode (model exchange) or step mode (co-simulation).
 *
 * @param tolerance of the solver under model exchange
 */
export function stepperOn(
  fmu: Fmu,
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
  return new MeStepper(instance, timeS, {
    // Where a model is at rest only an implicit method takes long steps.
    solver: instance.stateCount <= MAX_STATES_IMPLICIT ? 'rodas3' : 'dopri5',
    stepSizeS,
    relativeTolerance: tolerance,
    maxStepSizeS: Number.POSITIVE_INFINITY,
    needsCompletedIntegratorStep: md.modelExchange?.needsCompletedIntegratorStep ?? true,
    signals,
  });
}
