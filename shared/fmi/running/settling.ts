import { TwinError } from '../../core/index.js';
import type { FmuInstance, InterfaceType } from '../binding/instance.js';
import { defaultInterface, interfaceInfo } from '../binding/instantiate.js';
import type { Pointer } from '../binding/native.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelVariable } from '../description/model-description.js';
import { runToSteadyState, type Stepper } from '../solving/steady-state.js';
import type { InstanceCache } from './instance-cache.js';
import type { SettleRequest, SettleResult } from './requests.js';
import { initialize, stepperOn } from './run-setup.js';

/** How many settled states are kept, one per reference point. */
const MAX_KEPT_STATES = 4;
/** Tolerance of the solver under steady-state runs, against the run's own. */
const SOLVER_SHARE = 0.02;

type Values = Readonly<Record<string, number>>;

/** A reference point at rest, from which runs near it begin. */
interface Kept {
  state: Pointer;
  timeS: number;
  instance: FmuInstance;
}

/** Runs to states of rest, from the FMU's start or, where the FMU allows it, from a kept state of rest nearby. */
export class Settling {
  readonly #fmu: Fmu;
  readonly #cache: InstanceCache;
  readonly #kept = new Map<string, Kept>();
  #watchedVariables: ModelVariable[] | undefined;

  constructor(fmu: Fmu, cache: InstanceCache) {
    this.#fmu = fmu;
    this.#cache = cache;
  }

  /** Forgets what was kept of an instance that is no more. */
  forget(instance: FmuInstance): void {
    for (const [key, kept] of this.#kept) {
      if (kept.instance === instance) this.#kept.delete(key);
    }
  }

