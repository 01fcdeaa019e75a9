import { TwinError } from '../../core/index.js';
import type { FmuInstance, InterfaceType } from '../binding/instance.js';
import { defaultInterface, interfaceInfo } from '../binding/instantiate.js';
import type { Pointer } from '../binding/native.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelDescription, ModelVariable } from '../description/model-description.js';
import { type Jacobian, jacobian } from '../solving/derivatives.js';
import { slackOf } from '../solving/same-time.js';
import { InputSignals } from '../solving/signals.js';
import { runToSteadyState, type Stepper } from '../solving/steady-state.js';
import { advance } from './advance.js';
import { InstanceCache, type RunnerOptions } from './instance-cache.js';
import { propagate } from './propagate.js';
import type {
  AdvanceRequest,
  AdvanceResult,
  JacobianRequest,
  PropagateRequest,
  PropagateResult,
  SettleRequest,
  SettleResult,
  TrajectoryRequest,
  TrajectoryResult,
} from './requests.js';
import { initialize, stepperOn } from './run-setup.js';
import {
  resolveExperiment,
  runSimulation,
  type SimulateRequest,
  type SimulationResult,
} from './simulation.js';
import { trajectory } from './trajectory.js';

/** How many settled states are kept, one per reference point. */
const MAX_KEPT_STATES = 4;
/** Time between two words on how far a run is, ms. */
const PROGRESS_MS = 200;
/** Tolerance of the solver under steady-state runs, against the run's own. */
const SOLVER_SHARE = 0.02;

type Values = Readonly<Record<string, number>>;

/** Runs simulations of one FMU in this process, one after the other, reusing its instances. */
export class FmuRunner {
  readonly #fmu: Fmu;
  readonly #options: RunnerOptions;
  readonly #cache: InstanceCache;
  readonly #kept = new Map<string, { state: Pointer; timeS: number; instance: FmuInstance }>();
  #watchedVariables: ModelVariable[] | undefined;

