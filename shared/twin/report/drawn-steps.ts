import type { StepResult } from '../types.js';

/** Steps that are kept for pictures: more than a curve has points. */
const MOST = 8000;

/** Steps of a run for its pictures, as they come: all that were assimilated, or every second, fourth, … */
export class DrawnSteps {
  steps: StepResult[] = [];
  /** One sample of so many is among them. */
  every = 1;
  #seen = 0;

  /** Takes the next step. */
  take(step: StepResult): void {
    if (step.skipped !== undefined || this.#seen++ % this.every > 0) return;
    this.steps.push(step);
    if (this.steps.length < MOST) return;
    this.every *= 2;
    this.steps = this.steps.filter((_, k) => k % 2 === 0);
  }

  /** What a picture's title has to say of it. */
  get note(): string {
    return this.every === 1 ? '' : `, one sample of ${this.every}`;
  }
}