  /**
   * Runs until the outputs rest.
   *
   * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID`, `FMU_UNSUPPORTED`, `FMI_CALL_FAILED`,
   *   `NUMERIC`
   */
  settle(request: SettleRequest): SettleResult {
    const type = request.interface ?? defaultInterface(this.#fmu);
    checkPositive({
      stepSizeS: request.stepSizeS,
      maxTimeS: request.maxTimeS,
      relativeTolerance: request.relativeTolerance,
    });
    return this.#cache.guard(type, () => {
      if (this.#canStartWarm(type, request)) {
        const kept = this.#keptState(type, request);
        if (kept !== undefined) return this.#settleFrom(kept, request);
      }
      const { instance, stepper } = this.#begin(type, request.startValues, request.inputs, request);
      return this.#run(instance, stepper, request);
    });
  }

  #begin(
    type: InterfaceType,
    startValues: Values,
    inputs: Values,
    request: SettleRequest,
  ): { instance: FmuInstance; stepper: Stepper } {
    const { startTime = 0, ...experiment } = this.#fmu.modelDescription.defaultExperiment;
    const tolerance = request.tolerance ?? experiment.tolerance;
    const instance = initialize(this.#fmu, this.#cache, type, {
      startValues,
      inputs,
      startTimeS: startTime,
      tolerance,
      stepSizeS: request.stepSizeS,
    });
    instance.exitInitializationMode();
    return {
      instance,
      stepper: stepperOn(
        this.#fmu,
        this.#cache,
        instance,
        startTime,
        request.stepSizeS,
        solverTolerance(request),
      ),
    };
  }

  /** Whether a run may begin from a kept state: all it sets can be set at any time. */
  #canStartWarm(type: InterfaceType, request: SettleRequest): boolean {
    if (request.warm === false || !interfaceInfo(this.#fmu, type).canGetAndSetFmuState)
      return false;
    const reference = request.reference?.startValues ?? {};
    return Object.keys({ ...request.startValues, ...reference }).every((name) => {
      const { causality, variability } = this.#cache.scalar(name).variable;
      return causality === 'input' || (causality === 'parameter' && variability === 'tunable');
    });
  }

  /** Settles the reference point once and keeps its state. */
  #keptState(type: InterfaceType, request: SettleRequest): Kept | undefined {
    const reference = request.reference ?? { startValues: {}, inputs: {} };
    const key = JSON.stringify([
      type,
      request.stepSizeS,
      request.maxTimeS,
      request.relativeTolerance,
      request.tolerance ?? null,
      Object.entries(reference.startValues).sort(),
      Object.entries(reference.inputs).sort(),
      request.outputs,
    ]);
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const { instance, stepper } = this.#begin(
      type,
      reference.startValues,
      reference.inputs,
      request,
    );
    const run = this.#run(instance, stepper, request);
    if (!run.settled) return undefined;
    const kept = { state: instance.getFmuState(), timeS: stepper.timeS, instance };
    if (this.#kept.size >= MAX_KEPT_STATES) {
      const [oldest] = this.#kept;
      if (oldest !== undefined) {
        this.#kept.delete(oldest[0]);
        oldest[1].instance.freeFmuState(oldest[1].state);
      }
    }
    this.#kept.set(key, kept);
    return kept;
  }

  /** All continuous outputs and states: while they move, the wanted outputs may yet. */
  #watched(): ModelVariable[] {
    if (this.#watchedVariables === undefined) {
      const { variables } = this.#fmu.modelDescription;
      const states = new Set(variables.flatMap((v) => v.derivative ?? []));
      this.#watchedVariables = variables.filter(
        (v) =>
          (v.causality === 'output' || states.has(v.name)) &&
          v.type === 'Float64' &&
          v.variability === 'continuous' &&
          v.dimensions.length === 0,
      );
    }
    return this.#watchedVariables;
  }

  #run(instance: FmuInstance, stepper: Stepper, request: SettleRequest): SettleResult {
    const wanted = request.outputs.map((name) => this.#cache.scalar(name));
    const references = new Set(
      wanted.flatMap(({ variable, element }) =>
        element === undefined ? [variable.valueReference] : [],
      ),
    );
    const others = this.#watched().filter((v) => !references.has(v.valueReference));
    const watched = [
      ...wanted.map(({ name, variable }) => ({ name, nominal: variable.nominal })),
      ...others,
    ];
    const reader = this.#cache.reader(
      instance,
      watched.map(({ name }) => name),
    );
    const read = () => {
      reader.get();
      return reader.values;
    };
    const begin = stepper.timeS;
    const run = runToSteadyState(stepper, read, watched, wanted.length, request);
    const values = reader.values.slice(0, wanted.length);
    const along = request.along ?? [];
    const beside = this.#cache.reader(instance, along);
    if (along.length > 0) beside.get();
    return {
      values: along.length > 0 ? Float64Array.of(...values, ...beside.values) : values,
      timeS: run.timeS - begin,
      settled: run.settled,
      steps: run.steps,
    };
  }

  #settleFrom(kept: Kept, request: SettleRequest): SettleResult {
    const { instance, timeS } = kept;
    instance.setFmuState(kept.state);
    if (instance.interface === 'me') {
      // Tunable parameters may change only at events.
      instance.setTime(timeS);
      instance.enterEventMode();
    }
    // What the reference set and this run does not goes back to the FMU's own start values.
    this.#cache.set(instance, { ...this.#ownValues(request), ...request.startValues });
    this.#cache.set(instance, request.inputs);
    const stepper = stepperOn(
      this.#fmu,
      this.#cache,
      instance,
      timeS,
      request.stepSizeS,
      solverTolerance(request),
    );
    return this.#run(instance, stepper, request);
  }

  #ownValues(request: SettleRequest): Record<string, number> {
    const own: Record<string, number> = {};
    const { reference } = request;
    if (reference === undefined) return own;
    for (const name of [...Object.keys(reference.startValues), ...Object.keys(reference.inputs)]) {
      if (name in request.startValues || name in request.inputs) continue;
      const { variable, element = 0 } = this.#cache.scalar(name);
      const start = Number(variable.start?.[element]);
      if (Number.isFinite(start)) own[name] = start;
    }
    return own;
  }
}

function solverTolerance(request: SettleRequest): number {
  return Math.max(1e-12, Math.min(1e-4, request.relativeTolerance * SOLVER_SHARE));
}

function checkPositive(values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new TwinError('VALUE_INVALID', `${name} = ${value}: a positive number was expected.`);
    }
  }
}
