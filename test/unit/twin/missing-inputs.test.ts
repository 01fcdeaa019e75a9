import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { fitRecord } from '../../../shared/twin/fit/record/arrange.js';
import { recordingFindings, summarizeStreams } from '../../../shared/twin/index.js';
import { withCarriedInputs } from '../../../shared/twin/readings/carried-inputs.js';
import { missingInputs, missingInputText } from '../../../shared/twin/readings/missing-inputs.js';
import { lagTwin } from './fit-fixtures.js';

const { definition } = lagTwin();
const atRest = lagTwin(['gain', 'tau'], { simulation: { mode: 'steady-state' } }).definition;
const held = lagTwin(['gain', 'tau'], { transient: { inputInterpolation: 'hold' } });
const samplesOf = (values: readonly number[]) =>
  values.map((u, k) => ({ timeS: 60 * k, inputs: Float64Array.of(u) }));
/** Levels that are held for eight rows each and told in all of them. */
const levels = Array.from({ length: 200 }, (_, k) => Math.floor(k / 8) % 5);
/** What changes with each row. */
const wander = (() => {
  const rng = createRng(5);
  let u = 0;
  return levels.map(() => {
    u = 0.9 * u + 0.3 * rng.normal();
    return u;
  });
})();
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
    // A few cells at a time are carried by fits where it is held.
    const [few] = missingInputs(
      held.definition,
      blankAt(levels, (k) => k % 40 > 36),
    );
    expect(missingInputText(few!)).toBe(
      'u has no value in 15 of 200 rows, at the longest for 4.0 min since 2160 s: it is taken as it was before, which is a guess',
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

  it('is named where it is read anew in each row, and never repeats a value', () => {
    const missed = (isBlank: (row: number) => boolean) =>
      missingInputs(definition, blankAt(wander, isBlank));
    // A silence of an input that changes with each row says nothing of what it was.
    expect(missed((k) => k >= 50 && k < 70)).toMatchObject([
      { missing: 20, longest: { sinceS: 49 * 60 }, leftOut: true },
    ]);
    const [few] = missed((k) => k % 5 === 3);
    expect(few).toMatchObject({ missing: 40, bridged: true });
    expect(missingInputText(few!)).toBe(
      'u has no value in 40 of 200 rows, at the longest for 2.0 min since 120 s: it is taken between its neighbours, which is a guess',
    );
    // With a deadband blanks say that it has moved by less.
    let told = Number.NaN;
    const deadband = wander.map((v) => {
      if (Math.abs(v - told) < 0.1) return Number.NaN;
      told = v;
      return v;
    });
    const blank = deadband.filter(Number.isNaN).length;
    expect(blank).toBeGreaterThan(20);
    expect(blank).toBeLessThan(100);
    expect(missingInputs(definition, samplesOf(deadband))).toEqual([]);
  });

  it('lies between its neighbours for fits where it runs as a straight line, for a few rows at most', () => {
    const samples = blankAt(wander, (k) => k % 20 === 8 || k % 20 === 9 || (k > 150 && k < 157));
    const { inputs: columns, skipped } = fitRecord(
      lagTwin(),
      samples.map((s) => ({ ...s, measured: Float64Array.of(1) })),
    );
    expect(columns[0]![8]).toBeCloseTo(wander[7]! + (wander[10]! - wander[7]!) / 3, 12);
    expect(columns[0]![9]).toBeCloseTo(wander[7]! + (2 * (wander[10]! - wander[7]!)) / 3, 12);
    expect(skipped).toEqual({ 'input-missing': 6 });
    const kept = fitRecord(
      held,
      samples.map((s) => ({ ...s, measured: Float64Array.of(1) })),
    );
    expect([kept.inputs[0]![8], kept.inputs[0]![9]]).toEqual([wander[7], wander[7]]);
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
        blankAt(levels, (k) => k < 2),
      ),
    ).toEqual([]);
  });

  it('is named for the rows before its first value, apart from later ones', () => {
    const found = missingInputs(
      definition,
      blankAt(levels, (k) => k < 30 || (k >= 50 && k < 70)),
    );
    expect(found.map(missingInputText)).toEqual([
      'u has no value in 30 of 200 rows, at the longest for 30.0 min since 0 s: they are left out',
      'u has no value in 20 of 170 rows, at the longest for 21.0 min since 2940 s: they are left out',
    ]);
  });

  it('is named where it has none at all', () => {
    const none = blankAt(levels, () => true);
    for (const how of [definition, atRest]) {
      expect(missingInputs(how, none).map(missingInputText)).toEqual([
        'u has no value in any of 200 rows, and without it none can be used: name its column, or state its value where it is one throughout',
      ]);
    }
    expect(missingInputs(definition, none, [{ bad: 3, good: 0, isLong: true }])).toMatchObject([
      { missing: 200, of: 200, leftOut: true },
    ]);
    expect(missingInputs(definition, [])).toEqual([]);
  });

  it('leaves samples of rest out where it is open what it was, and not where a column tells changes', () => {
    const onChange = blankAt(levels, (k) => k > 0 && levels[k] === levels[k - 1]);
    expect(missingInputs(atRest, onChange)).toEqual([]);
    for (const values of [levels, wander]) {
      const [found] = missingInputs(
        atRest,
        blankAt(values, (k) => k % 5 === 4),
      );
      expect(missingInputText(found!)).toMatch(/no value in 40 of 200 rows.*: they are left out$/);
    }
    // Of few rows it is not known which it is.
    const few = blankAt(wander.slice(0, 20), (k) => k % 5 === 4);
    expect(missingInputs(atRest, few)).toMatchObject([{ missing: 4, leftOut: true }]);
  });

  it('is told of readings of its tag where rows are one reading each', () => {
    const tag = (bad: number) => [{ bad, good: 200, isLong: true }];
    expect(missingInputs(definition, samplesOf(levels), tag(2))).toEqual([]);
    const [found] = missingInputs(definition, samplesOf(levels), tag(40));
    expect(missingInputText(found!)).toBe(
      '40 of 240 readings of u are no good value: it is taken as it was before, which is a guess',
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

  it('is carried on where it is told by changes, or is blank for a moment, and not for long, nor at rest', () => {
    const valuesOf = (samples: ReturnType<typeof samplesOf>, how = definition) =>
      withCarriedInputs(how, samples).map(({ inputs }) => inputs[0]!);
    const onChange = blankAt(levels, (k) => k > 0 && levels[k] === levels[k - 1]);
    expect(valuesOf(onChange)).toEqual(levels);
    expect(valuesOf(onChange, atRest)).toEqual(levels);
    const rested = blankAt(levels, (k) => k === 80);
    expect(valuesOf(rested, atRest)[80]).toBeNaN();
    // Before its first value, and for long of a column that tells repeats, nothing is known.
    const late = valuesOf(blankAt(levels, (k) => k < 5 || (k >= 50 && k < 70)));
    expect(late.flatMap((v, k) => (Number.isNaN(v) ? [k] : []))).toEqual([
      ...Array.from({ length: 5 }, (_, k) => k),
      ...Array.from({ length: 20 }, (_, k) => 50 + k),
    ]);
    const short = blankAt(wander, (k) => k === 80);
    expect(valuesOf(short)[80]).toBeCloseTo((wander[79]! + wander[81]!) / 2, 12);
    expect(valuesOf(short, held.definition)[80]).toBe(wander[79]);
    // Samples that lack nothing are the same.
    const whole = samplesOf(levels);
    expect(withCarriedInputs(definition, whole).every((s, k) => s === whole[k])).toBe(true);
  });
});
