import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
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
import { PUBLISHED } from './real-box.js';

/**
 * A twin's fit beside what others make of the same rows: scipy's least squares, filterpy's UKF with the
 * parameters as states, prediction errors by likelihood: `npm run study:peers -- --python PYTHON`.
 */
const { values: given } = parseArgs({
  options: { python: { type: 'string', default: 'python3' } },
});
const has = (modules: string) => spawnSync(given.python, ['-c', `import ${modules}`]).status === 0;
if (!hasCompiler || !has('scipy, filterpy')) {
  console.error(
    'study:peers needs a C compiler and a Python with scipy and filterpy: --python PYTHON names it.',
  );
  process.exit(1);
}

interface Told {
  peer: string;
  parameters: [mean: number, lower95: number, upper95: number][];
  rmse: number;
  seconds: number;
}
interface Recorded {
  title: string;
  model: 'box' | 'tanks';
  recording: string;
  twin: Twin;
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
    twin: boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 6 } }),
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
    twin: tanksTwin(),
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
function peers({ model, rail, starts, states }: Recorded, samples: readonly Sample[]): Told[] {
  const begun = states(samples[0]!.measured[0]!);
  const { stdout, stderr } = spawnSync(given.python, [packageFile('test/study/peers.py')], {
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
  if (stderr !== '') console.error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** What a twin's fit makes of it: parameters from all rows, the free run from the first half's. */
async function ours(twin: Twin, samples: readonly Sample[]): Promise<Told & { grade: string }> {
  const model = await createFitModel(twin);
  try {
    const begun = performance.now();
    const { output } = await commission(twin, model, samples, { holdOut: 0.5 });
    const held = Object.values(output.heldOut!.channels)[0]!;
    return {
      peer: 'twinloop fit',
      parameters: Object.values(output.parameters).map((e) => [e.mean, e.lower95, e.upper95]),
      rmse: held.rmse,
      seconds: (performance.now() - begun) / 1000,
      grade: output.verdict.grade,
    };
  } finally {
    await model.close();
  }
}

for (const record of records.filter((r) => hasRecording(r.recording))) {
  const samples = record.samples();
  const names = record.twin.definition.parameters.map((p) => p.variable);
  const own = await ours(record.twin, samples);
  console.log(
    `\n${record.title}: ${samples.length} rows; 95 % bands, and the free run on the half not seen\n`,
  );
  const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
  line(['by', ...names, 'free run, rms', 's']);
  line(['---', ...names.map(() => '---'), '---', '---']);
  const known = names.map((name) => (record.model === 'box' ? `${PUBLISHED[name]}` : 'not known'));
  line(['published', ...known, '', '']);
  for (const told of [own, ...peers(record, samples)]) {
    if (!('parameters' in told)) {
      line([(told as { peer: string }).peer, JSON.stringify(told)]);
      continue;
    }
    line([
      told === own ? `${own.peer} (${own.grade})` : told.peer,
      ...told.parameters.map((band) => {
        const [mean, lower, upper] = band.map((v) => v.toPrecision(3));
        return `${mean} [${lower}, ${upper}]`;
      }),
      told.rmse.toPrecision(3),
      told.seconds.toFixed(1),
    ]);
  }
}
