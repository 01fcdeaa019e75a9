import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { twinSchema } from '../../../shared/config/index.js';
import {
  ALARM_MEANINGS,
  createCalibrator,
  crossCheck,
  type SensorSlopes,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { COURSES, type Course, drawCourse, HORIZON_S } from './courses.js';
import { RESTING_MACHINES, type RestingMachine } from './machines.js';

/**
 * Wear of any speed, steps, repairs and faults of sensors on three machines at rest, whose models are
 * exact: coverage before, during and after, widths, NIS, false alarms. `npm run study:wear`.
 */
const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '24' },
    only: { type: 'string' },
    estimator: { type: 'string', default: '{}' },
    json: { type: 'boolean', default: false },
  },
});
const seeds = Number(given.seeds);
if (!(Number.isInteger(seeds) && seeds > 0)) {
  console.error(`Usage: npm run study:wear -- [--seeds N] [--only WORDS] [--estimator JSON] [--json]

  --seeds N         courses of each machine; default 24
  --only WORDS      machines and courses whose names contain one of these, separated by commas
  --estimator JSON  options of the definition's estimator
  --json            one object per machine and course`);
  process.exit(2);
}
const words = given.only?.split(',');
const chosen = <T extends { name: string }>(of: readonly T[]) => {
  const some = of.filter(({ name }) => words?.some((w) => name.includes(w)));
  return some.length > 0 ? some : of;
};

/** Samples after which a warning counts. */
const SETTLED = 20;

/** What one machine showed on all seeds of a course. */
class Score {
  readonly inside = [0, 0, 0];
  readonly width = [0, 0, 0];
  readonly of = [0, 0, 0];
  hiddenInside = 0;
  samples = 0;
  nis = 0;
  channels = 0;
  runs = 0;
  medianRuns: number[] = [];
  faultRuns = 0;
  rightFaultRuns = 0;
  changeRuns = 0;
  /** Runs in which a message of a faulty sensor names the first, first or beside another. */
  namedRuns = 0;
  /** Runs whose verdict is below good for what nothing cross-checks, with or without an alarm. */
  careRuns = 0;
  /** Runs with an alarm that speaks against the result. */
  warnedRuns = 0;
  /** Runs that hold 85 % of the truths or whose verdict is below good. */
  honestRuns = 0;
  wallMs = 0;
}

async function watch(m: RestingMachine, course: Course): Promise<Score> {
  const score = new Score();
  const model: TwinModel = {
    outputs: [],
    evaluate: async (points, inputs) => points.map((p) => m.atRest(p, inputs)),
    close: async () => {},
  };
  for (let seed = 1; seed <= seeds; seed++) {
    const drawn = drawCourse(m, course, seed);
    const definition = twinSchema.parse({
      name: m.name,
      fmu: './none.fmu',
      inputs: Array.from(drawn.inputNoise, (noiseStd, i) => ({
        variable: `u${i}`,
        ...(course.unstated ? {} : { noiseStd }),
      })),
      measured: m.noise.map((noiseStd, i) => ({ variable: `y${i}`, alias: `/y${i}`, noiseStd })),
      parameters: m.parameters.map(({ name, lower, upper }, i) => ({
        variable: name,
        alias: `/${name}`,
        lower,
        upper,
        prior: drawn.prior[i],
        wearHorizonS: HORIZON_S,
      })),
      virtualSensors: [{ variable: 'hidden', alias: '/hidden' }],
      simulation: { mode: 'steady-state' },
      estimator: JSON.parse(given.estimator),
    });
    const twin: Twin = { definition, fmuPath: '', hash: `${m.name} ${course.name}` };
    const calibrator = createCalibrator({ twin, model });
    let state = calibrator.initialState();
    const faulty = new Set<string>();
    let changed = false;
    let warned = false;
    let named = false;
    let care = false;
    let slopes: SensorSlopes | undefined;
    const before = score.inside.reduce((a, b) => a + b, 0);
    const of = score.of.reduce((a, b) => a + b, 0);
    const startedMs = performance.now();
    for (const [k, measured] of drawn.measured.entries()) {
      const sample = { timeS: drawn.timeS[k]!, inputs: drawn.inputs[k]!, measured };
      const step = await calibrator.step(state, sample);
      state = step.state;
      slopes = step.slopes ?? slopes;
      const { result } = step;
      for (const { code, subject, message } of result.alarms) {
        if (code === 'sensor-fault') faulty.add(subject);
        if (code === 'sensor-fault' && /\by0\b/.test(message)) named = true;
        if (k > SETTLED && ALARM_MEANINGS[code].level === 'warning') warned = true;
      }
      if (slopes !== undefined && result.skipped === undefined && k === drawn.measured.length - 1) {
        care = crossCheck(twin, state, slopes, result).findings.length > 0;
      }
      changed ||= result.diagnostics.regimeChange;
      score.runs += result.diagnostics.modelRuns;
      score.medianRuns.push(result.diagnostics.modelRuns);
      score.samples++;
      const hidden = result.virtualSensors.hidden;
      const phase = drawn.phase[k]!;
      if (phase < 0) continue;
      if (hidden && hidden.lower95 <= drawn.hidden[k]! && drawn.hidden[k]! <= hidden.upper95) {
        score.hiddenInside++;
      }
      if (result.channels > 0) {
        score.nis += result.nis;
        score.channels += result.channels;
      }
      m.parameters.forEach(({ name, lower, upper }, i) => {
        const e = result.parameters[name]!;
        const truth = drawn.truth[k]![i]!;
        const slack = 1e-9 * (upper - lower);
        score.of[phase]!++;
        score.width[phase]! += (e.upper95 - e.lower95) / (upper - lower);
        if (e.lower95 - slack <= truth && truth <= e.upper95 + slack) score.inside[phase]!++;
      });
    }
    score.wallMs += performance.now() - startedMs;
    if (faulty.size > 0) score.faultRuns++;
    if (faulty.has('y0')) score.rightFaultRuns++;
    if (changed) score.changeRuns++;
    if (named) score.namedRuns++;
    if (warned || care) score.careRuns++;
    if (warned) score.warnedRuns++;
    const inside = score.inside.reduce((a, b) => a + b, 0) - before;
    if (warned || care || inside >= 0.85 * (score.of.reduce((a, b) => a + b, 0) - of))
      score.honestRuns++;
  }
  return score;
}

