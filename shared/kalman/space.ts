import { TwinError } from '../core/index.js';
import { requireDimension } from './checks.js';

/**
 * How means, differences and corrections are formed where plain arithmetic is wrong: angles,
 * headings, anything that wraps. What is left out is plain arithmetic.
 */
export interface Space {
  /** out = a ⊖ b. */
  residual?(a: Float64Array, b: Float64Array, out: Float64Array): void;
  /** out = x ⊕ dx; `out` may be `x`. */
  add?(x: Float64Array, dx: Float64Array, out: Float64Array): void;
  /** The weighted mean of the points (weights sum to 1, some may be negative). */
  mean?(points: readonly Float64Array[], weights: Float64Array, out: Float64Array): void;
}

/** The angle in (−π, π] that equals `a` up to full turns. */
export function wrapAngle(a: number): number {
  const wrapped = a - 2 * Math.PI * Math.round(a / (2 * Math.PI));
  return wrapped <= -Math.PI ? wrapped + 2 * Math.PI : wrapped;
}

/**
 * A space of `size` components of which some are angles in radians: differences and corrections are
 * wrapped to (−π, π], means are those of the unit vectors.
 *
 * @throws TwinError `VALUE_INVALID` for an index outside
 */
export function angularSpace(size: number, angles: readonly number[]): Required<Space> {
  requireDimension(size, 'size');
  const isAngle = new Uint8Array(size);
  for (const index of angles) {
    if (!(Number.isInteger(index) && index >= 0 && index < size)) {
      throw new TwinError(
        'VALUE_INVALID',
        `angularSpace: index ${index} is no component, expected an integer from 0 to ${size - 1}.`,
      );
    }
    isAngle[index] = 1;
  }
  return {
    residual(a, b, out) {
      for (let i = 0; i < size; i++) {
        const difference = a[i]! - b[i]!;
        out[i] = isAngle[i] ? wrapAngle(difference) : difference;
      }
    },
    add(x, dx, out) {
      for (let i = 0; i < size; i++) {
        const sum = x[i]! + dx[i]!;
        out[i] = isAngle[i] ? wrapAngle(sum) : sum;
      }
    },
    mean(points, weights, out) {
      for (let i = 0; i < size; i++) {
        let sum = 0;
        let sine = 0;
        let cosine = 0;
        for (const [k, point] of points.entries()) {
          const w = weights[k]!;
          if (isAngle[i]) {
            sine += w * Math.sin(point[i]!);
            cosine += w * Math.cos(point[i]!);
          } else sum += w * point[i]!;
        }
        out[i] = isAngle[i] ? Math.atan2(sine, cosine) : sum;
      }
    },
  };
}
