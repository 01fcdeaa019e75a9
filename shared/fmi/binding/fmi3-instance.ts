import { join, sep } from 'node:path';
import { TwinError } from '../../core/index.js';
import { sizeOf } from '../description/dimensions.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable, ScalarValue } from '../description/model-description.js';
import { CInstance, type CNames } from './c-instance.js';
import { CallGate } from './call-gate.js';
import { nameSome } from './call-trace.js';
import { getFmi3Value, setFmi3Value } from './fmi3-values.js';
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
  fmi3LoggerPointer,
  intermediateUpdatePointer,
  type NativeFunction,
  type NativeLibrary,
  release,
} from './native.js';
import { STATUS_DISCARD, STATUS_WARNING } from './status.js';

const NAMES: CNames = {
  state: 'FMUState',
  deserialize: 'Deserialize',
  derivatives: 'GetContinuousStateDerivatives',
};

/** An instance of an FMI 3.0 FMU. C functions keep their names, less the prefix. */
export class Fmi3Instance extends CInstance implements FmuInstance {
  readonly interface: InterfaceType;
  readonly #fmu: Fmu;
  readonly #doStep: NativeFunction | undefined;
  /** doStep's four results: three booleans at 0, 1, 2 and a double at 8. */
  readonly #stepOut = allocate(Uint8Array, 16);
  readonly #stepTime: Float64Array;
  readonly #stepResult = newStepResult();
  #stateCount: number | undefined;
  #eventIndicatorCount: number | undefined;

