import { describe, expect, it } from 'vitest';
import { commission } from '../../../shared/twin/fit/index.js';
import { inputCourse } from '../../../shared/twin/fit/record/input-course.js';
import type { FitRecord } from '../../../shared/twin/fit/record/record.js';
import { inUnit } from '../../../shared/twin/fit/verdict/time-unit.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

/** A record whose times are counted in another unit than the model's seconds. */
async function reasonsOf(perUnit: number, seed = 1) {
  const twin = lagTwin();
  const samples = await lagSamples({ seed, n: 160, noise: 0.05 });
  const stretched = samples.map((s) => ({ ...s, timeS: s.timeS * perUnit }));
  const { output } = await commission(twin, lagModel(twin), stretched, { offer: true });
  return output.verdict.reasons.join('\n');
}

describe('a model that counts time in another unit than seconds', () => {
  it.each([
    [60, 'divided by 60', 'minutes'],
    [3600, 'divided by 3600', 'hours'],
    [1 / 1000, 'multiplied by 1000', 'milliseconds'],
  ])(
    'is told by the factor that brings all its rates to where they were expected: %d',
    async (perUnit, factor, unit) => {
      const reasons = await reasonsOf(perUnit);
      expect(reasons).toContain(`with times ${factor} the model explains the record better`);
      expect(reasons).toContain(`looks written in ${unit}`);
    },
  );

  it('is not asked where parameters are where they were expected', async () => {
    for (const seed of [1, 2, 3]) expect(await reasonsOf(1, seed)).not.toContain('with times');
    expect(await reasonsOf(4)).not.toContain('with times');
  });

  it('counts what inputs were between samples in that unit as well', () => {
    const by = Float64Array.of(1);
    const record = {
      timesS: Float64Array.of(600, 1200, 1800),
      beginnings: [0],
      between: [
        { row: 0, timeS: 900, by },
        { row: 1, timeS: 1320, by },
      ],
    } as unknown as FitRecord;
    expect([...inputCourse(inUnit(record, 60)).timesS]).toEqual([600, 605, 610, 612, 620]);
  });
});
