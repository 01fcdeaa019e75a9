import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { fitRecord } from '../../../shared/twin/fit/record/arrange.js';
import { recordingFindings, summarizeStreams } from '../../../shared/twin/index.js';
import { channelFaults } from '../../../shared/twin/readings/channel-faults.js';
import { repeatedRows, withoutRepeatedRows } from '../../../shared/twin/readings/repeated-rows.js';
import { lagTwin } from './fit-fixtures.js';

const twin = lagTwin(['gain', 'tau'], {
  inputs: [{ variable: 'u' }, { variable: 'mode', interpolation: 'hold' }],
});
const { definition } = twin;

/** An input and a sensor that change with each row, and a mode that seldom does. */
function recorded(rows = 200, digits = 6) {
  const rng = createRng(11);
  let u = 0;
  const round = (v: number) => Number(v.toFixed(digits));
  return Array.from({ length: rows }, (_, k) => {
    u = 0.9 * u + 0.3 * rng.normal();
    const inputs = Float64Array.of(round(u), Math.floor(k / 40) % 2);
    return { timeS: 60 * k, row: k, inputs, measured: Float64Array.of(round(u + rng.normal())) };
  });
}

/** The recorder hears nothing of what comes after a row for some rows. */
const deafAfter = (samples: ReturnType<typeof recorded>, at: number, rows: number) =>
  samples.map((s, k) =>
    k > at && k <= at + rows ? { ...samples[at]!, timeS: s.timeS, row: s.row } : s,
  );

describe('rows that a recorder repeats', () => {
  it('are found where all that changes with each row stands still at once', () => {
    const samples = deafAfter(deafAfter(recorded(), 100, 12), 150, 3);
    expect(repeatedRows(definition, samples)).toEqual([
      { variables: ['y', 'u'], samples: 12, sinceS: 6000, untilS: 6720 },
      { variables: ['y', 'u'], samples: 3, sinceS: 9000, untilS: 9180 },
    ]);
    const found = channelFaults(twin, samples);
    expect(found.repeatedRows).toHaveLength(2);
    const summary = summarizeStreams(twin, [], [], 0);
    const of = { ...summary, ...found, rows: 200, used: 185, skipped: { 'input-missing': 15 } };
    expect(recordingFindings(of, ['y'])).toEqual([
      {
        grade: 'care',
        reason:
          'y, u change with nearly each sample, yet all repeat their values at 12 running (6000 s to 6720 s) and at 3 more: was the recorder deaf? These samples are left out',
      },
    ]);
  });

  it('are missing values: of fits, with what drove the machine meanwhile', () => {
    const samples = deafAfter(recorded(), 100, 12);
    const without = withoutRepeatedRows(definition, samples);
    expect(without[100]).toBe(samples[100]);
    expect([...without[101]!.measured, ...without[112]!.inputs].every(Number.isNaN)).toBe(true);
    expect(without[113]).toBe(samples[113]);
    const record = fitRecord(twin, samples);
    expect(record.skipped).toEqual({ 'input-missing': 12 });
    expect(record.beginnings).toEqual([0, 101]);
  });

  it('are none where one signal moves, or a machine is off, or readings are coarse', () => {
    const samples = recorded();
    expect(repeatedRows(definition, samples)).toEqual([]);
    const stuck = samples.map((s, k) =>
      k > 100 && k < 120 ? { ...s, measured: samples[100]!.measured } : s,
    );
    expect(repeatedRows(definition, stuck)).toEqual([]);
    // Off: both at the end of their ranges.
    const off = samples.map((s, k) =>
      k > 100 && k < 120
        ? { ...s, inputs: Float64Array.of(-9, 0), measured: Float64Array.of(-9) }
        : s,
    );
    expect(repeatedRows(definition, off)).toEqual([]);
    // Of whole numbers many repeat by chance.
    expect(repeatedRows(definition, recorded(2000, 0))).toEqual([]);
    expect(withoutRepeatedRows(definition, samples)).toBe(samples);
  });
});
