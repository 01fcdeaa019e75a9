import { TwinError } from '../../core/index.js';
import type { InterfaceType } from '../binding/instance.js';
import { defaultInterface, interfaceInfo } from '../binding/instantiate.js';
import type { Fmu } from '../description/fmu.js';
import type { ModelDescription } from '../description/model-description.js';
import { type Jacobian, jacobian } from '../solving/derivatives.js';
import { slackOf } from '../solving/same-time.js';
import { InputSignals } from '../solving/signals.js';
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
import { initialize } from './run-setup.js';
import { Settling } from './settling.js';
import {
  resolveExperiment,
  runSimulation,
  type SimulateRequest,
  type SimulationResult,
} from './simulation.js';
import { trajectory } from './trajectory.js';

/** Time between two words on how far a run is, ms. */
const PROGRESS_MS = 200;

type Values = Readonly<Record<string, number>>;

/** Runs simulations of one FMU in this process, one after the other, reusing its instances. */
export class FmuRunner {
  readonly #fmu: Fmu;
  readonly #options: RunnerOptions;
  readonly #cache: InstanceCache;
  readonly #settling: Settling;

  constructor(fmu: Fmu, options: RunnerOptions = {}) {
    this.#fmu = fmu;
    this.#options = options;
    this.#cache = new InstanceCache(fmu, options, (instance) => this.#settling.forget(instance));
    this.#settling = new Settling(fmu, this.#cache);
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

  /**
   * Runs until the outputs rest.
   *
   * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID`, `FMU_UNSUPPORTED`, `FMI_CALL_FAILED`,
   *   `NUMERIC`
   */
  settle(request: SettleRequest): SettleResult {
    this.#checkNumbers(request.startValues, request.inputs);
    return this.#settling.settle(request);
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
        if (type === 'me') this.#cache.countStates(instance);
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

function checkInputDerivatives(md: ModelDescription, type: InterfaceType): void {
  const can = type === 'cs' && md.coSimulation?.canInterpolateInputs === true;
  if (can && md.fmiMajorVersion < 3) return;
  throw new TwinError(
    'FMU_UNSUPPORTED',
    `${md.modelName} takes no derivatives of inputs: that needs co-simulation by FMI 2.0 or 1.0 with canInterpolateInputs. Take smaller steps instead.`,
  );
}
