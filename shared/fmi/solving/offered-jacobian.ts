import type { FmuInstance } from '../binding/instance.js';
import { FmiCallError } from '../binding/status.js';
import {
  findVariable,
  type ModelDescription,
  type ModelVariable,
} from '../description/model-description.js';

/** Entries may part from differences by this share of the largest effect on their row. */
const AGREES = 1e-3;

/** ∂f/∂x where the model stands, by other means than differences. */
export interface JacobianSource {
  /** Whether it may be asked. */
  readonly trusted: boolean;
  /**
   * @param jacobian filled, row-major
   * @returns whether it is to be compared with differences, or `failed`: then nothing was read
   */
  read(jacobian: Float64Array): 'compare' | 'believed' | 'failed';
  /** Told that differences say otherwise. */
  contradict(found: Contradiction): void;
}

/** An entry of a Jacobian that differences contradict. */
export interface Contradiction {
  row: number;
  column: number;
  offered: number;
  difference: number;
}

/**
 * ∂(state derivatives)/∂(states) as an FMU gives it by directional derivatives. It is believed as long as
 * it agrees with differences: compared at the first look and whenever looks have doubled since. What is
 * wrong, not finite or fails is said once, and not asked for again.
 *
 * @see FMI 2.0.4, 2.1.9; FMI 3.0.2, 2.2.11
 */
export class OfferedJacobian {
  readonly #states: readonly ModelVariable[];
  readonly #derivatives: readonly ModelVariable[];
  readonly #complain: (text: string) => void;
  readonly #seed = Float64Array.of(1);
  #looks = 0;
  #distrusted = false;

  private constructor(
    derivatives: readonly ModelVariable[],
    states: readonly ModelVariable[],
    complain: (text: string) => void,
  ) {
    this.#derivatives = derivatives;
    this.#states = states;
    this.#complain = complain;
  }

  /** @returns `undefined` where the FMU offers none, or its states are not numbers with names */
  static of(md: ModelDescription, complain: (text: string) => void): OfferedJacobian | undefined {
    if (md.modelExchange?.providesDirectionalDerivatives !== true) return undefined;
    const derivatives = md.modelStructure.continuousStateDerivatives.map(({ name }) =>
      findVariable(md, name),
    );
    const states = derivatives.map((d) =>
      d?.derivative === undefined ? undefined : findVariable(md, d.derivative),
    );
    const plain = (v: ModelVariable | undefined): v is ModelVariable =>
      v?.type === 'Float64' && v.dimensions.length === 0;
    if (derivatives.length === 0 || !derivatives.every(plain) || !states.every(plain)) {
      return undefined;
    }
    return new OfferedJacobian(derivatives, states, complain);
  }

  /** That of an instance, where it stands. Trust is shared by all instances of the FMU. */
  on(instance: FmuInstance): JacobianSource {
    const trusted = () => !this.#distrusted;
    return {
      get trusted() {
        return trusted();
      },
      read: (jacobian) => this.#read(instance, jacobian),
      contradict: (found) => this.#contradict(found),
    };
  }

  #read(instance: FmuInstance, jacobian: Float64Array): 'compare' | 'believed' | 'failed' {
    const n = this.#states.length;
    for (let j = 0; j < n; j++) {
      const column = this.#column(instance, j);
      if (column === undefined) return 'failed';
      for (let i = 0; i < n; i++) jacobian[i * n + j] = column[i] as number;
    }
    this.#looks++;
    // A power of two.
    return (this.#looks & (this.#looks - 1)) === 0 ? 'compare' : 'believed';
  }

  #column(instance: FmuInstance, j: number): Float64Array | undefined {
    const state = this.#states[j] as ModelVariable;
    try {
      const column = instance.getDirectionalDerivative(this.#derivatives, [state], this.#seed);
      const bad = column.findIndex((v) => !Number.isFinite(v));
      if (bad < 0) return column;
      this.#distrust(`${this.#entry(bad, j)} is given as ${column[bad]}`);
    } catch (error) {
      if (!(error instanceof FmiCallError) || error.status === 'Fatal') throw error;
      this.#distrust(`asked for those by ${state.name} it returns ${error.status}`);
    }
    return undefined;
  }

  #contradict({ row, column, offered, difference }: Contradiction): void {
    const digits = (v: number) => Number(v.toPrecision(6));
    this.#distrust(
      `${this.#entry(row, column)} is given as ${digits(offered)} where differences say ${digits(difference)}`,
    );
  }

  #entry(row: number, column: number): string {
    return `∂${this.#derivatives[row]?.name}/∂${this.#states[column]?.name}`;
  }

  #distrust(reason: string): void {
    this.#distrusted = true;
    this.#complain(`The FMU's directional derivatives are passed over: ${reason}.`);
  }
}

/**
 * Compares a Jacobian with differences, each entry against what matters to its row.
 *
 * @param size typical magnitude of each state
 * @param rounding error of the differences by rounding, per entry
 * @returns the entry furthest off; `undefined` where all agree
 */
export function contradiction(
  offered: Float64Array,
  differences: Float64Array,
  size: Float64Array,
  rounding: (row: number, column: number) => number,
): Contradiction | undefined {
  const n = size.length;
  let worst: Contradiction | undefined;
  let most = 1;
  for (let row = 0; row < n; row++) {
    let effect = 0;
    for (let k = 0; k < n; k++) {
      effect = Math.max(effect, Math.abs(differences[row * n + k]!) * size[k]!);
    }
    for (let column = 0; column < n; column++) {
      const [a, b] = [offered[row * n + column]!, differences[row * n + column]!];
      const off = Math.abs(a - b) / ((AGREES * effect) / size[column]! + rounding(row, column));
      if (off > most) {
        most = off;
        worst = { row, column, offered: a, difference: b };
      }
    }
  }
  return worst;
}
