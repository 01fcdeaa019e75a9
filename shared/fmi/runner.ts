import { TwinError } from '../core/index.js';
import { CsStepper } from './cs-stepper.js';
import { Fmi2Instance } from './fmi2-instance.js';
import type { Fmu } from './fmu.js';
import type { Float64Block, FmuInstance, InstanceOptions, InterfaceType } from './instance.js';
import type { SettleRequest, SettleResult } from './lane-protocol.js';
import { findVariable, type ModelVariable } from './model-description.js';
import { loadLibrary, type NativeLibrary, type Pointer } from './native.js';
import { findBinary, platformFolders } from './platform.js';
import { runToSteadyState, type Stepper } from './steady-state.js';

export interface RunnerOptions extends Pick<InstanceOptions, 'onLog' | 'onCall'> {
  /** Ask the FMU to log. */
  loggingOn?: boolean;
}

/** How many settled states are kept, one per reference point. */
const MAX_KEPT_STATES = 4;

/** Runs simulations of one FMU in this process, one after the other, reusing its instance. */
export class FmuRunner {
  readonly #fmu: Fmu;
  readonly #options: RunnerOptions;
  readonly #libraries = new Map<string, NativeLibrary>();
  readonly #instances = new Map<InterfaceType, FmuInstance>();
  readonly #kept = new Map<string, { state: Pointer; timeS: number }>();
  readonly #blocks = new Map<string, Float64Block>();

  constructor(fmu: Fmu, options: RunnerOptions = {}) {
    this.#fmu = fmu;
    this.#options = options;
  }

