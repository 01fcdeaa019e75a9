// Pint, a library of units, on the units that FMUs and people write. TWINLOOP_FMPY_PYTHON names a
// Python that has it; without one the comparison is skipped.
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  convert,
  type ModelDescription,
  type ModelVariable,
  unitConversion,
} from '../../shared/fmi/index.js';

const python = process.env.TWINLOOP_FMPY_PYTHON;
const hasPint =
  python !== undefined &&
  spawnSync(python, ['-c', 'import pint'], { timeout: 60_000 }).status === 0;
const reason = hasPint ? '' : ' (skipped: no Pint, set TWINLOOP_FMPY_PYTHON to a Python with it)';

/** Ours to Pint's, in pairs that measure the same: from, to. */
const PAIRS: [[ours: string, pint: string], [ours: string, pint: string]][] = [
  [
    ['mA', 'mA'],
    ['A', 'A'],
  ],
  [
    ['degC', 'degC'],
    ['K', 'K'],
  ],
  [
    ['degF', 'degF'],
    ['degC', 'degC'],
  ],
  [
    ['bar', 'bar'],
    ['Pa', 'Pa'],
  ],
  [
    ['psi', 'psi'],
    ['kPa', 'kPa'],
  ],
  [
    ['mmHg', 'mmHg'],
    ['Pa', 'Pa'],
  ],
  [
    ['atm', 'atm'],
    ['bar', 'bar'],
  ],
  [
    ['kN.m', 'kN*m'],
    ['N.m', 'N*m'],
  ],
  [
    ['l/min', 'l/min'],
    ['m3/s', 'm**3/s'],
  ],
  [
    ['gpm', 'gallon/min'],
    ['l/s', 'l/s'],
  ],
  [
    ['cfm', 'foot**3/min'],
    ['m3/h', 'm**3/hour'],
  ],
  [
    ['rpm', 'rpm'],
    ['rad/s', 'rad/s'],
  ],
  [
    ['deg', 'deg'],
    ['rad', 'rad'],
  ],
  [
    ['rev', 'turn'],
    ['rad', 'rad'],
  ],
  [
    ['kWh', 'kWh'],
    ['J', 'J'],
  ],
  [
    ['hp', 'hp'],
    ['W', 'W'],
  ],
  [
    ['kW', 'kW'],
    ['kcal/h', 'kcal/hour'],
  ],
  [
    ['kg/h', 'kg/hour'],
    ['g/s', 'g/s'],
  ],
  [
    ['t/d', 'tonne/day'],
    ['kg/s', 'kg/s'],
  ],
  [
    ['W/(m2.degC)', 'W/(m**2*delta_degC)'],
    ['W/(cm2.K)', 'W/(cm**2*K)'],
  ],
  [
    ['kJ/(kg.K)', 'kJ/(kg*K)'],
    ['J/(g.K)', 'J/(g*K)'],
  ],
  [
    ['mm2', 'mm**2'],
    ['m2', 'm**2'],
  ],
  [
    ['N.m.s/rad', 'N*m*s/rad'],
    ['mN.m.s/rad', 'mN*m*s/rad'],
  ],
  [
    ['lbf', 'lbf'],
    ['N', 'N'],
  ],
  [
    ['in', 'inch'],
    ['mm', 'mm'],
  ],
  [
    ['ft/min', 'foot/min'],
    ['m/s', 'm/s'],
  ],
  [
    ['mph', 'mph'],
    ['km/h', 'km/hour'],
  ],
  [
    ['V/Ohm', 'V/ohm'],
    ['mA', 'mA'],
  ],
  [
    ['uF', 'uF'],
    ['nF', 'nF'],
  ],
  [
    ['mWb', 'mWb'],
    ['V.s', 'V*s'],
  ],
  [
    ['Ah', 'A*hour'],
    ['C', 'C'],
  ],
  [
    ['%', 'percent'],
    ['1', 'dimensionless'],
  ],
  [
    ['ppm', 'ppm'],
    ['%', 'percent'],
  ],
  [
    ['klx', 'klx'],
    ['lm/m2', 'lm/m**2'],
  ],
  [
    ['MeV', 'MeV'],
    ['J', 'J'],
  ],
];

const PROGRAM = `
import json, sys, pint
u = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
print(json.dumps([u.Quantity(float(v), a).to(b).magnitude for v, a, b in json.load(sys.stdin)]))
`;

describe.skipIf(!hasPint)(`Pint agrees${reason}`, () => {
  it('on what values in one unit are in another', () => {
    const values = [0, 1, -40, 273.15, 1234.5];
    const asked = PAIRS.flatMap(([from, to]) => values.map((v) => ({ v, from, to })));
    const ran = spawnSync(python as string, ['-c', PROGRAM], {
      input: JSON.stringify(asked.map(({ v, from, to }) => [v, from[1], to[1]])),
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(ran.stderr).toBe('');
    const expected: number[] = JSON.parse(ran.stdout);
    const md = { unitDefinitions: [] } as unknown as ModelDescription;
    asked.forEach(({ v, from, to }, i) => {
      const variable = { name: 'v', unit: to[0], relativeQuantity: false } as ModelVariable;
      const ours = convert(v, unitConversion(md, variable, from[0]));
      const theirs = expected[i] as number;
      const off = Math.abs(ours - theirs) / Math.max(1e-9, Math.abs(theirs));
      expect(off, `${v} ${from[0]} in ${to[0]}: ${ours}, Pint ${theirs}`).toBeLessThan(1e-6);
    });
  });
});
