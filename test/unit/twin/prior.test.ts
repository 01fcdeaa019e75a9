import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import { cholesky, invertFromCholesky } from '../../../shared/kalman/index.js';
import { parameterCoordinate, valueAt } from '../../../shared/twin/fit/unknowns/coordinates.js';
import {
  addPrior,
  fromPrior,
  priorOf,
  priorSquare,
} from '../../../shared/twin/fit/unknowns/prior.js';
import {
  courseFrame,
  WEAR_KINDS,
  wearCoordinates,
  wearPrior,
} from '../../../shared/twin/fit/wear/wear-course.js';

const ROWS = 61;
const HORIZON_S = 600;
const { parameters } = twinSchema.parse({
  name: 'two',
  fmu: './two.fmu',
  inputs: [],
  measured: [{ variable: 'y', alias: '/y' }],
  parameters: ['k', 'c'].map((variable) => ({
    variable,
    alias: `/${variable}`,
    lower: 0.01,
    upper: 1,
    prior: { mean: 0.2, std: 0.04 },
  })),
  virtualSensors: [],
});

/** Two parameters, of which the first wears as fast as a hypothesis says. */
function worn(kind: string) {
  const base = parameters.map(parameterCoordinate);
  const frame = courseFrame(
    Float64Array.from({ length: ROWS }, (_, k) => k),
    4,
    undefined,
  );
  const prior = wearPrior(0, parameters[0]!, base[0]!, HORIZON_S, 0.2)!;
  const of = WEAR_KINDS.find(({ name }) => name === kind)!;
  return [...base, ...wearCoordinates('k', prior, of, frame)];
}

describe('the prior of a parameter that wears', () => {
  it('tells of what it was when the record began, not of what it is at the end', () => {
    const coordinates = worn('8×');
    const [c] = coordinates;
    const rng = createRng(1);
    for (let k = 0; k < 20; k++) {
      const u = Float64Array.from(coordinates, () => rng.normal());
      const added = coordinates.reduce(
        (sum, { course }, j) => sum + u[j]! * (course?.at(0) ?? 0),
        0,
      );
      const atStart = Math.log(valueAt(c!, u[0]!)) + added;
      const v = fromPrior(priorOf(coordinates), u);
      expect(v[0]).toBeCloseTo((atStart - c!.centre) / c!.scale, 9);
      expect(v.slice(1)).toEqual(u.slice(1));
    }
  });

  it('is one Gaussian, whichever way it is asked about', () => {
    const coordinates = worn('8×');
    const prior = priorOf(coordinates);
    const n = coordinates.length;
    const covariance = invertFromCholesky(cholesky(prior.precision, n), n);
    expect([...prior.variance].map((_, j) => covariance[j * n + j]!)).toEqual(
      [...prior.variance].map((v) => expect.closeTo(v, 6)),
    );
    expect(prior.variance[0]).toBeGreaterThan(4);
    expect(prior.variance[1]).toBe(1);
    const u = Float64Array.from({ length: n }, (_, j) => 0.3 * j - 1);
    const information = new Float64Array(n * n);
    const gradient = new Float64Array(n);
    addPrior({ information, gradient }, prior, u);
    const square = -gradient.reduce((sum, g, j) => sum + g * u[j]!, 0);
    expect(priorSquare(prior, u)).toBeCloseTo(square, 9);
  });

  it('is that of one that stays where nothing wears', () => {
    const coordinates = worn('none');
    expect([...priorOf(coordinates).precision]).toEqual([1, 0, 0, 1]);
  });
});
