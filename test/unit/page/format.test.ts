import { describe, expect, it } from 'vitest';
import { formatNumber, formatUnit } from '../../../cloud/page/browser/format.js';

describe('formatNumber', () => {
  it.each([
    [0.15234, 0.01, '0.152'],
    [100.123456, 2.5, '100.1'],
    [20.000123, 2e-4, '20.00012'],
    [149.99998, 1e-9, '150.0000'],
    [1000.00001, 1e-9, '1000.000'],
    [-1.04e-6, 3e-6, '−1.0·10⁻⁶'],
    [1e-9, 0.01, '0'],
    [0, undefined, '0'],
    [0.1, undefined, '0.1'],
    [85, undefined, '85'],
    [1234567, 10, '1234567'],
    [325956.2867, undefined, '325956'],
    [-0.00001, 0.0005, '0'],
    [null, undefined, '–'],
    [Number.NaN, undefined, '–'],
  ])('writes %s with a band of %s as %s', (value, width, text) => {
    expect(formatNumber(value, width)).toBe(text);
  });
});

it('writes units as people do', () => {
  expect(formatUnit('N.m.s/rad')).toBe('N·m·s/rad');
  expect(formatUnit('m/s^2')).toBe('m/s²');
});
