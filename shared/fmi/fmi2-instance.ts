import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TwinError } from '../core/index.js';
import { nameSome, traceLine } from './call-trace.js';
import type { Fmu } from './fmu.js';
import type {
  CompletedStepInfo,
  DiscreteStatesInfo,
  DoStepResult,
  Float64Block,
  FmuInstance,
  InstanceOptions,
  InterfaceType,
} from './instance.js';
import type { ModelVariable, ScalarValue, VariableType } from './model-description.js';
import {
  allocate,
  cFunction,
  closeLog,
  fmi2LoggerPointer,
  type NativeFunction,
  type NativeLibrary,
  openLog,
  type Pointer,
  readBytes,
  readText,
  release,
} from './native.js';
import { FMI_STATUS, FmiCallError, LastWords, STATUS_DISCARD, STATUS_WARNING } from './status.js';

/** fmi2StatusKind. */
const LAST_SUCCESSFUL_TIME = 2;
const TERMINATED = 3;

const GETTERS: Readonly<
  Partial<Record<VariableType, [suffix: string, element: 'double' | 'int' | 'str']>>
> = {
  Float64: ['Real', 'double'],
  Int32: ['Integer', 'int'],
  Enumeration: ['Integer', 'int'],
  Boolean: ['Boolean', 'int'],
  String: ['String', 'str'],
};

/** Byte offsets in fmi2EventInfo: five 32-bit booleans, padding, a double. */
const EVENT_INFO_BYTES = 32;

