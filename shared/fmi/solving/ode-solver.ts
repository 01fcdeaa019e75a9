import { TwinError } from '../../core/index.js';

/** Right-hand side: fills `dx` for `x` at `t`; returns `false` where the model can't be evaluated. */
export type Derivatives = (t: number, x: Float64Array, dx: Float64Array) => boolean;

/** Error control of an adaptive solver. */
export interface Tolerances {
  relative: number;
  /** Absolute tolerance of each state. */
  absolute: Float64Array;
  /** What the states are called, for messages. */
  names?: readonly string[];
}

/** The state whose error counts most, for a message; empty where there is none. */
export function worstState(
  errors: Float64Array,
  x: Float64Array,
  { relative, absolute, names }: Tolerances,
): string {
  let [worst, at] = [-1, -1];
  for (let i = 0; i < errors.length; i++) {
    const scale = (absolute[i] as number) + relative * Math.abs(x[i] as number);
    const share = Math.abs(errors[i] as number) / scale;
    if (Number.isNaN(share) || share > worst) [worst, at] = [share, i];
    if (Number.isNaN(share)) break;
  }
  return at < 0 ? '' : ` The state with the largest error is ${names?.[at] ?? `number ${at + 1}`}.`;
}

/** One step after another through an initial value problem. */
export interface OdeSolver {
  /** Steps rejected by error control or because the model could not be evaluated. */
  readonly rejectedSteps: number;
  /** Forgets what it knows of the past: after an event. */
  restart(): void;
  /**
   * Makes one step from `t` and leaves the end in `xEnd`.
   *
   * @param hMax longest step, seconds
   * @returns the end's time, at most `t + hMax`
   * @throws TwinError `NUMERIC` when no step is small enough
   */
  step(t: number, x: Float64Array, hMax: number, xEnd: Float64Array): number;
  /** The solution inside the last step, at `t + theta · h`. */
  interpolate(theta: number, out: Float64Array): void;
}

/**
 * `dopri5` and `rodas3` (for stiff models) choose their steps, `rk4` and `euler` have a fixed one;
 * `auto` begins with `dopri5` and goes on with `rodas3` where the model turns out to be stiff.
 */
export const SOLVERS = ['auto', 'dopri5', 'rodas3', 'rk4', 'euler'] as const;
export type SolverName = (typeof SOLVERS)[number];

/** Explicit Euler or the classical Runge-Kutta method with a fixed step; inside a step, Hermite. */
export class FixedStepSolver implements OdeSolver {
  readonly rejectedSteps = 0;
  readonly #f: Derivatives;
  readonly #h: number;
  readonly #order: 1 | 4;
  readonly #k: Float64Array[];
  readonly #x0: Float64Array;
  readonly #x1: Float64Array;
  readonly #work: Float64Array;
  readonly #end: Float64Array;
  #hLast = 0;
  #t1 = 0;

  constructor(n: number, f: Derivatives, stepSizeS: number, order: 1 | 4) {
    this.#f = f;
    this.#h = stepSizeS;
    this.#order = order;
    this.#k = Array.from({ length: order }, () => new Float64Array(n));
    this.#x0 = new Float64Array(n);
    this.#x1 = new Float64Array(n);
    this.#work = new Float64Array(n);
    this.#end = new Float64Array(n);
  }

  restart(): void {}

