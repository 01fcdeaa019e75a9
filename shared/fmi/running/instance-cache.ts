import { TwinError } from '../../core/index.js';
import type {
  Float64Block,
  FmiLogMessage,
  FmuInstance,
  InstanceOptions,
  InterfaceType,
} from '../binding/instance.js';
import { instantiate, interfaceInfo, loadFmuLibrary } from '../binding/instantiate.js';
import type { NativeLibrary } from '../binding/native.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable } from '../description/model-description.js';
import { type Scalar, scalarOf } from '../description/scalars.js';
import { stateAccess } from '../solving/continuous-states.js';
import { type FmuHabits, RESET_FAILS, unnamedStatesText } from '../solving/habits.js';
import { OfferedJacobian } from '../solving/offered-jacobian.js';
import { type ScalarReader, scalarReader, setScalars } from '../solving/scalar-access.js';
import { makeSystem } from '../solving/system-instance.js';

export interface RunnerOptions extends Pick<InstanceOptions, 'onLog' | 'onCall'> {
  /** Ask the FMU to log. */
  loggingOn?: boolean;
  /** What is known of the FMU already. */
  habits?: FmuHabits;
  /** Told now and then how far a simulation is, seconds of its time. */
  onProgress?: (timeS: number) => void;
}

/** How the first steps of an instance are made and read. */
export interface ResetTrial {
  /** Brings it into initialization mode, as for a run. */
  begin(instance: FmuInstance): void;
  /** Goes on from there for a few steps. */
  probe(instance: FmuInstance): Float64Array;
}

/** Equal but for what differently warmed-up solvers of FMUs make of the same steps. */
function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
}

/** How many sets of variables keep their memory. */
const MAX_BLOCKS = 64;

/** The instances of one FMU in this process, reused from run to run, with memory shared with them. */
export class InstanceCache {
  readonly #fmu: Fmu;
  readonly #options: RunnerOptions;
  readonly #onDrop: (instance: FmuInstance) => void;
  readonly #libraries = new Map<string, NativeLibrary>();
  readonly #instances = new Map<string, FmuInstance>();
  readonly #complaints = new Set<string>();
  #offeredJacobian: { found: OfferedJacobian | undefined } | undefined;
  /** Whether reset brings the FMU back, by kind of instance; unknown before its first use. */
  readonly #resets = new Map<string, boolean>();
  readonly #blocks = new Map<FmuInstance, Map<string, Float64Block>>();
  readonly #scalars = new Map<string, Scalar>();

  /** @param onDrop called before an instance is freed */
  constructor(fmu: Fmu, options: RunnerOptions, onDrop: (instance: FmuInstance) => void) {
    this.#fmu = fmu;
    this.#options = options;
    this.#onDrop = onDrop;
  }

  /** Loads the library, so that faults show before the first run. @throws TwinError `FMU_UNSUPPORTED` */
  load(type: InterfaceType): void {
    interfaceInfo(this.#fmu, type);
    const { system } = this.#fmu;
    if (system === undefined) this.#library(this.#fmu, type);
    else for (const part of system.components) this.#library(part.fmu, part.interface);
  }

  #library(fmu: Fmu, type: InterfaceType): NativeLibrary {
    const key = `${fmu.unzipDir} ${interfaceInfo(fmu, type).modelIdentifier}`;
    let library = this.#libraries.get(key);
    if (library === undefined) {
      library = loadFmuLibrary(fmu, type);
      this.#libraries.set(key, library);
    }
    return library;
  }

  /** The FMU's derivatives by its states, where it offers them. */
  get offeredJacobian(): OfferedJacobian | undefined {
    this.#offeredJacobian ??= {
      found: OfferedJacobian.of(this.#fmu.modelDescription, (text) => this.complain(text)),
    };
    return this.#offeredJacobian.found;
  }