  constructor(fmu: Fmu, options: RunnerOptions = {}) {
    this.#fmu = fmu;
    this.#options = options;
    this.#cache = new InstanceCache(fmu, options, (instance) => {
      for (const [key, kept] of this.#kept) {
        if (kept.instance === instance) this.#kept.delete(key);
      }
    });
  }

  /** Loads the library, so that faults show before the first run. @throws TwinError `FMU_UNSUPPORTED` */
  load(type: InterfaceType = defaultInterface(this.#fmu)): void {
    this.#cache.load(type);
  }

  #checkNumbers(...sets: readonly Values[]): void {
    for (const values of sets) {
      for (const [name, value] of Object.entries(values)) {
        if (typeof value !== 'number' || !Number.isFinite(value)) {
          throw new TwinError('VALUE_INVALID', `${name} = ${value}: a finite number was expected.`);
        }
      }
    }
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
  #keptState(type: InterfaceType, request: SettleRequest) {
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

  /**
   * Runs until the outputs rest.
   *
   * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID`, `FMU_UNSUPPORTED`, `FMI_CALL_FAILED`,
   *   `NUMERIC`
   */
  settle(request: SettleRequest): SettleResult {
    const type = request.interface ?? defaultInterface(this.#fmu);
    this.#checkNumbers(request.startValues, request.inputs);
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

  #settleFrom(
    kept: { state: Pointer; timeS: number; instance: FmuInstance },
    request: SettleRequest,
  ): SettleResult {
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

  /**
   * Simulates over a time span.
   *
   * @throws TwinError as {@link settle}
   */
  simulate(request: SimulateRequest): SimulationResult {
    const md = this.#fmu.modelDescription;
    const type = request.interface ?? defaultInterface(this.#fmu);
    const experiment = resolveExperiment(md, type, request);
    if (request.setInputDerivatives === true) checkInputDerivatives(md, type);
    return this.#cache.guard(type, () => {
      const eventModeUsed =
        type === 'cs' && (request.useEventMode ?? true) && md.coSimulation?.hasEventMode === true;
      const { startTimeS, stopTimeS, tolerance } = experiment;
      const instance = initialize(this.#fmu, this.#cache, type, {
        startValues: request.startValues ?? {},
        inputs: {},
        startTimeS,
        stopTimeS,
        tolerance,
        eventModeUsed,
        stepSizeS: experiment.stepSizeS,
      });
      const signals =
        request.input === undefined
          ? undefined
          : new InputSignals(
              md,
              instance,
              request.input,
              type === 'cs' ? slackOf(startTimeS, experiment.stepSizeS) : 0,
            );
      try {
        signals?.apply(startTimeS, true, true);
        instance.exitInitializationMode();
        const onProgress = request.progress === true ? this.#progress() : undefined;
        const result = runSimulation(md, instance, experiment, request, signals, eventModeUsed, {
          ...(onProgress !== undefined && { onProgress }),
          offeredJacobian: this.#cache.offeredJacobian,
        });
        instance.terminate();
        return result;
      } finally {
        signals?.release();
      }
    });
  }

  /** Tells now and then how far a run is. */
  #progress(): ((timeS: number) => void) | undefined {
    const { onProgress } = this.#options;
    if (onProgress === undefined) return undefined;
    let toldMs = performance.now();
    return (timeS) => {
      const nowMs = performance.now();
      if (nowMs - toldMs < PROGRESS_MS) return;
      toldMs = nowMs;
      onProgress(timeS);
    };
  }

  /**
   * Moves on from a serialized state, or from the start, to a time.
   *
   * @throws TwinError as {@link settle}; `FMU_UNSUPPORTED` when the FMU can't serialize its state
   */
  advance(request: AdvanceRequest): AdvanceResult {
    this.#checkNumbers(request.startValues ?? {}, request.inputs ?? {});
    return advance(this.#fmu, this.#cache, request);
  }

  /**
   * Runs from given continuous states over a time.
   *
   * @throws TwinError as {@link settle}
   */
  propagate(request: PropagateRequest): PropagateResult {
    this.#checkNumbers(request.startValues);
    return propagate(this.#fmu, this.#cache, request);
  }

  /**
   * Runs once along given times.
   *
   * @throws TwinError as {@link settle}
   */
  trajectory(request: TrajectoryRequest): TrajectoryResult {
    this.#checkNumbers(request.startValues);
    return trajectory(this.#fmu, this.#cache, request);
  }

  /**
   * Partial derivatives at the initialized start.
   *
   * @throws TwinError as {@link settle}
   */
  jacobian(request: JacobianRequest): Jacobian {
    const type = request.interface ?? (this.#fmu.modelDescription.modelExchange ? 'me' : 'cs');
    const info = interfaceInfo(this.#fmu, type);
    return this.#cache.guard(type, () => {
      const { startTime = 0, tolerance } = this.#fmu.modelDescription.defaultExperiment;
      const instance = initialize(this.#fmu, this.#cache, type, {
        startValues: request.startValues ?? {},
        inputs: request.inputs ?? {},
        startTimeS: startTime,
        tolerance,
      });
      instance.exitInitializationMode();
      const differences = request.method === 'finite-differences';
      return jacobian(
        instance,
        request.unknowns.map((name) => this.#cache.real(name)),
        request.knowns.map((name) => this.#cache.real(name)),
        {
          directional: !differences && info.providesDirectionalDerivatives,
          adjoint: !differences && info.providesAdjointDerivatives,
        },
      );
    });
  }

  /** Frees all instances. */
  close(): void {
    this.#cache.close();
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

function checkInputDerivatives(md: ModelDescription, type: InterfaceType): void {
  const can = type === 'cs' && md.coSimulation?.canInterpolateInputs === true;
  if (can && md.fmiMajorVersion < 3) return;
  throw new TwinError(
    'FMU_UNSUPPORTED',
    `${md.modelName} takes no derivatives of inputs: that needs co-simulation by FMI 2.0 or 1.0 with canInterpolateInputs. Take smaller steps instead.`,
  );
}