/** An instance of an FMI 2.0 FMU. C functions keep their names, less the prefix. */
export class Fmi2Instance implements FmuInstance {
  readonly interface: InterfaceType;
  readonly stateCount: number;
  readonly eventIndicatorCount: number;
  readonly #library: NativeLibrary;
  readonly #functions = new Map<string, NativeFunction>();
  readonly #onCall: ((text: string) => void) | undefined;
  #component: Pointer | null;
  readonly #doStep: NativeFunction | undefined;
  readonly #stepResult: DoStepResult = {
    accepted: true,
    discarded: false,
    terminate: false,
    earlyReturn: false,
    eventHandlingNeeded: false,
    lastSuccessfulTime: 0,
  };
  readonly #scratch = allocate(Float64Array, 4);
  readonly #said = new LastWords();
  /** fmi2CallbackFunctions: logger, allocateMemory, freeMemory, stepFinished, environment. */
  readonly #callbacks = allocate(BigUint64Array, 5);

  /**
   * Instantiates the FMU.
   *
   * @throws TwinError `FMU_UNSUPPORTED` when the library lacks a function; FmiCallError when
   *   fmi2Instantiate returns NULL
   */
  constructor(library: NativeLibrary, fmu: Fmu, options: InstanceOptions) {
    const md = fmu.modelDescription;
    this.interface = options.interface;
    this.stateCount = md.modelStructure.continuousStateDerivatives.length;
    this.eventIndicatorCount = md.numberOfEventIndicators;
    this.#library = library;
    this.#onCall = options.onCall;
    const environment = openLog((status, category, message) => {
      this.#said.note(status, message);
      options.onLog?.({ status: FMI_STATUS[status] ?? String(status), category, message });
    });
    this.#callbacks.values.set([
      fmi2LoggerPointer(),
      cFunction('calloc'),
      cFunction('free'),
      0n,
      environment,
    ]);
    const instantiate = this.#function('Instantiate', 'void *', [
      'str',
      'int',
      'str',
      'str',
      'void *',
      'int',
      'int',
    ]);
    const resources = pathToFileURL(join(fmu.unzipDir, 'resources')).href;
    this.#component = instantiate(
      options.instanceName ?? md.modelName,
      options.interface === 'me' ? 0 : 1,
      md.instantiationToken,
      resources,
      this.#callbacks.pointer,
      0,
      options.loggingOn === true ? 1 : 0,
    ) as Pointer | null;
    if (this.#component === null || this.#component === 0n) {
      this.#component = null;
      throw new FmiCallError(
        'fmi2Instantiate',
        'NULL',
        this.#said.toString() ||
          'it gave no reason; the guid may not match its binary, or a licence may be missing.',
      );
    }
    if (options.interface === 'cs') {
      this.#doStep = this.#function('DoStep', 'int', ['void *', 'double', 'double', 'int']);
    }
  }

  /** Finds a function once; with a call trace, each call is told. */
  #function(name: string, result: string, args: readonly string[]): NativeFunction {
    const known = this.#functions.get(name);
    if (known !== undefined) return known;
    const full = `fmi2${name}`;
    const native = this.#library.find(full, result, args);
    if (native === undefined) {
      throw new TwinError('FMU_UNSUPPORTED', `The FMU's library has no function ${full}.`);
    }
    const onCall = this.#onCall;
    const bound =
      onCall === undefined
        ? native
        : (...values: unknown[]) => {
            const returned: unknown = native(...values);
            onCall(traceLine(full, values, returned, result));
            return returned;
          };
    this.#functions.set(name, bound);
    return bound;
  }

  /** The one gate for calls that return a status. */
  #call(name: string, args: readonly string[], ...values: unknown[]): number {
    const status = this.#function(name, 'int', ['void *', ...args])(
      this.#component,
      ...values,
    ) as number;
    if (status > STATUS_WARNING)
      throw new FmiCallError(`fmi2${name}`, status, this.#said.toString());
    return status;
  }

  enterInitializationMode(startTime: number, stopTime?: number, tolerance?: number): void {
    this.#call(
      'SetupExperiment',
      ['int', 'double', 'double', 'int', 'double'],
      tolerance === undefined ? 0 : 1,
      tolerance ?? 0,
      startTime,
      stopTime === undefined ? 0 : 1,
      stopTime ?? 0,
    );
    this.#call('EnterInitializationMode', []);
  }

  exitInitializationMode(): void {
    this.#call('ExitInitializationMode', []);
  }

  terminate(): void {
    this.#call('Terminate', []);
  }

  reset(): void {
    this.#call('Reset', []);
  }

  free(): void {
    if (this.#component === null) return;
    this.#function('FreeInstance', 'void', ['void *'])(this.#component);
    this.#component = null;
    closeLog(this.#callbacks.values[4] as Pointer);
    release(this.#scratch);
    release(this.#callbacks);
  }

  float64Block(variables: readonly ModelVariable[]): Float64Block {
    const n = variables.length;
    const vr = allocate(Uint32Array, n);
    vr.values.set(variables.map((v) => v.valueReference));
    const data = allocate(Float64Array, n);
    const types = ['void *', 'void *', 'size_t', 'void *'];
    const get = this.#function('GetReal', 'int', types);
    const set = this.#function('SetReal', 'int', types);
    const component = this.#component;
    return {
      values: data.values,
      get: () => {
        if (n === 0) return;
        const status = get(component, vr.pointer, n, data.pointer) as number;
        if (status > STATUS_WARNING) throw new FmiCallError('fmi2GetReal', status);
      },
      set: () => {
        if (n === 0) return;
        const status = set(component, vr.pointer, n, data.pointer) as number;
        if (status > STATUS_WARNING) {
          throw new FmiCallError('fmi2SetReal', status, nameSome(variables));
        }
      },
      release: () => {
        release(vr);
        release(data);
      },
    };
  }

  getValue(variable: ModelVariable): ScalarValue[] {
    const [suffix, element] = getterOf(variable);
    const vr = allocate(Uint32Array, 1);
    vr.values[0] = variable.valueReference;
    const out = allocate(BigUint64Array, 1);
    try {
      this.#call(`Get${suffix}`, ['void *', 'size_t', 'void *'], vr.pointer, 1, out.pointer);
      if (element === 'double') return [new Float64Array(out.memory, 0, 1)[0] as number];
      if (element === 'str') return [readText(out.values[0] as bigint)];
      const value = new Int32Array(out.memory, 0, 1)[0] as number;
      return [variable.type === 'Boolean' ? value !== 0 : value];
    } finally {
      release(vr);
      release(out);
    }
  }

  setValue(variable: ModelVariable, values: readonly ScalarValue[]): void {
    const [suffix, element] = getterOf(variable);
    const [value] = values;
    if (values.length !== 1 || value === undefined) {
      throw new TwinError(
        'VALUE_INVALID',
        `${variable.name} is a scalar; found ${values.length} values.`,
      );
    }
    const vr = allocate(Uint32Array, 1);
    vr.values[0] = variable.valueReference;
    const data = allocate(BigUint64Array, 1);
    try {
      if (element === 'str') {
        this.#call('SetString', ['void *', 'size_t', 'str *'], vr.pointer, 1, [String(value)]);
        return;
      }
      if (element === 'double') new Float64Array(data.memory, 0, 1)[0] = Number(value);
      else new Int32Array(data.memory, 0, 1)[0] = Number(value);
      this.#call(`Set${suffix}`, ['void *', 'size_t', 'void *'], vr.pointer, 1, data.pointer);
    } finally {
      release(vr);
      release(data);
    }
  }

  doStep(currentCommunicationPoint: number, stepSize: number): DoStepResult {
    const step = this.#doStep as NativeFunction;
    const status = step(this.#component, currentCommunicationPoint, stepSize, 1) as number;
    const result = this.#stepResult;
    result.accepted = true;
    result.discarded = false;
    result.terminate = false;
    result.lastSuccessfulTime = currentCommunicationPoint + stepSize;
    if (status <= STATUS_WARNING) return result;
    if (status !== STATUS_DISCARD)
      throw new FmiCallError('fmi2DoStep', status, this.#said.toString());
    result.accepted = false;
    result.terminate = this.#statusBoolean(TERMINATED);
    result.discarded = !result.terminate;
    result.lastSuccessfulTime = this.#statusReal(LAST_SUCCESSFUL_TIME) ?? currentCommunicationPoint;
    return result;
  }

  /** What a discarded step left behind; `false` where the FMU does not say. */
  #statusBoolean(kind: number): boolean {
    const find = this.#library.find('fmi2GetBooleanStatus', 'int', ['void *', 'int', 'void *']);
    const status = find?.(this.#component, kind, this.#scratch.pointer) as number | undefined;
    return status !== undefined && status <= STATUS_WARNING
      ? new Int32Array(this.#scratch.memory, 0, 1)[0] !== 0
      : false;
  }

  #statusReal(kind: number): number | undefined {
    const find = this.#library.find('fmi2GetRealStatus', 'int', ['void *', 'int', 'void *']);
    const status = find?.(this.#component, kind, this.#scratch.pointer) as number | undefined;
    return status !== undefined && status <= STATUS_WARNING ? this.#scratch.values[0] : undefined;
  }

  getFmuState(previous: Pointer = 0n): Pointer {
    const holder = allocate(BigUint64Array, 1);
    try {
      holder.values[0] = previous;
      this.#call('GetFMUstate', ['void *'], holder.pointer);
      return holder.values[0] as Pointer;
    } finally {
      release(holder);
    }
  }

  setFmuState(state: Pointer): void {
    this.#call('SetFMUstate', ['void *'], state);
  }

  freeFmuState(state: Pointer): void {
    const holder = allocate(BigUint64Array, 1);
    holder.values[0] = state;
    try {
      this.#call('FreeFMUstate', ['void *'], holder.pointer);
    } finally {
      release(holder);
    }
  }

  serializeFmuState(state: Pointer): Uint8Array {
    const size = allocate(BigUint64Array, 1);
    try {
      this.#call('SerializedFMUstateSize', ['void *', 'void *'], state, size.pointer);
      const length = Number(size.values[0]);
      const data = allocate(Uint8Array, length);
      try {
        this.#call(
          'SerializeFMUstate',
          ['void *', 'void *', 'size_t'],
          state,
          data.pointer,
          length,
        );
        return readBytes(data.pointer, length);
      } finally {
        release(data);
      }
    } finally {
      release(size);
    }
  }

  deserializeFmuState(bytes: Uint8Array): Pointer {
    const data = allocate(Uint8Array, bytes.length);
    const holder = allocate(BigUint64Array, 1);
    try {
      data.values.set(bytes);
      this.#call(
        'DeSerializeFMUstate',
        ['void *', 'size_t', 'void *'],
        data.pointer,
        bytes.length,
        holder.pointer,
      );
      return holder.values[0] as Pointer;
    } finally {
      release(data);
      release(holder);
    }
  }

  enterEventMode(): void {
    this.#call('EnterEventMode', []);
  }

  updateDiscreteStates(): DiscreteStatesInfo {
    const info = allocate(Int32Array, EVENT_INFO_BYTES / 4);
    try {
      this.#call('NewDiscreteStates', ['void *'], info.pointer);
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

  enterContinuousTimeMode(): void {
    this.#call('EnterContinuousTimeMode', []);
  }

  enterStepMode(): void {
    throw new TwinError('INTERNAL', 'FMI 2.0 has no step mode.');
  }

  setTime(time: number): void {
    this.#call('SetTime', ['double'], time);
  }

  #vector(name: string, vector: Float64Array): void {
    if (vector.length === 0) return;
    this.#call(name, ['double *', 'size_t'], vector, vector.length);
  }

  getContinuousStates(states: Float64Array): void {
    this.#vector('GetContinuousStates', states);
  }

  setContinuousStates(states: Float64Array): void {
    this.#vector('SetContinuousStates', states);
  }

  getDerivatives(derivatives: Float64Array): void {
    this.#vector('GetDerivatives', derivatives);
  }

  getNominals(nominals: Float64Array): void {
    this.#vector('GetNominalsOfContinuousStates', nominals);
  }

  getEventIndicators(indicators: Float64Array): void {
    this.#vector('GetEventIndicators', indicators);
  }

  completedIntegratorStep(): CompletedStepInfo {
    const flags = allocate(Int32Array, 2);
    try {
      this.#call(
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
    this.#call(
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

function getterOf(variable: ModelVariable): [string, 'double' | 'int' | 'str'] {
  const getter = GETTERS[variable.type];
  if (getter === undefined) {
    throw new TwinError('INTERNAL', `FMI 2.0 has no variables of type ${variable.type}.`);
  }
  return getter;
}
