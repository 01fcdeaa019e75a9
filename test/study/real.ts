import { backtest } from '../../shared/twin/backtest/index.js';
import { estimatesOf } from '../../shared/twin/fit/fitting/estimates.js';
import type { Fit } from '../../shared/twin/fit/fitting/fit.js';
import { commission, createFitModel, type FitModel } from '../../shared/twin/fit/index.js';
import type { Twin } from '../../shared/twin/index.js';
import { boxTwin } from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { count, toggle } from './common/options.js';
import { type Done, defineStudy, type Job } from './common/study.js';
import { markdown, percent } from './common/table.js';
import { BOX_TRUTHS, PUBLISHED, simulateBox } from './real-box.js';
import { RECORDINGS, type Recording } from './real-recordings.js';

type Work = Job &
  (
    | { what: 'whole'; recording: string }
    | { what: 'held-out'; recording: string }
    | { what: 'ahead'; recording: string }
    | { what: 'segments'; recording: string; segments: number }
    | { what: 'simulated'; truth: string; seed: number }
  );
type Of<W extends Work['what']> = Extract<Work, { what: W }>;

async function withModel<T>(twin: Twin, use: (model: FitModel) => Promise<T>): Promise<T> {
  const model = await createFitModel(twin);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

/** The parameters with the bands that white residuals would give, to compare. */
const whiteBandsOf = (fit: Fit) =>
  estimatesOf(
    { ...fit, covariance: { ...fit.covariance, covariance: fit.covariance.white } },
    'parameter',
  );

const samplesOf = (recording: Recording, rows: number) => recording.samples().slice(0, rows);

/** The fit of all rows, and how wide its bands would be if residuals were white. */
async function whole(recording: Recording, rows: number) {
  const twin = recording.wholeTwin();
  const samples = recording.wholeSamples().slice(0, rows);
  const { output, fit } = await withModel(twin, (model) => commission(twin, model, samples));
  return {
    samples: samples.length,
    wallS: output.summary.wallS,
    modelRuns: output.summary.modelRuns,
    passes: output.starts.map((s) => s.passes).sort((a, b) => a - b),
    parameters: output.parameters,
    white: whiteBandsOf(fit!),
    grade: output.verdict.grade,
    reasons: output.verdict.reasons,
  };
}

/** A fit of the first half, free on the second. */
async function heldOut(recording: Recording, rows: number) {
  const twin = recording.twin();
  const samples = samplesOf(recording, rows);
  const { output } = await withModel(twin, (model) =>
    commission(twin, model, samples, { holdOut: 0.5 }),
  );
  return {
    channels: Object.values(output.heldOut?.channels ?? {}),
    grade: output.verdict.grade,
    reasons: output.verdict.reasons,
  };
}

/** Predictions some samples ahead. */
async function ahead(recording: Recording, rows: number) {
  const twin = recording.twin();
  const samples = samplesOf(recording, rows);
  const tested = await withModel(twin, (model) =>
    backtest(twin, model, samples, { withoutYardstick: true }),
  );
  return { horizons: tested.horizons };
}

/** Whether fits of disjoint parts of a recording agree within their bands. */
async function agreement(recording: Recording, rows: number, segments: number) {
  const twin = recording.twin();
  const samples = samplesOf(recording, rows);
  const n = Math.floor(samples.length / segments);
  const fits: Fit[] = [];
  for (let s = 0; s < segments; s++) {
    const part = samples.slice(s * n, (s + 1) * n);
    const { fit } = await withModel(twin, (model) => commission(twin, model, part, { holdOut: 0 }));
    if (fit === undefined) throw new Error(`Segment ${s + 1} of ${recording.name} has no fit.`);
    fits.push(fit);
  }
  const agree = { white: 0, full: 0, of: 0 };
  for (let a = 0; a < segments; a++) {
    for (let b = a + 1; b < segments; b++) {
      for (let j = 0; j < twin.definition.parameters.length; j++) {
        const apart = Math.abs(fits[a]!.u[j]! - fits[b]!.u[j]!);
        const sd = (kind: 'white' | 'covariance') =>
          Math.hypot(
            ...[a, b].map((k) => {
              const q = fits[k]!.coordinates.length;
              return Math.sqrt(fits[k]!.covariance[kind][j * q + j]!);
            }),
          );
        agree.of++;
        if (apart <= 1.96 * sd('white')) agree.white++;
        if (apart <= 1.96 * sd('covariance')) agree.full++;
      }
    }
  }
  return agree;
}

const box12 = () => boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } });

