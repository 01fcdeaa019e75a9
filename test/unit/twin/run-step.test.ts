import { expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import { commission, createFitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { runStep } from '../../../shared/twin/propose/index.js';
import { machineFmu } from '../../study/unseen/fmu.js';
import type { Machine } from '../../study/unseen/machines.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const TAU = 0.4;
const K = 2;
const NOISE = 0.02;

/** What follows its input within less than a row. */
const servo: Machine = {
  name: 'servo',
  periodS: 1,
  states: [['x', 0, 1]],
  inputs: [['u', 0, 0, 1]],
  parameters: [
    ['k', K],
    ['tau', TAU],
  ],
  measured: [['y', NOISE]],
  hidden: ['rate'],
  equations: 'der_x = (k * u - x) / tau; y = x; rate = der_x;',
  truth() {},
  missing() {},
};

/** Its record under an input of straight lines: along each the answer is known in closed form. */
function recorded(seed: number): Sample[] {
  const rng = createRng(seed);
  let [x, u] = [0, 0];
  return Array.from({ length: 120 }, (_, timeS) => {
    if (timeS > 0) {
      const to = 0.7 * u + rng.normal();
      const settled = (at: number) => K * at - K * TAU * (to - u);
      x = settled(to) + (x - settled(u)) * Math.exp(-1 / TAU);
      u = to;
    }
    const measured = Float64Array.of(x + NOISE * rng.normal());
    return { timeS, row: timeS, inputs: Float64Array.of(u), measured };
  });
}

function twinAt(stepSizeS: number, more: Record<string, unknown> = {}): Twin {
  const definition = twinSchema.parse({
    name: 'servo',
    fmu: './servo.fmu',
    inputs: [{ variable: 'u', interpolation: 'linear', noiseStd: 0, ...more }],
    measured: [{ variable: 'y', alias: '/s/y', offsetStd: 0 }],
    parameters: servo.parameters.map(([variable]) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      prior: { mean: 1, std: 1 },
      dynamics: 'constant',
    })),
    simulation: { mode: 'transient', interface: 'cs', stepSizeS },
    transient: { initialState: 'start-values' },
  });
  return { definition, fmuPath: machineFmu(servo), hash: `servo ${stepSizeS}` };
}

async function fitted(twin: Twin, samples: readonly Sample[]) {
  const model = await createFitModel(twin, { lanes: 1 });
  try {
    const { output } = await commission(twin, model, samples);
    return output;
  } finally {
    await model.close();
  }
}

it.skipIf(!hasCompiler)(
  'is as short as inputs of straight lines ask for; a longer one is named as what residuals are',
  async () => {
    const samples = recorded(3);
    const found = (await runStep(twinAt(1), samples))!;
    expect(found.stepSizeS).toBeLessThan(0.5);
    expect(found.because).toMatch(
      /^steps of 0\.\d+ s: at 1 s runs along the inputs are off by about .* in y$/,
    );
    // The step that was found needs no other.
    expect(await runStep(twinAt(found.stepSizeS), samples)).toBeUndefined();
    // An input that is held is followed by any step.
    expect(await runStep(twinAt(1, { interpolation: 'hold' }), samples)).toBeUndefined();

    const coarse = await fitted(twinAt(1), samples);
    expect(coarse.verdict.reasons.join('; ')).toMatch(
      /y: integration by steps is off by about [\d.]+, where the run misses it by [\d.]+ in all: a lower simulation\.stepSizeS/,
    );
    const fine = await fitted(twinAt(found.stepSizeS), samples);
    expect(fine.verdict.reasons.join()).not.toMatch(/steps|lacks something/);
    const width = ({ lower95, upper95 }: { lower95: number; upper95: number }) => upper95 - lower95;
    for (const [name, truth] of servo.parameters) {
      const { lower95, upper95 } = fine.parameters[name]!;
      expect(lower95, name).toBeLessThan(truth);
      expect(upper95, name).toBeGreaterThan(truth);
      expect(width(fine.parameters[name]!), name).toBeLessThan(
        0.2 * width(coarse.parameters[name]!),
      );
    }
  },
  60_000,
);
