import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledEntry, createRng, packageFile } from '../../shared/core/index.js';
import { createCalibrator, createTwinModel, loadTwin } from '../../shared/twin/index.js';
import type { StackSummary } from '../../simulators/index.js';
import { type BenchIo, defineBench } from './common/bench.js';

const STEPS = 30;

export const bench = defineBench({
  measures:
    'Time of a filter step of the example twin, and how the whole loop does on this machine.',
  options: {},
  async run(_, io) {
    await benchStep(io);
    await benchStack(io);
  },
});

/** Steps on the web line with two worn bearings, before anything slips. */
async function benchStep(io: BenchIo): Promise<void> {
  const twin = await loadTwin(packageFile('shared/twins/web-line/twin.json'));
  const model = await createTwinModel(twin);
  try {
    const calibrator = createCalibrator({ twin, model });
    const { inputs, measured, parameters } = twin.definition;
    const values = Float64Array.from(inputs, (i) => i.value ?? Number.NaN);
    const rng = createRng(1);
    let state = calibrator.initialState();
    const times: number[] = [];
    let runs = 0;
    for (let k = 0; k < STEPS; k++) {
      const truth = Float64Array.from(parameters, (p) =>
        p.variable === 'b9' || p.variable === 'b3' ? 1e-3 * k : 2e-4,
      );
      const [outputs] = await model.evaluate([truth], values);
      if (outputs === undefined || outputs instanceof Error) throw outputs ?? new Error('no run');
      const sample = {
        timeS: 3600 * k,
        inputs: values,
        measured: Float64Array.from(measured, (m, i) => outputs[i]! + m.noiseStd! * rng.normal()),
      };
      const before = performance.now();
      const step = await calibrator.step(state, sample);
      times.push(performance.now() - before);
      runs += step.result.diagnostics.modelRuns;
      state = step.state;
    }
    times.sort((a, b) => a - b);
    io.print(
      `filter step of the web line: median ${times[STEPS >> 1]?.toFixed(0)} ms, longest ${times.at(-1)?.toFixed(0)} ms, ${(runs / STEPS).toFixed(1)} FMU runs a step (target: under 1 s)`,
    );
  } finally {
    await model.close();
  }
}

/** The stack for 45 seconds, from an empty folder. */
async function benchStack(io: BenchIo): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-bench-'));
  try {
    const child = spawn(
      process.execPath,
      [compiledEntry('cli'), 'up', '--for', '45', '--json', '--data', folder, '--port', '0'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    if (code !== 0) throw new Error(`The stack ended with ${code}.`);
    const s = JSON.parse(text) as StackSummary;
    io.print(`first calibration after ${s.secondsToFirstCalibration?.toFixed(1)} s (target: 60)`);
    io.print(`memory of the stack and all its processes: at most ${s.peakRssMb} MB (target: 1500)`);
    io.print(
      `${s.published} values published, ${s.stored} stored, ${s.lost} lost, ${s.duplicated} duplicated; ${s.calibrations} calibrations of ${s.steps} samples`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
