import { packageFile } from '../../../shared/core/index.js';
import {
  createFmuPool,
  type FmuPool,
  type InterfaceType,
  openFmu,
} from '../../../shared/fmi/index.js';
import { ROLLERS, SPANS, type SteadyLine } from './steady-line.js';

export const PISTON_PRESSURE_PA = 325956.2867;

const outputs = [
  ...ROLLERS.map((i) => `Roller${i}_w`),
  ...ROLLERS.map((i) => `Roller${i}_SlipVelocity_mps`),
  ...SPANS.map((k) => `S${k}_Tension_N`),
  'NR1_w',
  'DancerAngle_deg',
];

export interface SettledLine extends SteadyLine {
  nip1: number;
  dancerDeg: number;
}

/** A pool with one lane on one of the example twin's FMUs. */
export async function openLine(file: string): Promise<FmuPool> {
  return createFmuPool({ fmu: await openFmu(file), lanes: 1 });
}

/** One of the committed FMUs. */
export const lineFmu = (version: 2 | 3): string =>
  packageFile(`shared/twins/web-line/web-line${version === 3 ? '-fmi3' : ''}.fmu`);

/** The line's state of rest by the FMU. */
export async function settleLine(
  pool: FmuPool,
  drag: Readonly<Record<number, number>>,
  options: {
    interface?: InterfaceType;
    lineSpeed?: number;
    unwindTension?: number;
    warm?: boolean;
  } = {},
): Promise<SettledLine & { settled: boolean }> {
  const startValues = Object.fromEntries(ROLLERS.map((i) => [`b${i}`, drag[i] ?? 0]));
  const { values, settled } = await pool.settle({
    startValues,
    inputs: {
      lineSpeed: options.lineSpeed ?? 1,
      unwindTension: options.unwindTension ?? 100,
      pistonPressure: PISTON_PRESSURE_PA,
    },
    outputs,
    interface: options.interface ?? 'cs',
    stepSizeS: 5,
    maxTimeS: 600,
    relativeTolerance: 1e-8,
    warm: options.warm ?? true,
  });
  const n = ROLLERS.length;
  const of = (keys: readonly number[], offset: number) =>
    Object.fromEntries(keys.map((key, at) => [key, values[offset + at]!]));
  return {
    settled,
    omega: of(ROLLERS, 0),
    slip: of(ROLLERS, n),
    tension: of(SPANS, 2 * n),
    nip1: values[2 * n + SPANS.length]!,
    dancerDeg: values[2 * n + SPANS.length + 1]!,
  };
}

/** Largest absolute difference of two records by number. */
export function worst(
  a: Readonly<Record<number, number>>,
  b: Readonly<Record<number, number>>,
): number {
  return Math.max(...Object.keys(a).map((key) => Math.abs(a[Number(key)]! - b[Number(key)]!)));
}
