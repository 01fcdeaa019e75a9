import { TwinError } from '../../core/index.js';
import {
  type DoStepResult,
  type Float64Block,
  type FmiLogMessage,
  type FmuInstance,
  type InstanceOptions,
  newStepResult,
} from '../binding/instance.js';
import { applyStartValues } from '../binding/instantiate.js';
import type { Pointer } from '../binding/native.js';
import type { Fmu } from '../description/fmu.js';
import {
  findVariable,
  type ModelVariable,
  type ScalarValue,
} from '../description/model-description.js';
import type { Assignment } from '../description/start-values.js';
import type { FmuSystem, Port, SystemComponent } from '../description/system.js';
import { CsStepper } from './cs-stepper.js';
import { holdStartValues } from './held-start-values.js';
import { MAX_STATES_IMPLICIT, MeStepper } from './me-stepper.js';
import { slackOf } from './same-time.js';
import { StepsOnly } from './steps-only.js';
import { SystemStates } from './system-states.js';
import { SystemWires, typed } from './system-wires.js';

/** Rounds of setting inputs from outputs at initialization before a loop counts as one that diverges. */
const MAX_ROUNDS = 200;
/** At rest when no value changes by more than this share. */
const AT_REST = 1e-11;
/** Of the solver of components under model exchange where nobody names one. */
const USUAL_TOLERANCE = 1e-6;

/** What the parts of a system are made with. */
export interface SystemParts {
  make(fmu: Fmu, options: InstanceOptions): FmuInstance;
  options: InstanceOptions;
  complain(text: string, status?: FmiLogMessage['status']): void;
}

/** Makes the instances of all components. */
export function makeSystem(system: FmuSystem, parts: SystemParts): FmuInstance {
  return new SystemInstance(system, parts);
}

/**
 * FMUs that are connected, as one co-simulation FMU: between communication points each is stepped by
 * itself, and values go along the connections (SSP 1.0, section 4; FMI 2.0.4, section 4).
 */
