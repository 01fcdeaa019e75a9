import { normalCdf } from '../../kalman/index.js';
import type { StepResult, Twin } from '../types.js';
import { isConstant } from './constants.js';
import type { Finding } from './verdict.js';

/** A parameter whose estimate went one way along a run. */
export interface PulledParameter {
  name: string;
  /** How far beyond chance, in standard deviations. */
  score: number;
}

/** How often chance may say that one of the constants of an exact model is pulled. */
const BY_CHANCE = 0.005;
/** Fewer steps tell nothing. */
const LEAST_STEPS = 30;
/** A step that takes less than this share of a variance is rounding. */
const LEAST_SHARE = 1e-9;

interface Sums {
  /** Of steps in what they tell, and the variance of that. */
  moved: number;
  variance: number;
  /** Of squared steps, each in its deviation. */
  squares: number;
  steps: number;
}

/**
 * Adds up how the estimates of parameters went along a run. A filter's steps Δm are independent where the
 * model is right, each with the variance P₋ − P that it took: Σ Δm/P is then as large as chance makes it. A
 * constant that wears pulls its estimate one way at each step, by too little for any one to show, and its
 * band narrows around what it no longer is.
 */
export class PullCount {
  readonly #sums = new Map<string, Sums>();
  #before: Record<string, { mean: number; variance: number }> | undefined;
  /** Constants that are fitted move by refits, which judge them by themselves. */
  #fitted = false;

  /** Takes the next step that was assimilated. */
  take({ parameters, statesNis, beforeFit, eventSinceS, gapS, diagnostics }: StepResult): void {
    if (statesNis !== undefined || beforeFit) this.#fitted = true;
    const before = this.#before;
    // Of errors that stay no step takes anything.
    const now = Object.fromEntries(
      Object.entries(parameters).map(([name, { mean, std }]) => {
        const lasting = diagnostics.lastingStd?.[name] ?? 0;
        return [name, { mean, variance: std ** 2 - lasting ** 2 }];
      }),
    );
    this.#before = now;
    if (this.#fitted || before === undefined) return;
    if (eventSinceS !== undefined || gapS !== undefined) return;
    for (const [name, { mean, variance }] of Object.entries(now)) {
      const was = before[name];
      const told = was === undefined ? 0 : was.variance - variance;
      if (was === undefined || !(variance > 0 && told > LEAST_SHARE * variance)) continue;
      const sums = this.#sums.get(name) ?? { moved: 0, variance: 0, squares: 0, steps: 0 };
      const step = mean - was.mean;
      sums.moved += step / variance;
      sums.variance += told / variance ** 2;
      sums.squares += step ** 2 / told;
      sums.steps++;
      this.#sums.set(name, sums);
    }
  }

  /** All parameters by how far each was pulled. */
  get found(): PulledParameter[] {
    if (this.#fitted) return [];
    return [...this.#sums].flatMap(([name, { moved, variance, squares, steps }]) => {
      if (steps < LEAST_STEPS) return [];
      // Steps larger than their deviations are of noise that is larger than assumed.
      const noise = Math.max(1, squares / steps);
      return [{ name, score: Math.abs(moved) / Math.sqrt(noise * variance) }];
    });
  }
}

/** Names constants that were pulled one way along a run, beyond chance, and what to do. */
export function pulledFindings(twin: Twin, pulled: readonly PulledParameter[]): Finding[] {
  const constants = pulled.filter(({ name }) => isConstant(twin, name));
  return constants
    .filter(({ score }) => 2 * normalCdf(-score) * constants.length <= BY_CHANCE)
    .map(({ name, score }) => ({
      grade: 'care',
      reason: `${name}, taken for constant, was pulled one way along the run (${score.toPrecision(2)} deviations from chance): it may have worn, which its band does not follow, or the model lacks something; where it may wear, give it wearHorizonS in place of dynamics: constant, which fit on the same data offers or tries by --wear`,
      about: [name],
    }));
}
