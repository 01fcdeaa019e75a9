import { createRng } from '../../../shared/core/index.js';
import type { RestingMachine } from './machines.js';

/** Samples of a course, one an hour; the wear horizon is {@link HORIZON_S}. */
export const SAMPLES = 200;
export const HORIZON_S = 12 * 86_400;
const HOUR_S = 3600;

/** What happens to a machine or its sensors while it is watched. */
export interface Course {
  name: string;
  group: 'rest' | 'wear' | 'event' | 'sensors' | 'fault' | 'model';
  /** What parameter `i` has gained by a share of the record, in what wear at one times gains. */
  gain?: (share: number, parameter: number, gainOfRange: number) => number;
  /** Shares of the record between which something happens: before, during, after. */
  during: readonly [from: number, to: number];
  priorOff?: number;
  irregular?: true;
  outliers?: number;
  blanks?: number;
  /** Of the noise that the definition states. */
  noiseFactor?: number;
  /** Offset of the first sensor in its noise. */
  offset?: (share: number, sample: number) => number;
  /** Noise of the inputs' sensors, as a share of their values; the definition states it unless `unstated`. */
  inputNoise?: number;
  unstated?: true;
  /** What the model lacks: deviation of a constant offset of each output, in its noise. */
  structure?: number;
}

const clamp = (v: number) => Math.min(1, Math.max(0, v));
/** Wear `times` as fast, from 40 % of the record on, until four times as much is worn. */
function faster(times: number): Course {
  const length = 0.2 * Math.min(1, 8 / times);
  return {
    name: `wear ${times}×`,
    group: 'wear',
    gain: (s) => (Math.min(times, 8) / 2) * clamp((s - 0.4) / length),
    during: [0.4, 0.4 + length],
  };
}

/** The study's courses. */
export const COURSES: readonly Course[] = [
  { name: 'rest', group: 'rest', during: [0.4, 0.8] },
  { name: 'wear 1×', group: 'wear', gain: (s) => clamp((s - 0.4) / 0.4), during: [0.4, 0.8] },
  faster(2),
  faster(4),
  faster(8),
  faster(16),
  {
    name: 'accelerating',
    group: 'wear',
    gain: (s) => 4 * clamp((s - 0.3) / 0.5) ** 3,
    during: [0.4, 0.8],
  },
  {
    name: 'saturating',
    group: 'wear',
    gain: (s) => 3 * (1 - Math.exp(-10 * clamp(s - 0.3))),
    during: [0.3, 0.6],
  },
  {
    name: 'step',
    group: 'event',
    gain: (s, i, gainOfRange) => (i === 0 && s >= 0.5 ? 0.3 / gainOfRange : 0),
    during: [0.5, 0.55],
  },
  {
    name: 'repair',
    group: 'event',
    gain: (s) => (s < 0.6 ? 2 * clamp((s - 0.2) / 0.4) : 0),
    during: [0.6, 0.65],
  },
  { name: 'prior 3 sd off', group: 'sensors', priorOff: 3, during: [0.1, 0.4] },
  { name: 'irregular', group: 'sensors', irregular: true, during: [0.4, 0.8] },
  { name: '3 % outliers', group: 'sensors', outliers: 0.03, during: [0.4, 0.8] },
  { name: '20 % blanks', group: 'sensors', blanks: 0.2, during: [0.4, 0.8] },
  { name: 'noise × ½', group: 'sensors', noiseFactor: 0.5, during: [0.4, 0.8] },
  { name: 'noise × 2', group: 'sensors', noiseFactor: 2, during: [0.4, 0.8] },
  {
    name: 'biased 5σ',
    group: 'fault',
    offset: (s) => (s >= 0.3 ? 5 : 0),
    during: [0.3, 0.4],
  },
  {
    name: 'drifting 0.2σ',
    group: 'fault',
    offset: (s, k) => 0.2 * Math.max(0, k - 0.3 * SAMPLES) * (s >= 0.3 ? 1 : 0),
    during: [0.3, 0.5],
  },
  { name: 'inputs 1 % noisy', group: 'model', inputNoise: 0.01, during: [0.4, 0.8] },
  {
    name: 'noisy, not stated',
    group: 'model',
    inputNoise: 0.01,
    unstated: true,
    during: [0.4, 0.8],
  },
  { name: 'model off by 1σ', group: 'model', structure: 1, during: [0.4, 0.8] },
  { name: 'model off by 3σ', group: 'model', structure: 3, during: [0.4, 0.8] },
];

