import { TwinError } from '../../core/index.js';
import { type Derivatives, type OdeSolver, type Tolerances, worstState } from './ode-solver.js';
import { contradiction, type JacobianSource } from './offered-jacobian.js';

// RODAS3 of Sandu et al. (1997), "Benchmarking stiff ODE solvers for atmospheric chemistry problems
// II", in the transformed variables of Hairer and Wanner, IV.7: order 3(2), L-stable, stiffly
// accurate.
const GAMMA = 1 / 2;
const A = [[], [0], [2, 0], [2, 0, 1]] as const;
const C = [[], [4], [1, -1], [1, -1, -8 / 3]] as const;
const M = [2, 0, 1, 1] as const;
const ALPHA = [0, 0, 1, 1] as const;
const GAMMA_I = [1 / 2, 3 / 2, 0, 0] as const;
const STAGES = 4;

const SMALLEST = 16 * Number.EPSILON;
/** Step of differences, of a state's magnitude. */
const ROOT = Math.sqrt(Number.EPSILON);

/** LU decomposition in place with partial pivoting; `false` when singular. */
function factorize(matrix: Float64Array, n: number, pivots: Int32Array): boolean {
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) {
      if (Math.abs(matrix[i * n + k] as number) > Math.abs(matrix[pivot * n + k] as number)) {
        pivot = i;
      }
    }
    const value = matrix[pivot * n + k] as number;
    if (value === 0 || !Number.isFinite(value)) return false;
    pivots[k] = pivot;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) {
        const swap = matrix[k * n + j] as number;
        matrix[k * n + j] = matrix[pivot * n + j] as number;
        matrix[pivot * n + j] = swap;
      }
    }
    for (let i = k + 1; i < n; i++) {
      const factor = (matrix[i * n + k] as number) / (matrix[k * n + k] as number);
      matrix[i * n + k] = factor;
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) {
        matrix[i * n + j] = (matrix[i * n + j] as number) - factor * (matrix[k * n + j] as number);
      }
    }
  }
  return true;
}

/** Solves with the factors of {@link factorize}, in place. */
function solve(matrix: Float64Array, n: number, pivots: Int32Array, b: Float64Array): void {
  for (let k = 0; k < n; k++) {
    const pivot = pivots[k] as number;
    if (pivot !== k) {
      const swap = b[k] as number;
      b[k] = b[pivot] as number;
      b[pivot] = swap;
    }
  }
  for (let i = 1; i < n; i++) {
    let sum = b[i] as number;
    for (let j = 0; j < i; j++) sum -= (matrix[i * n + j] as number) * (b[j] as number);
    b[i] = sum;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i] as number;
    for (let j = i + 1; j < n; j++) sum -= (matrix[i * n + j] as number) * (b[j] as number);
    b[i] = sum / (matrix[i * n + i] as number);
  }
}

/** A linearly implicit method for stiff models; inside a step, Hermite interpolation. */
export class Rosenbrock implements OdeSolver {
  rejectedSteps = 0;
  readonly #f: Derivatives;
  readonly #tolerances: Tolerances;
  readonly #offered: JacobianSource | undefined;
  readonly #k: Float64Array[];
  readonly #f0: Float64Array;
  readonly #f1: Float64Array;
  readonly #ft: Float64Array;
  readonly #work: Float64Array;
  readonly #jacobian: Float64Array;
  readonly #matrix: Float64Array;
  readonly #pivots: Int32Array;
  readonly #x0: Float64Array;
  readonly #x1: Float64Array;
  #h: number | undefined;
  #hLast = 0;
  #t1 = 0;
  #endKnown = false;

  /**
   * @param n number of states
   * @param offered ∂f/∂x where `f` was evaluated last; left out, by differences
   */
  constructor(n: number, f: Derivatives, tolerances: Tolerances, offered?: JacobianSource) {
    this.#offered = offered;
    this.#f = f;
    this.#tolerances = tolerances;
    this.#k = Array.from({ length: STAGES }, () => new Float64Array(n));
    this.#f0 = new Float64Array(n);
    this.#f1 = new Float64Array(n);
    this.#ft = new Float64Array(n);
    this.#work = new Float64Array(n);
    this.#jacobian = new Float64Array(n * n);
    this.#matrix = new Float64Array(n * n);
    this.#pivots = new Int32Array(n);
    this.#x0 = new Float64Array(n);
    this.#x1 = new Float64Array(n);
  }

