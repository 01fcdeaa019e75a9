import { twinSchema } from '../../shared/config/index.js';
import { createRng, packageFile } from '../../shared/core/index.js';
import { resultColumn, simulate } from '../../shared/fmi/index.js';
import { loadTwin, type Sample, type Twin } from '../../shared/twin/index.js';
import { oscillation, oscillatorTwin } from '../support/oscillator.js';

/** How samples are taken. */
export type Mode = 'steady-state' | 'transient' | 'auto';

/** A course of the web line. */
export interface Course {
  title: string;
  modes: readonly Mode[];
  endS: number;
  periodS: number;
  sigma: number;
  /** Web speed over time; the line starts from a standstill where it has none before 0. */
  speed(t: number): number;
  fromStandstill?: boolean;
  /** Parameters of the machine that the twin has wrong. */
  wrong?: Readonly<Record<string, number>>;
}

const between = (t: number, from: number, to: number) =>
  Math.min(1, Math.max(0, (t - from) / (to - from)));
const faster = (t: number) => 1 + 0.5 * (between(t, 5, 10) - between(t, 25, 30));
const mixed = (t: number) => 1 + 0.4 * (between(t, 30, 35) - between(t, 65, 70));

export const COURSES: readonly Course[] = [
  {
    title: 'line: start-up',
    modes: ['transient'],
    endS: 20,
    periodS: 0.25,
    sigma: 1e-4,
    speed: () => 1,
    fromStandstill: true,
  },
  {
    title: 'line: faster and slower',
    modes: ['transient'],
    endS: 40,
    periodS: 0.5,
    sigma: 1e-4,
    speed: faster,
  },
  {
    title: 'line: faster and slower',
    modes: ['transient'],
    endS: 40,
    periodS: 0.5,
    sigma: 1e-3,
    speed: faster,
  },
  {
    title: 'line: rest and motion',
    modes: ['transient', 'auto', 'steady-state'],
    endS: 100,
    periodS: 1,
    sigma: 1e-4,
    speed: mixed,
  },
  {
    title: 'line: inertia 20 % off',
    modes: ['transient'],
    endS: 40,
    periodS: 0.5,
    sigma: 1e-4,
    speed: faster,
    wrong: { rollerInertia: 0.024 },
  },
];

const DRAGS: Readonly<Record<string, number>> = {
  b1: 0.001,
  b2: 0.002,
  b3: 0.05,
  b4: 0.001,
  b5: 0.003,
  b7: 0.002,
  b8: 0.004,
  b9: 0.1,
  b10: 0.001,
};
const PISTON_PA = 325956.2867;
/** Before the record the line rests under its first speed. */
const BEFORE_S = 60;

/** A record with the truth behind it. */
export interface Recorded {
  samples(seed: number): Sample[];
  parameters: Readonly<Record<string, number>>;
  hidden: Readonly<Record<string, Float64Array>>;
  twin: Twin;
  title: string;
  mode: Mode;
  sigma: number;
  /** What RMSE is told of. */
  parameter: string;
  output: string;
}

/** A record of the web line. */
export async function lineRecord(course: Course, mode: Mode): Promise<Recorded> {
  const base = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const count = Math.round(course.endS / course.periodS) + 1;
  const time = Float64Array.from({ length: count }, (_, k) => k * course.periodS);
  const before = course.fromStandstill === true ? 0 : BEFORE_S;
  const table = {
    time: Float64Array.of(...(before > 0 ? [0] : []), ...time.map((t) => t + before)),
    columns: [
      {
        name: 'lineSpeed',
        values: Float64Array.of(
          ...(before > 0 ? [course.speed(0)] : []),
          ...time.map(course.speed),
        ),
        width: 1,
      },
    ],
  };
  const truth = await simulate(base.fmuPath, {
    interface: 'me',
    startValues: { ...DRAGS, ...course.wrong },
    stopTimeS: before + course.endS,
    outputIntervalS: course.periodS,
    input: table,
    tolerance: 1e-9,
  });
  const skip = Math.round(before / course.periodS);
  const column = (name: string) => resultColumn(truth, name).subarray(skip, skip + count);
  const {
    inputs: [lineSpeed, ...others],
    parameters,
    measured,
    simulation,
    ...rest
  } = base.definition;
  const { value: _, ...streamed } = lineSpeed!;
  const definition = twinSchema.parse({
    ...rest,
    inputs: [streamed, ...others],
    measured: measured.map((m) => ({ ...m, noiseStd: course.sigma })),
    parameters: parameters.map((p) => ({
      ...p,
      prior: { mean: 0.02, std: 0.05 },
      dynamics: 'constant',
    })),
    simulation: { ...simulation, mode },
    // Steady-state mode would look for a cause of each moving sample, far out where runs are slow.
    estimator: mode === 'steady-state' ? { gate: false } : {},
    transient: { initialState: course.fromStandstill === true ? 'start-values' : 'settled' },
  });
  const columns = measured.map((m) => column(m.variable));
  const tensions = ['S4', 'S5', 'S6', 'S7', 'S8', 'S9'].map((s) => `${s}_Tension_N`);
  return {
    title: course.title,
    mode,
    sigma: course.sigma,
    twin: { ...base, definition },
    parameters: DRAGS,
    parameter: 'b9',
    output: 'S9_Tension_N',
    hidden: Object.fromEntries(tensions.map((name) => [name, column(name)])),
    samples(seed) {
      const rng = createRng(seed);
      return Array.from(time, (timeS, k) => ({
        timeS,
        inputs: Float64Array.of(course.speed(timeS), 100, PISTON_PA),
        measured: Float64Array.from(columns, (c) => c[k]! + course.sigma * rng.normal()),
      }));
    },
  };
}

export const OSCILLATOR = { title: 'van der Pol, mu = 2', sigma: 0.05 };

/** A record of van der Pol's oscillator. */
export async function oscillatorRecord(): Promise<Recorded> {
  const { title, sigma } = OSCILLATOR;
  const { time, x0, x1 } = await oscillation(20);
  return {
    title,
    mode: 'transient',
    sigma,
    twin: oscillatorTwin(2, sigma, { stepSizeS: 0.01 }),
    parameters: { mu: 2 },
    parameter: 'mu',
    output: 'x1',
    hidden: { x1 },
    samples(seed) {
      const rng = createRng(seed);
      return Array.from(time, (timeS, k) => ({
        timeS,
        inputs: new Float64Array(),
        measured: Float64Array.of(x0[k]! + sigma * rng.normal()),
      }));
    },
  };
}