  /**
   * Instantiates the FMU.
   *
   * @throws TwinError `FMU_UNSUPPORTED` when the library lacks a function; FmiCallError when it
   *   returns NULL
   */
  constructor(library: NativeLibrary, fmu: Fmu, options: InstanceOptions) {
    super(new CallGate('fmi3', library, options), NAMES);
    const md = fmu.modelDescription;
    this.interface = options.interface;
    this.#fmu = fmu;
    this.#stepTime = new Float64Array(this.#stepOut.memory, 8, 1);
    const common = [
      options.instanceName ?? md.modelName,
      md.instantiationToken,
      join(fmu.unzipDir, 'resources') + sep,
      false,
      options.loggingOn === true,
    ];
    const name =
      options.interface === 'me' ? 'InstantiateModelExchange' : 'InstantiateCoSimulation';
    let component: unknown;
    if (options.interface === 'me') {
      component = this.gate.bind(name, 'void *', [
        'str',
        'str',
        'str',
        'bool',
        'bool',
        'void *',
        'void *',
      ])(...common, this.gate.environment, fmi3LoggerPointer());
    } else {
      component = this.gate.bind(name, 'void *', [
        'str',
        'str',
        'str',
        'bool',
        'bool',
        'bool',
        'bool',
        'void *',
        'size_t',
        'void *',
        'void *',
        'void *',
      ])(
        ...common,
        options.eventModeUsed === true,
        options.earlyReturnAllowed === true,
        null,
        0,
        this.gate.environment,
        fmi3LoggerPointer(),
        md.coSimulation?.providesIntermediateUpdate === true ? intermediateUpdatePointer() : null,
      );
    }
    this.gate.instantiated(name, component, 'instantiationToken');
    if (options.interface === 'cs') {
      this.#doStep = this.gate.bind('DoStep', 'int', [
        'void *',
        'double',
        'double',
        'bool',
        'void *',
        'void *',
        'void *',
        'void *',
      ]);
    }
  }

  #count(name: string): number {
    const out = allocate(BigUint64Array, 1);
    try {
      this.gate.call(name, ['void *'], out.pointer);
      return Number(out.values[0]);
    } finally {
      release(out);
    }
  }

  get stateCount(): number {
    if (this.interface !== 'me') return 0;
    this.#stateCount ??= this.#count('GetNumberOfContinuousStates');
    return this.#stateCount;
  }

  get eventIndicatorCount(): number {
    if (this.interface !== 'me') return 0;
    this.#eventIndicatorCount ??= this.#count('GetNumberOfEventIndicators');
    return this.#eventIndicatorCount;
  }

  /** FMI 3 does it on entering initialization mode. */
  setupExperiment(): void {}

  enterInitializationMode(startTime: number, stopTime?: number, tolerance?: number): void {
    this.gate.call(
      'EnterInitializationMode',
      ['bool', 'double', 'double', 'bool', 'double'],
      tolerance !== undefined,
      tolerance ?? 0,
      startTime,
      stopTime !== undefined,
      stopTime ?? 0,
    );
  }

  /** Configuration mode: where structural parameters are set. */
  enterConfigurationMode(): void {
    this.gate.call('EnterConfigurationMode', []);
  }

  exitConfigurationMode(): void {
    this.gate.call('ExitConfigurationMode', []);
    this.#stateCount = undefined;
    this.#eventIndicatorCount = undefined;
  }

  reset(): void {
    this.gate.call('Reset', []);
    this.#stateCount = undefined;
    this.#eventIndicatorCount = undefined;
  }

  free(): void {
    if (this.gate.free()) release(this.#stepOut);
  }

  float64Block(variables: readonly ModelVariable[]): Float64Block {
    const n = variables.length;
    const vr = allocate(Uint32Array, n);
    vr.values.set(variables.map((v) => v.valueReference));
    const data = allocate(Float64Array, n);
    const types = ['void *', 'void *', 'size_t', 'void *', 'size_t'];
    const get = this.gate.bind('GetFloat64', 'int', types);
    const set = this.gate.bind('SetFloat64', 'int', types);
    const instance = this.gate.component;
    return {
      values: data.values,
      get: () => {
        if (n === 0) return;
        const status = get(instance, vr.pointer, n, data.pointer, n) as number;
        if (status > STATUS_WARNING) throw this.gate.error('GetFloat64', status);
      },
      set: () => {
        if (n === 0) return;
        const status = set(instance, vr.pointer, n, data.pointer, n) as number;
        if (status > STATUS_WARNING) {
          throw this.gate.error('SetFloat64', status, nameSome(variables));
        }
      },
      release: () => {
        release(vr);
        release(data);
      },
    };
  }

  /** Number of elements, with the structural parameters as they are now. */
  #sizeOf(variable: ModelVariable): number {
    return sizeOf(this.#fmu.modelDescription, variable, (parameter) => {
      const [value] = this.getValue(parameter);
      return Number(value);
    });
  }

  getValue(variable: ModelVariable): ScalarValue[] {
    return getFmi3Value(this.gate, variable, this.#sizeOf(variable));
  }

  setValue(variable: ModelVariable, values: readonly ScalarValue[]): void {
    setFmi3Value(this.gate, variable, this.#sizeOf(variable), values);
  }

  setInputDerivatives(): void {
    throw new TwinError('FMU_UNSUPPORTED', 'FMI 3.0 has no derivatives of inputs.');
  }

  doStep(currentCommunicationPoint: number, stepSize: number): DoStepResult {
    const out = this.#stepOut.values;
    const { pointer } = this.#stepOut;
    out[0] = out[1] = out[2] = 0;
    this.#stepTime[0] = currentCommunicationPoint + stepSize;
    const status = (this.#doStep as NativeFunction)(
      this.gate.component,
      currentCommunicationPoint,
      stepSize,
      true,
      pointer,
      pointer + 1n,
      pointer + 2n,
      pointer + 8n,
    ) as number;
    if (status > STATUS_DISCARD) throw this.gate.error('DoStep', status);
    const result = this.#stepResult;
    result.accepted = status !== STATUS_DISCARD;
    result.discarded = status === STATUS_DISCARD;
    result.eventHandlingNeeded = out[0] !== 0;
    result.terminate = out[1] !== 0;
    result.earlyReturn = out[2] !== 0;
    result.lastSuccessfulTime = this.#stepTime[0] as number;
    return result;
  }

  enterStepMode(): void {
    this.gate.call('EnterStepMode', []);
  }

  updateDiscreteStates(): DiscreteStatesInfo {
    const out = allocate(Uint8Array, 16);
    const p = out.pointer;
    try {
      this.gate.call(
        'UpdateDiscreteStates',
        ['void *', 'void *', 'void *', 'void *', 'void *', 'void *'],
        p,
        p + 1n,
        p + 2n,
        p + 3n,
        p + 4n,
        p + 8n,
      );
      const flags = out.values;
      return {
        discreteStatesNeedUpdate: flags[0] !== 0,
        terminateSimulation: flags[1] !== 0,
        nominalsOfContinuousStatesChanged: flags[2] !== 0,
        valuesOfContinuousStatesChanged: flags[3] !== 0,
        nextEventTimeDefined: flags[4] !== 0,
        nextEventTime: new Float64Array(out.memory, 8, 1)[0] as number,
      };
    } finally {
      release(out);
    }
  }

  completedIntegratorStep(): CompletedStepInfo {
    const out = allocate(Uint8Array, 2);
    try {
      this.gate.call(
        'CompletedIntegratorStep',
        ['bool', 'void *', 'void *'],
        true,
        out.pointer,
        out.pointer + 1n,
      );
      return { enterEventMode: out.values[0] !== 0, terminateSimulation: out.values[1] !== 0 };
    } finally {
      release(out);
    }
  }

  #derivative(
    name: string,
    unknowns: readonly ModelVariable[],
    knowns: readonly ModelVariable[],
    seed: Float64Array,
    resultSize: number,
  ): Float64Array {
    const result = new Float64Array(resultSize);
    this.gate.call(
      name,
      ['uint32_t *', 'size_t', 'uint32_t *', 'size_t', 'double *', 'size_t', 'double *', 'size_t'],
      Uint32Array.from(unknowns, (v) => v.valueReference),
      unknowns.length,
      Uint32Array.from(knowns, (v) => v.valueReference),
      knowns.length,
      seed,
      seed.length,
      result,
      resultSize,
    );
    return result;
  }

  getDirectionalDerivative(
    unknowns: readonly ModelVariable[],
    knowns: readonly ModelVariable[],
    seed: Float64Array,
  ): Float64Array {
    const size = unknowns.reduce((sum, v) => sum + this.#sizeOf(v), 0);
    return this.#derivative('GetDirectionalDerivative', unknowns, knowns, seed, size);
  }

  getAdjointDerivative(
    unknowns: readonly ModelVariable[],
    knowns: readonly ModelVariable[],
    seed: Float64Array,
  ): Float64Array {
    const size = knowns.reduce((sum, v) => sum + this.#sizeOf(v), 0);
    return this.#derivative('GetAdjointDerivative', unknowns, knowns, seed, size);
  }
}
