import { runSamples } from '../../shared/twin/calibrator/run.js';
import { createFitModel } from '../../shared/twin/fit/index.js';
import { createCalibrator, createTwinModel, type StepResult } from '../../shared/twin/index.js';
import { createRefitter, runWithRefits } from '../../shared/twin/refit/index.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { checkWords, chosen, count, toggle, words } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown, percent } from './common/table.js';
import {
  COURSES,
  lineRecord,
  type Mode,
  OSCILLATOR,
  oscillatorRecord,
  type Recorded,
} from './transient-courses.js';

/** First samples that are not counted: the prior is still being left. */
const SKIPPED = 3;

const inside = (e: { lower95: number; upper95: number }, value: number) =>
  e.lower95 <= value && value <= e.upper95 ? 1 : 0;

/** Sums over samples; those of several seeds add up. */
interface Sums {
  parameters: Share;
  hidden: Share;
  nis: number;
  channels: number;
  steps: number;
  steady: number;
  runs: number;
  left: number;
  changes: number;
  squaredP: number;
  squaredO: number;
  counted: number;
  wallMs: number;
}
interface Share {
  inside: number;
  of: number;
}

/** One noise seed of a record. */
async function follow(record: Recorded, seed: number, refits: boolean): Promise<Sums> {
  const startedMs = performance.now();
  const model = await createTwinModel(record.twin);
  // As the commands run a moving machine; without it the filter alone, as in mode `auto`.
  const fitModel = refits ? await createFitModel(record.twin) : undefined;
  const sum: Sums = {
    parameters: { inside: 0, of: 0 },
    hidden: { inside: 0, of: 0 },
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
    wallMs: 0,
  };
  const tally = (step: StepResult, k: number) => {
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
      sum.parameters.inside += inside(step.parameters[name]!, value);
      sum.parameters.of++;
    }
    for (const [name, values] of Object.entries(record.hidden)) {
      sum.hidden.inside += inside(step.virtualSensors[name]!, values[k]!);
      sum.hidden.of++;
    }
    sum.squaredP +=
      (step.parameters[record.parameter]!.mean - record.parameters[record.parameter]!) ** 2;
    sum.squaredO +=
      (step.virtualSensors[record.output]!.mean - record.hidden[record.output]![k]!) ** 2;
  };
  try {
    const calibrator = createCalibrator({ twin: record.twin, model });
    const samples = record.samples(seed);
    const refitter =
      fitModel === undefined ? undefined : createRefitter(calibrator, fitModel, model);
    const run =
      refitter === undefined
        ? await runSamples(calibrator, calibrator.initialState(), samples)
        : await runWithRefits(calibrator, refitter, calibrator.initialState(), samples);
    for (const [k, result] of run.steps.entries()) tally(result, k);
  } finally {
    await fitModel?.close();
    await model.close();
  }
  return { ...sum, wallMs: performance.now() - startedMs };
}

/** A course in one mode. */
interface Kind {
  title: string;
  mode: Mode;
  sigma: number;
  make(): Promise<Recorded>;
}
const KINDS: readonly Kind[] = [
  ...(hasCompiler
    ? [
        {
          title: OSCILLATOR.title,
          mode: 'transient' as const,
          sigma: OSCILLATOR.sigma,
          make: oscillatorRecord,
        },
      ]
    : []),
  ...COURSES.flatMap((course) =>
    course.modes.map((mode) => ({
      title: course.title,
      mode,
      sigma: course.sigma,
      make: () => lineRecord(course, mode),
    })),
  ),
];
const nameOf = ({ title, mode, sigma }: Kind) => `${title}, ${mode}, ${sigma}`;
type Followed = Job & { kind: string; seed: number };

/** What moving machines tell. */
export const study = defineStudy({
  name: 'study:transient',
  measures:
    "How well parameters and hidden outputs are known from data of moving machines. The truth is the FMU's own course by model exchange at a tight tolerance; the twin runs it by co-simulation.",
  takes: 'about a minute a seed; several with --refit',
  options: {
    seeds: count('noise seeds of each course', 10),
    only: words('courses and modes whose names contain one of these'),
    refit: toggle('constants refitted, as the commands do, instead of filtered'),
  },
  jobs({ seeds, only, refit }): Followed[] {
    checkWords(only, KINDS.map(nameOf));
    return Array.from({ length: seeds }, (_, k) => k + 1).flatMap((seed) =>
      chosen(KINDS, only, nameOf).map((kind) => ({
        key: `${nameOf(kind)}/${refit ? 'refit' : 'filter'}/${seed}`,
        kind: nameOf(kind),
        seed,
      })),
    );
  },
  async run({ kind, seed }, { refit }) {
    const record = await KINDS.find((k) => nameOf(k) === kind)!.make();
    const { parameter, output } = record;
    return { parameter, output, sums: await follow(record, seed, refit) };
  },
  tables(done) {
    const rows = KINDS.flatMap((kind) => {
      const own = done.filter(({ job }) => job.kind === nameOf(kind)).map((d) => d.result);
      if (own.length === 0) return [];
      const { parameter, output } = own[0]!;
      const sum = (of: (s: Sums) => number) => own.reduce((total, r) => total + of(r.sums), 0);
      const steps = sum((s) => s.steps);
      const counted = sum((s) => s.counted);
      const rmse = (squared: number) => Math.sqrt(squared / counted).toPrecision(2);
      const share = (of: (s: Sums) => Share) =>
        percent(
          sum((s) => of(s).inside),
          sum((s) => of(s).of),
          1,
        );
      return [
        [
          kind.title,
          kind.mode,
          kind.sigma,
          own.length,
          share((s) => s.parameters),
          share((s) => s.hidden),
          (sum((s) => s.nis) / sum((s) => s.channels)).toFixed(2),
          `${rmse(sum((s) => s.squaredP))} (${parameter})`,
          `${rmse(sum((s) => s.squaredO))} (${output.replace('_Tension_N', ' N')})`,
          percent(
            sum((s) => s.steady),
            steps,
          ),
          sum((s) => s.left),
          sum((s) => s.changes),
          (sum((s) => s.runs) / steps).toFixed(0),
          (sum((s) => s.wallMs) / steps).toFixed(0),
        ],
      ];
    });
    return markdown(
      '',
      [
        'course',
        'mode',
        'σ',
        'seeds',
        'parameters %',
        'hidden %',
        'NIS/channel',
        'RMSE parameter',
        'RMSE hidden',
        'at rest %',
        'left out',
        'changes',
        'runs/step',
        'ms/step',
      ],
      rows,
    );
  },
});
