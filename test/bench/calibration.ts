import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createRng, packageFile } from '../../shared/core/index.js';
import { commission, createFitModel } from '../../shared/twin/fit/index.js';
import {
  type CalibratorState,
  createCalibrator,
  createTwinModel,
  loadTwin,
  type Sample,
  type Twin,
  type TwinModel,
} from '../../shared/twin/index.js';
import { beginRefits } from '../../shared/twin/refit/index.js';
import { webLine } from '../study/algebraic-web-line.js';
import { count } from '../study/common/options.js';
import { simulateBox } from '../study/real-box.js';
import { boxSamples, boxTwin, hasRecording } from '../support/real-machines.js';
import { hasCompiler } from '../unit/fmi/fixture-fmus.js';
import { type BenchIo, defineBench } from './common/bench.js';

const SAMPLES = 2000;
/** Samples of the record of 30 days are so far apart, seconds. */
const PERIOD_S = 1296.65;
/** Drag of the two worn bearings at the end: before anything slips. */
const WORN = 0.1;

export const bench = defineBench({
  measures:
    'What a calibration step costs beside its model runs, and whether memory stays flat: on the web line’s FMU, and on its algebra, where the filter is all there is; a fit of a moving machine, and its steps.',
  options: { samples: count('samples of each record', SAMPLES, 8) },
  run: ({ samples }, io) => measureAll(samples, io),
});

async function measureAll(count: number, io: BenchIo): Promise<void> {
  const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const fmu = await createTwinModel(twin);
  try {
    const samples = await samplesOf(twin, fmu, count);
    await measure('FMU', twin, fmu, samples, io);
    const algebra: TwinModel = {
      outputs: fmu.outputs,
      evaluate: async (points) => points.map((p) => webLine(p).slice(0, fmu.outputs.length)),
      close: async () => {},
    };
    const exact = samples.map((sample, k) => ({
      ...sample,
      measured: noisy(twin, webLine(dragAt(twin, k, count)), k),
    }));
    await measure('algebra', twin, algebra, exact, io);
  } finally {
    await fmu.close();
  }
  if (hasCompiler) await measureMoving(count, io);
  else io.print('heated box: left out, no C compiler');
}

const BOX = 'incubator/empty-2023.csv';

/** A fit of a heated box, from its recording where that is at hand, and the filter's steps after it. */
async function measureMoving(count: number, io: BenchIo): Promise<void> {
  const recorded = hasRecording(BOX);
  const twin = recorded
    ? boxTwin()
    : boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } });
  const samples = recorded ? boxSamples(BOX, 't3') : simulateBox({ title: 'right' }, 1, 2216);
  const fitModel = await createFitModel(twin);
  try {
    const { output } = await commission(twin, fitModel, samples);
    const passes = output.starts.map((s) => s.passes).sort((a, b) => a - b);
    io.print(
      `heated box${recorded ? ' 2023' : ', simulated'}: fit of ${samples.length} samples in ${output.summary.wallS.toFixed(1)} s (target: 30), model runs per start ${passes.join(', ')} (target: 60 in the median)`,
    );
  } finally {
    await fitModel.close();
  }
  const model = await createTwinModel(twin);
  try {
    const along = Array.from({ length: count }, (_, k) => {
      const sample = samples[k % samples.length]!;
      return { ...sample, timeS: 3 * k };
    });
    await measure('heated box', twin, model, along, io, (state) => beginRefits(twin, state));
  } finally {
    await model.close();
  }
}

function dragAt(twin: Twin, k: number, count: number): Float64Array {
  return Float64Array.from(twin.definition.parameters, (p) =>
    p.variable === 'b3' || p.variable === 'b9' ? (WORN * k) / count : 2e-4,
  );
}

function noisy(twin: Twin, outputs: Float64Array, k: number): Float64Array {
  const rng = createRng(k + 1);
  return Float64Array.from(
    twin.definition.measured,
    (m, i) => outputs[i]! + m.noiseStd! * rng.normal(),
  );
}

/** Two bearings that wear steadily, as the FMU has it. */
async function samplesOf(twin: Twin, model: TwinModel, count: number): Promise<Sample[]> {
  const inputs = Float64Array.from(twin.definition.inputs, (i) => i.value ?? Number.NaN);
  const points = Array.from({ length: count }, (_, k) => dragAt(twin, k, count));
  const outputs = await model.evaluate(points, inputs);
  return outputs.map((y, k) => {
    if (y instanceof Error) throw y;
    return { timeS: PERIOD_S * (k + 1), inputs, measured: noisy(twin, y, k) };
  });
}

async function measure(
  name: string,
  twin: Twin,
  model: TwinModel,
  samples: readonly Sample[],
  io: BenchIo,
  begin: (state: CalibratorState) => CalibratorState = (state) => state,
): Promise<void> {
  let insideMs = 0;
  let runs = 0;
  const timing = async <T>(points: readonly unknown[], run: () => Promise<T>): Promise<T> => {
    const before = performance.now();
    try {
      return await run();
    } finally {
      insideMs += performance.now() - before;
      runs += points.length;
    }
  };
  const { transient } = model;
  const timed: TwinModel = {
    ...model,
    evaluate: (points, inputs, signal) =>
      timing(points, () => model.evaluate(points, inputs, signal)),
    ...(transient && {
      transient: {
        ...transient,
        settle: (points, inputs, signal) =>
          timing(points, () => transient.settle(points, inputs, signal)),
        propagate: (points, span, signal) =>
          timing(points, () => transient.propagate(points, span, signal)),
      },
    }),
  };
  const calibrator = createCalibrator({ twin, model: timed });
  let state = begin(calibrator.initialState(samples.slice(0, 200)));
  let stepMs = 0;
  const memory: string[] = [];
  for (const [k, sample] of samples.entries()) {
    const before = performance.now();
    const step = await calibrator.step(state, sample);
    stepMs += performance.now() - before;
    state = step.state;
    if ((k + 1) % Math.ceil(samples.length / 4) === 0) memory.push(`${k + 1}: ${memoryNow()}`);
  }
  const count = samples.length;
  const outsideMs = stepMs - insideMs;
  io.print(
    `${name}: ${count} steps of ${(stepMs / count).toFixed(2)} ms, ${(runs / count).toFixed(1)} model runs each; ${(outsideMs / count).toFixed(2)} ms outside them, ${((100 * outsideMs) / insideMs).toFixed(1)} % on top${name === 'FMU' ? ' (target: at most 5 %)' : name === 'heated box' ? ' (target: steps of at most 10 ms)' : ''}`,
  );
  io.print(`${name}: memory after so many samples: ${memory.join('; ')} (target: flat)`);
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryNow(): string {
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  const mb = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const lanes = lanesRssBytes();
  return `heap ${mb(heapUsed)} MB, resident ${mb(rss)} MB${lanes > 0 ? `, FMU processes ${mb(lanes)} MB` : ''}`;
}

/** Resident memory of this process's children, where the system tells. */
function lanesRssBytes(): number {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
    return children
      .split(' ')
      .filter((pid) => pid !== '')
      .reduce((sum, pid) => {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        return sum + 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
      }, 0);
  } catch {
    return 0;
  }
}
