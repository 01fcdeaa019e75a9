import { createRng, type Rng } from '../../../shared/core/index.js';
import type { Sample } from '../../../shared/twin/index.js';
import type { Machine } from './machines.js';

/** What is done to a machine, its sensors or what is known of it. */
export interface Condition {
  name: string;
  /** What bands must hold there: the model is exact, wears, is disturbed, or lacks something. */
  group: 'exact' | 'wear' | 'disturbed' | 'structural';
  /** Share of its value that the first parameter gains, by the share of the record that is gone. */
  wear?: (share: number) => number;
  /** Inputs change this many times as often. */
  haste?: number;
  /** Prior deviations between the truth and the prior's mean; otherwise it is drawn. */
  priorOff?: number;
  noiseUnknown?: true;
  blanks?: number;
  outliers?: number;
  irregular?: true;
  /** What is missing in two times of a twentieth of the record each: whole rows, or their inputs; or each tenth row. */
  gaps?: 'rows' | 'inputs' | 'tenths';
  /** Resolution of the sensors, in their noise. */
  quantised?: number;
  /** Noise of the recorded inputs, as a share of their largest value. */
  inputNoise?: number;
  /** The definition states it. */
  inputNoiseStated?: true;
  /** Standard deviation of each input's and each sensor's scale, drawn for the record, as a share. */
  scaleError?: number;
  /** The definition states it. */
  scaleErrorStated?: true;
  /** What adds up in the states per sample, as a share of their sizes. */
  stateNoise?: number;
  /** Share of the missing term that the machine has. */
  missing?: number;
  /** Offset of the first sensor in its noise, by the share of the record that is gone. */
  offset?: (share: number) => number;
}

/** What a parameter gains of its value while a record lasts, at one times the assumed wear. */
const WEAR = 0.1;
const wear = (times: number) => ({
  name: `wear ${times}× faster`,
  group: 'wear' as const,
  wear: (s: number) => WEAR * times * s,
});

/** The study's conditions. */
export const CONDITIONS: readonly Condition[] = [
  { name: 'base', group: 'exact' },
  { name: 'fast', group: 'exact', haste: 4 },
  { name: 'step', group: 'exact', wear: (s) => (s < 0.5 ? 0 : 0.4) },
  { name: 'prior 3 sd off', group: 'exact', priorOff: 3 },
  { name: 'noise unknown', group: 'exact', noiseUnknown: true },
  { name: 'blanks', group: 'exact', blanks: 0.3 },
  { name: 'outliers', group: 'exact', outliers: 0.02 },
  { name: 'irregular', group: 'exact', irregular: true },
  { name: 'quantised', group: 'exact', quantised: 2 },
  { name: 'rows missing', group: 'exact', gaps: 'rows' },
  { name: 'inputs missing', group: 'exact', gaps: 'inputs' },
  { name: 'each tenth row missing', group: 'exact', gaps: 'tenths' },
  wear(2),
  wear(4),
  wear(8),
  wear(16),
  { name: 'wear accelerating', group: 'wear', wear: (s) => 6 * WEAR * s ** 3 },
  { name: 'wear saturating', group: 'wear', wear: (s) => 6 * WEAR * (1 - Math.exp(-5 * s)) },
  { name: 'inputs 1 % noisy', group: 'disturbed', inputNoise: 0.01 },
  {
    name: 'input noise stated',
    group: 'disturbed',
    inputNoise: 0.01,
    inputNoiseStated: true,
  },
  { name: 'states disturbed', group: 'disturbed', stateNoise: 0.005 },
  { name: 'term missing', group: 'structural', missing: 1 },
  { name: 'sensor biased 5σ', group: 'structural', offset: () => 5 },
  { name: 'sensor drifts 10σ', group: 'structural', offset: (s) => 10 * s },
  { name: 'scales 2 % off', group: 'structural', scaleError: 0.02 },
  { name: 'scale errors stated', group: 'disturbed', scaleError: 0.02, scaleErrorStated: true },
];

/** A record with the truth behind each sample. */
export interface MachineRecord {
  samples: Sample[];
  /** Per sample, in the order of the machine's parameters. */
  parameters: Float64Array[];
  /** Per sample, in the order of its hidden outputs. */
  hidden: Float64Array[];
}

/** Where something is missing, as shares of the record: one in the part that fits are tested on. */
const GAPS = [
  [0.4, 0.45],
  [0.85, 0.9],
] as const;

const SUBSTEPS = 20;
/** Periods that a machine is given to come to rest before its record begins. */
const REST_PERIODS = 2000;