class SystemInstance extends StepsOnly implements FmuInstance {
  readonly interface = 'cs';
  readonly stateCount = 0;
  readonly eventIndicatorCount = 0;
  readonly #system: FmuSystem;
  readonly #parts: SystemParts;
  readonly #instances: FmuInstance[] = [];
  readonly #wires: SystemWires;
  #steppers: (CsStepper | MeStepper | undefined)[] = [];
  #bound: Assignment[][] = [];
  #timeS = 0;
  #stepSizeS = 0;
  #tolerance: number | undefined;
  readonly #kept = new SystemStates((run) =>
    this.#each((instance, _, index) => run(instance, index)),
  );

  constructor(system: FmuSystem, parts: SystemParts) {
    super('A system of FMUs');
    this.#system = system;
    this.#parts = parts;
    try {
      for (const component of system.components) {
        this.#instances.push(
          parts.make(component.fmu, {
            ...parts.options,
            interface: component.interface,
            instanceName: component.name,
            eventModeUsed: false,
            earlyReturnAllowed: component.interface === 'cs',
          }),
        );
      }
    } catch (error) {
      this.free();
      throw error;
    }
    this.#wires = new SystemWires(system, this.#instances, (c, write) => this.#write(c, write));
  }

  #component(index: number): SystemComponent {
    return this.#system.components[index] as SystemComponent;
  }

  #write(component: number, write: () => void): void {
    const stepper = this.#steppers[component];
    if (stepper instanceof MeStepper) stepper.jump(write);
    else write();
  }

  #each(run: (instance: FmuInstance, component: SystemComponent, index: number) => void): void {
    this.#instances.forEach((instance, index) => {
      const component = this.#component(index);
      try {
        run(instance, component, index);
      } catch (error) {
        throw named(error, component);
      }
    });
  }

  setupExperiment(startTime: number, stopTime?: number, tolerance?: number): void {
    this.#timeS = startTime;
    this.#tolerance = tolerance;
    this.#steppers = [];
    this.#wires.forget();
    this.#bound = [];
    this.#each((instance, { fmu, startValues }) => {
      const own = tolerance ?? fmu.modelDescription.defaultExperiment.tolerance;
      instance.setupExperiment(startTime, stopTime, own);
      this.#bound.push(applyStartValues(fmu, instance, startValues));
    });
    this.#wires.held.clear();
    for (const [name, value] of Object.entries(this.#system.held)) this.#wires.hold(name, value);
  }

  enterInitializationMode(startTime: number, stopTime?: number, tolerance?: number): void {
    this.#timeS = startTime;
    this.#each((instance, { fmu, name }, index) => {
      const own = tolerance ?? fmu.modelDescription.defaultExperiment.tolerance;
      // What the user sets since then counts before the binding.
      const bound = this.#bound[index] ?? [];
      const set = bound.filter((a) => !this.#overwritten.has(`${index} ${a.variable.name}`));
      instance.enterInitializationMode(startTime, stopTime, own);
      if (fmu.modelDescription.fmiMajorVersion > 1) {
        holdStartValues(instance, set, (text, status) =>
          this.#parts.complain(`${name}: ${text}`, status),
        );
      }
    });
    this.#overwritten.clear();
  }

  /** Variables with values of bindings that were set to others since. */
  readonly #overwritten = new Set<string>();

  exitInitializationMode(): void {
    this.#initializeWires();
    this.#each((instance) => instance.exitInitializationMode());
    this.#each((instance, component, index) => {
      // Under model exchange it handles its first events here.
      if (component.interface === 'me')
        this.#steppers[index] = this.#meStepper(instance, component);
    });
    this.#exchange();
  }

  /** Sets inputs from outputs until nothing changes: outputs may follow inputs at once. */
  #initializeWires(): void {
    const { order } = this.#system;
    const chains = this.#system.components.length + 1;
    let last: { change: number; wire?: { from: Port; to: Port } } = { change: 0 };
    for (let round = 0; round < Math.max(MAX_ROUNDS, chains); round++) {
      last = { change: 0 };
      for (const index of order) {
        const component = this.#component(index);
        try {
          for (const source of this.#wires.sourcesOf(index)) {
            if (this.#component(source).fmu.modelDescription.fmiMajorVersion > 1) {
              this.#wires.readSource(source);
            }
          }
          const found = this.#wires.feed(index, true);
          if (!(found.change <= last.change)) last = found;
        } catch (error) {
          throw named(error, component);
        }
      }
      if (last.change <= AT_REST) return;
    }
    const at = (port: Port | undefined) =>
      port === undefined ? '' : `${this.#system.components[port.component]?.name}.${port.variable}`;
    throw new TwinError(
      'NUMERIC',
      `The system does not come to rest at its initialization: after ${MAX_ROUNDS} rounds ${at(last.wire?.from)} still changes ${at(last.wire?.to)} (by ${(100 * last.change).toPrecision(2)} %). Its components form an algebraic loop that values going round do not solve: break it with a delay or a state, or give start values near the solution.`,
    );
  }

  /** Reads all outputs, then sets all inputs. */
  #exchange(): void {
    this.#each((_, __, index) => this.#wires.readSource(index));
    this.#each((_, __, index) => {
      this.#wires.feed(index);
    });
  }

  #meStepper(instance: FmuInstance, { fmu }: SystemComponent): MeStepper {
    const relativeTolerance =
      this.#tolerance ?? fmu.modelDescription.defaultExperiment.tolerance ?? USUAL_TOLERANCE;
    return new MeStepper(instance, this.#timeS, {
      solver: instance.stateCount <= MAX_STATES_IMPLICIT ? 'auto' : 'dopri5',
      stepSizeS: 1,
      relativeTolerance,
      maxStepSizeS: Number.POSITIVE_INFINITY,
      needsCompletedIntegratorStep:
        fmu.modelDescription.modelExchange?.needsCompletedIntegratorStep ?? true,
      signals: undefined,
    });
  }

  doStep(from: number, stepSize: number): DoStepResult {
    const master = this.#system.stepSizeS ?? stepSize;
    const steps = Math.max(1, Math.ceil(stepSize / master - 1e-6));
    const h = stepSize / steps;
    if (Math.abs(h - this.#stepSizeS) > slackOf(from, h)) {
      this.#stepSizeS = h;
      // Steppers of co-simulation hold nothing but the step that they take.
      this.#steppers = this.#steppers.map((s) => (s instanceof MeStepper ? s : undefined));
    }
    this.#timeS = from;
    for (let step = 1; step <= steps; step++) {
      const end = step === steps ? from + stepSize : from + step * h;
      const goesOn = this.#stepAll(this.#timeS, end);
      if (!goesOn) return { ...newStepResult(), terminate: true, lastSuccessfulTime: this.#timeS };
      this.#timeS = end;
      this.#exchange();
    }
    return { ...newStepResult(), lastSuccessfulTime: from + stepSize };
  }

  #stepAll(from: number, end: number): boolean {
    const inTurn = this.#system.master === 'gauss-seidel';
    for (const index of this.#system.order) {
      const component = this.#component(index);
      try {
        if (inTurn) {
          for (const source of this.#wires.sourcesOf(index)) this.#wires.readSource(source);
          this.#wires.feed(index);
        }
        const stepper = this.#stepper(index, from);
        if (!stepper.advanceTo(end)) return false;
      } catch (error) {
        throw named(error, component);
      }
    }
    return true;
  }

  #stepper(index: number, from: number): CsStepper | MeStepper {
    const found = this.#steppers[index];
    if (found instanceof MeStepper) return found;
    const { fmu } = this.#component(index);
    const stepper =
      found ??
      new CsStepper(this.#instances[index] as FmuInstance, from, {
        canVaryStep:
          fmu.modelDescription.coSimulation?.canHandleVariableCommunicationStepSize ?? false,
        eventModeUsed: false,
        signals: undefined,
        stepSizeS: this.#stepSizeS,
      });
    this.#steppers[index] = stepper;
    stepper.timeS = from;
    return stepper;
  }

  terminate(): void {
    this.#each((instance) => instance.terminate());
  }

  reset(): void {
    this.#steppers = [];
    this.#wires.forget();
    this.#overwritten.clear();
    this.#each((instance) => instance.reset());
  }

  free(): void {
    // The first fault must not keep the others.
    (this.#wires as SystemWires | undefined)?.release();
    const faults: unknown[] = [];
    for (const instance of this.#instances.splice(0)) {
      try {
        instance.free();
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
  }

  #port(variable: ModelVariable): Port {
    return this.#system.ports[variable.valueReference] as Port;
  }

  #own({ component, variable }: Port): ModelVariable {
    const md = this.#component(component).fmu.modelDescription;
    return findVariable(md, variable) as ModelVariable;
  }

  float64Block(variables: readonly ModelVariable[]): Float64Block {
    const ports = variables.map((v) => this.#port(v));
    const values = new Float64Array(ports.length);
    const groups = [...new Set(ports.map((p) => p.component))]
      .filter((c) => c >= 0)
      .map((component) => {
        const slots = [...ports.keys()].filter((i) => ports[i]?.component === component);
        const own = slots.map((i) => this.#own(ports[i] as Port));
        const instance = this.#instances[component] as FmuInstance;
        return { component, slots, own, block: instance.float64Block(own) };
      });
    const held = [...ports.keys()].filter((i) => (ports[i] as Port).component < 0);
    return {
      values,
      get: () => {
        for (const { slots, block } of groups) {
          block.get();
          for (let k = 0; k < slots.length; k++) values[slots[k]!] = block.values[k]!;
        }
        for (const i of held) values[i] = Number(this.#wires.read(ports[i] as Port));
      },
      set: () => {
        for (const { component, slots, own, block } of groups) {
          let moved = false;
          for (let k = 0; k < slots.length; k++) {
            if (!Object.is(block.values[k], values[slots[k]!])) moved = true;
            block.values[k] = values[slots[k]!]!;
          }
          // Under model exchange new values are an event; the same ones are none.
          const isMe = this.#steppers[component] instanceof MeStepper;
          if (moved || !isMe) this.#write(component, () => block.set());
          for (const v of own) this.#overwritten.add(`${component} ${v.name}`);
        }
        for (const i of held) this.#wires.hold((ports[i] as Port).variable, values[i]!);
      },
      release: () => {
        for (const { block } of groups) block.release();
      },
    };
  }

  getValue(variable: ModelVariable): ScalarValue[] {
    const port = this.#port(variable);
    if (port.component < 0) return [typed(variable, this.#wires.read(port))];
    return (this.#instances[port.component] as FmuInstance).getValue(this.#own(port));
  }

  setValue(variable: ModelVariable, values: readonly ScalarValue[]): void {
    const port = this.#port(variable);
    if (port.component < 0) {
      this.#wires.hold(port.variable, values[0] as ScalarValue);
      return;
    }
    const own = this.#own(port);
    this.#overwritten.add(`${port.component} ${own.name}`);
    const { fmu } = this.#component(port.component);
    const instance = this.#instances[port.component] as FmuInstance;
    if (own.causality === 'structuralParameter') {
      applyStartValues(fmu, instance, { [own.name]: [...values] });
    } else this.#write(port.component, () => instance.setValue(own, values));
  }

  getFmuState(previous?: Pointer): Pointer {
    if (previous !== undefined) this.#kept.free(previous);
    return this.#kept.take(this.#wires.held);
  }

  setFmuState(state: Pointer): void {
    const held = this.#kept.restore(state);
    this.#steppers = [];
    this.#wires.forget();
    this.#wires.held.clear();
    for (const [name, value] of held) this.#wires.held.set(name, value);
  }

  freeFmuState(state: Pointer): void {
    this.#kept.free(state);
  }

  serializeFmuState(state: Pointer): Uint8Array {
    return this.#kept.serialize(state);
  }

  deserializeFmuState(bytes: Uint8Array): Pointer {
    return this.#kept.deserialize(bytes);
  }
}

/** An error with the component that it happened in. */
function named(error: unknown, { name }: SystemComponent): unknown {
  if (!(error instanceof TwinError) || error.message.includes(`(in ${name})`)) return error;
  error.message = `${error.message} (in ${name})`;
  return error;
}
