import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TwinError } from '../../core/index.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable, ScalarValue } from '../description/model-description.js';
import { CInstance, type CNames } from './c-instance.js';
import { CallGate } from './call-gate.js';
import {
  type CompletedStepInfo,
  type DiscreteStatesInfo,
  type DoStepResult,
  type Float64Block,
  type FmuInstance,
  type InstanceOptions,
  type InterfaceType,
  newStepResult,
} from './instance.js';
import {
  allocate,
  cFunction,
  fmi2LoggerPointer,
  type NativeFunction,
  type NativeLibrary,
  release,
} from './native.js';
import { realBlock } from './real-block.js';
import { ScalarValues } from './scalar-values.js';
import { STATUS_DISCARD, STATUS_WARNING } from './status.js';

/** fmi2StatusKind. */
const LAST_SUCCESSFUL_TIME = 2;
const TERMINATED = 3;

/** Byte offsets in fmi2EventInfo: five 32-bit booleans, padding, a double. */
const EVENT_INFO_BYTES = 32;

const NAMES: CNames = {
  state: 'FMUstate',
  deserialize: 'DeSerialize',
  derivatives: 'GetDerivatives',
};

/** An instance of an FMI 2.0 FMU. C functions keep their names, less the prefix. */
export class Fmi2Instance extends CInstance implements FmuInstance {
  readonly interface: InterfaceType;
  readonly stateCount: number;
  readonly eventIndicatorCount: number;
  readonly #scalars = new ScalarValues(this.gate, '2.0', 'int');
  readonly #doStep: NativeFunction | undefined;
  readonly #stepResult = newStepResult();
  readonly #scratch = allocate(Float64Array, 4);
  /** fmi2CallbackFunctions: logger, allocateMemory, freeMemory, stepFinished, environment. */
  readonly #callbacks = allocate(BigUint64Array, 5);

