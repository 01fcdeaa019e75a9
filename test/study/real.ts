import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { backtest } from '../../shared/twin/backtest/index.js';
import { whiteBandsOf } from '../../shared/twin/fit/estimates.js';
import type { Fit } from '../../shared/twin/fit/fit.js';
import { commission, createFitModel, type FitModel } from '../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../shared/twin/index.js';
import {
  boxSamples,
  boxTwin,
  hasRecording,
  tankSamples,
  tanksTwin,
} from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { BOX_TRUTHS, PUBLISHED, simulateBox } from './real-box.js';

/**
 * How far fits hold on recordings of real machines, where they are at hand, and on seeded
 * simulations of the same machines with what their models lack: `npm run study:real`.
 */
const { values: given } = parseArgs({
  options: { seeds: { type: 'string', default: '16' } },
});
const seeds = Number(given.seeds);
if (!(Number.isInteger(seeds) && seeds > 0)) {
  console.error('Usage: npm run study:real -- [--seeds N]');
  process.exit(2);
}
if (!hasCompiler) {
  console.error('study:real builds its FMUs with a C compiler, and there is none.');
  process.exit(1);
}
const percent = (share: number) => `${Math.round(100 * share)}`;
const row = (cells: readonly (string | number)[]) => console.log(`| ${cells.join(' | ')} |`);
const table = (title: string, head: readonly string[]) => {
  console.log(`\n${title}\n`);
  row(head);
  row(head.map(() => '---'));
};
const machine = `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}`;
console.log(`Measured by \`npm run study:real -- --seeds ${seeds}\` on ${machine}.`);

const box12 = () => boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } });
interface Recorded {
  title: string;
  twin: () => Twin;
  samples: () => Sample[];
}
const BOX = 'incubator/empty-2023.csv';
const LID = 'incubator/lid-2021.csv';
const TANKS = 'tanks/estimation.csv';
const records: Recorded[] = [
  ...(hasRecording(BOX)
    ? [{ title: 'heated box 2023', twin: box12, samples: () => boxSamples(BOX, 't3', 4) }]
    : []),
  ...(hasRecording(LID)
    ? [
        {
          title: 'heated box 2021, lid opened',
          twin: box12,
          samples: () => boxSamples(LID, 't1', 4),
        },
      ]
    : []),
  ...(hasRecording(TANKS)
    ? [{ title: 'two tanks', twin: () => tanksTwin(), samples: tankSamples }]
    : []),
];
if (records.length === 0) console.log('\nNo recording of a real machine is at hand.');

async function withModel<T>(twin: Twin, use: (model: FitModel) => Promise<T>): Promise<T> {
  const model = await createFitModel(twin);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

if (hasRecording(BOX)) {
  const twin = boxTwin();
  const samples = boxSamples(BOX, 't3');
  const { output, fit } = await withModel(twin, (model) => commission(twin, model, samples));
  table(`Heated box 2023, all ${samples.length} samples: ${output.summary.wallS.toFixed(1)} s`, [
    'parameter',
    'published',
    'fit',
    '95 % band',
    'within ×/',
    'white band ×/',
  ]);
  const white = whiteBandsOf(fit!);
  for (const [name, e] of Object.entries(output.parameters)) {
    row([
      name,
      PUBLISHED[name]!,
      e.mean.toPrecision(3),
      `${e.lower95.toPrecision(3)} to ${e.upper95.toPrecision(3)}`,
      (e.upper95 / e.mean).toPrecision(3),
      (white[name]!.upper95 / white[name]!.mean).toPrecision(3),
    ]);
  }
  const passes = output.starts.map((s) => s.passes).sort((a, b) => a - b);
  console.log(
    `\nModel runs per start: ${passes.join(', ')}; the fit of the first three quarters, the test on the last and the final fit together ${output.summary.modelRuns}.`,
  );
}

if (records.length > 0) {
  table('Free run on rows that the fit had not seen, the second half', [
    'record',
    'rms error',
    'a constant misses by',
    'in the 95 % band, %',
    'verdict',
  ]);
  for (const { title, twin: make, samples: read } of records) {
    const twin = make();
    const { output } = await withModel(twin, (model) =>
      commission(twin, model, read(), { holdOut: 0.5 }),
    );
    for (const held of Object.values(output.heldOut!.channels)) {
      row([
        title,
        held.rmse.toPrecision(3),
        held.std.toPrecision(3),
        percent(held.coverage95),
        output.verdict.grade,
      ]);
    }
  }

  table('Predictions some samples ahead, bands corrected by earlier errors', [
    'record',
    'ahead',
    'n',
    'in 50/80/95 %',
    '95 % before correction',
    'rms error',
  ]);
  for (const { title, twin: make, samples: read } of records) {
    const twin = make();
    const tested = await withModel(twin, (model) =>
      backtest(twin, model, read(), { withoutYardstick: true }),
    );
    for (const h of tested.horizons) {
      row([
        title,
        h.samples,
        h.n,
        [h.coverage50, h.coverage80, h.coverage95].map(percent).join('/'),
        percent(h.raw95),
        h.rmse.toPrecision(3),
      ]);
    }
  }

  table('Parameters of disjoint segments that agree within their 95 % bands, %', [
    'record',
    'segments',
    'comparisons',
    'white bands',
    'residuals’ memory and Student’s t',
  ]);
  for (const { title, twin: make, samples: read } of records) {
    const twin = make();
    const samples = read();
    for (const segments of [2, 3]) {
      const n = Math.floor(samples.length / segments);
      const fits: Fit[] = [];
      for (let s = 0; s < segments; s++) {
        const part = samples.slice(s * n, (s + 1) * n);
        const { fit } = await withModel(twin, (model) =>
          commission(twin, model, part, { holdOut: 0 }),
        );
        fits.push(fit!);
      }
      const agree = { white: 0, full: 0, of: 0 };
      const p = twin.definition.parameters.length;
      for (let a = 0; a < segments; a++) {
        for (let b = a + 1; b < segments; b++) {
          for (let j = 0; j < p; j++) {
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
      row([
        title,
        segments,
        agree.of,
        percent(agree.white / agree.of),
        percent(agree.full / agree.of),
      ]);
    }
  }
}

table(`Simulated heated box, ${seeds} seeds: truth inside the 95 % band, %`, [
  'machine',
  'white bands',
  'residuals’ memory and Student’s t',
  'width of the latter, × white',
  'verdict below good',
]);
const twin = box12();
await withModel(twin, async (model) => {
  for (const truth of BOX_TRUTHS) {
    const inside = { white: 0, full: 0, of: 0, care: 0 };
    let widths = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const { output, fit } = await commission(twin, model, simulateBox(truth, seed));
      const white = whiteBandsOf(fit!);
      for (const [name, value] of Object.entries(PUBLISHED)) {
        const full = output.parameters[name]!;
        const plain = white[name]!;
        inside.of++;
        if (plain.lower95 <= value && value <= plain.upper95) inside.white++;
        if (full.lower95 <= value && value <= full.upper95) inside.full++;
        widths += Math.log(
          Math.log(full.upper95 / full.mean) / Math.log(plain.upper95 / plain.mean),
        );
      }
      if (output.verdict.grade !== 'good') inside.care++;
    }
    row([
      truth.title,
      percent(inside.white / inside.of),
      percent(inside.full / inside.of),
      Math.exp(widths / inside.of).toPrecision(2),
      `${inside.care} of ${seeds}`,
    ]);
  }
});
