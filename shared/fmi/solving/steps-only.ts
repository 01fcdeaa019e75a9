import { TwinError } from '../../core/index.js';
import type { CompletedStepInfo, DiscreteStatesInfo } from '../binding/instance.js';

/** What an instance refuses that takes communication steps and offers nothing beside. */
export abstract class StepsOnly {
  readonly #what: string;

  /** @param what the instance is, at the beginning of a sentence */
  constructor(what: string) {
    this.#what = what;
  }

  #unsupported(feature: string): TwinError {
    return new TwinError('FMU_UNSUPPORTED', `${this.#what} offers no ${feature}.`);
  }

  setInputDerivatives(): void {
    throw this.#unsupported('derivatives of inputs');
  }
  enterEventMode(): void {
    throw this.#unsupported('event mode');
  }
  updateDiscreteStates(): DiscreteStatesInfo {
    throw this.#unsupported('event mode');
  }
  enterContinuousTimeMode(): void {
    throw this.#unsupported('model exchange');
  }
  enterStepMode(): void {
    throw this.#unsupported('event mode');
  }
  setTime(): void {
    throw this.#unsupported('model exchange');
  }
  getContinuousStates(): void {
    throw this.#unsupported('model exchange');
  }
  setContinuousStates(): void {
    throw this.#unsupported('model exchange');
  }
  getDerivatives(): void {
    throw this.#unsupported('model exchange');
  }
  getNominals(): void {
    throw this.#unsupported('model exchange');
  }
  getEventIndicators(): void {
    throw this.#unsupported('model exchange');
  }
  completedIntegratorStep(): CompletedStepInfo {
    throw this.#unsupported('model exchange');
  }
  getDirectionalDerivative(): Float64Array {
    throw this.#unsupported('directional derivatives');
  }
  getAdjointDerivative(): Float64Array {
    throw this.#unsupported('adjoint derivatives');
  }
}