  /**
   * Loads the library of an interface, so that faults show before the first run.
   *
   * @throws TwinError `FMU_UNSUPPORTED`
   */
  load(type: InterfaceType): NativeLibrary {
    const md = this.#fmu.modelDescription;
    const info = type === 'cs' ? md.coSimulation : md.modelExchange;
    if (info === undefined) {
      throw new TwinError(
        'FMU_UNSUPPORTED',
        `${md.modelName} offers no ${type === 'cs' ? 'co-simulation' : 'model exchange'}; use --interface ${type === 'cs' ? 'me' : 'cs'}.`,
      );
    }
    let library = this.#libraries.get(info.modelIdentifier);
    if (library === undefined) {
      const path = findBinary(this.#fmu.unzipDir, info.modelIdentifier);
      if (path === undefined) {
        throw new TwinError(
          'FMU_UNSUPPORTED',
          `${md.modelName} has no binary for this machine (looked for binaries/${platformFolders().join(' or ')}).`,
        );
      }
      library = loadLibrary(path);
      this.#libraries.set(info.modelIdentifier, library);
    }
    return library;
  }

  /** The interface to use when none is asked for: co-simulation where there is one. */
  defaultInterface(): InterfaceType {
    return this.#fmu.modelDescription.coSimulation !== undefined ? 'cs' : 'me';
  }

  #fresh(type: InterfaceType): FmuInstance {
    const existing = this.#instances.get(type);
    if (existing !== undefined) {
      try {
        existing.reset();
        return existing;
      } catch {
        // An FMU that does not reset (after Error, or at all) gets a new instance.
        this.#drop(type);
      }
    }
    const instance = new Fmi2Instance(this.load(type), this.#fmu, {
      interface: type,
      ...(this.#options.loggingOn !== undefined && { loggingOn: this.#options.loggingOn }),
      ...(this.#options.onLog && { onLog: this.#options.onLog }),
      ...(this.#options.onCall && { onCall: this.#options.onCall }),
    });
    this.#instances.set(type, instance);
    return instance;
  }

  /** Gives an instance up with all that hangs on it. */
  #drop(type: InterfaceType): void {
    const instance = this.#instances.get(type);
    this.#instances.delete(type);
    this.#kept.clear();
    for (const block of this.#blocks.values()) block.release();
    this.#blocks.clear();
    try {
      instance?.free();
    } catch {
      // Nothing more can be done for it; the process is recycled sooner or later.
    }
  }

  variable(name: string): ModelVariable {
    const variable = findVariable(this.#fmu.modelDescription, name);
    if (variable === undefined) {
      throw new TwinError(
        'VARIABLE_UNKNOWN',
        `${this.#fmu.modelDescription.modelName} has no variable "${name}". \`twinloop fmu info\` lists them.`,
      );
    }
    return variable;
  }

  #block(instance: FmuInstance, variables: readonly ModelVariable[]): Float64Block {
    const key = `${instance.interface}:${variables.map((v) => v.valueReference).join()}`;
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = instance.float64Block(variables);
      this.#blocks.set(key, block);
    }
    return block;
  }

  #apply(instance: FmuInstance, values: Readonly<Record<string, number>>): void {
    const names = Object.keys(values);
    const block = this.#block(
      instance,
      names.map((name) => this.real(name)),
    );
    names.forEach((name, i) => {
      block.values[i] = values[name] as number;
    });
    block.set();
  }

  /** A variable that must be Float64. */
  real(name: string): ModelVariable {
    const variable = this.variable(name);
    if (variable.type !== 'Float64' || variable.dimensions.length > 0) {
      throw new TwinError(
        'VALUE_INVALID',
        `${name} is of type ${variable.type}; a Real or Float64 scalar was expected.`,
      );
    }
    return variable;
  }

  #begin(
    type: InterfaceType,
    startValues: Readonly<Record<string, number>>,
    inputs: Readonly<Record<string, number>>,
  ): { instance: FmuInstance; stepper: Stepper } {
    const md = this.#fmu.modelDescription;
    const instance = this.#fresh(type);
    const startTime = md.defaultExperiment.startTime ?? 0;
    this.#apply(instance, startValues);
    this.#apply(instance, inputs);
    instance.enterInitializationMode(startTime, undefined, md.defaultExperiment.tolerance);
    instance.exitInitializationMode();
    return { instance, stepper: this.#stepper(instance, startTime) };
  }

  #stepper(instance: FmuInstance, timeS: number): Stepper {
    const canVary =
      this.#fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize ?? false;
    return new CsStepper(instance, timeS, canVary);
  }

  /** Whether a run may begin from a kept state: all it sets can be set at any time. */
  #canStartWarm(type: InterfaceType, request: SettleRequest): boolean {
    const md = this.#fmu.modelDescription;
    const info = type === 'cs' ? md.coSimulation : md.modelExchange;
    if (request.warm === false || info?.canGetAndSetFmuState !== true) return false;
    return Object.keys(request.startValues).every((name) => {
      const { causality, variability } = this.variable(name);
      return causality === 'input' || (causality === 'parameter' && variability === 'tunable');
    });
  }

  /** Settles the reference point once and keeps its state. */
  #keptState(
    type: InterfaceType,
    request: SettleRequest,
  ): { state: Pointer; timeS: number } | undefined {
    const reference = request.reference ?? { startValues: {}, inputs: {} };
    const key = JSON.stringify([
      type,
      request.stepSizeS,
      request.maxTimeS,
      request.relativeTolerance,
      Object.entries(reference.startValues).sort(),
      Object.entries(reference.inputs).sort(),
      request.outputs,
    ]);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const { instance, stepper } = this.#begin(type, reference.startValues, reference.inputs);
    const run = this.#run(instance, stepper, request);
    if (!run.settled) return undefined;
    const entry = { state: instance.getFmuState(), timeS: stepper.timeS };
    if (this.#kept.size >= MAX_KEPT_STATES) {
      const [oldest] = this.#kept;
      if (oldest !== undefined) {
        this.#kept.delete(oldest[0]);
        instance.freeFmuState(oldest[1].state);
      }
    }
    this.#kept.set(key, entry);
    return entry;
  }

  #run(instance: FmuInstance, stepper: Stepper, request: SettleRequest): SettleResult {
    const wanted = request.outputs.map((name) => this.real(name));
    const others = this.#fmu.modelDescription.variables.filter(
      (v) =>
        v.causality === 'output' &&
        v.type === 'Float64' &&
        v.dimensions.length === 0 &&
        !wanted.includes(v),
    );
    const variables = [...wanted, ...others];
    const block = this.#block(instance, variables);
    const read = () => {
      block.get();
      return block.values;
    };
    const begin = stepper.timeS;
    const run = runToSteadyState(stepper, read, variables, wanted.length, request);
    return {
      values: block.values.slice(0, wanted.length),
      timeS: run.timeS - begin,
      settled: run.settled,
      steps: run.steps,
    };
  }

  /**
   * Runs until the outputs rest.
   *
   * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID`, `FMU_UNSUPPORTED`, `FMI_CALL_FAILED`,
   *   `NUMERIC`
   */
  settle(request: SettleRequest): SettleResult {
    const type = request.interface ?? this.defaultInterface();
    for (const [name, value] of [
      ...Object.entries(request.startValues),
      ...Object.entries(request.inputs),
    ]) {
      if (typeof value !== 'number' || !Number.isFinite(value)) {
        throw new TwinError('VALUE_INVALID', `${name} = ${value}: a finite number was expected.`);
      }
    }
    try {
      if (this.#canStartWarm(type, request)) {
        const kept = this.#keptState(type, request);
        const instance = this.#instances.get(type);
        if (kept !== undefined && instance !== undefined) {
          instance.setFmuState(kept.state);
          // What the reference set and this run does not goes back to the FMU's own start values.
          this.#apply(instance, { ...this.#ownValues(request), ...request.startValues });
          this.#apply(instance, request.inputs);
          return this.#run(instance, this.#stepper(instance, kept.timeS), request);
        }
      }
      const { instance, stepper } = this.#begin(type, request.startValues, request.inputs);
      return this.#run(instance, stepper, request);
    } catch (error) {
      if (error instanceof TwinError && error.code === 'FMI_CALL_FAILED') this.#drop(type);
      throw error;
    }
  }

  #ownValues(request: SettleRequest): Record<string, number> {
    const own: Record<string, number> = {};
    const reference = request.reference;
    if (reference === undefined) return own;
    for (const name of [...Object.keys(reference.startValues), ...Object.keys(reference.inputs)]) {
      if (name in request.startValues || name in request.inputs) continue;
      const start = this.variable(name).start?.[0];
      if (typeof start === 'number') own[name] = start;
    }
    return own;
  }

  /** Frees all instances. */
  close(): void {
    for (const type of [...this.#instances.keys()]) this.#drop(type);
  }
}
