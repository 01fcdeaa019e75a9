import { expect, it } from 'vitest';
import { didYouMean, nearestName, unknownNames } from '../../../shared/core/index.js';

it('finds the name that was meant', () => {
  const known = ['b1', 'b10', 'S4_Tension_N', 'S9_Tension_N', 'lineSpeed'];
  expect(nearestName('linespeed', known)).toBe('lineSpeed');
  expect(nearestName('S4_Tensoin_N', known)).toBe('S4_Tension_N');
  expect(nearestName('speed', known)).toBe('lineSpeed');
  expect(nearestName('bb1', known)).toBe('b1');
  expect(nearestName('pressure', known)).toBeUndefined();
  expect(nearestName('x', [])).toBeUndefined();
});

it('says so in messages', () => {
  expect(didYouMean('lineSped', ['lineSpeed'])).toBe(' (did you mean "lineSpeed"?)');
  expect(unknownNames(['lineSped', 'qqq'], ['lineSpeed'])).toBe(
    '"lineSped" (did you mean "lineSpeed"?), "qqq"',
  );
});
