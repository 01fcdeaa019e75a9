import { spawnSync } from 'node:child_process';
import { packageFile } from '../../shared/core/index.js';
import { commission, createFitModel } from '../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../shared/twin/index.js';
import {
  boxSamples,
  boxTwin,
  hasRecording,
  tankSamples,
  tanksTwin,
} from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { count, text } from './common/options.js';
import { defineStudy, type Job } from './common/study.js';
import { markdown } from './common/table.js';
import { PUBLISHED } from './real-box.js';

interface Told {
  peer: string;
  parameters: [mean: number, lower95: number, upper95: number][];
  rmse: number;
  seconds: number;
  /** In place of figures: why there are none. */
  failed?: string;
}
interface Recorded {
  title: string;
  model: 'box' | 'tanks';
  recording: string;
  twin: () => Twin;
  samples: () => Sample[];
  /** Values from here on stand at the sensor's rail. */
  rail: number;
  /** Parameters of the searches' starts; the first are the priors' means. */
  starts: number[][];
  /** Start states for each, by the first value measured. */
  states: (first: number) => number[][];
}
const records: Recorded[] = [
  {
    title: 'Heated box 2023, each fourth row',
    model: 'box',
    recording: 'incubator/empty-2023.csv',
    twin: () => boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 6 } }),
    samples: () => boxSamples('incubator/empty-2023.csv', 't3', 4),
    rail: Number.POSITIVE_INFINITY,
    starts: [
      [200, 0.7, 250, 2],
      [400, 0.84, 150, 1.4],
    ],
    states: (first) => [
      [first, first],
      [first + 5, first],
    ],
  },
  {
    title: 'Two tanks',
    model: 'tanks',
    recording: 'tanks/estimation.csv',
    twin: () => tanksTwin(),
    samples: tankSamples,
    rail: 9.98,
    starts: [
      [0.05, 0.05, 0.05, 0.05],
      [0.1, 0.06, 0.03, 0.035],
    ],
    states: () => [
      [5, 5.2],
      [5, 5.2],
    ],
  },
];

/** What the peers make of a record. */
function peers(
  { model, rail, starts, states }: Recorded,
  samples: readonly Sample[],
  python: string,
): Told[] {
  const begun = states(samples[0]!.measured[0]!);
  const { stdout, stderr } = spawnSync(python, [packageFile('test/study/peers.py')], {
    input: JSON.stringify({
      model,
      t: samples.map((s) => s.timeS),
      u: samples.map((s) => [...s.inputs]),
      y: samples.map((s) => (s.measured[0]! < rail ? s.measured[0]! : null)),
      half: Math.round(samples.length / 2),
      starts: starts.map((p, i) => [...p.map(Math.log), ...begun[i]!]),
      prior: starts[0],
    }),
    encoding: 'utf8',
    timeout: 1_800_000,
  });
  if (stdout.trim() === '')
    throw new Error(`peers.py said nothing: ${stderr.trim().split('\n').at(-1)}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** What a twin's fit makes of it: parameters from all rows, the free run from the first half's. */
async function ours(twin: Twin, samples: readonly Sample[]): Promise<Told> {
  const model = await createFitModel(twin);
  try {
    const begun = performance.now();
    const { output } = await commission(twin, model, samples, { holdOut: 0.5 });
    const held = Object.values(output.heldOut!.channels)[0]!;
    return {
      peer: `twinloop fit (${output.verdict.grade})`,
      parameters: Object.values(output.parameters).map((e) => [e.mean, e.lower95, e.upper95]),
      rmse: held.rmse,
      seconds: (performance.now() - begun) / 1000,
    };
  } finally {
    await model.close();
  }
}

const has = (python: string, modules: string) =>
  spawnSync(python, ['-c', `import ${modules}`]).status === 0;
type Fitted = Job & { title: string; by: 'twinloop' | 'peers' };

/** A twin's fit beside what others make of the same rows. */
export const study = defineStudy({
  name: 'study:peers',
  measures:
    "A twin's fit of recordings of real machines beside what others make of the same equations and rows: scipy's least squares, filterpy's UKF with the parameters as states, prediction errors by likelihood (CTSM's way).",
  takes: 'about three minutes, most of it the prediction errors by likelihood',
  options: {
    python: text(
      'a Python with scipy and filterpy',
      'PYTHON',
      process.env.TWINLOOP_SCIPY_PYTHON ?? 'python3',
    ),
    rows: count('rows of each recording at most, from its beginning', 100_000, 60),
  },
  lacks({ python }) {
    if (!hasCompiler) return 'study:peers builds its FMUs with a C compiler, and there is none.';
    if (!records.some((r) => hasRecording(r.recording))) {
      return 'study:peers needs recordings of real machines, and none is at hand.';
    }
    return has(python, 'scipy, filterpy')
      ? undefined
      : `study:peers needs a Python with scipy and filterpy, and ${python} has not got them: --python names one, as python3 -m venv DIR and DIR/bin/pip install scipy filterpy make it.`;
  },
  jobs: ({ rows }): Fitted[] =>
    records
      .filter((r) => hasRecording(r.recording))
      .flatMap(({ title }) =>
        (['twinloop', 'peers'] as const).map((by) => ({
          key: `${title}/${rows}/${by}`,
          title,
          by,
        })),
      ),
  async run({ title, by }, { python, rows }) {
    const record = records.find((r) => r.title === title)!;
    const samples = record.samples().slice(0, rows);
    const told =
      by === 'peers' ? peers(record, samples, python) : [await ours(record.twin(), samples)];
    return { told, rows: samples.length };
  },
  tables: (done) =>
    records.flatMap(({ title, model, twin }) => {
      const results = done.filter(({ job }) => job.title === title).map((d) => d.result);
      if (results.length === 0) return [];
      const names = twin().definition.parameters.map((p) => p.variable);
      const known = names.map((n) => (model === 'box' ? `${PUBLISHED[n]}` : 'not known'));
      return markdown(
        `${title}: ${results[0]!.rows} rows; 95 % bands, and the free run on the half not seen`,
        ['by', ...names, 'free run, rms', 's'],
        [
          ['published', ...known, '', ''],
          ...results
            .flatMap((r) => r.told)
            .map(({ peer, parameters, rmse, seconds, failed }) =>
              failed !== undefined
                ? [peer, failed, ...names.slice(1).map(() => ''), '', '']
                : [
                    peer,
                    ...parameters.map((band) => {
                      const [mean, lower, upper] = band.map((v) => v.toPrecision(3));
                      return `${mean} [${lower}, ${upper}]`;
                    }),
                    rmse.toPrecision(3),
                    seconds.toFixed(1),
                  ],
            ),
        ],
      );
    }),
});
