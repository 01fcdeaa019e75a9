import { describe, expect, it } from 'vitest';
import {
  alarmFindings,
  type RecordingSummary,
  recordingFindings,
  verdictExitCode,
  verdictLines,
  verdictOf,
} from '../../../shared/twin/index.js';

const good: RecordingSummary = {
  rows: 100,
  used: 100,
  skipped: {},
  unreadable: {},
  deadChannels: [],
  spanS: 99,
  periodS: 1,
  ageS: null,
};
const verdict = (changes: Partial<RecordingSummary>) =>
  verdictOf(recordingFindings({ ...good, ...changes }, ['a', 'b']));

describe('the verdict', () => {
  it('is good where nothing speaks against it', () => {
    expect(verdict({})).toEqual({ grade: 'good', reasons: [] });
    expect(verdictLines(verdict({}))).toEqual(['good: nothing speaks against it']);
  });

  it('is "do not use" with counts by reason where no sample was used', () => {
    const none = verdict({ used: 0, skipped: { 'model-mismatch': 60, 'input-missing': 40 } });
    expect(none.grade).toBe('unusable');
    expect(verdictLines(none)).toEqual([
      'do not use: none of 100 samples was used: 60 model-mismatch, 40 input-missing',
    ]);
    expect(verdict({ rows: 0, used: 0 }).reasons).toEqual(['there are no samples']);
  });

  it('is "do not use" where the model does not fit most of the recording', () => {
    expect(verdict({ used: 40, skipped: { 'model-mismatch': 60 } }).grade).toBe('unusable');
    expect(verdict({ used: 60, skipped: { 'model-mismatch': 40 } })).toEqual({
      grade: 'care',
      reasons: [
        '40 of 100 samples were left out: model-mismatch: no parameter values explain what they read; does the machine stand still there, or does the model lack what happens?',
      ],
    });
    expect(verdict({ used: 90, skipped: { 'model-mismatch': 10 } }).grade).toBe('good');
    // A few of a short pass may be a moment's trouble.
    expect(verdict({ rows: 12, used: 9, skipped: { 'model-mismatch': 3 } }).grade).toBe('good');
    expect(verdict({ used: 40, skipped: { 'no-usable-channel': 60 } }).grade).toBe('care');
    // A model that fails at one sample after the other leaves the estimate at what a few said.
    expect(verdict({ used: 1, skipped: { 'model-failed': 99 } }).grade).toBe('unusable');
    expect(verdict({ used: 60, skipped: { 'model-failed': 40 } }).grade).toBe('good');
    // Dates that stand in each day's first row only: two rows of 400 are no recording of the machine.
    expect(verdict({ used: 40, skipped: { 'unreadable time': 60 } }).grade).toBe('unusable');
    expect(verdict({ used: 60, skipped: { 'unreadable time': 40 } }).grade).toBe('care');
    expect(verdict({ used: 99, skipped: { 'unreadable time': 1 } }).grade).toBe('good');
  });

  it('names rows without inputs, once', () => {
    const skipped = { 'input-missing': 30 };
    expect(verdict({ used: 70, skipped }).reasons).toEqual([
      '30 of 100 samples were left out: input-missing: an input had no value there, nor before, or none for long',
    ]);
    const longest = { forS: 600, sinceS: 0 };
    const missingInputs = [{ variable: 'u', missing: 30, of: 100, longest, leftOut: true }];
    expect(verdict({ used: 70, skipped, missingInputs }).reasons).toEqual([
      'u has no value in 30 of 100 rows, at the longest for 10.0 min since 0 s: they are left out',
    ]);
  });

  it('names rows with more cells than names, and times that no clock of the zone shows', () => {
    expect(verdict({ longRows: 1 }).grade).toBe('good');
    expect(verdict({ longRows: 100 }).reasons[0]).toMatch(
      /^100 of 100 rows have more cells than the header has names.*--delimiter and --decimal$/,
    );
    const skipped = { 'time in a daylight-saving gap': 4 };
    expect(verdict({ used: 96, skipped }).reasons[0]).toMatch(/is it the right zone\?$/);
  });

  it('names dead channels and cells without a value', () => {
    expect(verdict({ deadChannels: ['a'] })).toEqual({
      grade: 'care',
      reasons: ['a never moves: is the sensor connected?'],
    });
    expect(verdict({ deadChannels: ['a', 'b'] }).grade).toBe('unusable');
    expect(verdict({ unreadable: { TI103: { count: 3, example: '3x' } } }).reasons[0]).toBe(
      'TI103: 3 cells hold no value that can be read, e.g. "3x"',
    );
  });

  it('names a clock that changes by an hour while nobody named its zone', () => {
    expect(verdict({ clockChange: 'autumn' }).reasons[0]).toMatch(
      /runs back by an hour.*--time-zone/,
    );
    expect(verdict({ clockChange: 'spring' })).toMatchObject({
      grade: 'care',
      reasons: [expect.stringMatching(/skips an hour, as clocks do in spring/)],
    });
  });

  it('names a clock that was set back, but no row of a long record', () => {
    const skipped = { 'of a time that was there already, with other values': 3 };
    expect(verdict({ used: 97, skipped }).reasons[0]).toMatch(/^3 of 100 .* was a clock set back/);
    expect(verdict({ rows: 1000, used: 997, skipped }).grade).toBe('good');
    // The same row twice says nothing against a recording.
    const twice = { 'of a time that was there already': 50 };
    expect(verdict({ used: 50, skipped: twice }).grade).toBe('good');
  });

  it('names frozen sensors and channels that are copies', () => {
    const frozenChannels = [{ variable: 'a', samples: 40, sinceS: 60, untilS: 99 }];
    expect(verdict({ frozenChannels }).reasons).toEqual([
      'a moves, yet holds one value for 40 samples (60 s to 99 s) while inputs change: was the sensor frozen?',
    ]);
    expect(verdict({ sameChannels: [['a', 'b']] }).reasons[0]).toMatch(/^a and b are the same/);
  });

  it('puts the gravest reason first and decides the exit code', () => {
    const findings = [
      { grade: 'care' as const, reason: 'x' },
      { grade: 'unusable' as const, reason: 'y' },
      { grade: 'care' as const, reason: 'x' },
    ];
    expect(verdictOf(findings)).toEqual({ grade: 'unusable', reasons: ['y', 'x'] });
    expect(verdictExitCode(verdictOf(findings), false)).toBe(1);
    expect(verdictExitCode(verdict({ deadChannels: ['a'] }), false)).toBe(0);
    expect(verdictExitCode(verdict({ deadChannels: ['a'] }), true)).toBe(1);
    expect(verdictExitCode(verdict({}), true)).toBe(0);
  });

  it('counts warnings against a result, limits and notes not', () => {
    const alarm = (code: 'limit' | 'sensor-frozen' | 'regime-change') => ({
      code,
      subject: 'a',
      message: 'It is so.',
    });
    expect(alarmFindings([alarm('limit'), alarm('sensor-frozen'), alarm('regime-change')])).toEqual(
      [{ grade: 'care', reason: 'It is so', about: ['a'] }],
    );
  });
});
