import { silentLogger } from '../../shared/core/index.js';
import { commission, createFitModel } from '../../shared/twin/fit/index.js';
import { type Estimate, parameterEstimates, type Twin } from '../../shared/twin/index.js';
import type { Grade } from '../../shared/twin/report/verdict.js';
import { calibrateWithRefits } from '../support/calibrate-with-refits.js';
import { boxTwin } from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { count, toggle } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown } from './common/table.js';
import { PUBLISHED, simulateBoxWithHeat } from './real-box.js';

const HEAT = { std: 0.5, timeConstantS: 1200 };
const SAMPLE_S = 12;
const NAME = 'disturbance(Q_other)';
/** Share of a record that a filter may still be finding its way in. */
const SETTLING = 0.25;

const twinWith = (declared: boolean): Twin =>
  boxTwin({
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: SAMPLE_S },
    ...(declared ? { disturbances: [{ on: 'Q_other', ...HEAT }] } : {}),
  });

/** How many bands held the truth, of how many, and the sum of their widths. */
interface Tally {
  inside: number;
  of: number;
  width: number;
}
const add = (into: Record<string, Tally>, name: string, e: Estimate | undefined, truth: number) => {
  if (e === undefined) return;
  into[name] ??= { inside: 0, of: 0, width: 0 };
  const tally = into[name];
  tally.of++;
  tally.width += e.upper95 - e.lower95;
  if (e.lower95 <= truth && truth <= e.upper95) tally.inside++;
};
const text = (tallies: readonly (Tally | undefined)[]) => {
  const sum = (of: (t: Tally) => number) =>
    tallies.reduce((total, t) => total + (t === undefined ? 0 : of(t)), 0);
  const of = sum((t) => t.of);
  if (of === 0) return '';
  return `${((100 * sum((t) => t.inside)) / of).toFixed(0)} % (${(sum((t) => t.width) / of).toPrecision(3)})`;
};

/** A simulated box with or without a heat, which its twin declares or not. */
interface Heated {
  hot: boolean;
  declared: boolean;
}
type Watched = Job & Heated & { seed: number; by: 'fit' | 'calibrate' };
interface Result {
  tallies: Record<string, Tally>;
  /** Of a fit. */
  /** Of a fit. */
  modelRuns?: number;
  grade?: Grade;
  /** Of a calibration, after it has settled. */
  calm?: { nis: number; steps: number; events: number; alarms: number };
}

const boxAndHeats = (hot: boolean, seed: number, rows: number) =>
  simulateBoxWithHeat({ title: '', ...(hot ? { heat: HEAT } : {}) }, seed, rows);

async function fitted({ hot, declared, seed }: Watched, rows: number): Promise<Result> {
  const twin = twinWith(declared);
  const { samples, heats } = boxAndHeats(hot, seed, rows);
  const fitModel = await createFitModel(twin, { lanes: 2, logger: silentLogger });
  const tallies: Record<string, Tally> = {};
  try {
    const { output } = await commission(twin, fitModel, samples);
    for (const [name, value] of Object.entries(PUBLISHED)) {
      add(tallies, name, output.parameters[name], value);
    }
    for (const at of output.disturbances[NAME]?.course ?? []) {
      const k = Math.min(heats.length - 1, Math.round(at.timeS / SAMPLE_S));
      add(tallies, 'heat', at, hot ? heats[k]! : 0);
    }
    return { tallies, grade: output.verdict.grade, modelRuns: output.summary.modelRuns };
  } finally {
    await fitModel.close();
  }
}

