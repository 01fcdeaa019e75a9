import { existsSync, readFileSync } from 'node:fs';
import { twinSchema } from '../../shared/config/index.js';
import { packageFile } from '../../shared/core/index.js';
import type { Sample, Twin } from '../../shared/twin/index.js';
import { buildFmu } from '../unit/fmi/fixture-fmus.js';

/** Recordings of real machines, where they are at hand; the project does not contain them. */
const folder = packageFile('../shared/data/real');

/** Whether a recording is there. */
export const hasRecording = (name: string): boolean => existsSync(`${folder}/${name}`);

function rowsOf(name: string): { head: string[]; rows: string[][] } {
  const [head = '', ...lines] = readFileSync(`${folder}/${name}`, 'utf8').trim().split(/\r?\n/);
  return { head: head.split(','), rows: lines.map((line) => line.split(',')) };
}

/** Seconds since the first of epoch nanoseconds that a double cannot hold. */
const secondsSince = (first: string, ns: string) => Number(BigInt(ns) - BigInt(first)) / 1e9;

/** A recording of the heated box: air, room, heater. @param every take each nth row */
export function boxSamples(name: string, room: 't1' | 't3', every = 1): Sample[] {
  const { head, rows } = rowsOf(name);
  const at = (row: readonly string[], column: string) => row[head.indexOf(column)]!;
  return rows
    .filter((_, i) => i % every === 0)
    .map((row, i) => ({
      timeS: secondsSince(at(rows[0]!, 'time'), at(row, 'time')),
      row: i * every,
      inputs: Float64Array.of(at(row, 'heater_on') === 'True' ? 1 : 0, Number(at(row, room))),
      measured: Float64Array.of(Number(at(row, 'average_temperature'))),
    }));
}

/** The recording of the two tanks. */
export function tankSamples(): Sample[] {
  const { rows } = rowsOf('tanks/estimation.csv');
  return rows
    .filter((row) => row.length > 1 && row[1] !== '')
    .map((row, i) => ({
      timeS: 4 * i,
      row: i,
      inputs: Float64Array.of(Number(row[0])),
      measured: Float64Array.of(Number(row[1])),
    }));
}

const positive = (variable: string, mean: number, overrides: Record<string, unknown> = {}) => ({
  variable,
  alias: `/m/${variable}`,
  lower: 0,
  // ln-sd 1: a factor of 2.7 either way.
  prior: { mean, std: 1.3108 * mean },
  ...overrides,
});

/** The heated box as a twin. */
export function boxTwin(overrides: Record<string, unknown> = {}): Twin {
  const definition = twinSchema.parse({
    name: 'box',
    fmu: './box.fmu',
    inputs: [
      { variable: 'heaterOn', column: 'heater_on' },
      { variable: 'T_room', column: 't3' },
    ],
    measured: [{ variable: 'T', alias: '/m/T', column: 'average_temperature', unit: 'degC' }],
    parameters: [
      positive('C_air', 200, { unit: 'J/K' }),
      positive('G_box', 0.7, { unit: 'W/K' }),
      positive('C_heater', 250, { unit: 'J/K' }),
      positive('G_heater', 2, { unit: 'W/K' }),
    ],
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: 3 },
    transient: { inputInterpolation: 'hold' },
    ...overrides,
  });
  return { definition, fmuPath: buildFmu('box', 2), hash: 'box' };
}

/** The two tanks as a twin. */
export function tanksTwin(overrides: Record<string, unknown> = {}): Twin {
  const definition = twinSchema.parse({
    name: 'tanks',
    fmu: './tanks.fmu',
    inputs: [{ variable: 'pump', column: 'uEst' }],
    measured: [{ variable: 'y', alias: '/m/y', column: 'yEst', unit: 'V', rail: { upper: 10 } }],
    parameters: ['k1', 'k2', 'k3', 'k4'].map((k) => positive(k, 0.05)),
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: 4 },
    transient: { inputInterpolation: 'hold' },
    ...overrides,
  });
  return { definition, fmuPath: buildFmu('tanks', 2), hash: 'tanks' };
}
