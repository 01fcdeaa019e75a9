import { describe, expect, it } from 'vitest';
import { recordingFindings, summarizeStreams } from '../../../shared/twin/index.js';
import { missingInputs, missingInputText } from '../../../shared/twin/readings/missing-inputs.js';
import { lagTwin } from './fit-fixtures.js';

const { definition } = lagTwin();
const atRest = lagTwin(['gain', 'tau'], { simulation: { mode: 'steady-state' } }).definition;
const samplesOf = (values: readonly number[]) =>
  values.map((u, k) => ({ timeS: 60 * k, inputs: Float64Array.of(u) }));
/** Levels that are held for eight rows each and told in all of them. */
const levels = Array.from({ length: 200 }, (_, k) => Math.floor(k / 8) % 5);
const blankAt = (values: readonly number[], isBlank: (row: number) => boolean) =>
  samplesOf(values.map((v, k) => (isBlank(k) ? Number.NaN : v)));

describe('an input without a value in some rows', () => {
  it('is named with how many, for how long and from when', () => {
    const found = missingInputs(
      definition,
      blankAt(levels, (k) => k >= 50 && k < 70),
    );
    expect(found).toEqual([
      {
        variable: 'u',
        missing: 20,
        of: 200,
        longest: { forS: 1260, sinceS: 49 * 60 },
        leftOut: true,
      },
    ]);
    expect(missingInputText(found[0]!)).toBe(
      'u has no value in 20 of 200 rows, at the longest for 21.0 min since 2940 s: they are left out',
    );
    // A few cells at a time are carried by fits.
    const [few] = missingInputs(
      definition,
      blankAt(levels, (k) => k % 40 > 36),
    );
    expect(missingInputText(few!)).toBe(
      'u has no value in 15 of 200 rows, at the longest for 4.0 min since 2160 s: fits take it as it was before, which is a guess, and calibrations leave these rows out',
    );
  });

  it('is taken at its word where it tells a value only when it has changed', () => {
    const onChange = blankAt(levels, (k) => k > 0 && levels[k] === levels[k - 1]);
    expect(missingInputs(definition, onChange)).toEqual([]);
    // Cells that say in words that there is no good value say no such thing.
    expect(missingInputs(definition, onChange, [{ bad: 175, good: 25 }])).toMatchObject([
      { missing: 175, of: 200 },
    ]);
    // Nor does a silence that is far longer than all others.
    const silent = blankAt(levels, (k) => (k > 0 && levels[k] === levels[k - 1]) || k > 90);
    expect(missingInputs(definition, silent)).toMatchObject([{ longest: { sinceS: 88 * 60 } }]);
  });

  it('is not worth a word for a cell in a hundred, nor where nothing is missing', () => {
    expect(missingInputs(definition, samplesOf(levels))).toEqual([]);
    expect(
      missingInputs(
        definition,
        blankAt(levels, (k) => k === 77),
      ),
    ).toEqual([]);
    expect(
      missingInputs(
        definition,
        blankAt(levels, (k) => k < 30),
      ),
    ).toEqual([]);
  });

  it('leaves samples of rest out, blank or not told', () => {
    const onChange = blankAt(levels, (k) => k > 0 && levels[k] === levels[k - 1]);
    const [found] = missingInputs(atRest, onChange);
    expect(missingInputText(found!)).toMatch(/no value in 175 of 200 rows.*: they are left out$/);
  });

  it('is told of readings of its tag where rows are one reading each', () => {
    const tag = (bad: number) => [{ bad, good: 200, isLong: true }];
    expect(missingInputs(definition, samplesOf(levels), tag(2))).toEqual([]);
    const [found] = missingInputs(definition, samplesOf(levels), tag(40));
    expect(missingInputText(found!)).toBe(
      '40 of 240 readings of u are no good value: fits take it as it was before, which is a guess',
    );
  });

  it('speaks against a result', () => {
    const twin = lagTwin();
    const summary = summarizeStreams(twin, [], [], 0);
    const found = missingInputs(
      definition,
      blankAt(levels, (k) => k >= 50 && k < 70),
    );
    const [finding] = recordingFindings({ ...summary, rows: 1, used: 1, missingInputs: found }, []);
    expect(finding).toMatchObject({ grade: 'care' });
    expect(finding!.about).toBeUndefined();
  });
});