  /** Says so where an instance under model exchange has more continuous states than its description names. */
  countStates(instance: FmuInstance): void {
    const named = stateAccess(this.#fmu.modelDescription, 'me').states.length;
    if (instance.stateCount > named) this.complain(unnamedStatesText(instance.stateCount, named));
  }

  /** What comes out for users beside results: once per text, with the FMU's own messages. */
  complain(message: string, status: FmiLogMessage['status'] = 'Warning'): void {
    if (this.#complaints.has(message)) return;
    this.#complaints.add(message);
    this.#options.onLog?.({ status, category: 'twinloop', message });
  }

  /**
   * An instance as after instantiation: a used one that was reset, or a new one. Whether reset brings
   * an FMU back is found out at its first use: the same first steps on the used instance and on a new
   * one must give the same.
   */
  fresh(type: InterfaceType, eventModeUsed = false, trial?: ResetTrial): FmuInstance {
    const key = `${type}${eventModeUsed ? '+events' : ''}`;
    const existing = this.#instances.get(key);
    if (this.#options.habits?.freshInstance) this.#resets.set(key, false);
    if (existing !== undefined && this.#resets.get(key) !== false) {
      try {
        if (!this.#resets.has(key) && trial !== undefined) {
          const works = this.#resetWorks(existing, type, eventModeUsed, trial);
          this.#resets.set(key, works);
          if (!works) {
            this.complain(RESET_FAILS);
          }
        }
        if (this.#resets.get(key) !== false) {
          existing.reset();
          return existing;
        }
      } catch {
        // An FMU that does not reset (after Error, or at all) gets a new instance.
      }
    }
    if (existing !== undefined) this.#drop(existing);
    return this.#make(type, eventModeUsed, key);
  }

  /** Compares first steps after a reset with those of a new instance. */
  #resetWorks(
    used: FmuInstance,
    type: InterfaceType,
    eventModeUsed: boolean,
    trial: ResetTrial,
  ): boolean {
    const steps = (instance: FmuInstance) => {
      trial.begin(instance);
      return trial.probe(instance);
    };
    if (interfaceInfo(this.#fmu, type).canBeInstantiatedOnlyOncePerProcess) return true;
    used.reset();
    const again = steps(used);
    const key = `${type} trial`;
    const other = this.#make(type, eventModeUsed, key);
    try {
      const first = steps(other);
      return (
        first.length === again.length &&
        first.every((value, i) => Object.is(value, again[i]) || close(value, again[i] as number))
      );
    } finally {
      this.#drop(other);
    }
  }

  #make(type: InterfaceType, eventModeUsed: boolean, key: string): FmuInstance {
    if (interfaceInfo(this.#fmu, type).canBeInstantiatedOnlyOncePerProcess) {
      for (const other of [...this.#instances.values()]) this.#drop(other);
    }
    const options = { ...this.#options, interface: type, eventModeUsed, earlyReturnAllowed: true };
    const { system } = this.#fmu;
    const instance =
      system === undefined
        ? instantiate(this.#fmu, options, this.#library(this.#fmu, type))
        : makeSystem(system, {
            make: (part, own) => instantiate(part, own, this.#library(part, own.interface)),
            options,
            complain: (text, status) => this.complain(text, status),
          });
    this.#instances.set(key, instance);
    return instance;
  }

  /** Gives an instance up with all that hangs on it. */
  #drop(instance: FmuInstance): void {
    for (const [key, value] of this.#instances) {
      if (value === instance) this.#instances.delete(key);
    }
    this.#onDrop(instance);
    for (const block of this.#blocks.get(instance)?.values() ?? []) block.release();
    this.#blocks.delete(instance);
    try {
      instance.free();
    } catch {
      // Nothing more can be done for it; the process is recycled sooner or later.
    }
  }

  /** A run; an instance whose call failed is not used again. */
  guard<T>(type: InterfaceType, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof TwinError) || error.code === 'FMI_CALL_FAILED') {
        for (const instance of [...this.#instances.values()]) {
          if (instance.interface === type) this.#drop(instance);
        }
      }
      throw error;
    }
  }

  /** Shared memory for a set of variables, made once per instance. */
  block(instance: FmuInstance, variables: readonly ModelVariable[]): Float64Block {
    let blocks = this.#blocks.get(instance);
    if (blocks === undefined) {
      blocks = new Map();
      this.#blocks.set(instance, blocks);
    }
    const key = variables.map((v) => v.valueReference).join();
    let block = blocks.get(key);
    if (block === undefined) {
      if (blocks.size >= MAX_BLOCKS) {
        for (const old of blocks.values()) old.release();
        blocks.clear();
      }
      block = instance.float64Block(variables);
      blocks.set(key, block);
    }
    return block;
  }

  /** The number that a name stands for. @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID` */
  scalar(name: string): Scalar {
    let scalar = this.#scalars.get(name);
    if (scalar === undefined) {
      scalar = scalarOf(this.#fmu.modelDescription, name);
      this.#scalars.set(name, scalar);
    }
    return scalar;
  }

  /** Sets scalars and elements of arrays by name, truth values as 0 and 1. */
  set(instance: FmuInstance, values: Readonly<Record<string, number>>): void {
    const assignments = Object.entries(values).map(
      ([name, value]) => [this.scalar(name), value] as const,
    );
    setScalars(instance, assignments, (of, variables) => this.block(of, variables));
  }

  /** Reads scalars and elements of arrays by name. */
  reader(instance: FmuInstance, names: readonly string[]): ScalarReader {
    return scalarReader(
      instance,
      names.map((name) => this.scalar(name)),
      (of, variables) => this.block(of, variables),
    );
  }

  /** A variable that must be a Float64 scalar. */
  real(name: string): ModelVariable {
    const { variable, element } = this.scalar(name);
    if (variable.type !== 'Float64' || element !== undefined) {
      throw new TwinError(
        'VALUE_INVALID',
        `${name} is of type ${variable.type}${element === undefined ? '' : ', in an array'}; a Real or Float64 scalar was expected.`,
      );
    }
    return variable;
  }

  /** Frees all instances. */
  close(): void {
    for (const instance of [...this.#instances.values()]) this.#drop(instance);
  }
}