const percent = (a: number, b: number) => ((100 * a) / b).toFixed(1);
const table: string[][] = [
  [
    'course',
    'coverage before/during/after, %',
    'worst machine',
    'width, % of the range',
    'hidden, %',
    'NIS',
    'runs with sensor-fault',
    'of y0',
    'y0 named',
    'runs with a change',
    'runs with a warning',
    'below good',
    '≥ 85 % or below good',
    'model runs, mean',
    'median',
    'ms a step',
  ],
];
for (const course of chosen(COURSES)) {
  const scores: Score[] = [];
  for (const m of chosen(RESTING_MACHINES)) {
    const score = await watch(m, course);
    scores.push(score);
    if (given.json)
      console.log(
        JSON.stringify({ machine: m.name, course: course.name, ...score, medianRuns: undefined }),
      );
  }
  const mean = (f: (s: Score) => number) =>
    scores.reduce((sum, s) => sum + f(s), 0) / scores.length;
  const sum = (f: (s: Score) => number) => scores.reduce((total, s) => total + f(s), 0);
  const phases = [0, 1, 2] as const;
  const runs = scores.flatMap((s) => s.medianRuns).sort((a, b) => a - b);
  table.push([
    course.name,
    phases
      .map((p) =>
        percent(
          mean((s) => s.inside[p]! / s.of[p]!),
          1,
        ),
      )
      .join(' / '),
    phases
      .map((p) => percent(Math.min(...scores.map((s) => s.inside[p]! / s.of[p]!)), 1))
      .join(' / '),
    phases.map((p) => (100 * mean((s) => s.width[p]! / s.of[p]!)).toFixed(2)).join(' / '),
    percent(
      sum((s) => s.hiddenInside),
      sum((s) => s.of[0]! + s.of[1]! + s.of[2]!) / 2,
    ),
    mean((s) => s.nis / s.channels).toFixed(2),
    `${sum((s) => s.faultRuns)} of ${seeds * scores.length}`,
    `${sum((s) => s.rightFaultRuns)}`,
    `${sum((s) => s.namedRuns)}`,
    `${sum((s) => s.changeRuns)}`,
    `${sum((s) => s.warnedRuns)}`,
    `${sum((s) => s.careRuns)}`,
    `${sum((s) => s.honestRuns)}`,
    (sum((s) => s.runs) / sum((s) => s.samples)).toFixed(1),
    `${runs[runs.length >> 1]}`,
    (sum((s) => s.wallMs) / sum((s) => s.samples)).toFixed(2),
  ]);
}
if (!given.json) {
  console.log(
    `Measured by \`npm run study:wear -- --seeds ${seeds}\` on ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}.\n`,
  );
  table.forEach((row, k) => {
    console.log(`| ${row.join(' | ')} |`);
    if (k === 0) console.log(`|${' --- |'.repeat(row.length)}`);
  });
}
