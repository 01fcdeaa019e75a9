import { describe, expect, it } from 'vitest';
import { thinned } from '../../../shared/twin/data/thin.js';
import type { Sample } from '../../../shared/twin/types.js';
import { smallTwin } from './fixtures.js';

const definitionOf = (mode: 'transient' | 'steady-state') => {
  const { definition } = smallTwin({ inputs: [{ variable: 'u', alias: '/s/u' }] });
  return { ...definition, simulation: { ...definition.simulation, mode } };
};

const samplesOf = (inputs: readonly number[]): Sample[] =>
  inputs.map((u, k) => ({
    timeS: 10 * k,
    inputs: Float64Array.of(u),
    measured: Float64Array.of(k, k, k),
  }));

const each =
  (stride: number) =>
  (_: Sample, place: number): boolean =>
    place % stride === 0;

const betweenOf = (samples: readonly Sample[]) =>
  samples.map(({ between }) => between?.map(({ timeS, inputs }) => [timeS, inputs[0]]));

describe('thinned', () => {
  it('keeps a pulse between two samples with the later of them', () => {
    const thin = thinned(
      definitionOf('transient'),
      samplesOf([0, 0, 1, 0, 0, 0, 0, 0, 0]),
      each(4),
    );
    expect(thin.map((s) => s.timeS)).toEqual([0, 40, 80]);
    expect(betweenOf(thin)).toEqual([
      undefined,
      [
        [10, 0],
        [20, 1],
        [30, 0],
      ],
      undefined,
    ]);
  });

  it('holds the last value where one is missing, and knows none before the first', () => {
    const nan = Number.NaN;
    const thin = thinned(definitionOf('transient'), samplesOf([nan, nan, 2, nan, 3]), each(4));
    expect(betweenOf(thin)).toEqual([
      undefined,
      [
        [20, 2],
        [30, 2],
      ],
    ]);
  });

  it('takes no wild reading for what drove the machine', () => {
    const inputs = Array.from({ length: 41 }, (_, k) => (k === 18 ? 1e6 : k % 2));
    const thin = thinned(definitionOf('transient'), samplesOf(inputs), each(4));
    const all = betweenOf(thin).flatMap((rows) => rows?.map(([, u]) => u) ?? []);
    expect(all.length).toBeGreaterThan(20);
    expect(Math.max(...(all as number[]))).toBe(1);
  });

  it('leaves states of rest as they are: what was before them is over', () => {
    const thin = thinned(definitionOf('steady-state'), samplesOf([0, 1, 0, 1, 0]), each(2));
    expect(betweenOf(thin)).toEqual([undefined, undefined, undefined]);
  });

  it('changes nothing where every sample is taken', () => {
    const samples = samplesOf([0, 1, 0]);
    expect(thinned(definitionOf('transient'), samples, each(1))).toEqual(samples);
  });

  it('keeps what inputs were between the samples that it passes over', () => {
    const samples = samplesOf([0, 0, 0, 0, 0]);
    samples[1]!.between = [
      { timeS: 3, inputs: Float64Array.of(7) },
      { timeS: 5, inputs: Float64Array.of(0) },
    ];
    const thin = thinned(definitionOf('transient'), samples, each(4));
    expect(betweenOf(thin)).toEqual([
      undefined,
      [
        [3, 7],
        [5, 0],
      ],
    ]);
  });
});
