import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { normalCdf } from '../../../shared/kalman/index.js';
import { mixtureEstimate } from '../../../shared/twin/filter/mixture.js';
import { modesOf } from '../../../shared/twin/filter/modes.js';
import { adaptNoise } from '../../../shared/twin/filter/noise.js';
import type { FilterStep } from '../../../shared/twin/filter/step.js';
import { createCalibrator, type StepResult } from '../../../shared/twin/index.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const STEPS = 200;
/** Samples that a parameter takes to wear through its range, as the definition says. */
const HORIZON_S = 288;

/** Runs the small twin; `truth` gives p and q, `spoil` changes readings. */
async function run(
  truth: (k: number) => readonly [p: number, q: number],
  options: {
    seed?: number;
    overrides?: Record<string, unknown>;
    spoil?: (y: number[], k: number) => void;
    steps?: number;
  } = {},
) {
  const twin = smallTwin({
    parameters: ['p', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.1, std: 0.05 },
      wearHorizonS: HORIZON_S,
    })),
    ...options.overrides,
  });
  const rng = createRng(options.seed ?? 1);
  const calibrator = createCalibrator({ twin, model: linearModel() });
  let state = calibrator.initialState();
  const results: StepResult[] = [];
  for (let k = 0; k < (options.steps ?? STEPS); k++) {
    const [p, q] = truth(k);
    const y = [p, q, p + q].map((v) => v + 0.01 * rng.normal());
    options.spoil?.(y, k);
    const step = await calibrator.step(state, sample(k, y));
    state = step.state;
    results.push(step.result);
  }
  return { results, state, calibrator };
}

const SINGLE = { estimator: { trendScales: [1], noiseScales: [1] } };
const widthOf = ({ parameters: { p } }: StepResult) => p!.upper95 - p!.lower95;
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const saysFault = (results: readonly StepResult[]) =>
  results.some((r) => r.alarms.some((a) => a.code === 'sensor-fault'));

describe('modes', () => {
  it('have transitions that are probabilities, and start without a jump', () => {
    const set = modesOf(smallTwin().definition)!;
    const K = set.modes.length;
    expect(K).toBe(18);
    for (let j = 0; j < K; j++) {
      const row = set.transition.subarray(j * K, j * K + K);
      expect(mean([...row]) * K).toBeCloseTo(1, 12);
    }
    expect(mean([...set.start]) * K).toBeCloseTo(1, 12);
    expect(set.modes.every(({ jump }, k) => jump === 0 || set.start[k] === 0)).toBe(true);
  });

  it('are none where one scale and one noise are asked for', () => {
    expect(modesOf(smallTwin(SINGLE).definition)).toBeUndefined();
  });
});

describe('the mixture’s interval', () => {
  it('is the shortest that holds 95 % within the bounds', () => {
    const mixture = { weights: [0.7, 0.3], means: [0, 3], stds: [1, 0.3] };
    const mass = (x: number) => 0.7 * normalCdf(x) + 0.3 * normalCdf((x - 3) / 0.3);
    const [lower, upper] = [-1, 3.2];
    const total = mass(upper) - mass(lower);
    const found = mixtureEstimate(mixture, lower, upper);
    expect((mass(found.upper95) - mass(found.lower95)) / total).toBeCloseTo(0.95, 2);
    let shortest = upper - lower;
    for (let a = lower; a < upper; a += 0.01) {
      for (let b = a; b <= upper; b += 0.01) {
        if (mass(b) - mass(a) >= 0.95 * total) {
          shortest = Math.min(shortest, b - a);
          break;
        }
      }
    }
    expect(found.upper95 - found.lower95).toBeLessThan(1.02 * shortest);
  });

  it('of parts that are alike is that of one', () => {
    const one = mixtureEstimate({ weights: [1], means: [2], stds: [0.5] });
    const two = mixtureEstimate({ weights: [0.4, 0.6], means: [2, 2.0001], stds: [0.5, 0.5] });
    expect(two.lower95).toBeCloseTo(one.lower95, 3);
    expect(one.upper95 - one.lower95).toBeCloseTo(2 * 1.96 * 0.5, 2);
  });
});

