import { pathToFileURL } from 'node:url';
import { TwinError } from '../../core/index.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable, ScalarValue } from '../description/model-description.js';
import { CInstance } from './c-instance.js';
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
  fmi1Callbacks,
  fmi2LoggerPointer,
  type NativeFunction,
  type NativeLibrary,
  release,
} from './native.js';
import { realBlock } from './real-block.js';
import { ScalarValues } from './scalar-values.js';
import { STATUS_DISCARD, STATUS_WARNING } from './status.js';

/** fmiStatusKind. */
const LAST_SUCCESSFUL_TIME = 2;
/** fmiEventInfo: five booleans of one byte, padding, a double. */
const EVENT_INFO_BYTES = 16;

/**
 * An instance of an FMI 1.0 FMU. The modes of later versions are not there: what is set before
 * `exitInitializationMode` is set before the FMU is initialized, and event mode is one call.
 *
 * @see FMI for Model Exchange 1.0 and FMI for Co-Simulation 1.0
 */
export class Fmi1Instance extends CInstance implements FmuInstance {
  readonly interface: InterfaceType;
  readonly stateCount: number;
  readonly eventIndicatorCount: number;
  readonly #scalars = new ScalarValues(this.gate, '1.0', 'char');
  readonly #doStep: NativeFunction | undefined;
  readonly #scratch = allocate(Float64Array, 2);
  readonly #stepResult = newStepResult();
  #experiment: { startTime: number; stopTime: number | undefined; tolerance: number | undefined } =
    { startTime: 0, stopTime: undefined, tolerance: undefined };
  /** What initialization said of events, until somebody asks. */
  #initial: DiscreteStatesInfo | undefined;

  /**
   * Instantiates the FMU.
   *
   * @throws TwinError `FMU_UNSUPPORTED` when the library lacks a function; FmiCallError when it
   *   returns NULL
   */
  constructor(library: NativeLibrary, fmu: Fmu, options: InstanceOptions) {
    super(new CallGate('fmi', library, options), {
      state: 'FMUstate',
      deserialize: 'DeSerialize',
      derivatives: 'GetDerivatives',
    });
    const md = fmu.modelDescription;
    const isMe = options.interface === 'me';
    this.interface = options.interface;
    this.stateCount = isMe ? (md.numberOfContinuousStates ?? 0) : 0;
    this.eventIndicatorCount = isMe ? md.numberOfEventIndicators : 0;
    const callbacks = {
      logger: fmi2LoggerPointer(),
      allocateMemory: cFunction('calloc'),
      freeMemory: cFunction('free'),
      ...(!isMe && { stepFinished: null }),
    };
    const struct = fmi1Callbacks(options.interface);
    const name = options.instanceName ?? md.modelName;
    const logging = options.loggingOn === true ? 1 : 0;
    if (isMe) {
      const instantiate = this.gate.bind('InstantiateModel', 'void *', [
        'str',
        'str',
        struct,
        'int8',
      ]);
      this.gate.instantiated(
        'InstantiateModel',
        instantiate(name, md.instantiationToken, callbacks, logging),
        'guid',
      );
      return;
    }
    const instantiate = this.gate.bind('InstantiateSlave', 'void *', [
      'str',
      'str',
      'str',
      'str',
      'double',
      'int8',
      'int8',
      struct,
      'int8',
    ]);
    const location = pathToFileURL(fmu.unzipDir).href;
    const component: unknown = instantiate(
      name,
      md.instantiationToken,
      location,
      'application/x-fmu-sharedlibrary',
      0,
      0,
      0,
      callbacks,
      logging,
    );
    this.gate.instantiated('InstantiateSlave', component, 'guid');
    this.#doStep = this.gate.bind('DoStep', 'int', ['void *', 'double', 'double', 'int8']);
  }

  setupExperiment(startTime: number, stopTime?: number, tolerance?: number): void {
    this.#experiment = { startTime, stopTime, tolerance };
    if (this.interface === 'me') this.setTime(startTime);
  }

