import { join, sep } from 'node:path';
import { TwinError } from '../core/index.js';
import { nameSome, traceLine } from './call-trace.js';
import { sizeOf } from './dimensions.js';
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
  closeLog,
  fmi3LoggerPointer,
  intermediateUpdatePointer,
  type NativeBuffer,
  type NativeFunction,
  type NativeLibrary,
  openLog,
  type Pointer,
  readBytes,
  readText,
  release,
} from './native.js';
import { FMI_STATUS, FmiCallError, LastWords, STATUS_DISCARD, STATUS_WARNING } from './status.js';

type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;
type NumberArrayConstructor = {
  new (buffer: ArrayBuffer, offset: number, length: number): NumberArray;
  BYTES_PER_ELEMENT: number;
};

/** How the values of each type lie in memory. */
const ARRAYS: Readonly<Partial<Record<VariableType, NumberArrayConstructor>>> = {
  Float32: Float32Array,
  Float64: Float64Array,
  Int8: Int8Array,
  UInt8: Uint8Array,
  Int16: Int16Array,
  UInt16: Uint16Array,
  Int32: Int32Array,
  UInt32: Uint32Array,
  Int64: BigInt64Array,
  UInt64: BigUint64Array,
  Enumeration: BigInt64Array,
  Boolean: Uint8Array,
  Clock: Uint8Array,
};

