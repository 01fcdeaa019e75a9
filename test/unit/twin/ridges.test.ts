import { describe, expect, it } from 'vitest';
import { findRidges, ridgeTexts } from '../../../shared/twin/fit/shape/ridges.js';
import {
  type Coordinate,
  parameterCoordinate,
} from '../../../shared/twin/fit/unknowns/coordinates.js';

/** Parameters that are fitted as logarithms, with a deviation of 1. */
const named = (...names: string[]): Coordinate[] =>
  names.map((variable) => ({
    ...parameterCoordinate({
      variable,
      alias: `/m/${variable}`,
      unit: '',
      lower: 0,
      prior: { mean: 1, std: 1.3108 },
      dynamics: 'constant',
    } as Parameters<typeof parameterCoordinate>[0]),
  }));

/** A covariance with these variances along orthogonal directions. */
function covarianceOf(axes: readonly (readonly [number, readonly number[]])[]): Float64Array {
  const n = axes.length;
  const P = new Float64Array(n * n);
  for (const [variance, direction] of axes) {
    const length = Math.hypot(...direction);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < n; k++) {
        P[i * n + k]! += (variance * direction[i]! * direction[k]!) / length ** 2;
      }
    }
  }
  return P;
}

/** Each parameter alone, the others known, would be well known. */
const told = (n: number) =>
  Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1000 : 0));

describe('what a record leaves unknown', () => {
  it('names the law of two parameters', () => {
    const covariance = covarianceOf([
      [0.9, [1, -1]],
      [0.001, [1, 1]],
    ]);
    expect(ridgeTexts(findRidges(named('a', 'b'), covariance, told(2)))).toEqual([
      'of a and b only a·b is known',
    ]);
  });

  it('claims no law where two directions of the same parameters are open', () => {
    const covariance = covarianceOf([
      [0.9, [1, -0.8]],
      [0.5, [0.8, 1]],
    ]);
    const ridges = findRidges(named('a', 'b'), covariance, told(2));
    expect(ridges).toHaveLength(2);
    expect(ridgeTexts(ridges)).toEqual([
      'of a and b not each is known: changes of them together leave the outputs as they are',
    ]);
  });

  it('claims no law of two where a third takes part, nor one to a power that says nothing', () => {
    const third = covarianceOf([
      [0.9, [1, -0.5, 0.9]],
      [0.001, [0.5, 1, 0]],
      [0.001, [-0.9, 0.45, 1.25]],
    ]);
    const information = told(3);
    // The third is hardly told by itself, so it is no member; yet the direction needs it.
    information[8] = 1;
    const [ridge] = findRidges(named('a', 'b', 'c'), third, information);
    expect(Object.keys(ridge!.direction)).toEqual(['a', 'b']);
    expect(ridge!.message).toContain('not each is known');
    const wide = named('a', 'b');
    wide[0] = { ...wide[0]!, scale: 8 };
    const steep = findRidges(
      wide,
      covarianceOf([
        [0.9, [1, -1]],
        [0.001, [1, 1]],
      ]),
      told(2),
    );
    expect(steep[0]!.message).toContain('not each is known');
  });
});
