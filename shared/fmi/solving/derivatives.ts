import { TwinError } from '../../core/index.js';
import type { FmuInstance } from '../binding/instance.js';
import type { ModelVariable } from '../description/model-description.js';

/** Partial derivatives of unknowns by knowns. */
export interface Jacobian {
  /** Row-major: `values[i * knowns + j] = ∂unknown_i / ∂known_j`. */
  values: Float64Array;
  rows: number;
  columns: number;
  method: 'directional' | 'adjoint' | 'finite-differences';
  /** Estimated error of each entry; zero where the FMU gives derivatives itself. */
  errors: Float64Array;
}

/**
 * Computes partial derivatives where the instance stands.
 *
 * Finite differences are central, with steps h and h/2 of about the cube root of the machine's
 * precision; the two are extrapolated, and their difference is reported as the error.
 *
 * @param unknowns scalars of type Float64 (outputs, derivatives)
 * @param knowns scalars of type Float64 (inputs, states, tunable parameters); restored afterwards
 * @param provides what the FMU offers
 * @throws TwinError `NUMERIC` when an unknown, or a derivative that the FMU gives, is not finite
 */
export function jacobian(
  instance: FmuInstance,
  unknowns: readonly ModelVariable[],
  knowns: readonly ModelVariable[],
  provides: { directional: boolean; adjoint: boolean },
): Jacobian {
  const rows = unknowns.length;
  const columns = knowns.length;
  const values = new Float64Array(rows * columns);
  const errors = new Float64Array(rows * columns);
  if (provides.directional) {
    for (let j = 0; j < columns; j++) {
      const known = knowns[j] as ModelVariable;
      const column = instance.getDirectionalDerivative(unknowns, [known], Float64Array.of(1));
      for (let i = 0; i < rows; i++) {
        values[i * columns + j] = finite(column[i] as number, unknowns[i], known);
      }
    }
    return { values, rows, columns, method: 'directional', errors };
  }
  if (provides.adjoint) {
    for (let i = 0; i < rows; i++) {
      const unknown = unknowns[i] as ModelVariable;
      const row = instance.getAdjointDerivative([unknown], knowns, Float64Array.of(1));
      values.set(
        row.map((v, j) => finite(v, unknown, knowns[j])),
        i * columns,
      );
    }
    return { values, rows, columns, method: 'adjoint', errors };
  }
  const y = instance.float64Block(unknowns);
  const x = instance.float64Block(knowns);
  try {
    x.get();
    const base = x.values.slice();
    const at = (j: number, value: number) => {
      x.values.set(base);
      x.values[j] = value;
      x.set();
      y.get();
      return y.values.slice();
    };
    for (let j = 0; j < columns; j++) {
      const x0 = base[j] as number;
      const nominal = Math.abs(knowns[j]?.nominal ?? 1);
      const h = Math.cbrt(Number.EPSILON) * Math.max(Math.abs(x0), nominal, 1e-300) * 4;
      const slope = (step: number) => {
        const up = at(j, x0 + step);
        const down = at(j, x0 - step);
        return up.map((v, i) => (v - (down[i] as number)) / (x0 + step - (x0 - step)));
      };
      const coarse = slope(h);
      const fine = slope(h / 2);
      for (let i = 0; i < rows; i++) {
        const a = coarse[i] as number;
        const b = fine[i] as number;
        if (!Number.isFinite(a) || !Number.isFinite(b)) {
          throw new TwinError(
            'NUMERIC',
            `${unknowns[i]?.name} is not finite near ${knowns[j]?.name} = ${x0}.`,
          );
        }
        values[i * columns + j] = (4 * b - a) / 3;
        errors[i * columns + j] = Math.abs(b - a);
      }
    }
    x.values.set(base);
    x.set();
    return { values, rows, columns, method: 'finite-differences', errors };
  } finally {
    x.release();
    y.release();
  }
}

function finite(value: number, of?: ModelVariable, by?: ModelVariable): number {
  if (Number.isFinite(value)) return value;
  throw new TwinError(
    'NUMERIC',
    `The FMU gives ∂${of?.name}/∂${by?.name} as ${value}: its derivatives can't be relied on. Use finite differences.`,
  );
}