describe('wear that is faster than the horizon says', () => {
  const ramp = (times: number) => (k: number) => {
    const worn = Math.min(0.4, (times / HORIZON_S) * Math.max(0, k - 100));
    return [0.1 + worn, 0.1 + worn] as const;
  };

  it('is followed within the bands, which at rest are hardly wider, and is no sensor’s fault', async () => {
    const inside = { bank: 0, single: 0, of: 0 };
    const widths = { bank: 0, single: 0 };
    for (let seed = 1; seed <= 4; seed++) {
      const truth = ramp(8);
      const bank = await run(truth, { seed });
      const single = await run(truth, { seed, overrides: SINGLE });
      for (let k = 100; k < 136; k++) {
        const p = truth(k)[0];
        const holds = ({ parameters: { p: e } }: StepResult) => e!.lower95 <= p && p <= e!.upper95;
        inside.of++;
        if (holds(bank.results[k]!)) inside.bank++;
        if (holds(single.results[k]!)) inside.single++;
      }
      const calm = (results: readonly StepResult[]) => mean(results.slice(30, 100).map(widthOf));
      widths.bank += calm(bank.results);
      widths.single += calm(single.results);
      expect(saysFault(bank.results)).toBe(false);
    }
    expect(widths.bank / widths.single).toBeLessThan(1.1);
    expect(inside.bank / inside.of).toBeGreaterThan(0.9);
    expect(inside.single / inside.of).toBeLessThan(0.8);
  });

  it('is told from a sensor that is off where sensors are more than parameters', async () => {
    const { results } = await run(() => [0.3, 0.3], {
      spoil: (y, k) => {
        if (k >= 100) y[2]! += 0.05;
      },
    });
    expect(saysFault(results.slice(0, 100))).toBe(false);
    expect(saysFault(results.slice(100, 130))).toBe(true);
  });
});

describe('a change', () => {
  it('of one sample turns out to be none, and leaves no trace', async () => {
    const { results } = await run((k) => (k === 100 ? [0.6, 0.7] : [0.1, 0.2]));
    const [before, after] = [results[99]!, results[101]!];
    expect(results[100]!.diagnostics.regimeChange).toBe(true);
    expect(after.alarms.map((a) => a.message).join()).toContain('was none');
    for (const name of ['p', 'q']) {
      const [a, b] = [before.parameters[name]!, after.parameters[name]!];
      expect(Math.abs(b.mean - a.mean)).toBeLessThan(3 * a.std);
      expect(b.std).toBeLessThan(1.5 * a.std);
    }
  });

  it('that stays is kept', async () => {
    const { results } = await run((k) => (k >= 100 ? [0.6, 0.7] : [0.1, 0.2]));
    expect(Math.abs(results[106]!.parameters.p!.mean - 0.6)).toBeLessThan(0.03);
    expect(
      results.slice(101).some((r) => r.alarms.some((a) => a.message.includes('was none'))),
    ).toBe(false);
  });

  it('is not confirmed by a reading that is near an outlier only as it is high itself', async () => {
    const readings = (second: number) => (y: number[], k: number) => {
      if (k === 100) y.splice(0, 3, 0.1, 0.1, 0.2 + 0.055);
      if (k > 100 && k < 104) y.splice(0, 3, 0.1, 0.1, 0.2 + second);
    };
    const changes = async (second: number) => {
      const { results } = await run(() => [0.1, 0.1], { spoil: readings(second), steps: 110 });
      return results.slice(100).filter((r) => r.diagnostics.regimeChange).length;
    };
    expect(await changes(0.028)).toBe(0);
    expect(await changes(0.055)).toBeGreaterThan(0);
  });

  it('never moves a parameter that is declared constant', async () => {
    const { results } = await run((k) => (k >= 100 ? [0.6, 0.2] : [0.1, 0.2]), {
      overrides: {
        parameters: ['p', 'q'].map((variable) => ({
          variable,
          alias: `/s/${variable}`,
          lower: 0,
          upper: 1,
          prior: { mean: 0.15, std: 0.05 },
          wearHorizonS: HORIZON_S,
          ...(variable === 'q' ? { dynamics: 'constant', wearHorizonS: undefined } : {}),
        })),
      },
    });
    const before = results[99]!.parameters.q!;
    for (const { parameters } of results.slice(100)) {
      expect(Math.abs(parameters.q!.mean - before.mean)).toBeLessThan(3 * before.std);
      expect(parameters.q!.std).toBeLessThanOrEqual(1.0001 * before.std);
    }
    expect(Math.abs(results[110]!.parameters.p!.mean - 0.6)).toBeLessThan(0.03);
  });
});