async function calibrated({ hot, declared, seed }: Watched, rows: number): Promise<Result> {
  const twin = twinWith(declared);
  const { samples, heats } = boxAndHeats(hot, seed, rows);
  const run = await calibrateWithRefits(twin, samples);
  const tallies: Record<string, Tally> = {};
  const calm = { nis: 0, steps: 0, events: 0, alarms: 0 };
  let since: number | undefined;
  for (const step of run.steps.slice(Math.round(SETTLING * rows))) {
    if (step.eventSinceS !== undefined && step.eventSinceS !== since) calm.events++;
    since = step.eventSinceS;
    const k = Math.round(step.timeS / SAMPLE_S);
    add(tallies, 'heat', step.virtualSensors[NAME], hot ? heats[k]! : 0);
    if (step.alarms.some((a) => a.code === 'disturbance')) calm.alarms++;
    if (!Number.isFinite(step.nis)) continue;
    calm.nis += step.nis / step.channels;
    calm.steps++;
  }
  for (const [name, value] of Object.entries(PUBLISHED)) {
    add(tallies, name, parameterEstimates(twin, run.state)[name], value);
  }
  return { tallies, calm };
}

const CASES: readonly Heated[] = [true, false].flatMap((hot) =>
  [true, false].map((declared) => ({ hot, declared })),
);
const titleOf = ({ hot, declared }: Heated) =>
  `${hot ? `${HEAT.std} W, ${HEAT.timeConstantS} s` : 'none'}, ${declared ? 'yes' : 'no'}`;

/** How far an unknown heat is found. */
export const study = defineStudy({
  name: 'study:latent-heat',
  measures:
    "How far an unknown heat is found by fits and by the filter: the heated box of the laboratory's values under its thermostat, in its air a heat that nobody measures, which the twin declares or not.",
  takes: 'about three minutes a seed; a quarter of it with --fits',
  options: {
    seeds: count('records of each kind', 8),
    rows: count('samples of a record, each 12 s', 554, 60),
    fits: toggle('fits only'),
  },
  lacks: () =>
    hasCompiler
      ? undefined
      : 'study:latent-heat builds its FMU with a C compiler, and there is none.',
  jobs: ({ seeds, rows, fits }): Watched[] =>
    Array.from({ length: seeds }, (_, k) => k + 1).flatMap((seed) =>
      CASES.flatMap((heated) =>
        (fits ? (['fit'] as const) : (['fit', 'calibrate'] as const)).map((by) => ({
          key: `${by}/${titleOf(heated)}/${seed}/${rows}`,
          ...heated,
          seed,
          by,
        })),
      ),
    ),
  run: (job, { rows }) => (job.by === 'fit' ? fitted(job, rows) : calibrated(job, rows)),
  tables(done) {
    const rows = CASES.flatMap((heated) =>
      (['fit', 'calibrate'] as const).flatMap((by) => {
        const own = done
          .filter(({ job }) => job.by === by && titleOf(job) === titleOf(heated))
          .map((d) => d.result);
        if (own.length === 0) return [];
        const cells = [...Object.keys(PUBLISHED), 'heat'].map((name) =>
          text(own.map((r) => r.tallies[name])),
        );
        const grades = ['good', 'care', 'unusable'].map(
          (g) => own.filter((r) => r.grade === g).length,
        );
        const sum = (of: (calm: NonNullable<Result['calm']>) => number) =>
          own.reduce((total, r) => total + of(r.calm!), 0);
        return [
          [
            `${by}: ${titleOf(heated)}`,
            own.length,
            ...cells,
            ...(by === 'fit'
              ? [
                  grades.join(' / '),
                  '',
                  '',
                  '',
                  Math.round(own.reduce((total, r) => total + r.modelRuns!, 0) / own.length),
                ]
              : [
                  '',
                  (sum((c) => c.nis) / sum((c) => c.steps)).toFixed(2),
                  sum((c) => c.events),
                  sum((c) => c.alarms),
                  '',
                ]),
          ],
        ];
      }),
    );
    return markdown(
      'Share inside the 95 % band, in brackets its mean width',
      [
        'heat, declared',
        'records',
        ...Object.keys(PUBLISHED),
        'heat',
        'good / care / unusable',
        'NIS',
        'events',
        'alarms',
        'model runs',
      ],
      rows,
    );
  },
});
