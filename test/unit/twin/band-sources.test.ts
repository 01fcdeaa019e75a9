import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { runSamples } from '../../../shared/twin/calibrator/run.js';
import { createCalibrator, type Twin, type TwinModel } from '../../../shared/twin/index.js';
import { sourcesFigure } from '../../../shared/twin/report/band-sources.js';
import { summarize } from '../../../shared/twin/report/results.js';
import { SIX_SENSORS, sample, smallTwin, wearingParameters } from './fixtures.js';

const M = 6;
const NOISE = 0.01;
const model: TwinModel = {
  outputs: [...SIX_SENSORS.map((_, i) => `y${i}`), 'sum'],
  evaluate: async (points, [load = 0]) =>
    points.map(([p = 0, q = 0]) =>
      Float64Array.from([...SIX_SENSORS, [3, 3]], ([a = 0, b = 0]) => a * p + b * q + 0.2 * load),
    ),
  close: async () => {},
};
const twinOf = (
  options: { inputNoise?: number; offsetStd?: number; horizonS?: number } = {},
): Twin =>
  smallTwin({
    inputs: [{ variable: 'load', noiseStd: options.inputNoise ?? 0 }],
    measured: SIX_SENSORS.map((_, i) => ({
      variable: `y${i}`,
      alias: `/s/y${i}`,
      noiseStd: NOISE,
      offsetStd: options.offsetStd ?? 0,
    })),
    virtualSensors: [{ variable: 'sum', alias: '/s/sum' }],
    parameters: wearingParameters(options.horizonS ?? 1e5),
  });

/** @param wrong what each sensor reads too high throughout, in its noise */
async function run(twin: Twin, seed = 1, wrong: readonly number[] = [], steps = 60) {
  const rng = createRng(seed);
  const samples = Array.from({ length: steps }, (_, k) => ({
    ...sample(
      k,
      SIX_SENSORS.map(
        ([a, b], i) => 0.3 * (a + b) + 0.2 + NOISE * (rng.normal() + (wrong[i] ?? 0)),
      ),
    ),
    inputs: Float64Array.of(1),
  }));
  const calibrator = createCalibrator({ twin, model });
  const done = await runSamples(calibrator, calibrator.initialState(), samples);
  return { ...summarize(twin, done.steps, 0, done.slopes, done.state).summary, steps: done.steps };
}

const share = ({ bands }: Awaited<ReturnType<typeof run>>, variable = 'p') =>
  bands!.sources[variable]!;

describe('sources of bands', () => {
  it('add up to one for every parameter and virtual sensor', async () => {
    const summary = await run(twinOf({ inputNoise: 0.02 }));
    expect(Object.keys(summary.bands!.sources).sort()).toEqual(['p', 'q', 'sum']);
    for (const shares of Object.values(summary.bands!.sources)) {
      expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      expect(Math.min(...Object.values(shares))).toBeGreaterThanOrEqual(0);
    }
  });

  it('tell noise of sensors and inputs, wear, and a short record apart', async () => {
    const plain = share(await run(twinOf()));
    expect(plain.sensors).toBeGreaterThan(0.5);
    expect(plain.inputs).toBe(0);
    const driven = await run(twinOf({ inputNoise: 0.2 }));
    // The load acts on all sensors alike, which these two parameters do not: most of it is told apart.
    expect(share(driven).inputs).toBeGreaterThan(0.01);
    expect(share(driven, 'sum').inputs).toBeGreaterThan(0.5);
    expect(share(await run(twinOf({ horizonS: 50 }))).trend).toBeGreaterThan(2 * plain.trend);
    const short = await run(twinOf(), 1, [], 1);
    expect(share(short).shortness).toBeGreaterThan(share(await run(twinOf())).shortness);
  });

  it('name a stated offset as the sensors’, and widen the band by it', async () => {
    const [exact, offset] = [await run(twinOf()), await run(twinOf({ offsetStd: 3 * NOISE }))];
    expect(offset.parameters.p!.std).toBeGreaterThan(2 * exact.parameters.p!.std);
    expect(share(offset).sensors).toBeGreaterThan(share(exact).sensors);
  });

  it('name the model where sensors contradict each other, and then hold the truth', async () => {
    let inside = 0;
    const seeds = 12;
    for (let seed = 1; seed <= seeds; seed++) {
      const rng = createRng(100 + seed);
      const summary = await run(
        twinOf(),
        seed,
        Array.from({ length: M }, () => 3 * rng.normal()),
        40,
      );
      for (const name of ['p', 'q']) {
        const { lower95, upper95 } = summary.parameters[name]!;
        if (lower95 <= 0.3 && 0.3 <= upper95) inside++;
      }
      if (seed === 1) expect(share(summary).model).toBeGreaterThan(0.5);
    }
    expect(inside / (2 * seeds)).toBeGreaterThan(0.7);
  });

  it('are drawn as bars that name each part', async () => {
    const { bands } = await run(twinOf({ inputNoise: 0.05 }));
    const svg = sourcesFigure(bands!.sources);
    expect(svg).toContain('<title>p: noise and stated errors of inputs');
    // Three quantities, and a legend of the sources that can be seen.
    const there = new Set(
      Object.values(bands!.sources).flatMap((of) =>
        Object.entries(of).flatMap(([name, share]) => (share >= 0.005 ? [name] : [])),
      ),
    );
    expect(svg.match(/<text/g)!.length).toBe(3 + there.size);
  });
});