describe('the sensors’ noise', () => {
  it('is found where it is twice or half of what is stated, and the bands follow', async () => {
    for (const factor of [0.5, 2]) {
      const rng = createRng(7);
      const { results } = await run(() => [0.3, 0.3], {
        spoil: (y) => {
          for (let i = 0; i < 3; i++) y[i] = (i === 2 ? 0.6 : 0.3) + 0.01 * factor * rng.normal();
        },
      });
      const nis = mean(results.slice(50).map((r) => r.nis / r.channels));
      expect(nis).toBeGreaterThan(0.8);
      expect(nis).toBeLessThan(1.25);
      expect(results.some((r) => r.alarms.some((a) => a.code === 'noise-mismatch'))).toBe(true);
    }
  });

  it('stays within ten times what was stated, and returns from anywhere', () => {
    const { definition } = smallTwin();
    const say = (z: number, share: number): FilterStep =>
      ({
        active: [0, 1, 2],
        z: new Float64Array(3).fill(z),
        noiseShare: new Float64Array(3).fill(share),
      }) as unknown as FilterStep;
    const noiseAfter = (std: number, step: FilterStep, samples: number) => {
      let noise = new Float64Array(3).fill(std);
      for (let k = 0; k < samples; k++)
        noise = new Float64Array(adaptNoise(definition, noise, step, k));
      return noise[0]!;
    };
    expect(noiseAfter(0.01, say(100, 1), 5000)).toBeCloseTo(0.1, 12);
    expect(noiseAfter(0.01, say(0, 1), 5000)).toBeCloseTo(0.001, 12);
    // Calm samples take it down as fast as a burst took it up, to a third.
    const up = noiseAfter(0.01, say(100, 1), 100) / 0.01;
    expect(Math.log(noiseAfter(0.1, say(0, 1), 100) / 0.1) / Math.log(up)).toBeLessThan(-0.25);
    // Where the data tell nothing of the noise.
    expect(noiseAfter(0.1, say(1, 0), 5000)).toBeLessThan(0.013);
    expect(noiseAfter(0.001, say(1, 0), 5000)).toBeGreaterThan(0.008);
  });
});

describe('a saved bank', () => {
  it('is read back to the bit, and left out where modes are others', async () => {
    const { state } = await run(() => [0.1, 0.2], { steps: 20 });
    const shape = {
      parameters: 2,
      measured: 3,
      virtualSensors: 1,
      health: state.filter.health.length,
    };
    const read = decodeFilterState(encodeFilterState(state.filter), shape);
    expect(read.bank).toEqual(state.filter.bank);
    expect(read.redundancy).toEqual(state.filter.redundancy);
    const twin = smallTwin({ estimator: { trendScales: [1, 8] } });
    const calibrator = createCalibrator({ twin, model: linearModel() });
    const next = await calibrator.step(
      { ...state, twinHash: twin.hash, filter: read },
      sample(21, [0.1, 0.2, 0.3]),
    );
    expect(next.state.filter.bank!.weights.length).toBe(12);
  });
});
