import { twinSchema } from '../../../shared/config/index.js';
import { TwinError } from '../../../shared/core/index.js';
import {
  ALARM_MEANINGS,
  createCalibrator,
  crossCheck,
  type SensorSlopes,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { checkWords, chosen, count, type StudyOption, words } from '../common/options.js';
import { defineStudy, type Job } from '../common/study.js';
import { markdown, median, percent } from '../common/table.js';
import { COURSES, type Course, drawCourse, HORIZON_S } from './courses.js';
import { RESTING_MACHINES, type RestingMachine } from './machines.js';

/** Samples after which a warning counts. */
const SETTLED = 20;

/** What one machine showed on one seed of a course. */
class Score {
  /** By phase: before, during, after. */
  readonly inside = [0, 0, 0];
  readonly width = [0, 0, 0];
  readonly of = [0, 0, 0];
  hiddenInside = 0;
  samples = 0;
  nis = 0;
  channels = 0;
  /** Model runs of each sample. */
  readonly runs: number[] = [];
  faulty = false;
  rightFaulty = false;
  changed = false;
  /** A message of a faulty sensor names the first, first or beside another. */
  named = false;
  /** The verdict is below good for what nothing cross-checks, with or without an alarm. */
  care = false;
  /** There was an alarm that speaks against the result. */
  warned = false;
  /** It holds 85 % of the truths or its verdict is below good. */
  honest = false;
  wallMs = 0;
}

/** Takes one machine through one seed of a course. */
async function watch(
  m: RestingMachine,
  course: Course,
  seed: number,
  estimator: Record<string, unknown>,
): Promise<Score> {
  const score = new Score();
  const model: TwinModel = {
    outputs: [],
    evaluate: async (points, inputs) => points.map((p) => m.atRest(p, inputs)),
    close: async () => {},
  };
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
    estimator,
  });
  const twin: Twin = { definition, fmuPath: '', hash: `${m.name} ${course.name}` };
  const calibrator = createCalibrator({ twin, model });
  let state = calibrator.initialState();
  const faulty = new Set<string>();
  let slopes: SensorSlopes | undefined;
  const startedMs = performance.now();
  for (const [k, measured] of drawn.measured.entries()) {
    const sample = { timeS: drawn.timeS[k]!, inputs: drawn.inputs[k]!, measured };
    const step = await calibrator.step(state, sample);
    state = step.state;
    slopes = step.slopes ?? slopes;
    const { result } = step;
    for (const { code, subject, message } of result.alarms) {
      if (code === 'sensor-fault') faulty.add(subject);
      if (code === 'sensor-fault' && /\by0\b/.test(message)) score.named = true;
      if (k > SETTLED && ALARM_MEANINGS[code].level === 'warning') score.warned = true;
    }
    if (slopes !== undefined && result.skipped === undefined && k === drawn.measured.length - 1) {
      score.care = crossCheck(twin, state, slopes, result).findings.length > 0;
    }
    score.changed ||= result.diagnostics.regimeChange;
    score.runs.push(result.diagnostics.modelRuns);
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
  score.wallMs = performance.now() - startedMs;
  score.faulty = faulty.size > 0;
  score.rightFaulty = faulty.has('y0');
  score.care ||= score.warned;
  const all = (of: readonly number[]) => of.reduce((a, b) => a + b, 0);
  score.honest = score.care || all(score.inside) >= 0.85 * all(score.of);
  return score;
}

/** A course of all machines: means are those of machines, counts those of runs. */
function rowOf(course: string, byMachine: readonly (readonly Score[])[]): (string | number)[] {
  const every = byMachine.flat();
  const sum = (scores: readonly Score[], of: (s: Score) => number) =>
    scores.reduce((total, s) => total + of(s), 0);
  const perMachine = (over: (s: Score) => number, of: (s: Score) => number) =>
    byMachine.map((scores) => sum(scores, over) / sum(scores, of));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const held = ([0, 1, 2] as const).map((p) =>
    perMachine(
      (s) => s.inside[p]!,
      (s) => s.of[p]!,
    ),
  );
  const widths = ([0, 1, 2] as const).map((p) =>
    mean(
      perMachine(
        (s) => s.width[p]!,
        (s) => s.of[p]!,
      ),
    ),
  );
  const runs = every.flatMap((s) => s.runs);
  const counted = (of: (s: Score) => boolean) => every.filter(of).length;
  const samples = sum(every, (s) => s.samples);
  return [
    course,
    held.map((shares) => percent(mean(shares), 1, 1)).join(' / '),
    held.map((shares) => percent(Math.min(...shares), 1, 1)).join(' / '),
    widths.map((width) => (100 * width).toFixed(2)).join(' / '),
    percent(
      sum(every, (s) => s.hiddenInside),
      sum(every, (s) => s.of[0]! + s.of[1]! + s.of[2]!) / 2,
      1,
    ),
    mean(
      perMachine(
        (s) => s.nis,
        (s) => s.channels,
      ),
    ).toFixed(2),
    `${counted((s) => s.faulty)} of ${every.length}`,
    counted((s) => s.rightFaulty),
    counted((s) => s.named),
    counted((s) => s.changed),
    counted((s) => s.warned),
    counted((s) => s.care),
    counted((s) => s.honest),
    mean(runs).toFixed(1),
    median(runs),
    (sum(every, (s) => s.wallMs) / samples).toFixed(2),
  ];
}

const nameOf = ({ name }: { name: string }) => name;
const estimator: StudyOption<Record<string, unknown>> = {
  describe: "options of the definition's estimator",
  default: {},
  value: 'JSON',
  parse(flag, text) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new TwinError('USAGE', `${flag} is no JSON: ${(error as Error).message}.`);
    }
  },
};
type Watched = Job & { machine: string; course: string; seed: number };

/** Wear, steps and faults of sensors on machines at rest. */
export const study = defineStudy({
  name: 'study:wear',
  measures:
    'Wear of any speed, steps, repairs and faults of sensors on three machines at rest, whose models are exact: coverage before, during and after, widths, NIS, false alarms.',
  takes: 'about a minute a seed',
  options: {
    seeds: count('courses of each machine', 24),
    only: words('machines and courses whose names contain one of these; all where none does'),
    estimator,
  },
  jobs({ seeds, only, estimator }): Watched[] {
    checkWords(only, [...COURSES, ...RESTING_MACHINES].map(nameOf));
    return Array.from({ length: seeds }, (_, k) => k + 1).flatMap((seed) =>
      chosen(COURSES, only, nameOf).flatMap((course) =>
        chosen(RESTING_MACHINES, only, nameOf).map((machine) => ({
          key: `${machine.name}/${course.name}/${JSON.stringify(estimator)}/${seed}`,
          machine: machine.name,
          course: course.name,
          seed,
        })),
      ),
    );
  },
  run: (job, { estimator }): Promise<Score> =>
    watch(
      RESTING_MACHINES.find((m) => m.name === job.machine)!,
      COURSES.find((c) => c.name === job.course)!,
      job.seed,
      estimator,
    ),
  tables(done) {
    const rows = COURSES.flatMap((course) => {
      const byMachine = RESTING_MACHINES.map((m) =>
        done
          .filter(({ job }) => job.course === course.name && job.machine === m.name)
          .map((d) => d.result),
      ).filter((scores) => scores.length > 0);
      return byMachine.length === 0 ? [] : [rowOf(course.name, byMachine)];
    });
    return markdown(
      '',
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
      rows,
    );
  },
});
