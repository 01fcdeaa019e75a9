import { parseArgs } from 'node:util';
import { twinSchema } from '../../shared/config/index.js';
import { createRng, packageFile } from '../../shared/core/index.js';
import { resultColumn, simulate } from '../../shared/fmi/index.js';
import { createFitModel } from '../../shared/twin/fit/index.js';
import {
  createCalibrator,
  createTwinModel,
  loadTwin,
  type Sample,
  type StepResult,
  type Twin,
} from '../../shared/twin/index.js';
import { createRefitter, runWithRefits } from '../../shared/twin/refit/index.js';
import { runSamples } from '../../shared/twin/run.js';
import { buildFmu, hasCompiler } from '../unit/fmi/fixture-fmus.js';

/**
 * How well parameters and hidden outputs are known from data of moving machines:
 * `npm run study:transient`. The truth is the FMU's own course by model exchange at a tight
 * tolerance; the twin runs it by co-simulation.
 */
const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    refit: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const seeds = Number(given.seeds);
if (!(Number.isInteger(seeds) && seeds > 0)) {
  console.error('Usage: npm run study:transient -- [--seeds N] [--only TEXT] [--refit] [--json]');
  process.exit(2);
}

type Mode = 'steady-state' | 'transient' | 'auto';

interface Course {
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

const COURSES: readonly Course[] = [
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
/** First samples that are not counted: the prior is still being left. */
const SKIPPED = 3;

interface Recorded {
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

async function lineRecord(course: Course, mode: Mode): Promise<Recorded> {
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

async function oscillatorRecord(): Promise<Recorded> {
  const sigma = 0.05;
  const fmuPath = buildFmu('vdp', 2);
  const truth = await simulate(fmuPath, {
    interface: 'me',
    startValues: { mu: 2, x0: 1.5, x1: 0.5 },
    stopTimeS: 20,
    outputIntervalS: 0.2,
    tolerance: 1e-9,
  });
  const definition = twinSchema.parse({
    name: 'oscillator',
    fmu: fmuPath,
    measured: [{ variable: 'x0', alias: '/x0', noiseStd: sigma }],
    parameters: [
      {
        variable: 'mu',
        alias: '/mu',
        lower: 0,
        upper: 5,
        prior: { mean: 1, std: 0.5 },
        dynamics: 'constant',
      },
    ],
    virtualSensors: [{ variable: 'x1', alias: '/x1' }],
    simulation: { mode: 'transient', stepSizeS: 0.01 },
    transient: { initialState: 'start-values', initialStateStd: 0.5 },
  });
  const x0 = resultColumn(truth, 'x0');
  return {
    title: 'van der Pol, mu = 2',
    mode: 'transient',
    sigma,
    twin: { definition, fmuPath, hash: 'oscillator' },
    parameters: { mu: 2 },
    parameter: 'mu',
    output: 'x1',
    hidden: { x1: resultColumn(truth, 'x1') },
    samples(seed) {
      const rng = createRng(seed);
      return Array.from(truth.time, (timeS, k) => ({
        timeS,
        inputs: new Float64Array(),
        measured: Float64Array.of(x0[k]! + sigma * rng.normal()),
      }));
    },
  };
}

const inside = (e: { lower95: number; upper95: number }, value: number) =>
  e.lower95 <= value && value <= e.upper95 ? 1 : 0;

async function study(record: Recorded): Promise<Record<string, string | number>> {
  const model = await createTwinModel(record.twin);
  // As the commands run a moving machine; without it the filter alone, as in mode `auto`.
  const fitModel = given.refit ? await createFitModel(record.twin) : undefined;
  const sum = {
    parameters: [0, 0],
    hidden: [0, 0],
    nis: 0,
    channels: 0,
    steps: 0,
    steady: 0,
    runs: 0,
    left: 0,
    changes: 0,
    squaredP: 0,
    squaredO: 0,
    counted: 0,
  };
  const startedMs = performance.now();
  const count = (step: StepResult, k: number) => {
    sum.steps++;
    if (step.diagnostics.mode === 'steady-state') sum.steady++;
    sum.runs += step.diagnostics.modelRuns;
    if (step.diagnostics.regimeChange) sum.changes++;
    if (step.skipped !== undefined) sum.left++;
    if (k < SKIPPED || step.skipped !== undefined) return;
    sum.nis += step.nis;
    sum.channels += step.channels;
    sum.counted++;
    for (const [name, value] of Object.entries(record.parameters)) {
      sum.parameters[0]! += inside(step.parameters[name]!, value);
      sum.parameters[1]!++;
    }
    for (const [name, values] of Object.entries(record.hidden)) {
      sum.hidden[0]! += inside(step.virtualSensors[name]!, values[k]!);
      sum.hidden[1]!++;
    }
    sum.squaredP +=
      (step.parameters[record.parameter]!.mean - record.parameters[record.parameter]!) ** 2;
    sum.squaredO +=
      (step.virtualSensors[record.output]!.mean - record.hidden[record.output]![k]!) ** 2;
  };
  try {
    for (let seed = 1; seed <= seeds; seed++) {
      const calibrator = createCalibrator({ twin: record.twin, model });
      const samples = record.samples(seed);
      const refitter =
        fitModel === undefined ? undefined : createRefitter(calibrator, fitModel, model);
      const run =
        refitter === undefined
          ? await runSamples(calibrator, calibrator.initialState(), samples)
          : await runWithRefits(calibrator, refitter, calibrator.initialState(), samples);
      for (const [k, result] of run.steps.entries()) count(result, k);
    }
  } finally {
    await fitModel?.close();
    await model.close();
  }
  const percent = ([hits, all]: number[]) => ((100 * hits!) / all!).toFixed(1);
  return {
    course: record.title,
    mode: record.mode,
    σ: record.sigma,
    'parameters %': percent(sum.parameters),
    'hidden %': percent(sum.hidden),
    'NIS/channel': (sum.nis / sum.channels).toFixed(2),
    'RMSE parameter': `${Math.sqrt(sum.squaredP / sum.counted).toPrecision(2)} (${record.parameter})`,
    'RMSE hidden': `${Math.sqrt(sum.squaredO / sum.counted).toPrecision(2)} (${record.output.replace('_Tension_N', ' N')})`,
    'at rest %': ((100 * sum.steady) / sum.steps).toFixed(0),
    'left out': sum.left,
    changes: sum.changes,
    'runs/step': (sum.runs / sum.steps).toFixed(0),
    'ms/step': ((performance.now() - startedMs) / sum.steps).toFixed(0),
  };
}

const wanted = (title: string) => title.includes(given.only);
const records: (() => Promise<Recorded>)[] = [];
if (hasCompiler && wanted('van der Pol')) records.push(oscillatorRecord);
for (const course of COURSES.filter((c) => wanted(c.title))) {
  for (const mode of course.modes) records.push(() => lineRecord(course, mode));
}
let header = false;
for (const make of records) {
  const row = await study(await make());
  if (given.json) console.log(JSON.stringify(row));
  else {
    if (!header) {
      console.log(`| ${Object.keys(row).join(' | ')} |`);
      console.log(`|${' --- |'.repeat(Object.keys(row).length)}`);
      header = true;
    }
    console.log(`| ${Object.values(row).join(' | ')} |`);
  }
}