/** The fit of a simulated box that its model may lack something of. */
async function simulated(title: string, seed: number) {
  const truth = BOX_TRUTHS.find((t) => t.title === title)!;
  const twin = box12();
  const { output, fit } = await withModel(twin, (model) =>
    commission(twin, model, simulateBox(truth, seed)),
  );
  const white = whiteBandsOf(fit!);
  const inside = { white: 0, full: 0, of: 0 };
  let logWidths = 0;
  for (const [name, value] of Object.entries(PUBLISHED)) {
    const full = output.parameters[name]!;
    const plain = white[name]!;
    inside.of++;
    if (plain.lower95 <= value && value <= plain.upper95) inside.white++;
    if (full.lower95 <= value && value <= full.upper95) inside.full++;
    logWidths += Math.log(
      Math.log(full.upper95 / full.mean) / Math.log(plain.upper95 / plain.mean),
    );
  }
  return { inside, logWidths, grade: output.verdict.grade };
}

/** What a piece of work gives, by its kind. */
interface Results {
  whole: Awaited<ReturnType<typeof whole>>;
  'held-out': Awaited<ReturnType<typeof heldOut>>;
  ahead: Awaited<ReturnType<typeof ahead>>;
  segments: Awaited<ReturnType<typeof agreement>>;
  simulated: Awaited<ReturnType<typeof simulated>>;
}

/** How far fits hold on real machines. */
export const study = defineStudy({
  name: 'study:real',
  measures:
    'How far fits hold on recordings of real machines, where they are at hand, and on seeded simulations of the same heated box with what its model lacks.',
  takes: 'about two minutes for the recordings, and some seconds for each seed of a simulated box',
  options: {
    seeds: count('records of each simulated box', 16),
    rows: count('rows of each recording at most, from its beginning', 100_000, 60),
    simulated: toggle('without the simulated boxes', true),
    recorded: toggle('without the recordings', true),
  },
  lacks: () =>
    hasCompiler ? undefined : 'study:real builds its FMUs with a C compiler, and there is none.',
  jobs: ({ seeds, rows, simulated, recorded }): Work[] => [
    ...(recorded ? RECORDINGS : []).flatMap(({ name }) => {
      const key = (what: string) => `${name}/${what}/${rows}`;
      return [
        ...(['whole', 'held-out', 'ahead'] as const).map((what) => ({
          key: key(what),
          what,
          recording: name,
        })),
        ...[2, 3].map((segments) => ({
          key: key(`${segments} segments`),
          what: 'segments' as const,
          recording: name,
          segments,
        })),
      ];
    }),
    ...Array.from({ length: simulated ? seeds : 0 }, (_, k) => k + 1).flatMap((seed) =>
      BOX_TRUTHS.map(({ title }) => ({
        key: `simulated/${title}/${seed}`,
        what: 'simulated' as const,
        truth: title,
        seed,
      })),
    ),
  ],
  async run(job, { rows }): Promise<Results[keyof Results]> {
    if (job.what === 'simulated') return simulated(job.truth, job.seed);
    const recording = RECORDINGS.find((r) => r.name === job.recording)!;
    if (job.what === 'segments') return agreement(recording, rows, job.segments);
    return { whole, 'held-out': heldOut, ahead }[job.what](recording, rows);
  },
  tables(done) {
    const of = <W extends keyof Results>(what: W) =>
      done.filter(({ job }) => job.what === what) as Done<Of<W>, Results[W]>[];
    return [
      ...(RECORDINGS.length === 0 ? ['No recording of a real machine is at hand.', ''] : []),
      ...of('whole').flatMap(({ job, result }) => wholeTable(job.recording, result)),
      ...markdown(
        'Free run on rows that the fit had not seen, the second half',
        ['record', 'rms error', 'a constant misses by', 'in the 95 % band, %', 'verdict'],
        of('held-out').flatMap(({ job, result: { channels, grade } }) =>
          channels.map((held) => [
            job.recording,
            held.rmse.toPrecision(3),
            held.std.toPrecision(3),
            percent(held.coverage95),
            grade,
          ]),
        ),
      ),
      ...markdown(
        'Predictions some samples ahead, bands corrected by earlier errors',
        ['record', 'ahead', 'n', 'in 50/80/95 %', '95 % before correction', 'rms error'],
        of('ahead').flatMap(({ job, result }) =>
          result.horizons.map((h) => [
            job.recording,
            h.samples,
            h.n,
            [h.coverage50, h.coverage80, h.coverage95].map((v) => percent(v)).join('/'),
            percent(h.raw95),
            h.rmse.toPrecision(3),
          ]),
        ),
      ),
      ...markdown(
        'Parameters of disjoint segments that agree within their 95 % bands, %',
        ['record', 'segments', 'comparisons', 'white bands', 'residuals’ memory and Student’s t'],
        of('segments').map(({ job, result }) => [
          job.recording,
          job.segments,
          result.of,
          percent(result.white, result.of),
          percent(result.full, result.of),
        ]),
      ),
      ...simulatedTable(of('simulated')),
    ];
  },
});