  restart(): void {
    this.#h = undefined;
    this.#endKnown = false;
  }

  /** ∂f/∂x as the model offers it, else by forward differences, and ∂f/∂t by those. */
  #linearize(t: number, x: Float64Array, h: number): boolean {
    const n = x.length;
    if (!this.#readOffered(t, x) && !this.#differences(t, x, 1, this.#jacobian)) return false;
    const dt = ROOT * Math.max(h, 1e-5 * Math.abs(t), 1e-10);
    if (!this.#f(t + dt, x, this.#ft)) return false;
    for (let i = 0; i < n; i++) {
      this.#ft[i] = ((this.#ft[i] as number) - (this.#f0[i] as number)) / dt;
    }
    return true;
  }

  /** Fills the Jacobian from its source; `false` where there is none to rely on. */
  #readOffered(t: number, x: Float64Array): boolean {
    const offered = this.#offered;
    // Evaluated first: the model may stand elsewhere.
    if (offered?.trusted !== true || !this.#f(t, x, this.#work)) return false;
    const outcome = offered.read(this.#jacobian);
    if (outcome !== 'compare') return outcome === 'believed';
    const n = x.length;
    const differences = new Float64Array(n * n);
    const backward = new Float64Array(n * n);
    if (!this.#differences(t, x, 1, differences)) return false;
    // On a kink both sides are right.
    if (this.#differences(t, x, -1, backward)) {
      for (let k = 0; k < n * n; k++) {
        const value = this.#jacobian[k] as number;
        const [a, b] = [differences[k] as number, backward[k] as number];
        if (Math.abs(b - value) < Math.abs(a - value)) differences[k] = b;
      }
    }
    const size = x.map((_, j) => this.#sizeOf(x, j));
    const found = contradiction(this.#jacobian, differences, size, (i, j) => {
      return (
        (100 * Number.EPSILON * Math.abs(this.#f0[i] as number)) / (ROOT * (size[j] as number))
      );
    });
    if (found === undefined) return true;
    offered.contradict(found);
    return false;
  }

  /** A state's magnitude, as steps of differences go by it. */
  #sizeOf(x: Float64Array, j: number): number {
    const typical = (this.#tolerances.absolute[j] as number) / this.#tolerances.relative;
    return Math.max(Math.abs(x[j] as number), 0.1 * typical);
  }

  /** ∂f/∂x by differences away from zero (1) or towards it (−1); `false` where `f` fails. */
  #differences(t: number, x: Float64Array, sign: 1 | -1, jacobian: Float64Array): boolean {
    const n = x.length;
    const w = this.#work;
    const column = this.#k[0] as Float64Array;
    w.set(x);
    for (let j = 0; j < n; j++) {
      const value = x[j] as number;
      w[j] = value + sign * ROOT * this.#sizeOf(x, j) * (value < 0 ? -1 : 1);
      const taken = (w[j] as number) - value;
      if (!this.#f(t, w, column)) return false;
      w[j] = value;
      for (let i = 0; i < n; i++) {
        jacobian[i * n + j] = ((column[i] as number) - (this.#f0[i] as number)) / taken;
      }
    }
    return true;
  }

  #norm(values: Float64Array, x: Float64Array, xEnd: Float64Array): number {
    const { relative, absolute } = this.#tolerances;
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const size = Math.max(Math.abs(x[i] as number), Math.abs(xEnd[i] as number));
      const share = (values[i] as number) / ((absolute[i] as number) + relative * size);
      sum += share * share;
    }
    return values.length === 0 ? 0 : Math.sqrt(sum / values.length);
  }

  step(t: number, x: Float64Array, hMax: number, xEnd: Float64Array): number {
    const n = x.length;
    const smallest = SMALLEST * Math.max(Math.abs(t), 1e-3);
    if (this.#endKnown) this.#f0.set(this.#f1);
    else if (!this.#f(t, x, this.#f0)) {
      throw new TwinError('NUMERIC', `The model could not be evaluated at ${t} s.`);
    }
    let h = Math.min(this.#h ?? this.#firstStep(x, hMax, smallest), hMax);
    const linearized = this.#linearize(t, x, h);
    let rejected = false;
    for (;;) {
      if ((h < smallest && h < hMax) || !linearized) {
        throw new TwinError(
          'NUMERIC',
          `The solver's step fell below ${smallest.toExponential(1)} s at ${t} s: the model may be discontinuous or diverging.${worstState(this.#k[STAGES - 1] as Float64Array, x, this.#tolerances)} Allow a larger tolerance, or use co-simulation.`,
        );
      }
      if (hMax - h < 1e-3 * h) h = hMax;
      const error = this.#attempt(t, x, h, xEnd, n);
      if (error <= 1) {
        const factor =
          error === 0 ? 6 : Math.min(rejected ? 1 : 6, Math.max(0.2, 0.9 * error ** (-1 / 3)));
        this.#h = Math.max(h * factor, h < (this.#h ?? 0) && h === hMax ? (this.#h ?? 0) : 0);
        this.#x0.set(x);
        this.#x1.set(xEnd);
        this.#hLast = h;
        this.#t1 = t + h;
        this.#endKnown = this.#f(this.#t1, this.#x1, this.#f1);
        if (this.#endKnown) return h === hMax ? t + hMax : t + h;
      }
      this.rejectedSteps++;
      rejected = true;
      h *= Number.isFinite(error) && error > 1 ? Math.max(0.1, 0.9 * error ** (-1 / 3)) : 0.2;
      this.#h = h;
    }
  }

  #firstStep(x: Float64Array, hMax: number, smallest: number): number {
    const slope = this.#norm(this.#f0, x, x);
    const size = this.#norm(x, x, x);
    const guess = slope < 1e-10 || size < 1e-10 ? 1e-6 : (0.01 * size) / slope;
    return Math.min(Math.max(guess, 1e-6 * hMax, 100 * smallest), hMax);
  }

  /** One step; its error in units of the tolerance, Infinity when it can't be made. */
  #attempt(t: number, x: Float64Array, h: number, xEnd: Float64Array, n: number): number {
    const shift = 1 / (h * GAMMA);
    for (let i = 0; i < n * n; i++) this.#matrix[i] = -(this.#jacobian[i] as number);
    for (let i = 0; i < n; i++) {
      this.#matrix[i * n + i] = (this.#matrix[i * n + i] as number) + shift;
    }
    if (!factorize(this.#matrix, n, this.#pivots)) return Number.POSITIVE_INFINITY;
    for (let stage = 0; stage < STAGES; stage++) {
      const k = this.#k[stage] as Float64Array;
      const a = A[stage] as readonly number[];
      const c = C[stage] as readonly number[];
      // Stages 0 and 1 share the evaluation at the step's start.
      if (stage < 2) k.set(this.#f0);
      else {
        for (let i = 0; i < n; i++) {
          let sum = x[i] as number;
          for (let j = 0; j < stage; j++) {
            sum += (a[j] as number) * ((this.#k[j] as Float64Array)[i] as number);
          }
          this.#work[i] = sum;
        }
        if (!this.#f(t + (ALPHA[stage] as number) * h, this.#work, k)) {
          return Number.POSITIVE_INFINITY;
        }
      }
      for (let i = 0; i < n; i++) {
        let sum = (k[i] as number) + h * (GAMMA_I[stage] as number) * (this.#ft[i] as number);
        for (let j = 0; j < stage; j++) {
          sum += ((c[j] as number) / h) * ((this.#k[j] as Float64Array)[i] as number);
        }
        k[i] = sum;
      }
      solve(this.#matrix, n, this.#pivots, k);
    }
    for (let i = 0; i < n; i++) {
      let sum = x[i] as number;
      for (let j = 0; j < STAGES; j++) {
        sum += (M[j] as number) * ((this.#k[j] as Float64Array)[i] as number);
      }
      xEnd[i] = sum;
    }
    const error = this.#norm(this.#k[STAGES - 1] as Float64Array, x, xEnd);
    return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
  }

  interpolate(theta: number, out: Float64Array): void {
    const h = this.#hLast;
    for (let i = 0; i < out.length; i++) {
      const a = this.#x0[i] as number;
      const b = this.#x1[i] as number;
      const d0 = h * (this.#f0[i] as number);
      const d1 = h * (this.#f1[i] as number);
      out[i] =
        (1 - theta) * a +
        theta * b +
        theta * (theta - 1) * ((1 - 2 * theta) * (b - a) + (theta - 1) * d0 + theta * d1);
    }
  }
}