/** One classical Runge-Kutta step. */
function stepOnce(f: (x: Float64Array, d: Float64Array) => void, x: Float64Array, h: number): void {
  const k = Array.from({ length: 4 }, () => new Float64Array(x.length));
  const at = (scale: number, d: Float64Array) => x.map((v, i) => v + scale * d[i]!);
  f(x, k[0]!);
  f(at(h / 2, k[0]!), k[1]!);
  f(at(h / 2, k[1]!), k[2]!);
  f(at(h, k[2]!), k[3]!);
  for (let i = 0; i < x.length; i++) {
    x[i]! += (h / 6) * (k[0]![i]! + 2 * k[1]![i]! + 2 * k[2]![i]! + k[3]![i]!);
  }
}

/** Deviation of an input's recorded noise under a condition, in its unit. */
export const inputNoiseStd = ([, from, to]: Machine['inputs'][number], c: Condition): number =>
  (c.inputNoise ?? 0) * Math.max(Math.abs(from), Math.abs(to));

/** Levels held for a while each. */
function courseOf(
  [, from, to, hold]: Machine['inputs'][number],
  rows: number,
  haste: number,
  rng: Rng,
): Float64Array {
  const held = Math.max(1, Math.round(hold / haste));
  let level = (from + to) / 2;
  return Float64Array.from({ length: rows }, (_, row) => {
    if (row > 0 && row % held === 0) level = from + (to - from) * rng.uniform();
    return level;
  });
}

/** A machine's record under a condition: inputs held between samples, rest before the first. */
export function simulateMachine(
  m: Machine,
  c: Condition,
  seed: number,
  rows: number,
): MachineRecord {
  const rng = createRng(seed);
  const courses = m.inputs.map((input) => courseOf(input, rows, c.haste ?? 1, rng));
  const x = Float64Array.from(m.states, ([, start]) => start);
  const p = Float64Array.from(m.parameters, ([, truth]) => truth);
  const y = new Float64Array(m.measured.length + m.hidden.length);
  const inputsAt = (row: number) => Float64Array.from(courses, (course) => course[row]!);
  const record: MachineRecord = { samples: [], parameters: [], hidden: [] };
  const run = (u: Float64Array, spanS: number) => {
    for (let k = 0; k < SUBSTEPS; k++) {
      stepOnce(
        (at, d) => {
          m.truth(at, u, p, d, y);
          if (c.missing !== undefined) m.missing(at, u, d);
        },
        x,
        spanS / SUBSTEPS,
      );
    }
  };
  if (!m.neverRests) for (let k = 0; k < REST_PERIODS; k++) run(inputsAt(0), m.periodS);
  // Of its own numbers: all else is as without.
  const scales = createRng(seed + 31);
  const scale = () => 1 + (c.scaleError ?? 0) * scales.normal();
  const inputScales = m.inputs.map(scale);
  const sensorScales = m.measured.map(scale);
  let timeS = 0;
  for (let row = 0; row < rows; row++) {
    const share = row / (rows - 1);
    if (row > 0) {
      const spanS = m.periodS * (c.irregular ? 0.4 + 1.2 * rng.uniform() : 1);
      run(inputsAt(row - 1), spanS);
      timeS += spanS;
      m.states.forEach(([, , size], i) => {
        if (c.stateNoise !== undefined) x[i]! += c.stateNoise * size * rng.normal();
      });
    }
    p[0] = m.parameters[0]![1] * (1 + (c.wear?.(share) ?? 0));
    const u = inputsAt(row);
    m.truth(x, u, p, new Float64Array(x.length), y);
    const measured = Float64Array.from(m.measured, ([, std], i) => {
      let v = sensorScales[i]! * y[i]! + std * rng.normal();
      if (i === 0) v += std * (c.offset?.(share) ?? 0);
      if (rng.uniform() < (c.outliers ?? 0)) v += std * 20 * (rng.uniform() < 0.5 ? -1 : 1);
      if (c.quantised !== undefined) v = Math.round(v / (c.quantised * std)) * c.quantised * std;
      return rng.uniform() < (c.blanks ?? 0) ? Number.NaN : v;
    });
    const read = u.map(
      (v, i) => inputScales[i]! * v + inputNoiseStd(m.inputs[i]!, c) * rng.normal(),
    );
    const isMissing =
      c.gaps === 'tenths'
        ? row % 10 === 5
        : c.gaps !== undefined && GAPS.some(([from, to]) => share >= from && share < to);
    if (isMissing && c.gaps !== 'inputs') continue;
    if (isMissing) read.fill(Number.NaN);
    record.samples.push({ timeS, row, inputs: read, measured });
    record.parameters.push(p.slice());
    record.hidden.push(y.slice(m.measured.length));
  }
  return record;
}
