import { TwinError } from '../../core/index.js';
import type { FmuInstance } from '../binding/instance.js';
import { defaultInterface } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import { settableStates } from '../solving/continuous-states.js';
import { MeStepper } from '../solving/me-stepper.js';
import { slackOf } from '../solving/same-time.js';
import { InputSignals, type InputTable } from '../solving/signals.js';
import { centredInputs, inputsMove } from './centred-inputs.js';
import type { InstanceCache } from './instance-cache.js';
import { type Interpolation, isHeld } from './interpolation.js';
import type { PropagateRequest, PropagateResult } from './requests.js';
import { initialize, stepperOn } from './run-setup.js';

/**
 * Runs from given continuous states over a time, with inputs as they went in it. Without a memory the
 * run begins with an initialization at its first instant, so that parameters of every kind may differ;
 * what a model remembers beside its continuous states is then what initialization and event iteration
 * make of them. With one, modes go on as they were, and parameters and states are written into them.
 *
 * @throws TwinError `FMU_UNSUPPORTED` where states can't be set, `VALUE_INVALID`,
 *   `VARIABLE_UNKNOWN`, `FMI_CALL_FAILED`, `NUMERIC`
 */
export function propagate(
  fmu: Fmu,
  cache: InstanceCache,
  request: PropagateRequest,
): PropagateResult {
  const md = fmu.modelDescription;
  const type = request.interface ?? defaultInterface(fmu);
  const states = settableStates(md, type);
  const { startValues, states: given, inputs, fromS, toS, relativeTolerance = 1e-6 } = request;
  if (given !== undefined && given.length !== states.length) {
    throw new TwinError(
      'VALUE_INVALID',
      `Found ${given.length} states, expected ${states.length}: ${states.map((v) => v.name).join(', ')}.`,
    );
  }
  if (!(Number.isFinite(fromS) && toS >= fromS)) {
    throw new TwinError(
      'VALUE_INVALID',
      `A run from ${fromS} to ${toS} s: expected it to end after it begins.`,
    );
  }
  const stateNames = states.map((v) => v.name);
  const statesAt = (values: Float64Array) =>
    Object.fromEntries(stateNames.map((name, i) => [name, values[i]!]));
  return cache.guard(type, () => {
    const begun =
      given === undefined || type === 'me' ? startValues : { ...startValues, ...statesAt(given) };
    const stepSizeS = regularStep(fmu, type, request);
    const instance = initialize(fmu, cache, type, {
      startValues: begun,
      inputs: {},
      startTimeS: fromS,
      tolerance: request.tolerance ?? md.defaultExperiment.tolerance,
      stepSizeS,
    });
    const table = inputs !== undefined && type === 'cs' ? centredInputs(inputs, stepSizeS) : inputs;
    const signals =
      table === undefined
        ? undefined
        : new InputSignals(md, instance, table, type === 'cs' ? 1e-6 * stepSizeS : 0);
    try {
      if (request.memory === undefined) signals?.apply(fromS, true, true);
      instance.exitInitializationMode();
      if (request.memory !== undefined) {
        restore(instance, request.memory, fromS);
        cache.set(instance, startValues);
        if (given !== undefined && type === 'cs') {
          cache.set(instance, statesAt(given));
        }
        signals?.apply(fromS, true, true);
      }
      const stepper = stepperOn(fmu, cache, instance, fromS, stepSizeS, relativeTolerance, signals);
      if (given !== undefined && stepper instanceof MeStepper) stepper.placeStates(given);
      for (let k = 1; stepper.timeS < toS - slackOf(toS, stepSizeS); k++) {
        const next = fromS + k * stepSizeS;
        const end = type === 'me' || next > toS - 1e-9 * stepSizeS ? toS : next;
        if (stepper.advanceTo(end)) continue;
        throw new TwinError(
          'NUMERIC',
          `${md.modelName} ended the simulation at ${stepper.timeS} s, before ${toS} s.`,
        );
      }
      // Outputs may follow inputs at once.
      if (type === 'cs') signals?.apply(toS, true, true);
      const outputs = cache.reader(instance, request.outputs);
      const at = cache.reader(instance, stateNames);
      outputs.get();
      const values = outputs.values.slice();
      at.get();
      const kept = request.keepMemory === true ? { memory: memoryOf(instance) } : {};
      return { values, states: at.values.slice(), ...kept };
    } finally {
      signals?.release();
    }
  });
}

/** Brings an instance to a serialized state; under model exchange in event mode, where parameters may change. */
function restore(instance: FmuInstance, memory: Uint8Array, timeS: number): void {
  const state = instance.deserializeFmuState(memory);
  try {
    instance.setFmuState(state);
  } finally {
    instance.freeFmuState(state);
  }
  if (instance.interface === 'cs') return;
  instance.setTime(timeS);
  instance.enterEventMode();
}

function memoryOf(instance: FmuInstance): Uint8Array {
  const state = instance.getFmuState();
  try {
    return instance.serializeFmuState(state);
  } finally {
    instance.freeFmuState(state);
  }
}

/** Steps that co-simulation takes at least where inputs move: it holds them over each. */
const STEPS_WITH_MOVING_INPUTS = 20;

/** Communication step: the FMU's where it takes no other, otherwise the given one at most. */
function regularStep(fmu: Fmu, type: 'cs' | 'me', request: PropagateRequest): number {
  const spanS = request.toS - request.fromS;
  const wantedS = request.stepSizeS ?? spanS;
  if (spanS === 0) return wantedS > 0 ? wantedS : 1;
  if (!(wantedS > 0)) {
    throw new TwinError('VALUE_INVALID', `stepSizeS = ${wantedS}: a positive number was expected.`);
  }
  const canVary =
    fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize === true;
  const moving = canVary && request.inputs !== undefined && inputsMove(request.inputs);
  const least = type === 'cs' && moving ? STEPS_WITH_MOVING_INPUTS : 1;
  const steps = Math.max(least, Math.ceil(spanS / wantedS - 1e-9));
  if (type === 'cs' && !canVary && Math.abs(steps * wantedS - spanS) > 1e-6 * wantedS) {
    throw new TwinError(
      'VALUE_INVALID',
      `${fmu.modelDescription.modelName} takes steps of one size only, and ${spanS} s are no multiple of ${wantedS} s. Choose a step size that divides the time between samples.`,
    );
  }
  return spanS / steps;
}

/** The inputs of a run between two samples, as a table: straight lines, or held until its end. */
export function inputsBetween(
  fromS: number,
  toS: number,
  names: readonly string[],
  from: ArrayLike<number>,
  to: ArrayLike<number>,
  interpolation: Interpolation | readonly Interpolation[],
): InputTable {
  if (!(toS > fromS)) {
    return {
      time: Float64Array.of(fromS),
      columns: names.map((name, i) => ({ name, values: Float64Array.of(to[i]!), width: 1 })),
    };
  }
  const held = names.map((_, i) => isHeld(interpolation, i));
  const step = held.includes(true);
  return {
    time: Float64Array.from([fromS, ...(step ? [toS] : []), toS]),
    columns: names.map((name, i) => ({
      name,
      values: Float64Array.from([from[i]!, ...(step ? [held[i] ? from[i]! : to[i]!] : []), to[i]!]),
      width: 1,
    })),
  };
}