  /**
   * Instantiates the FMU.
   *
   * @throws TwinError `FMU_UNSUPPORTED` when the library lacks a function; FmiCallError when
   *   fmi2Instantiate returns NULL
   */
  constructor(library: NativeLibrary, fmu: Fmu, options: InstanceOptions) {
    super(new CallGate('fmi2', library, options), NAMES);
    const md = fmu.modelDescription;
    this.interface = options.interface;
    this.stateCount = md.modelStructure.continuousStateDerivatives.length;
    this.eventIndicatorCount = md.numberOfEventIndicators;
    this.#callbacks.values.set([
      fmi2LoggerPointer(),
      cFunction('calloc'),
      cFunction('free'),
      0n,
      this.gate.environment,
    ]);
    const instantiate = this.gate.bind('Instantiate', 'void *', [
      'str',
      'int',
      'str',
      'str',
      'void *',
      'int',
      'int',
    ]);
    const resources = pathToFileURL(join(fmu.unzipDir, 'resources')).href;
    const component: unknown = instantiate(
      options.instanceName ?? md.modelName,
      options.interface === 'me' ? 0 : 1,
      md.instantiationToken,
      resources,
      this.#callbacks.pointer,
      0,
      options.loggingOn === true ? 1 : 0,
    );
    this.gate.instantiated('Instantiate', component, 'guid');
    if (options.interface === 'cs') {
      this.#doStep = this.gate.bind('DoStep', 'int', ['void *', 'double', 'double', 'int']);
    }
  }

  #isSetUp = false;

  setupExperiment(startTime: number, stopTime?: number, tolerance?: number): void {
    this.#isSetUp = true;
    this.gate.call(
      'SetupExperiment',
      ['int', 'double', 'double', 'int', 'double'],
      tolerance === undefined ? 0 : 1,
      tolerance ?? 0,
      startTime,
      stopTime === undefined ? 0 : 1,
      stopTime ?? 0,
    );
  }

  enterInitializationMode(startTime: number, stopTime?: number, tolerance?: number): void {
    if (!this.#isSetUp) this.setupExperiment(startTime, stopTime, tolerance);
    this.gate.call('EnterInitializationMode', []);
  }

  reset(): void {
    this.#isSetUp = false;
    this.gate.call('Reset', []);
  }

  free(): void {
    if (!this.gate.free()) return;
    release(this.#scratch);
    release(this.#callbacks);
  }

  float64Block(variables: readonly ModelVariable[]): Float64Block {
    return realBlock(this.gate, variables);
  }

  getValue(variable: ModelVariable): ScalarValue[] {
    return this.#scalars.get(variable);
  }

  setValue(variable: ModelVariable, values: readonly ScalarValue[]): void {
    this.#scalars.set(variable, values);
  }

  setInputDerivatives(variables: readonly ModelVariable[], derivatives: Float64Array): void {
    this.#scalars.setInputDerivatives(variables, derivatives);
  }

  doStep(currentCommunicationPoint: number, stepSize: number): DoStepResult {
    const step = this.#doStep as NativeFunction;
    const status = step(this.gate.component, currentCommunicationPoint, stepSize, 1) as number;
    const result = this.#stepResult;
    result.accepted = true;
    result.discarded = false;
    result.terminate = false;
    result.lastSuccessfulTime = currentCommunicationPoint + stepSize;
    if (status <= STATUS_WARNING) return result;
    if (status !== STATUS_DISCARD) throw this.gate.error('DoStep', status);
    result.accepted = false;
    result.terminate = this.#statusBoolean(TERMINATED);
    result.discarded = !result.terminate;
    result.lastSuccessfulTime = this.#statusReal(LAST_SUCCESSFUL_TIME) ?? currentCommunicationPoint;
    return result;
  }

  /** What a discarded step left behind; `false` where the FMU does not say. */
  #statusBoolean(kind: number): boolean {
    const find = this.gate.find('GetBooleanStatus', 'int', ['void *', 'int', 'void *']);
    const status = find?.(this.gate.component, kind, this.#scratch.pointer) as number | undefined;
    return status !== undefined && status <= STATUS_WARNING
      ? new Int32Array(this.#scratch.memory, 0, 1)[0] !== 0
      : false;
  }

  #statusReal(kind: number): number | undefined {
    const find = this.gate.find('GetRealStatus', 'int', ['void *', 'int', 'void *']);
    const status = find?.(this.gate.component, kind, this.#scratch.pointer) as number | undefined;
    return status !== undefined && status <= STATUS_WARNING ? this.#scratch.values[0] : undefined;
  }

  updateDiscreteStates(): DiscreteStatesInfo {
    const info = allocate(Int32Array, EVENT_INFO_BYTES / 4);
    try {
      this.gate.call('NewDiscreteStates', ['void *'], info.pointer);
      const flags = info.values;
      return {
        discreteStatesNeedUpdate: flags[0] !== 0,
        terminateSimulation: flags[1] !== 0,
        nominalsOfContinuousStatesChanged: flags[2] !== 0,
        valuesOfContinuousStatesChanged: flags[3] !== 0,
        nextEventTimeDefined: flags[4] !== 0,
        nextEventTime: new Float64Array(info.memory, 24, 1)[0] as number,
      };
    } finally {
      release(info);
    }
  }

  enterStepMode(): void {
    throw new TwinError('INTERNAL', 'FMI 2.0 has no step mode.');
  }

  completedIntegratorStep(): CompletedStepInfo {
    const flags = allocate(Int32Array, 2);
    try {
      this.gate.call(
        'CompletedIntegratorStep',
        ['int', 'void *', 'void *'],
        1,
        flags.pointer,
        flags.pointer + 4n,
      );
      return {
        enterEventMode: flags.values[0] !== 0,
        terminateSimulation: flags.values[1] !== 0,
      };
    } finally {
      release(flags);
    }
  }

  getDirectionalDerivative(
    unknowns: readonly ModelVariable[],
    knowns: readonly ModelVariable[],
    seed: Float64Array,
  ): Float64Array {
    const result = new Float64Array(unknowns.length);
    this.gate.call(
      'GetDirectionalDerivative',
      ['uint32_t *', 'size_t', 'uint32_t *', 'size_t', 'double *', 'double *'],
      Uint32Array.from(unknowns, (v) => v.valueReference),
      unknowns.length,
      Uint32Array.from(knowns, (v) => v.valueReference),
      knowns.length,
      seed,
      result,
    );
    return result;
  }

  getAdjointDerivative(): Float64Array {
    throw new TwinError('FMU_UNSUPPORTED', 'FMI 2.0 has no adjoint derivatives.');
  }
}
