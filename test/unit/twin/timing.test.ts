import { describe, expect, it } from 'vitest';
import { commission, type FitOutput } from '../../../shared/twin/fit/index.js';
import type { FitRecord } from '../../../shared/twin/fit/record/record.js';
import { withInputLate } from '../../../shared/twin/fit/verdict/timing.js';
import type { Sample } from '../../../shared/twin/index.js';
import { alike, lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const measured = ['y', 'z'].map((variable) => ({ variable, alias: `/l/${variable}` }));

/** Two sensors of the lag, as they are read once each has been changed. */
async function reasonsOf(
  change: (samples: readonly Sample[], k: number) => Partial<Sample>,
  seed = 1,
): Promise<{ said: string; runs: number; output: FitOutput }> {
  const twin = lagTwin(['gain', 'tau'], { measured });
  const [one, other] = await Promise.all(
    [seed, seed + 50].map((s) => lagSamples({ seed: s, n: 240, noise: 0.03 })),
  );
  // The course is that of the first seed; the noise of the second sensor is its own.
  const still = await lagSamples({ seed: seed + 50, n: 240, noise: 0 });
  const clean = await lagSamples({ seed, n: 240, noise: 0 });
  const both = one!.map((s, k) => ({
    ...s,
    measured: Float64Array.of(
      s.measured[0]!,
      clean[k]!.measured[0]! + other![k]!.measured[0]! - still[k]!.measured[0]!,
    ),
  }));
  const samples = both.map((s, k) => ({ ...s, ...change(both, k) }));
  const model = lagModel(twin);
  const { output } = await commission(twin, alike(model, 2), samples, { offer: true });
  return { said: output.verdict.reasons.join('\n'), runs: model.runs, output };
}

const asOf = (of: readonly Sample[], k: number, rows: number) =>
  of[Math.min(Math.max(k - rows, 0), of.length - 1)]!;

describe('readings of other times than their rows’', () => {
  it.each([
    [2, 'late'],
    [-1, 'early'],
  ])('of one sensor are named with the time: %d rows', async (rows, how) => {
    const { said } = await reasonsOf((of, k) => ({
      measured: Float64Array.of(of[k]!.measured[0]!, asOf(of, k, rows).measured[1]!),
    }));
    const found = /times were wrong: (\w) ([\d.]+) s (\w+)/.exec(said);
    expect([found?.[1], found?.[3]]).toEqual(['z', how]);
    expect(Number(found?.[2])).toBeGreaterThan(Math.abs(rows) * 0.7);
    expect(Number(found?.[2])).toBeLessThan(Math.abs(rows) * 1.3);
  });

  it('of an input that reaches the machine later are named, and what that moves', async () => {
    const { said } = await reasonsOf((of, k) => ({ inputs: asOf(of, k, -2).inputs }));
    expect(said).toMatch(/times were wrong: .*u acting \d.* s after its times.* moves tau by/);
  });

  it.each([-2, 2])(
    'are held by bands, which are wide for that: inputs by %d rows',
    async (rows) => {
      const [right, wrong] = await Promise.all(
        [0, rows].map((by) => reasonsOf((of, k) => ({ inputs: asOf(of, k, by).inputs }))),
      );
      const tau = ({ output }: { output: FitOutput }) => output.summary.parameters.tau!;
      expect(tau(wrong!).lower95).toBeLessThan(8);
      expect(tau(wrong!).upper95).toBeGreaterThan(8);
      expect(tau(wrong!).std).toBeGreaterThan(3 * tau(right!).std);
      expect(tau(wrong!).std).toBeLessThan(6.55);
      expect(wrong!.output.bands!.sources.tau!.model).toBeGreaterThan(0.8);
    },
  );

  it('are not asked for where nothing is amiss, nor named where a term is missing', async () => {
    const exact = await Promise.all([1, 2, 3].map((seed) => reasonsOf(() => ({}), seed)));
    for (const { said } of exact) expect(said).not.toContain('times were wrong');
    const { said } = await reasonsOf((of, k) => ({
      measured: of[k]!.measured.map((v) => v + 0.1 * v * v),
    }));
    expect(said).toContain('the model lacks something');
    expect(said).not.toContain('times were wrong');
  });

  it('moves an input with what it was between samples', () => {
    const by = Float64Array.of(1);
    const record = {
      timesS: Float64Array.of(0, 10, 20, 30),
      inputs: [Float64Array.of(0, 2, 4, 6)],
      beginnings: [0],
      between: [{ row: 1, timeS: 15, by }],
    } as unknown as FitRecord;
    const held = withInputLate(record, 0, 5, true);
    expect([...held.inputs[0]!]).toEqual([0, 0, 3, 4]);
    expect(held.between.map((b) => b.by[0])).toEqual([2]);
    expect([...withInputLate(record, 0, 5, false).inputs[0]!]).toEqual([0, 1, 3, 5]);
  });
});
