import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TwinDefinition } from '../../../shared/config/index.js';
import { squareRootOfStack } from '../../../shared/kalman/index.js';
import {
  type CalibratorState,
  createCalibrator,
  migrateState,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const old = smallTwin();
const parameter = (variable: string, more: Record<string, unknown> = {}) => ({
  variable,
  alias: `/s/${variable}`,
  lower: 0,
  upper: 1,
  prior: { mean: 0.1, std: 0.05 },
  wearHorizonS: 1000,
  ...more,
});
const changed = (...parameters: ReturnType<typeof parameter>[]): Twin => ({
  ...smallTwin({ parameters }),
  hash: 'changed-hash',
});

/** A state of the small twin with these means and any covariance. */
function stateOf(means: readonly number[], factor: readonly number[]): CalibratorState {
  const begun = createCalibrator({ twin: old, model: linearModel() }).initialState();
  const rows = Float64Array.from({ length: 32 }, (_, i) =>
    // With a diagonal: nothing is known without an error.
    i < 16 && i % 5 === 0 ? 1e-4 : 1e-4 * (factor[i] ?? 0),
  );
  const S = squareRootOfStack(rows, 8, 4);
  const filter = { ...begun.filter, x: Float64Array.from(means), S };
  return { ...begun, timeS: 500, timeNs: 500n, sampleCount: 7, filter };
}
/** 0.01 and 0.01, and next to nothing of the trends. */
const EXACT = Array.from({ length: 32 }, (_, i) => (i === 16 || i === 21 ? 100 : 0));
const covariance = ({ filter: { S, x } }: CalibratorState) => {
  const N = x.length;
  return (i: number, j: number) => {
    let sum = 0;
    for (let k = 0; k < N; k++) sum += S[i * N + k]! * S[j * N + k]!;
    return sum;
  };
};
const factors = fc.array(fc.integer({ min: -300, max: 300 }), {
  minLength: 32,
  maxLength: 32,
});
const migrate = (
  state: CalibratorState,
  to: Twin,
  options: Parameters<typeof migrateState>[3] = {},
  from: TwinDefinition = old.definition,
) => migrateState(state, from, to, options);

describe('migrating a state', () => {
  it('takes parameters over by name, whatever their order, with trends and correlations', () => {
    fc.assert(
      fc.property(factors, (factor) => {
        const state = stateOf([0.2, 0.3, 1e-6, -2e-6], factor);
        const to = changed(parameter('q'), parameter('p'));
        const { state: made, migration } = migrate(state, to, { widen: 1 });
        expect([...made.filter.x]).toEqual([0.3, 0.2, -2e-6, 1e-6]);
        const [before, after] = [covariance(state), covariance(made)];
        const at = [1, 0, 3, 2];
        for (let i = 0; i < 4; i++) {
          for (let j = 0; j < 4; j++) {
            expect(after(i, j)).toBeCloseTo(before(at[i]!, at[j]!), 12);
          }
        }
        expect(migration).toMatchObject({ fromPrior: [], removed: [], noiseAnew: [] });
      }),
    );
  });

  it('widens, never past the prior and never to less than it was', () => {
    fc.assert(
      fc.property(factors, fc.double({ min: 1, max: 9, noNaN: true }), (factor, widen) => {
        const state = stateOf([0.2, 0.3, 0, 0], factor);
        const { state: made, migration } = migrate(state, changed(parameter('p'), parameter('q')), {
          widen,
        });
        const spread = covariance(made);
        migration.kept.forEach(({ stdBefore, std }, i) => {
          expect(Math.sqrt(spread(i, i))).toBeCloseTo(std, 12);
          expect(std).toBeGreaterThanOrEqual(stdBefore);
          expect(std).toBeLessThanOrEqual(
            Math.max(stdBefore, Math.min(0.05, widen * stdBefore)) + 1e-15,
          );
        });
        // A square root of a covariance, so that what it is of is positive semidefinite.
        for (let i = 0; i < 4; i++) {
          expect(made.filter.S[i * 4 + i]).toBeGreaterThanOrEqual(0);
          for (let j = i + 1; j < 4; j++) expect(made.filter.S[i * 4 + j]).toBe(0);
        }
      }),
    );
  });

  it('begins new ones at their priors, names removed ones, and follows new names', () => {
    const state = stateOf([0.2, 0.3, 1e-6, 2e-6], EXACT);
    const to = changed(
      parameter('friction'),
      parameter('leak', { prior: { mean: 0.4, std: 0.2 } }),
    );
    const { state: made, migration } = migrate(state, to, { renamed: { friction: 'p' } });
    expect(migration).toMatchObject({
      kept: [
        {
          variable: 'friction',
          from: 'p',
          mean: 0.2,
          stdBefore: expect.closeTo(0.01, 4),
          std: expect.closeTo(0.02, 4),
        },
      ],
      fromPrior: [{ variable: 'leak', reason: 'new', mean: 0.4, std: 0.2 }],
      removed: [{ variable: 'q', mean: 0.3, std: expect.closeTo(0.01, 4) }],
    });
    expect(made.filter.x[1]).toBe(0.4);
    expect(covariance(made)(0, 1)).toBe(0);
    expect(made).toMatchObject({
      twinHash: 'changed-hash',
      timeS: 500,
      timeNs: 500n,
      sampleCount: 7,
    });
  });

  it.each([
    ['a unit of another scale', { unit: 'mm' }, /unit was none, now mm/],
    ['bounds that leave no room for it', { lower: 0.5 }, /0\.2 lies outside its bounds/],
  ])('does not take over over %s', (_name, more, reason) => {
    const { migration } = migrate(
      stateOf([0.2, 0.3, 0, 0], EXACT),
      changed(parameter('p', { ...more, prior: { mean: 0.6, std: 0.05 } }), parameter('q')),
    );
    expect(migration.fromPrior).toMatchObject([
      { variable: 'p', reason: expect.stringMatching(reason) },
    ]);
    expect(migration.kept.map((k) => k.variable)).toEqual(['q']);
  });

  it('keeps what was learnt of noise, by sensor, unless the definition says another', () => {
    const state = stateOf([0.2, 0.3, 0, 0], EXACT);
    const learnt = { ...state, filter: { ...state.filter, noiseStd: Float64Array.of(1, 2, 3) } };
    const measured = ['y3', 'y1', 'new'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      noiseStd: variable === 'y1' ? 0.5 : 0.01,
    }));
    const to = { ...smallTwin({ measured }), hash: 'h' };
    const { state: made, migration } = migrate(learnt, to);
    expect([...made.filter.noiseStd]).toEqual([3, 0.5, 0.01]);
    expect(migration.noiseAnew).toEqual(['y1', 'new']);
  });

  it('goes on: the next sample is taken by the new twin, nearer to the truth than from the prior', async () => {
    const before = createCalibrator({ twin: old, model: linearModel() });
    let state = before.initialState();
    for (let k = 0; k < 40; k++) ({ state } = await before.step(state, sample(k, [0.3, 0.2, 0.5])));
    const to = changed(parameter('q'), parameter('p'));
    const model: TwinModel = linearModel();
    const swapped = {
      ...model,
      evaluate: (points: readonly Float64Array[], inputs: Float64Array) =>
        model.evaluate(
          points.map(([q = 0, p = 0]) => Float64Array.of(p, q)),
          inputs,
        ),
    };
    const after = createCalibrator({ twin: to, model: swapped });
    const { state: made } = migrate(state, to);
    const { result } = await after.step(made, sample(40, [0.3, 0.2, 0.5]));
    expect(result.skipped).toBeUndefined();
    expect(result.parameters.p!.mean).toBeCloseTo(0.3, 2);
    expect(result.parameters.q!.mean).toBeCloseTo(0.2, 2);
    await expect(after.step(state, sample(40, [0.3, 0.2, 0.5]))).rejects.toMatchObject({
      code: 'STATE_MISMATCH',
    });
  });
});
