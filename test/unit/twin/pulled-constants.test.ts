import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { createCalibrator, runStepsOf, summarize } from '../../../shared/twin/index.js';
import { StepKeeper } from '../../../shared/twin/report/step-trace.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const twinOf = (offsetStd?: number) =>
  smallTwin({
    measured: ['y1', 'y2', 'y3'].map((variable) => ({
      ...{ variable, alias: `/s/${variable}`, noiseStd: 0.01 },
      ...(offsetStd === undefined ? {} : { offsetStd }),
    })),
    parameters: ['p', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.3, std: 0.1 },
      dynamics: 'constant',
    })),
  });
const twin = twinOf();

/** A run of a machine whose p goes up by so much along it, noise one percent of a sensor's reading. */
async function run(wear: number, seed: number, rows = 400, of = twin) {
  const calibrator = createCalibrator({ twin: of, model: linearModel() });
  const rng = createRng(seed);
  let state = calibrator.initialState();
  const steps = [];
  for (let k = 0; k < rows; k++) {
    const [p, q] = [0.3 + (wear * k) / rows, 0.3];
    const y = [p, q, p + q].map((v) => v + 0.01 * rng.normal());
    const step = await calibrator.step(state, sample(k, y));
    state = step.state;
    steps.push(step.result);
  }
  return steps;
}

describe('a constant that is pulled one way along a run', () => {
  it('is named with what to do, where no sample shows it', async () => {
    const steps = await run(0.008, 1);
    const { p } = steps.at(-1)!.parameters;
    // Less than the noise of a sensor, yet well outside of the band.
    expect(p!.upper95).toBeLessThan(0.306);
    const { verdict, quantities } = summarize(twin, steps, 0).summary;
    expect(verdict.grade).toBe('care');
    expect(verdict.reasons.join()).toMatch(
      /^p, taken for constant, was pulled one way along the run \(.* give it wearHorizonS .* fit on the same data/,
    );
    expect(quantities.p!.grade).toBe('care');
    const keeper = new StepKeeper();
    for (const step of steps) keeper.take(step);
    expect(keeper.pulled).toEqual(runStepsOf(steps).pulled);
  });

  it('is told by what the samples say, whatever error that stays widens its band', async () => {
    const exact = runStepsOf(await run(0.008, 1)).pulled;
    const stated = runStepsOf(await run(0.008, 1, 400, twinOf(0.05))).pulled;
    expect(stated).toHaveLength(exact.length);
    for (const [i, { name, score }] of stated.entries()) {
      expect(name).toBe(exact[i]!.name);
      expect(Math.abs(score - exact[i]!.score)).toBeLessThan(0.15);
    }
  });

  it('is none where nothing wears', async () => {
    const scores: number[] = [];
    for (let seed = 1; seed <= 40; seed++) {
      const { pulled } = runStepsOf(await run(0, seed, 150));
      scores.push(...pulled.map(({ score }) => score));
    }
    expect(scores).toHaveLength(80);
    const square = scores.reduce((sum, v) => sum + v * v, 0) / scores.length;
    expect(square).toBeGreaterThan(0.6);
    expect(square).toBeLessThan(1.4);
    expect(Math.max(...scores)).toBeLessThan(3.6);
  });

  it('is not asked where a run is too short to tell', async () => {
    expect(runStepsOf(await run(0.05, 1, 20)).pulled).toEqual([]);
  });
});
