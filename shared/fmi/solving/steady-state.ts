import { TwinError } from '../../core/index.js';

/** What a steady-state run moves: an FMU under co-simulation or a solver around its equations. */
export interface Stepper {
  readonly timeS: number;
  /** Whether steps may differ from the first. */
  readonly canVaryStep: boolean;
  /** Moves on by about `stepSizeS`; `false` when the FMU has ended the simulation. */
  advance(stepSizeS: number): boolean;
}

export interface SteadyStateOptions {
  stepSizeS: number;
  /** Longest simulated time, seconds. */
  maxTimeS: number;
  relativeTolerance: number;
}

/** Windows are at least so many steps long … */
const STEPS_PER_WINDOW = 8;
/** … or fewer where steps grow with the run … */
const GROWN_STEPS_PER_WINDOW = 4;
/** … and so large a share of the run so far, so that what is slow or delayed is not overlooked. */
const WINDOW_SHARE = 0.15;
/** Steps grow to this share of the run so far where the FMU allows it. */
const STEP_SHARE = 0.04;
/** Share of an output's range and nominal value that its changes are measured against at least. */
const SCALE_FLOOR = 1e-3;
/** How much longer a run may go on for variables that nobody asked for; some never rest. */
const PATIENCE = 100;

/**
 * Runs until the outputs rest. They are compared over windows that grow with the run, not over
 * single steps: at rest means that in a whole window no output strays from its value at the
 * window's start by more than the tolerance, and that what its last changes foretell as the rest of
 * the way (as a geometric series) is within it too. So a slow start, a dead time or a long time
 * constant is not taken for rest.
 *
 * Changes are relative to the output's value, or to 1e-3 of its nominal value (1 if not given) or
 * of its range in this run, whichever is largest.
 *
 * @param read fills the current values: the `wanted` first outputs must come to rest; the others
 *   must move evenly or not at all, unless a hundred times the time has passed in which
 *   the wanted ones came to rest
 * @param variables what is read, for their nominal values and names
 * @throws TwinError `NUMERIC` when a wanted output leaves the finite numbers
 */
export function runToSteadyState(
  stepper: Stepper,
  read: () => Float64Array,
  variables: readonly { name: string; nominal?: number | undefined }[],
  wanted: number,
  options: SteadyStateOptions,
): { timeS: number; settled: boolean; steps: number } {
  const n = variables.length;
  const begin = stepper.timeS;
  const first = read();
  const low = Float64Array.from(first);
  const high = Float64Array.from(first);
  const base = Float64Array.from(first);
  const strayed = new Float64Array(n);
  const strayedBefore = new Float64Array(n).fill(Number.NaN);
  const rateBefore = new Float64Array(n).fill(Number.NaN);
  let windowBegin = begin;
  let windowSteps = 0;
  let steps = 0;
  let h = options.stepSizeS;
  let quietSince: number | undefined;
  const result = (settled: boolean) => ({ timeS: stepper.timeS, settled, steps });
  for (;;) {
    const elapsed = stepper.timeS - begin;
    // Half a step of slack: sums of steps do not hit maxTimeS exactly.
    if (elapsed >= options.maxTimeS - options.stepSizeS / 2) return result(false);
    if (stepper.canVaryStep) {
      const limit = Math.max(options.stepSizeS, STEP_SHARE * elapsed);
      h = Math.min(h * 1.5, limit, Math.max(options.stepSizeS, options.maxTimeS - elapsed));
    }
    const goesOn = stepper.advance(h);
    steps++;
    windowSteps++;
    const y = read();
    for (let i = 0; i < n; i++) {
      const value = y[i] as number;
      if (i < wanted && !Number.isFinite(value)) {
        throw new TwinError(
          'NUMERIC',
          `Output ${variables[i]?.name} became ${value} at ${stepper.timeS} s of simulated time. The parameters may lie outside of what the model bears.`,
        );
      }
      const change = Math.abs(value - (base[i] as number));
      if (change > (strayed[i] as number)) strayed[i] = change;
      if (value < (low[i] as number)) low[i] = value;
      if (value > (high[i] as number)) high[i] = value;
    }
    if (!goesOn) return result(false);
    const window = stepper.timeS - windowBegin;
    const needed = WINDOW_SHARE * (stepper.timeS - begin);
    const enough = h > options.stepSizeS ? GROWN_STEPS_PER_WINDOW : STEPS_PER_WINDOW;
    if (windowSteps < enough) continue;
    if (window < needed) continue;
    let wantedRest = true;
    let othersRest = true;
    for (let i = 0; i < n; i++) {
      const value = y[i] as number;
      const nominal = variables[i]?.nominal ?? 1;
      const range = (high[i] as number) - (low[i] as number);
      const scale = Math.max(Math.abs(value), SCALE_FLOOR * range, SCALE_FLOOR * Math.abs(nominal));
      const bound = options.relativeTolerance * scale;
      if (i < wanted) {
        if (!(remaining(strayed[i] as number, strayedBefore[i] as number) <= bound)) {
          wantedRest = false;
        }
      } else {
        const rate = (value - (base[i] as number)) / window;
        if (Math.abs(rate - (rateBefore[i] as number)) * window > bound) othersRest = false;
        rateBefore[i] = rate;
      }
    }
    if (wantedRest) {
      quietSince ??= stepper.timeS - begin;
      if (othersRest || stepper.timeS - begin > PATIENCE * quietSince) return result(true);
    } else quietSince = undefined;
    strayedBefore.set(strayed);
    strayed.fill(0);
    base.set(y);
    windowBegin = stepper.timeS;
    windowSteps = 0;
  }
}

/** How far an output still has to go, from its changes in this window and the one before. */
function remaining(change: number, before: number): number {
  if (Number.isNaN(before)) return Number.POSITIVE_INFINITY;
  if (change === 0) return 0;
  // Changes that do not shrink say nothing about an end; noise of the FMU's solver looks like that.
  const ratio = Math.min(change / before, 0.8);
  return Math.max(change, (change * ratio) / (1 - ratio));
}
