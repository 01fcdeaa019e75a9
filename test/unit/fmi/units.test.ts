import { describe, expect, it } from 'vitest';
import {
  convert,
  convertBack,
  type ModelDescription,
  type ModelVariable,
  parseUnit,
  unitConversion,
} from '../../../shared/fmi/index.js';

const md = {
  unitDefinitions: [
    {
      name: 'Cels',
      baseUnit: { exponents: { K: 1 }, factor: 1, offset: 273.15 },
      displayUnits: [],
    },
    {
      name: 'rad/s',
      displayUnits: [{ name: 'U/min', factor: 60 / (2 * Math.PI), offset: 0, inverse: false }],
    },
    { name: 's', displayUnits: [{ name: 'per-s', factor: 1, offset: 0, inverse: true }] },
  ],
} as unknown as ModelDescription;

const variable = (unit: string, relativeQuantity = false) =>
  ({ name: 'v', unit, relativeQuantity }) as ModelVariable;

describe('a unit', () => {
  it.each([
    ['N.m.s/rad', 1, { kg: 1, m: 2, s: -1, rad: -1 }],
    ['kg/(m.s2)', 1, { kg: 1, m: -1, s: -2 }],
    ['m3/h', 1 / 3600, { m: 3, s: -1 }],
    ['l/min', 1e-3 / 60, { m: 3, s: -1 }],
    ['kW·h', 3.6e6, { kg: 1, m: 2, s: -2 }],
    ['W/(m^2*K)', 1, { kg: 1, s: -3, K: -1 }],
    ['W/(m2.degC)', 1, { kg: 1, s: -3, K: -1 }],
    ['mm²', 1e-6, { m: 2 }],
    ['1/min', 1 / 60, { s: -1 }],
    ['s-1', 1, { s: -1 }],
    ['%', 0.01, {}],
    ['µA', 1e-6, { A: 1 }],
    ['mbar', 100, { kg: 1, m: -1, s: -2 }],
  ])('%s is read', (text, factor, exponents) => {
    const unit = parseUnit(text);
    expect(unit?.factor).toBeCloseTo(factor, 12);
    expect(unit?.exponents).toEqual(exponents);
  });
  it.each(['', 'bananas', 'm//s', 'm.', '(m', 'm)', 'toString', '1e3 m'])(
    '%j is none',
    (text) => void expect(parseUnit(text)).toBeUndefined(),
  );
});

describe('a conversion', () => {
  it.each([
    ['A', 'mA', 250, 0.25],
    ['K', '°C', 20, 293.15],
    ['K', 'degF', 212, 373.15],
    ['Cels', 'K', 300, 26.85],
    ['N.m', 'kN.m', 2, 2000],
    ['N.m', 'N.m/rad', 2, 2],
    ['rad/s', 'rpm', 60, 2 * Math.PI],
    ['rad/s', 'U/min', 60, 2 * Math.PI],
    ['Pa', 'bar', 1.5, 150000],
    ['1', '%', 30, 0.3],
  ])('to %s from %s', (own, unit, value, expected) => {
    const by = unitConversion(md, variable(own), unit);
    expect(convert(value, by) / expected).toBeCloseTo(1, 12);
    expect(convertBack(expected, by) / value).toBeCloseTo(1, 10);
  });
  it('of a difference leaves offsets out', () => {
    expect(unitConversion(md, variable('K', true), 'degC')).toBeUndefined();
    expect(convert(9, unitConversion(md, variable('K', true), 'degF'))).toBeCloseTo(5, 12);
  });
  it.each([
    ['N.m', 'Nm'],
    ['N.m', 'N·m'],
    ['m3/s', 'm³/s'],
    ['K', 'Kelvin'],
    ['', 'rpm'],
    ['A', ''],
  ])('is none between %j and %j', (own, unit) => {
    expect(unitConversion(md, variable(own), unit)).toBeUndefined();
  });
  it.each([
    ['A', 'V', 'different things'],
    ['rad/s', 'Hz', 'different things'],
    ['rad/s', '1/min', 'different things'],
    ['A', 'Ampere-ish', '"Ampere-ish" is no unit known here'],
    ['widgets', 'A', '"widgets" is no unit known here'],
    ['s', 'per-s', '"per-s" is no unit known here'],
  ])('is refused to %s from %s', (own, unit, text) => {
    expect(() => unitConversion(md, variable(own), unit)).toThrow(text);
  });
});