/** An instance of an FMI 3.0 FMU. C functions keep their names, less the prefix. */
export class Fmi3Instance implements FmuInstance {
  readonly interface: InterfaceType;
  readonly #library: NativeLibrary;
  readonly #fmu: Fmu;
  readonly #functions = new Map<string, NativeFunction>();
  readonly #onCall: ((text: string) => void) | undefined;
  #instance: Pointer | null;
  readonly #doStep: NativeFunction | undefined;
  /** doStep's four results: three booleans at 0, 1, 2 and a double at 8. */
  readonly #stepOut = allocate(Uint8Array, 16);
  readonly #stepTime: Float64Array;
  readonly #stepResult: DoStepResult = {
    accepted: true,
    discarded: false,
    terminate: false,
    earlyReturn: false,
    eventHandlingNeeded: false,
    lastSuccessfulTime: 0,
  };
  readonly #said = new LastWords();
  readonly #environment: Pointer;
  #stateCount: number | undefined;
  #eventIndicatorCount: number | undefined;

  /**
   * Instantiates the FMU.
   *
   * @throws TwinError `FMU_UNSUPPORTED` when the library lacks a function; FmiCallError when it
   *   returns NULL
   */
  constructor(library: NativeLibrary, fmu: Fmu, options: InstanceOptions) {
    const md = fmu.modelDescription;
    this.interface = options.interface;
    this.#library = library;
    this.#fmu = fmu;
    this.#onCall = options.onCall;
    this.#stepTime = new Float64Array(this.#stepOut.memory, 8, 1);
    this.#environment = openLog((status, category, message) => {
      this.#said.note(status, message);
      options.onLog?.({ status: FMI_STATUS[status] ?? String(status), category, message });
    });
    const common = [
      options.instanceName ?? md.modelName,
      md.instantiationToken,
      join(fmu.unzipDir, 'resources') + sep,
      false,
      options.loggingOn === true,
    ];
    const name =
      options.interface === 'me' ? 'InstantiateModelExchange' : 'InstantiateCoSimulation';
    if (options.interface === 'me') {
      this.#instance = this.#function(name, 'void *', [
        'str',
        'str',
        'str',
        'bool',
        'bool',
        'void *',
        'void *',
      ])(...common, this.#environment, fmi3LoggerPointer()) as Pointer | null;
    } else {
      this.#instance = this.#function(name, 'void *', [
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
        this.#environment,
        fmi3LoggerPointer(),
        md.coSimulation?.providesIntermediateUpdate === true ? intermediateUpdatePointer() : null,
      ) as Pointer | null;
    }
    if (this.#instance === null || this.#instance === 0n) {
      this.#instance = null;
      throw new FmiCallError(
        `fmi3${name}`,
        'NULL',
        this.#said.toString() ||
          'it gave no reason; the instantiationToken may not match its binary, or a licence may be missing.',
      );
    }
    if (options.interface === 'cs') {
      this.#doStep = this.#function('DoStep', 'int', [
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

  #function(name: string, result: string, args: readonly string[]): NativeFunction {
    const known = this.#functions.get(name);
    if (known !== undefined) return known;
    const full = `fmi3${name}`;
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

  #call(name: string, args: readonly string[], ...values: unknown[]): void {
    const status = this.#function(name, 'int', ['void *', ...args])(
      this.#instance,
      ...values,
    ) as number;
    if (status > STATUS_WARNING)
      throw new FmiCallError(`fmi3${name}`, status, this.#said.toString());
  }

  #count(name: string): number {
    const out = allocate(BigUint64Array, 1);
    try {
      this.#call(name, ['void *'], out.pointer);
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

  enterInitializationMode(startTime: number, stopTime?: number, tolerance?: number): void {
    this.#call(
      'EnterInitializationMode',
      ['bool', 'double', 'double', 'bool', 'double'],
      tolerance !== undefined,
      tolerance ?? 0,
      startTime,
      stopTime !== undefined,
      stopTime ?? 0,
    );
  }

  exitInitializationMode(): void {
    this.#call('ExitInitializationMode', []);
  }

  /** Configuration mode: where structural parameters are set. */
  enterConfigurationMode(): void {
    this.#call('EnterConfigurationMode', []);
  }

  exitConfigurationMode(): void {
    this.#call('ExitConfigurationMode', []);
    this.#stateCount = undefined;
    this.#eventIndicatorCount = undefined;
  }

  terminate(): void {
    this.#call('Terminate', []);
  }

  reset(): void {
    this.#call('Reset', []);
    this.#stateCount = undefined;
    this.#eventIndicatorCount = undefined;
  }

  free(): void {
    if (this.#instance === null) return;
    this.#function('FreeInstance', 'void', ['void *'])(this.#instance);
    this.#instance = null;
    closeLog(this.#environment);
    release(this.#stepOut);
  }

  float64Block(variables: readonly ModelVariable[]): Float64Block {
    const n = variables.length;
    const vr = allocate(Uint32Array, n);
    vr.values.set(variables.map((v) => v.valueReference));
    const data = allocate(Float64Array, n);
    const types = ['void *', 'void *', 'size_t', 'void *', 'size_t'];
    const get = this.#function('GetFloat64', 'int', types);
    const set = this.#function('SetFloat64', 'int', types);
    const instance = this.#instance;
    return {
      values: data.values,
      get: () => {
        if (n === 0) return;
        const status = get(instance, vr.pointer, n, data.pointer, n) as number;
        if (status > STATUS_WARNING) throw new FmiCallError('fmi3GetFloat64', status);
      },
      set: () => {
        if (n === 0) return;
        const status = set(instance, vr.pointer, n, data.pointer, n) as number;
        if (status > STATUS_WARNING) {
          throw new FmiCallError('fmi3SetFloat64', status, nameSome(variables));
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

  #withReference<T>(variable: ModelVariable, use: (vr: Pointer) => T): T {
    const vr = allocate(Uint32Array, 1);
    vr.values[0] = variable.valueReference;
    try {
      return use(vr.pointer);
    } finally {
      release(vr);
    }
  }

  getValue(variable: ModelVariable): ScalarValue[] {
    const n = this.#sizeOf(variable);
    return this.#withReference(variable, (vr) => {
      if (variable.type === 'String' || variable.type === 'Binary') {
        return this.#getTexts(variable.type, vr, n);
      }
      const type = ARRAYS[variable.type] as NumberArrayConstructor;
      const data = allocate(type, n);
      try {
        const name = getterOf(variable.type);
        if (variable.type === 'Clock') {
          this.#call(name, ['void *', 'size_t', 'void *'], vr, 1, data.pointer);
        } else {
          this.#call(name, ['void *', 'size_t', 'void *', 'size_t'], vr, 1, data.pointer, n);
        }
        return Array.from(data.values as ArrayLike<number | bigint>, (value) =>
          variable.type === 'Boolean' || variable.type === 'Clock'
            ? Number(value) !== 0
            : variable.type === 'Enumeration'
              ? Number(value)
              : value,
        );
      } finally {
        release(data);
      }
    });
  }

  #getTexts(type: 'String' | 'Binary', vr: Pointer, n: number): ScalarValue[] {
    const pointers = allocate(BigUint64Array, n);
    const sizes = allocate(BigUint64Array, n);
    try {
      if (type === 'String') {
        this.#call(
          'GetString',
          ['void *', 'size_t', 'void *', 'size_t'],
          vr,
          1,
          pointers.pointer,
          n,
        );
        return Array.from(pointers.values, (p) => readText(p));
      }
      this.#call(
        'GetBinary',
        ['void *', 'size_t', 'void *', 'void *', 'size_t'],
        vr,
        1,
        sizes.pointer,
        pointers.pointer,
        n,
      );
      return Array.from(pointers.values, (p, i) => readBytes(p, Number(sizes.values[i])));
    } finally {
      release(pointers);
      release(sizes);
    }
  }

  setValue(variable: ModelVariable, values: readonly ScalarValue[]): void {
    const n = this.#sizeOf(variable);
    if (values.length !== n) {
      throw new TwinError(
        'VALUE_INVALID',
        `${variable.name} has ${n} elements; found ${values.length} values.`,
      );
    }
    this.#withReference(variable, (vr) => {
      if (variable.type === 'String') {
        const texts = values.map(String);
        this.#call('SetString', ['void *', 'size_t', 'str *', 'size_t'], vr, 1, texts, n);
      } else if (variable.type === 'Binary') this.#setBinary(vr, values);
      else {
        const data = allocate(ARRAYS[variable.type] as NumberArrayConstructor, n);
        try {
          values.forEach((value, i) => {
            data.values[i] = (
              data.values instanceof BigInt64Array || data.values instanceof BigUint64Array
                ? BigInt(value as bigint)
                : Number(value)
            ) as never;
          });
          const name = getterOf(variable.type).replace('Get', 'Set');
          if (variable.type === 'Clock') {
            this.#call(name, ['void *', 'size_t', 'void *'], vr, 1, data.pointer);
          } else {
            this.#call(name, ['void *', 'size_t', 'void *', 'size_t'], vr, 1, data.pointer, n);
          }
        } finally {
          release(data as NativeBuffer<unknown>);
        }
      }
    });
  }

  #setBinary(vr: Pointer, values: readonly ScalarValue[]): void {
    const pointers = allocate(BigUint64Array, values.length);
    const sizes = allocate(BigUint64Array, values.length);
    const held: NativeBuffer<unknown>[] = [];
    try {
      values.forEach((value, i) => {
        const bytes = value as Uint8Array;
        const copy = allocate(Uint8Array, bytes.length);
        copy.values.set(bytes);
        held.push(copy);
        pointers.values[i] = copy.pointer;
        sizes.values[i] = BigInt(bytes.length);
      });
      this.#call(
        'SetBinary',
        ['void *', 'size_t', 'void *', 'void *', 'size_t'],
        vr,
        1,
        sizes.pointer,
        pointers.pointer,
        values.length,
      );
    } finally {
      for (const buffer of [...held, pointers, sizes]) release(buffer);
    }
  }

  doStep(currentCommunicationPoint: number, stepSize: number): DoStepResult {
    const out = this.#stepOut.values;
    const { pointer } = this.#stepOut;
    out[0] = out[1] = out[2] = 0;
    this.#stepTime[0] = currentCommunicationPoint + stepSize;
    const status = (this.#doStep as NativeFunction)(
      this.#instance,
      currentCommunicationPoint,
      stepSize,
      true,
      pointer,
      pointer + 1n,
      pointer + 2n,
      pointer + 8n,
    ) as number;
    if (status > STATUS_DISCARD)
      throw new FmiCallError('fmi3DoStep', status, this.#said.toString());
    const result = this.#stepResult;
    result.accepted = status !== STATUS_DISCARD;
    result.discarded = status === STATUS_DISCARD;
    result.eventHandlingNeeded = out[0] !== 0;
    result.terminate = out[1] !== 0;
    result.earlyReturn = out[2] !== 0;
    result.lastSuccessfulTime = this.#stepTime[0] as number;
    return result;
  }

  getFmuState(previous: Pointer = 0n): Pointer {
    const holder = allocate(BigUint64Array, 1);
    try {
      holder.values[0] = previous;
      this.#call('GetFMUState', ['void *'], holder.pointer);
      return holder.values[0] as Pointer;
    } finally {
      release(holder);
    }
  }

  setFmuState(state: Pointer): void {
    this.#call('SetFMUState', ['void *'], state);
  }

  freeFmuState(state: Pointer): void {
    const holder = allocate(BigUint64Array, 1);
    holder.values[0] = state;
    try {
      this.#call('FreeFMUState', ['void *'], holder.pointer);
    } finally {
      release(holder);
    }
  }

  serializeFmuState(state: Pointer): Uint8Array {
    const size = allocate(BigUint64Array, 1);
    try {
      this.#call('SerializedFMUStateSize', ['void *', 'void *'], state, size.pointer);
      const length = Number(size.values[0]);
      const data = allocate(Uint8Array, length);
      try {
        this.#call(
          'SerializeFMUState',
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
        'DeserializeFMUState',
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

  enterStepMode(): void {
    this.#call('EnterStepMode', []);
  }

  updateDiscreteStates(): DiscreteStatesInfo {
    const out = allocate(Uint8Array, 16);
    const p = out.pointer;
    try {
      this.#call(
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

  enterContinuousTimeMode(): void {
    this.#call('EnterContinuousTimeMode', []);
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
    this.#vector('GetContinuousStateDerivatives', derivatives);
  }

  getNominals(nominals: Float64Array): void {
    this.#vector('GetNominalsOfContinuousStates', nominals);
  }

  getEventIndicators(indicators: Float64Array): void {
    this.#vector('GetEventIndicators', indicators);
  }

  completedIntegratorStep(): CompletedStepInfo {
    const out = allocate(Uint8Array, 2);
    try {
      this.#call(
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
    this.#call(
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

/** Enumerations travel as Int64. */
function getterOf(type: VariableType): string {
  return type === 'Enumeration' ? 'GetInt64' : `Get${type}`;
}