/** A course with the truth behind each sample. */
export interface WatchedCourse {
  timeS: Float64Array;
  truth: Float64Array[];
  inputs: Float64Array[];
  measured: Float64Array[];
  hidden: Float64Array;
  /** Of the inputs' sensors. */
  inputNoise: Float64Array;
  prior: readonly { mean: number; std: number }[];
  /** 0 before, 1 during, 2 after; -1: the filter is finding its way. */
  phase: Int8Array;
}

const FINDING = 10;
const OUTLIER = 15;
const CALM_COURSES = new Set([
  'irregular',
  '3 % outliers',
  '20 % blanks',
  'noise × ½',
  'noise × 2',
]);

/** Draws a course of a machine. */
export function drawCourse(m: RestingMachine, course: Course, seed: number): WatchedCourse {
  const rng = createRng(seed);
  const timeS = new Float64Array(SAMPLES);
  let now = 0;
  for (let k = 0; k < SAMPLES; k++) {
    timeS[k] = now;
    // With pauses as they come, and one of a tenth of the record.
    const pause = course.irregular ? 0.1 - 0.9 * Math.log(1 - rng.uniform()) : 1;
    now += HOUR_S * (pause + (course.irregular && k === 130 ? 0.1 * SAMPLES : 0));
  }
  const last = timeS[SAMPLES - 1]!;
  // Sensors are tried while the machine wears as its horizon says.
  const wears = course.gain ?? (CALM_COURSES.has(course.name) ? COURSES[1]!.gain : undefined);
  const drawn: WatchedCourse = {
    timeS,
    truth: [],
    inputs: [],
    measured: [],
    hidden: new Float64Array(SAMPLES),
    inputNoise: m.inputs(0).map((v) => (course.inputNoise ?? 0) * Math.abs(v)),
    prior: m.parameters.map(({ prior: [mean, std], upper, from }) => {
      const off = (course.priorOff ?? 0) * std;
      if (off === 0) return { mean, std };
      return { mean: from + off <= upper ? from + off : from - off, std };
    }),
    phase: new Int8Array(SAMPLES),
  };
  const lacking = m.noise.map(() => (course.structure ? course.structure * rng.normal() : 0));
  for (let k = 0; k < SAMPLES; k++) {
    const share = course.irregular ? timeS[k]! / last : k / SAMPLES;
    const truth = Float64Array.from(m.parameters, ({ from, to, lower, upper }, i) => {
      const gain = wears?.(share, i, (to - from) / (upper - lower)) ?? 0;
      return Math.min(upper, Math.max(lower, from + gain * (to - from)));
    });
    const inputs = m.inputs(timeS[k]! / HOUR_S);
    const exact = m.atRest(truth, inputs);
    const measured = Float64Array.from(m.noise, (std, i) => {
      let value = exact[i]! + (course.noiseFactor ?? 1) * std * rng.normal();
      value += std * lacking[i]!;
      if (i === 0) value += std * (course.offset?.(k / SAMPLES, k) ?? 0);
      if (rng.uniform() < (course.outliers ?? 0)) {
        value += OUTLIER * std * (rng.uniform() < 0.5 ? -1 : 1);
      }
      return rng.uniform() < (course.blanks ?? 0) ? Number.NaN : value;
    });
    drawn.truth.push(truth);
    drawn.inputs.push(
      inputs.map((v, i) =>
        drawn.inputNoise[i]! > 0 ? v + drawn.inputNoise[i]! * rng.normal() : v,
      ),
    );
    drawn.measured.push(measured);
    drawn.hidden[k] = exact[m.noise.length]!;
    const s = k / SAMPLES;
    const phase = s < course.during[0] ? 0 : s < course.during[1] ? 1 : 2;
    drawn.phase[k] = k < FINDING ? -1 : phase;
  }
  return drawn;
}
