import { TwinError } from '../core/index.js';

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