  #evaluate(t: number, x: Float64Array, dx: Float64Array): void {
    if (!this.#f(t, x, dx)) {
      throw new TwinError(
        'NUMERIC',
        `The model could not be evaluated at ${t} s. Try a smaller step, or the dopri5 solver.`,
      );
    }
  }

  step(t: number, x: Float64Array, hMax: number, xEnd: Float64Array): number {
    const h = Math.min(this.#h, hMax);
    const n = x.length;
    const k = this.#k as [Float64Array, Float64Array, Float64Array, Float64Array];
    const w = this.#work;
    this.#evaluate(t, x, k[0]);
    if (this.#order === 1) {
      for (let i = 0; i < n; i++) xEnd[i] = (x[i] as number) + h * (k[0][i] as number);
    } else {
      for (let stage = 1; stage < 4; stage++) {
        const share = stage === 3 ? h : h / 2;
        const before = k[stage - 1] as Float64Array;
        for (let i = 0; i < n; i++) w[i] = (x[i] as number) + share * (before[i] as number);
        this.#evaluate(t + share, w, k[stage] as Float64Array);
      }
      for (let i = 0; i < n; i++) {
        xEnd[i] =
          (x[i] as number) +
          (h / 6) *
            ((k[0][i] as number) +
              2 * (k[1][i] as number) +
              2 * (k[2][i] as number) +
              (k[3][i] as number));
      }
    }
    this.#x0.set(x);
    this.#x1.set(xEnd);
    this.#hLast = h;
    this.#t1 = t + h;
    this.#endKnown = false;
    return t + h;
  }

  #endKnown = false;

  interpolate(theta: number, out: Float64Array): void {
    const h = this.#hLast;
    const f0 = this.#k[0] as Float64Array;
    const f1 = this.#order === 1 ? f0 : this.#end;
    if (this.#order !== 1 && !this.#endKnown) {
      this.#evaluate(this.#t1, this.#x1, this.#end);
      this.#endKnown = true;
    }
    const u = 1 - theta;
    for (let i = 0; i < out.length; i++) {
      const a = this.#x0[i] as number;
      const b = this.#x1[i] as number;
      out[i] =
        u * a +
        theta * b +
        theta *
          (theta - 1) *
          ((1 - 2 * theta) * (b - a) +
            (theta - 1) * h * (f0[i] as number) +
            theta * h * (f1[i] as number));
    }
  }
}

