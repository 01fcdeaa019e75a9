import { expect, it } from 'vitest';
import { loneChannels, loneFindings } from '../../../shared/twin/report/lone-channels.js';
import { smallTwin } from './fixtures.js';

const twinWith = (constant: boolean) =>
  smallTwin({
    measured: ['p', 'T', 'flow'].map((variable) => ({ variable, alias: `/s/${variable}` })),
    parameters: ['eta', 'kv'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.3, std: 0.1 },
      ...(constant ? { dynamics: 'constant' as const } : { wearHorizonS: 1e6 }),
    })),
  });

/** `eta` moves T only; `kv` moves all. */
const slopes = {
  slope: Float64Array.of(0, 2, 50, 3, 0, 1),
  noiseStd: Float64Array.of(0.1, 1, 0.1),
  active: [0, 1, 2],
};
const fault = (subject: string) =>
  [{ code: 'sensor-fault', subject, message: `${subject} contradicts the others.` }] as const;

it('a constant that one channel tells alone is named where that channel contradicts the others', () => {
  const twin = twinWith(true);
  expect(loneChannels(twin, slopes)).toEqual({ eta: 'T' });
  expect(loneFindings(twin, slopes, fault('T'))).toEqual([
    {
      grade: 'care',
      reason: expect.stringMatching(/^eta is told by T alone: .*wearHorizonS/),
      about: ['eta', 'T'],
    },
  ]);
  expect(loneFindings(twin, slopes, fault('flow'))).toEqual([]);
  expect(loneFindings(twin, slopes, [])).toEqual([]);
});

it('nor is one that may wear, or that no channel tells', () => {
  expect(loneFindings(twinWith(false), slopes, fault('T'))).toEqual([]);
  const none = { ...slopes, slope: new Float64Array(6) };
  expect(loneChannels(twinWith(true), none)).toEqual({});
  expect(loneChannels(twinWith(true), { ...slopes, active: [] })).toEqual({});
});
