import { TwinError } from '../../core/index.js';
import type { FmuInstance } from '../binding/instance.js';
import { defaultInterface, interfaceInfo } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import type { InstanceCache } from './instance-cache.js';
import type { AdvanceRequest, AdvanceResult } from './requests.js';
import { initialize, stepperOn } from './run-setup.js';

/**
 * Moves on from a serialized state, or from the start, to a time.
 *
 * @throws TwinError `FMU_UNSUPPORTED` when the FMU can't serialize its state; as its calls do
 */
export function advance(fmu: Fmu, cache: InstanceCache, request: AdvanceRequest): AdvanceResult {
  const type = request.interface ?? defaultInterface(fmu);
  const startValues = request.startValues ?? {};
  const inputs = request.inputs ?? {};
  const info = interfaceInfo(fmu, type);
  if (!info.canSerializeFmuState || !info.canGetAndSetFmuState) {
    throw new TwinError(
      'FMU_UNSUPPORTED',
      `${fmu.modelDescription.modelName} can't serialize its state, so a run can't be continued from one.`,
    );
  }
  return cache.guard(type, () => {
    let instance: FmuInstance;
    if (request.state === undefined) {
      const { tolerance } = fmu.modelDescription.defaultExperiment;
      instance = initialize(fmu, cache, type, {
        startValues,
        inputs,
        startTimeS: request.fromS,
        tolerance,
      });
      instance.exitInitializationMode();
    } else {
      const { startTime = 0, tolerance } = fmu.modelDescription.defaultExperiment;
      instance = initialize(fmu, cache, type, {
        startValues: {},
        inputs: {},
        startTimeS: startTime,
        tolerance,
      });
      instance.exitInitializationMode();
      const state = instance.deserializeFmuState(request.state);
      instance.setFmuState(state);
      instance.freeFmuState(state);
      if (type === 'me') {
        instance.setTime(request.fromS);
        instance.enterEventMode();
      }
      cache.set(instance, startValues);
      cache.set(instance, inputs);
    }
    const { stepSizeS = request.toS - request.fromS, relativeTolerance = 1e-6 } = request;
    const stepper = stepperOn(fmu, cache, instance, request.fromS, stepSizeS, relativeTolerance);
    if (request.toS > request.fromS) {
      const n = Math.max(1, Math.round((request.toS - request.fromS) / stepSizeS));
      const h = (request.toS - request.fromS) / n;
      for (let i = 0; i < n && stepper.advance(request.fromS + (i + 1) * h - stepper.timeS); i++);
    }
    const block = cache.reader(instance, request.outputs);
    block.get();
    const state = instance.getFmuState();
    try {
      return {
        values: block.values.slice(),
        state: instance.serializeFmuState(state),
        timeS: stepper.timeS,
      };
    } finally {
      instance.freeFmuState(state);
    }
  });
}