// Dormand and Prince (1980), table 2, and Hairer, Nørsett, Wanner (1993), II.6 for the dense output.
const A: readonly (readonly number[])[] = [
  [],
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const C = [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];
const E = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
const D = [
  -12715105075 / 11282082432,
  0,
  87487479700 / 32700410799,
  -10690763975 / 1880347072,
  701980252875 / 199316789632,
  -1453857185 / 822651844,
  69997945 / 29380423,
];

/** Steps below this share of the time can't be told apart. */
const SMALLEST = 16 * Number.EPSILON;

/** Dormand-Prince 5(4): adaptive, first same as last, dense output of order four. */
export class DormandPrince implements OdeSolver {
  rejectedSteps = 0;
  readonly #f: Derivatives;
  readonly #tolerances: Tolerances;
  readonly #k: Float64Array[];
  readonly #work: Float64Array;
  readonly #dense: Float64Array[];
  /** The argument of the stage before the last, which lies at the step's end too. */
  readonly #before: Float64Array;
  #stiffSteps = 0;
  #calmSteps = 0;
  /** Stability, not accuracy, has limited the steps for a while. */
  stiff = false;
  #h: number | undefined;
  #lastError = 1e-4;
  #fsal = false;

  /** @param n number of states */
  constructor(n: number, f: Derivatives, tolerances: Tolerances) {
    this.#f = f;
    this.#tolerances = tolerances;
    this.#k = Array.from({ length: 7 }, () => new Float64Array(n));
    this.#work = new Float64Array(n);
    this.#dense = Array.from({ length: 5 }, () => new Float64Array(n));
    this.#before = new Float64Array(n);
  }

  /** Hairer and Wanner, IV.2: the dominant eigenvalue from the last two stages. */
  #lookForStiffness(h: number, xEnd: Float64Array): void {
    const [k5, k6] = [this.#k[5] as Float64Array, this.#k[6] as Float64Array];
    let [slopes, states] = [0, 0];
    for (let i = 0; i < xEnd.length; i++) {
      slopes += ((k6[i] as number) - (k5[i] as number)) ** 2;
      states += ((xEnd[i] as number) - (this.#before[i] as number)) ** 2;
    }
    if (states > 0 && h * Math.sqrt(slopes / states) > 3.25) {
      this.#calmSteps = 0;
      if (++this.#stiffSteps >= 15) this.stiff = true;
    } else if (++this.#calmSteps >= 6) this.#stiffSteps = 0;
  }

  restart(): void {
    this.#h = undefined;
    this.#fsal = false;
    this.#lastError = 1e-4;
  }

  #norm(values: Float64Array, scaleBy: Float64Array, alsoBy: Float64Array): number {
    const { relative, absolute } = this.#tolerances;
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const size = Math.max(Math.abs(scaleBy[i] as number), Math.abs(alsoBy[i] as number));
      const share = (values[i] as number) / ((absolute[i] as number) + relative * size);
      sum += share * share;
    }
    return values.length === 0 ? 0 : Math.sqrt(sum / values.length);
  }

  /** Hairer's first guess, from the size of states and slopes alone. */
  #firstStep(x: Float64Array, hMax: number, smallest: number): number {
    const slope = this.#norm(this.#k[0] as Float64Array, x, x);
    const size = this.#norm(x, x, x);
    const guess = slope < 1e-10 || size < 1e-10 ? 1e-6 : (0.01 * size) / slope;
    // States near zero say nothing; a guess too long is rejected like any other step.
    return Math.min(Math.max(guess, 1e-6 * hMax, 100 * smallest), hMax);
  }

  step(t: number, x: Float64Array, hMax: number, xEnd: Float64Array): number {
    const n = x.length;
    const k = this.#k;
    const w = this.#work;
    const smallest = SMALLEST * Math.max(Math.abs(t), 1e-3);
    if (!this.#fsal && !this.#f(t, x, k[0] as Float64Array)) {
      throw new TwinError('NUMERIC', `The model could not be evaluated at ${t} s.`);
    }
    this.#fsal = true;
    let h = Math.min(this.#h ?? this.#firstStep(x, hMax, smallest), hMax);
    let rejected = false;
    for (;;) {
      if (h < smallest && h < hMax) {
        throw new TwinError(
          'NUMERIC',
          `The solver's step fell below ${smallest.toExponential(1)} s at ${t} s: the model may be stiff, discontinuous or diverging.${worstState(w, x, this.#tolerances)} Allow a larger tolerance, or use co-simulation.`,
        );
      }
      // A rest that is too short for a step of its own is taken along.
      if (hMax - h < 1e-3 * h) h = hMax;
      let possible = true;
      for (let stage = 1; stage < 7 && possible; stage++) {
        const row = A[stage] as readonly number[];
        for (let i = 0; i < n; i++) {
          let sum = 0;
          for (let j = 0; j < stage; j++) {
            sum += (row[j] as number) * ((k[j] as Float64Array)[i] as number);
          }
          w[i] = (x[i] as number) + h * sum;
        }
        if (stage === 5) this.#before.set(w);
        if (stage === 6) xEnd.set(w);
        possible = this.#f(t + (C[stage] as number) * h, w, k[stage] as Float64Array);
      }
      let error = Number.POSITIVE_INFINITY;
      if (possible) {
        for (let i = 0; i < n; i++) {
          let sum = 0;
          for (let j = 0; j < 7; j++)
            sum += (E[j] as number) * ((k[j] as Float64Array)[i] as number);
          w[i] = h * sum;
        }
        error = this.#norm(w, x, xEnd);
      }
      if (error <= 1) {
        // PI control (Hairer and Wanner, IV.2).
        const grow = 0.9 * error ** -0.17 * this.#lastError ** 0.04;
        const factor = error === 0 ? 5 : Math.min(rejected ? 1 : 5, Math.max(0.2, grow));
        this.#lastError = Math.max(error, 1e-4);
        // A step cut short by its limit says nothing against the longer one planned before.
        this.#h = Math.max(h * factor, h < (this.#h ?? 0) && h === hMax ? (this.#h ?? 0) : 0);
        if (!this.stiff) this.#lookForStiffness(h, xEnd);
        this.#finish(h, x, xEnd);
        return h === hMax ? t + hMax : t + h;
      }
      this.rejectedSteps++;
      rejected = true;
      h *= Number.isFinite(error) ? Math.max(0.1, 0.9 * error ** -0.2) : 0.1;
      this.#h = h;
    }
  }

  #finish(h: number, x: Float64Array, xEnd: Float64Array): void {
    const [r1, r2, r3, r4, r5] = this.#dense as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const k = this.#k;
    const k0 = k[0] as Float64Array;
    const k6 = k[6] as Float64Array;
    for (let i = 0; i < x.length; i++) {
      const difference = (xEnd[i] as number) - (x[i] as number);
      const b = h * (k0[i] as number) - difference;
      r1[i] = x[i] as number;
      r2[i] = difference;
      r3[i] = b;
      r4[i] = difference - h * (k6[i] as number) - b;
      let sum = 0;
      for (let j = 0; j < 7; j++) sum += (D[j] as number) * ((k[j] as Float64Array)[i] as number);
      r5[i] = h * sum;
    }
    k0.set(k6);
  }

  interpolate(theta: number, out: Float64Array): void {
    const [r1, r2, r3, r4, r5] = this.#dense as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const u = 1 - theta;
    for (let i = 0; i < out.length; i++) {
      out[i] =
        (r1[i] as number) +
        theta *
          ((r2[i] as number) +
            u * ((r3[i] as number) + theta * ((r4[i] as number) + u * (r5[i] as number))));
    }
  }
}
