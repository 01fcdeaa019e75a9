import { TwinError } from '../core/index.js';

/** Refuses a row-major array that is not rows × cols: `what` names it. */
export function requireShape(
  array: ArrayLike<number>,
  rows: number,
  cols: number,
  what: string,
): void {
  // The shape's text is made for the error only: kernels ask at each call.
  if (array.length !== rows * cols) requireLength(array, rows * cols, what, `${rows} × ${cols}`);
}

/** Refuses an array of the wrong length: `what` names it, `shape` says how the length comes about. */
export function requireLength(
  array: ArrayLike<number>,
  length: number,
  what: string,
  shape: string,
): void {
  if (array.length !== length) {
    throw new TwinError(
      'VALUE_INVALID',
      `${what} has ${array.length} elements, expected ${length} (${shape}, row-major). Pass an array of that size.`,
    );
  }
}

/** Refuses NaN and infinities, naming the first element that is one. */
export function requireFinite(array: Float64Array, what: string): void {
  for (let i = 0; i < array.length; i++) {
    if (!Number.isFinite(array[i])) {
      throw new TwinError(
        'NUMERIC',
        `${what}[${i}] is ${array[i]}, expected a finite number. Check the model's result or the value passed in.`,
      );
    }
  }
}

/** Refuses a dimension that is no positive integer. */
export function requireDimension(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new TwinError('VALUE_INVALID', `${what} is ${value}, expected an integer of at least 1.`);
  }
}

/** Share of its entries' size by which two halves of a covariance may differ: rounding. */
const SYMMETRIC_TO = 1e-9;

/**
 * Refuses what can't be a covariance: NaN, an asymmetry, a variance below zero, or a correlation
 * beyond one. It costs a look at every entry. That an eigenvalue is negative all the same shows where
 * the matrix is factored; what is only added to another is for {@link requireSemidefinite}.
 */
export function requireCovariance(P: Float64Array, n: number, what: string): void {
  requireFinite(P, what);
  for (let i = 0; i < n; i++) {
    const variance = P[i * n + i]!;
    if (variance < 0) {
      throw new TwinError(
        'VALUE_INVALID',
        `${what} has ${variance} at [${i},${i}], expected a variance: 0 or more.`,
      );
    }
    for (let j = 0; j < i; j++) {
      const [a, b] = [P[i * n + j]!, P[j * n + i]!];
      const most = Math.sqrt(variance * P[j * n + j]!);
      if (Math.abs(a - b) > SYMMETRIC_TO * Math.max(most, Math.abs(a), Math.abs(b))) {
        throw new TwinError(
          'VALUE_INVALID',
          `${what} has ${a} at [${i},${j}] and ${b} at [${j},${i}], expected a symmetric matrix.`,
        );
      }
      if (Math.abs(a) > most * (1 + SYMMETRIC_TO)) {
        throw new TwinError(
          'VALUE_INVALID',
          `${what} has ${a} at [${i},${j}], expected at most ${most}: its variances allow no more, so it is no covariance.`,
        );
      }
    }
  }
}

/**
 * Refuses what {@link requireCovariance} lets pass and has an eigenvalue below zero beyond rounding: of three
 * and more, correlations can each be possible and all together not. Costs a factorisation, nothing where
 * it is diagonal.
 *
 * @param scratch n × n
 */
export function requireSemidefinite(
  P: Float64Array,
  n: number,
  what: string,
  scratch: Float64Array,
): void {
  if (n < 3 || isDiagonal(P, n)) return;
  // Cholesky's factor of the correlations with a little added to their diagonal.
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const scale = Math.sqrt(P[i * n + i]! * P[j * n + j]!);
      let left = scale > 0 ? P[i * n + j]! / scale : 0;
      if (i === j) left = 1 + n * SYMMETRIC_TO;
      for (let k = 0; k < j; k++) left -= scratch[i * n + k]! * scratch[j * n + k]!;
      if (i !== j) scratch[i * n + j] = left / scratch[j * n + j]!;
      else if (left > 0) scratch[i * n + i] = Math.sqrt(left);
      else {
        throw new TwinError(
          'VALUE_INVALID',
          `${what} has a negative eigenvalue: given what comes before, [${i},${i}] is ${left * P[i * n + i]!}, expected a variance: 0 or more. Its correlations exclude each other, so it is no covariance.`,
        );
      }
    }
  }
}

function isDiagonal(P: Float64Array, n: number): boolean {
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < i; j++) if (P[i * n + j] !== 0) return false;
  }
  return true;
}