  /** FMI 1 has no such mode: values are set until {@link exitInitializationMode}. */
  enterInitializationMode(): void {}

  override exitInitializationMode(): void {
    const { startTime, stopTime, tolerance } = this.#experiment;
    if (this.interface === 'cs') {
      this.gate.call(
        'InitializeSlave',
        ['double', 'int8', 'double'],
        startTime,
        stopTime === undefined ? 0 : 1,
        stopTime ?? 0,
      );
      return;
    }
    this.#initial = this.#events(
      'Initialize',
      ['int8', 'double', 'void *'],
      [tolerance === undefined ? 0 : 1, tolerance ?? 0],
    );
  }

  override terminate(): void {
    this.gate.call(this.interface === 'cs' ? 'TerminateSlave' : 'Terminate', []);
  }

  /** Model exchange knows no reset, and what resets slaves keep is anybody's guess. */
  reset(): void {
    throw new TwinError('FMU_UNSUPPORTED', 'FMUs of FMI 1.0 are instantiated anew for each run.');
  }

  free(): void {
    const name = this.interface === 'cs' ? 'FreeSlaveInstance' : 'FreeModelInstance';
    if (this.gate.free(name)) release(this.#scratch);
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
    result.accepted = status <= STATUS_WARNING;
    result.discarded = !result.accepted;
    result.lastSuccessfulTime = currentCommunicationPoint + stepSize;
    if (result.accepted) return result;
    if (status !== STATUS_DISCARD) throw this.gate.error('DoStep', status);
    const find = this.gate.find('GetRealStatus', 'int', ['void *', 'int', 'void *']);
    const told = find?.(this.gate.component, LAST_SUCCESSFUL_TIME, this.#scratch.pointer);
    result.lastSuccessfulTime =
      told !== undefined && (told as number) <= STATUS_WARNING
        ? (this.#scratch.values[0] as number)
        : currentCommunicationPoint;
    return result;
  }

  /** The next call updates the states: there is no mode to enter. */
  override enterEventMode(): void {
    this.#initial = undefined;
  }

  override enterContinuousTimeMode(): void {}

  enterStepMode(): void {
    throw new TwinError('INTERNAL', 'FMI 1.0 has no step mode.');
  }

  updateDiscreteStates(): DiscreteStatesInfo {
    const initial = this.#initial;
    this.#initial = undefined;
    // Without intermediate results the FMU iterates to the end by itself.
    return initial ?? this.#events('EventUpdate', ['int8', 'void *'], [0]);
  }

  #events(name: string, types: readonly string[], values: readonly number[]): DiscreteStatesInfo {
    const info = allocate(Uint8Array, EVENT_INFO_BYTES);
    try {
      this.gate.call(name, types, ...values, info.pointer);
      const flags = info.values;
      return {
        discreteStatesNeedUpdate: flags[0] === 0,
        nominalsOfContinuousStatesChanged: flags[1] !== 0,
        valuesOfContinuousStatesChanged: flags[2] !== 0,
        terminateSimulation: flags[3] !== 0,
        nextEventTimeDefined: flags[4] !== 0,
        nextEventTime: new Float64Array(info.memory, 8, 1)[0] as number,
      };
    } finally {
      release(info);
    }
  }

  override getNominals(nominals: Float64Array): void {
    if (nominals.length === 0) return;
    this.gate.call('GetNominalContinuousStates', ['double *', 'size_t'], nominals, nominals.length);
  }

  completedIntegratorStep(): CompletedStepInfo {
    const flag = allocate(Int8Array, 1);
    try {
      this.gate.call('CompletedIntegratorStep', ['void *'], flag.pointer);
      return { enterEventMode: flag.values[0] !== 0, terminateSimulation: false };
    } finally {
      release(flag);
    }
  }

  getDirectionalDerivative(): Float64Array {
    throw new TwinError('FMU_UNSUPPORTED', 'FMI 1.0 has no directional derivatives.');
  }

  getAdjointDerivative(): Float64Array {
    throw new TwinError('FMU_UNSUPPORTED', 'FMI 1.0 has no adjoint derivatives.');
  }
}
