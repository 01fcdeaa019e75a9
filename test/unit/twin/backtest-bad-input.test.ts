import { describe, expect, it } from 'vitest';
import { backtest } from '../../../shared/twin/backtest/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

interface Case {
  title: string;
  twin?: Twin;
  samples: () => Promise<Sample[]>;
  model?: Parameters<typeof lagModel>[1];
  grade: ('good' | 'care' | 'unusable')[];
  says: RegExp;
}

const valued = async (value: number) =>
  (await lagSamples()).map((s) => ({ ...s, measured: Float64Array.of(value) }));
const worse = ['care', 'unusable'] as Case['grade'];

const CASES: Case[] = [
  {
    title: 'three samples',
    samples: () => lagSamples({ n: 3 }),
    grade: ['unusable'],
    says: /3 samples/,
  },
  { title: 'one constant', samples: () => valued(2), grade: ['unusable'], says: /no measured/ },
  {
    title: 'nothing but missing values',
    samples: () => valued(Number.NaN),
    grade: ['unusable'],
    says: /no measured/,
  },
  {
    title: 'inputs that have no value',
    samples: async () =>
      (await lagSamples()).map((s) => ({ ...s, inputs: Float64Array.of(Number.NaN) })),
    grade: ['unusable'],
    says: /^0 samples with 0 usable.*; none of \d+ samples was used: \d+ input-missing$/,
  },
  {
    title: 'a parameter that does nothing',
    twin: lagTwin(['gain', 'tau', 'idle']),
    samples: () => lagSamples(),
    grade: worse,
    says: /idle does nothing/,
  },
  {
    title: 'two parameters that do the same',
    twin: lagTwin(['gain', 'tau', 'gain2']),
    samples: () => lagSamples(),
    grade: worse,
    says: /only gain/,
  },
  {
    title: 'bounds that exclude the optimum',
    twin: lagTwin(['gain', 'tau'], {}, { gain: { upper: 2.2 } }),
    samples: () => lagSamples(),
    grade: worse,
    says: /gain stands at its bound/,
  },
  {
    title: 'a model that fails everywhere',
    samples: () => lagSamples(),
    model: { failsWhere: () => true },
    grade: ['unusable'],
    says: /runs along the record from none/,
  },
  {
    title: 'a model that gives NaN',
    samples: () => lagSamples(),
    model: { nan: true },
    grade: ['unusable'],
    says: /NaN/,
  },
];

describe('a backtest of bad input ends in a verdict that names it', () => {
  it.each(CASES)('$title', async ({ twin = lagTwin(), samples, model, grade, says }) => {
    const output = await backtest(twin, lagModel(twin, model), await samples(), {
      withoutYardstick: true,
    });
    expect(grade).toContain(output.verdict.grade);
    expect(output.verdict.reasons.join('; ')).toMatch(says);
    expect(output.summary.verdict).toEqual(output.verdict);
  });

  it('a model that fails below a value is tested where it runs', async () => {
    const twin = lagTwin();
    const model = lagModel(twin, { failsWhere: ({ gain = 0 }) => gain < 1.8 });
    const output = await backtest(twin, model, await lagSamples(), { withoutYardstick: true });
    expect(output.horizons.length).toBeGreaterThan(0);
    for (const h of output.horizons) expect(h.coverage95).toBeGreaterThan(0.8);
  });

  it('no noise at all, and times that repeat, give bands that hold', async () => {
    const twin = lagTwin();
    const once = await lagSamples({ noise: 0 });
    for (const samples of [once, (await lagSamples()).flatMap((s) => [s, s])]) {
      const output = await backtest(twin, lagModel(twin), samples, { withoutYardstick: true });
      expect(output.summary.used).toBe(once.length);
      for (const h of output.horizons) expect(h.coverage95, String(h.samples)).toBeGreaterThan(0.8);
    }
  });
});
