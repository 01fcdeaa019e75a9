import { expect, it } from 'vitest';
import { initialCalibratorState } from '../../../shared/twin/calibrator/initial-state.js';
import { crossCheck } from '../../../shared/twin/report/cross-check.js';
import { filteredConstantFindings } from '../../../shared/twin/report/filtered-constants.js';
import type { Twin } from '../../../shared/twin/types.js';
import { smallTwin } from './fixtures.js';

const PRIOR_STD = 0.1;

/** A machine with one constant and a parameter that may wear. */
function machine(more: Partial<Twin['definition']>): Twin {
  const twin = smallTwin({
    measured: [{ variable: 'T', alias: '/s/T', noiseStd: 0.1 }],
    parameters: [
      { variable: 'capacity', dynamics: 'constant' as const },
      { variable: 'fouling', wearHorizonS: 1e6 },
    ].map((p) => ({
      ...p,
      alias: `/s/${p.variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.3, std: PRIOR_STD },
    })),
  });
  return { ...twin, definition: { ...twin.definition, ...more } };
}

const mode = (mode: 'transient' | 'auto') => ({
  simulation: { ...smallTwin({}).definition.simulation, mode },
});
const noRefits = { ...mode('transient'), calibration: { refit: false as const } };

const last = (share: number, at: 'transient' | 'steady-state' = 'transient') => ({
  parameters: Object.fromEntries(
    ['capacity', 'fouling'].map((name) => {
      const std = share * PRIOR_STD;
      return [name, { mean: 0.3, std, lower95: 0.3 - 2 * std, upper95: 0.3 + 2 * std }];
    }),
  ),
  diagnostics: { mode: at },
});

it('constants that the filter of a moving machine learnt are named, with how to have them fitted', () => {
  const found = (more: Partial<Twin['definition']>) => {
    const twin = machine(more);
    return filteredConstantFindings(twin, initialCalibratorState(twin), last(0.1));
  };
  expect(found(noRefits)).toEqual([
    {
      grade: 'care',
      reason: expect.stringMatching(
        /^capacity: learnt by the filter of a moving machine.*refit: false/,
      ),
      about: ['capacity'],
    },
  ]);
  expect(found(mode('auto'))[0]!.reason).toMatch(/simulation\.mode: transient/);
});

it('is not said of what is still as its prior, of fitted constants, nor at rest', () => {
  const twin = machine(noRefits);
  const state = initialCalibratorState(twin);
  expect(filteredConstantFindings(twin, state, last(0.9))).toEqual([]);
  expect(filteredConstantFindings(twin, state, last(0.1, 'steady-state'))).toEqual([]);
  const fitted = machine(mode('transient'));
  expect(filteredConstantFindings(fitted, initialCalibratorState(fitted), last(0.1))).toEqual([]);
});

it('stands among the reasons of a run and of a pass of the worker', () => {
  const twin = machine(noRefits);
  const slopes = { slope: Float64Array.of(1, 0), noiseStd: Float64Array.of(0.1), active: [0] };
  const { findings } = crossCheck(twin, initialCalibratorState(twin), slopes, {
    ...last(0.1),
    virtualSensors: {},
    alarms: [],
  });
  expect(findings.map((f) => f.reason)).toContainEqual(expect.stringMatching(/^capacity: learnt/));
});