function wholeTable(name: string, r: Results['whole']): string[] {
  return [
    ...markdown(
      `${name}, all ${r.samples} samples: ${r.grade}, ${r.wallS.toFixed(1)} s`,
      ['parameter', 'published', 'fit', '95 % band', 'within ×/', 'white band ×/'],
      Object.entries(r.parameters).map(([parameter, e]) => [
        parameter,
        name.includes('box') ? (PUBLISHED[parameter] ?? '') : '',
        e.mean.toPrecision(3),
        `${e.lower95.toPrecision(3)} to ${e.upper95.toPrecision(3)}`,
        (e.upper95 / e.mean).toPrecision(3),
        (r.white[parameter]!.upper95 / r.white[parameter]!.mean).toPrecision(3),
      ]),
    ),
    `Model runs per start: ${r.passes.join(', ')}; ${r.modelRuns} in all. The verdict's reasons:`,
    '',
    ...r.reasons.map((reason) => `- ${reason}`),
    '',
  ];
}

function simulatedTable(done: readonly Done<Of<'simulated'>, Results['simulated']>[]): string[] {
  const rows = BOX_TRUTHS.flatMap(({ title }) => {
    const own = done.filter(({ job }) => job.truth === title).map((d) => d.result);
    if (own.length === 0) return [];
    const sum = (of: (r: Results['simulated']) => number) =>
      own.reduce((total, r) => total + of(r), 0);
    const all = sum((r) => r.inside.of);
    return [
      [
        title,
        own.length,
        percent(
          sum((r) => r.inside.white),
          all,
        ),
        percent(
          sum((r) => r.inside.full),
          all,
        ),
        Math.exp(sum((r) => r.logWidths) / all).toPrecision(2),
        `${own.filter((r) => r.grade !== 'good').length} of ${own.length}`,
      ],
    ];
  });
  return markdown(
    'Simulated heated box: truth inside the 95 % band, %',
    [
      'machine',
      'records',
      'white bands',
      'residuals’ memory and Student’s t',
      'width of the latter, × white',
      'verdict below good',
    ],
    rows,
  );
}
