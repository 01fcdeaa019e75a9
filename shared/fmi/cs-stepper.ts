import { TwinError } from '../core/index.js';
import type { FmuInstance } from './instance.js';
import type { Stepper } from './steady-state.js';

/** How often a discarded step is halved before the run is given up. */
const MAX_HALVINGS = 20;

/** Moves a co-simulation FMU from communication point to communication point. */
export class CsStepper implements Stepper {
  timeS: number;
  readonly canVaryStep: boolean;
  readonly #instance: FmuInstance;
  /** Steps that the FMU refused. */
  discardedSteps = 0;

  constructor(instance: FmuInstance, timeS: number, canVaryStep: boolean) {
    this.#instance = instance;
    this.timeS = timeS;
    this.canVaryStep = canVaryStep;
  }

  /** One doStep, taken in smaller ones where the FMU refuses it as too long. */
  advance(stepSizeS: number): boolean {
    const end = this.timeS + stepSizeS;
    let h = stepSizeS;
    let halvings = 0;
    while (this.timeS < end) {
      const result = this.#instance.doStep(this.timeS, h);
      if (result.accepted) {
        this.timeS = result.earlyReturn ? result.lastSuccessfulTime : this.timeS + h;
        if (result.terminate) return false;
        if (h === stepSizeS) return true;
      } else {
        const reached = Math.min(Math.max(result.lastSuccessfulTime, this.timeS), end);
        if (result.terminate) {
          this.timeS = reached;
          return false;
        }
        this.discardedSteps++;
        if (reached > this.timeS) this.timeS = reached;
        else {
          if (!this.canVaryStep || halvings >= MAX_HALVINGS) {
            throw new TwinError(
              'FMI_CALL_FAILED',
              `doStep was discarded at ${this.timeS} s with a step of ${h} s${this.canVaryStep ? ' and every smaller one down to that' : '; the FMU does not take other steps'}. Try a smaller step size.`,
            );
          }
          halvings++;
          h /= 2;
        }
      }
      if (this.timeS + h > end || end - this.timeS - h < 1e-9 * stepSizeS) h = end - this.timeS;
      if (end - this.timeS <= 1e-12 * Math.max(1, Math.abs(end))) {
        this.timeS = end;
        return true;
      }
    }
    return true;
  }
}
