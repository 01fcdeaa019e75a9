import { describe, expect, it } from 'vitest';
import { createRng, TwinError } from '../../../shared/core/index.js';
import { studentTQuantile } from '../../../shared/twin/fit/bands/student-t.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import {
  fitResidualModel,
  timesResidualCovariance,
} from '../../../shared/twin/fit/residuals/residual-model.js';
import { fitLines } from '../../../shared/twin/fit/views/lines.js';
import { fitPlot } from '../../../shared/twin/fit/views/plot.js';
import { fitReport } from '../../../shared/twin/fit/views/report.js';
import { alike, lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

describe('a fit of an exact model', () => {
  it('finds constants, start and noise, and says it is good', async () => {
    const twin = lagTwin();
    const { output } = await commission(twin, lagModel(twin), await lagSamples());
    expect(output.verdict).toEqual({ grade: 'good', reasons: [] });
    const { gain, tau } = output.parameters;
    expect(gain!.lower95).toBeLessThan(3);
    expect(gain!.upper95).toBeGreaterThan(3);
    expect(gain!.std).toBeLessThan(0.1);
    expect(tau!.lower95).toBeLessThan(8);
    expect(tau!.upper95).toBeGreaterThan(8);
    expect(output.startStates.x!.mean).toBeCloseTo(0.5, 1);
    expect(output.heldOut?.channels.y?.rmse).toBeLessThan(0.07);
    expect(output.heldOut?.channels.y?.coverage95).toBeGreaterThan(0.85);
    expect(output.freeRun.channels.y?.rmse).toBeCloseTo(0.05, 2);
  });

  it('covers the truth in 90 to 100 % of seeds, with white noise and with a disturbance', async () => {
    const twin = lagTwin();
    for (const ou of [0, 0.1]) {
      let inside = 0;
      const seeds = 40;
      for (let seed = 0; seed < seeds; seed++) {
        const samples = await lagSamples({ seed: seed + 100, ou });
        const { output } = await commission(twin, lagModel(twin), samples, { holdOut: 0 });
        for (const [name, truth] of [
          ['gain', 3],
          ['tau', 8],
        ] as const) {
          const e = output.parameters[name]!;
          if (e.lower95 <= truth && truth <= e.upper95) inside++;
        }
      }
      expect(inside / (2 * seeds), `ou ${ou}`).toBeGreaterThanOrEqual(0.9);
    }
  });

  it('draws and tells what it found', async () => {
    const twin = lagTwin();
    const result = await commission(twin, lagModel(twin), await lagSamples());
    expect(fitLines(result.output).join('\n')).toContain('held out');
    expect(await fitPlot(twin, result)).toContain('<svg');
    const html = await fitReport(twin, result);
    expect(html).toContain('class="verdict good"');
    for (const part of ['What to do next', 'Recording', 'Parameters', 'Free run', 'Searches']) {
      expect(html).toContain(`<h2>${part}</h2>`);
    }
    expect(html).toContain('<svg');
  });

  it('takes samples at a rail that shows in the data for missing', async () => {
    const twin = lagTwin();
    const samples = (await lagSamples({ noise: 0.02 })).map((s) => ({
      ...s,
      measured: s.measured.map((v) => Math.min(v, 2.4)),
    }));
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.rails[0]).toMatchObject({ variable: 'y', side: 'upper', value: 2.4 });
    expect(output.parameters.gain!.lower95).toBeLessThan(3);
    expect(output.parameters.gain!.upper95).toBeGreaterThan(3);
  });

  it('takes a record that mostly rests at one value for no rail', async () => {
    const twin = lagTwin();
    const samples = (await lagSamples({ noise: 0 })).map((s, k) => ({
      ...s,
      measured: Float64Array.of(k < 200 ? 5 : s.measured[0]!),
    }));
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.rails).toEqual([]);
  });

  it('climbs to the optimum of a model that swings by itself', async () => {
    // y = sin(2π t / tau): an optimum for each number of periods in the record.
    const twin = lagTwin(['tau'], {}, {});
    const rng = createRng(5);
    const samples = (await lagSamples({ n: 300 })).map((s) => ({
      ...s,
      measured: Float64Array.of(Math.sin((2 * Math.PI * s.timeS) / 9) + 0.05 * rng.normal()),
    }));
    const swing: FitModel = {
      ...lagModel(twin),
      states: [],
      run: async (points, record) =>
        points.map(({ parameters }) => ({
          outputs: record.timesS.map((t) => Math.sin((2 * Math.PI * t) / parameters[0]!)),
        })),
    };
    const { output } = await commission(twin, swing, samples);
    expect(output.parameters.tau!.mean).toBeCloseTo(9, 2);
    expect(output.heldOut!.channels.y!.rmse).toBeLessThan(0.07);
  });

  it('does not give narrow bands to what is not to be used', async () => {
    const twin = lagTwin();
    const samples = (await lagSamples({ n: 200 })).map((s) => ({
      ...s,
      measured: Float64Array.of(3 * Math.sin(s.timeS / 3)),
    }));
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.verdict.grade).toBe('unusable');
    const { lower95, upper95 } = output.parameters.gain!;
    expect(upper95 / lower95).toBeGreaterThan(5);
  });

  it('does not call a record good that its own disturbance fills', async () => {
    const twin = lagTwin();
    const samples = await lagSamples({ n: 60, noise: 0.01, ou: 0.5, seed: 3 });
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.verdict.grade).not.toBe('good');
    expect(output.verdict.reasons.join()).toMatch(/held out/);
  });
});

describe('bad input ends in a verdict, never in narrow bands', () => {
  const wide = (e: { lower95: number; upper95: number }) => e.upper95 / e.lower95 > 5;

  it('three samples', async () => {
    const twin = lagTwin();
    const { output } = await commission(twin, lagModel(twin), await lagSamples({ n: 3 }));
    expect(output.verdict.grade).toBe('unusable');
    expect(output.verdict.reasons[0]).toContain('3 usable values');
    expect(wide(output.parameters.gain!)).toBe(true);
  });

  it('fewer samples than tell noise from what the model lacks, of however many sensors', async () => {
    const names = ['y', 'z', 'w'];
    const twin = lagTwin(['gain', 'tau'], {
      measured: names.map((variable) => ({ variable, alias: `/l/${variable}` })),
    });
    const model = alike(lagModel(twin), 3);
    for (const [n, grade] of [
      [4, 'unusable'],
      [7, 'unusable'],
      [12, 'care'],
    ] as const) {
      const samples = (await lagSamples({ n })).map((s) => ({
        ...s,
        measured: Float64Array.from(
          names,
          (_, c) => s.measured[0]! + 0.01 * c * Math.sin(7 * s.timeS),
        ),
      }));
      const { output } = await commission(twin, model, samples);
      expect([n, output.verdict.grade]).toEqual([n, grade]);
      if (n >= 8) continue;
      expect(output.verdict.reasons[0]).toContain(`${n} samples of a moving machine`);
      expect(wide(output.parameters.gain!)).toBe(true);
    }
  });

  it('one constant, and nothing at all', async () => {
    const twin = lagTwin();
    for (const value of [1.5, Number.NaN]) {
      const samples = (await lagSamples()).map((s) => ({
        ...s,
        measured: Float64Array.of(value),
      }));
      const { output } = await commission(twin, lagModel(twin), samples);
      expect(output.verdict.grade).toBe('unusable');
      expect(output.verdict.reasons.join()).toContain('no measured variable has values that move');
      expect(wide(output.parameters.gain!)).toBe(true);
    }
  });

  it('one dead sensor of two is left out and named', async () => {
    const twin = lagTwin(['gain', 'tau'], {
      measured: ['y', 'z'].map((variable) => ({ variable, alias: `/l/${variable}` })),
    });
    const model = alike(lagModel(twin), 2);
    const samples = (await lagSamples()).map((s) => ({
      ...s,
      measured: Float64Array.of(s.measured[0]!, 7),
    }));
    const { output } = await commission(twin, model, samples);
    expect(output.verdict.grade).toBe('care');
    expect(output.verdict.reasons.join()).toContain('z holds no value, or one value throughout');
    expect(output.summary.recording.deadChannels).toEqual(['z']);
    expect(output.parameters.gain!.mean).toBeCloseTo(3, 1);
  });

  it('no samples', async () => {
    const twin = lagTwin();
    const { output } = await commission(twin, lagModel(twin), []);
    expect(output.verdict.grade).toBe('unusable');
  });

  it('a parameter that does nothing keeps its prior', async () => {
    const twin = lagTwin(['gain', 'tau', 'idle']);
    const { output } = await commission(twin, lagModel(twin), await lagSamples());
    expect(output.verdict.grade).toBe('care');
    expect(output.verdict.reasons.join()).toContain('idle does nothing in this record');
    expect(wide(output.parameters.idle!)).toBe(true);
    expect(wide(output.parameters.tau!)).toBe(false);
  });

  it('two parameters that do the same show as a ridge', async () => {
    const twin = lagTwin(['gain', 'tau', 'gain2']);
    const { output } = await commission(twin, lagModel(twin), await lagSamples());
    expect(output.verdict.grade).toBe('care');
    expect(output.ridges).toHaveLength(1);
    expect(output.ridges[0]!.message).toMatch(/only gain2?·gain2? is/);
    expect(wide(output.parameters.gain!)).toBe(true);
    expect(wide(output.parameters.gain2!)).toBe(true);
  });

  it('bounds that exclude the optimum', async () => {
    const twin = lagTwin(['gain', 'tau'], {}, { gain: { upper: 2.2 } });
    const { output } = await commission(twin, lagModel(twin), await lagSamples());
    expect(output.verdict.grade).not.toBe('good');
    expect(output.verdict.reasons.join()).toContain('gain stands at its bound');
  });

  it('a bound that is a little too low, also by what is tied to its parameter', async () => {
    const twin = lagTwin(['gain', 'tau', 'idle'], {}, { gain: { upper: 2.95 } });
    const { output } = await commission(twin, lagModel(twin), await lagSamples());
    expect(output.verdict.reasons).toContain(
      'tau is known only as far as the bound of gain is right',
    );
    expect(output.quantities.tau).toMatchObject({ grade: 'care' });
    // Nothing is said where the bound is far.
    const free = lagTwin(['gain', 'tau']);
    const { output: good } = await commission(free, lagModel(free), await lagSamples());
    expect(good.verdict.reasons.join()).not.toContain('known only as far as');
  });

  it('a model that fails on half of the starts', async () => {
    const twin = lagTwin();
    const model = lagModel(twin, { failsWhere: ({ gain = 0 }) => gain < 1.8 });
    const { output } = await commission(twin, model, await lagSamples());
    expect(output.verdict.grade).toBe('care');
    expect(output.verdict.reasons.join()).toMatch(/failed from \d of 4 starts: fmi2DoStep/);
    expect(output.parameters.gain!.lower95).toBeLessThan(3);
  });

  it('a model that fails where the data want it, by where that is', async () => {
    const twin = lagTwin();
    const model = lagModel(twin, { failsWhere: ({ gain = 0 }) => gain < 3.3 });
    const { output } = await commission(twin, model, await lagSamples());
    expect(output.verdict.grade).toBe('unusable');
    expect(output.verdict.reasons[0]).toMatch(
      /ended where the model begins to fail.*at gain (2\.9|3\.0).*fmi2DoStep returned Error/,
    );
    expect(output.parameters.gain!.lower95).toBeLessThan(3);
    expect(output.starts.some((s) => (s.refused?.nats ?? 0) > 2)).toBe(true);
  });

  it('a model that fails in what the machine was seen in, however much residuals follow each other', async () => {
    // Searches stop where the free run comes that high, and what is left has so long a memory that it is worth little.
    const twin = lagTwin();
    const inner = lagModel(twin);
    const samples = await lagSamples();
    const top = Math.max(...samples.map((s) => s.measured[0]!));
    const fitUpTo = async (share: number) => {
      const run = async (...args: Parameters<typeof inner.run>) =>
        (await inner.run(...args)).map((made) =>
          made instanceof Error || made.outputs.every((y) => y < share * top)
            ? made
            : new TwinError('NUMERIC', 'The model gave NaN as y.'),
        );
      return (await commission(twin, { ...inner, run }, samples)).output;
    };
    const far = await fitUpTo(0.6);
    expect(far.verdict.grade).toBe('unusable');
    expect(far.verdict.reasons[0]).toMatch(/ended where the model begins to fail.*NaN as y/);
    expect(wide(far.parameters.gain!)).toBe(true);
    // Less far beyond, the bands hold the way that is left.
    const near = await fitUpTo(0.8);
    expect(near.verdict.reasons.join('; ')).toMatch(/no search has converged: at gain.*NaN as y/);
    for (const [name, truth] of [
      ['gain', 3],
      ['tau', 8],
    ] as const) {
      expect(near.parameters[name]!.mean).toBeLessThan(truth);
      expect(near.parameters[name]!.upper95).toBeGreaterThan(truth);
    }
  });

  it('a model whose hidden outputs are no numbers, by the virtual sensors', async () => {
    const virtualSensors = [{ variable: 'z', alias: '/l/z' }];
    const twin = lagTwin(['gain', 'tau'], { virtualSensors });
    const model = lagModel(twin);
    const fails = {
      ...model,
      run: async (...[points, record, options]: Parameters<typeof model.run>) =>
        options?.keepSensors === true
          ? points.map(() => new TwinError('NUMERIC', 'The model gave NaN as z.'))
          : model.run(points, record, options),
    };
    const { output } = await commission(twin, fails, await lagSamples(), { hidden: true });
    expect(output.verdict).toEqual({
      grade: 'care',
      reasons: ['the virtual sensors are not told: The model gave NaN as z'],
    });
    expect(output.summary.quantities.z!.grade).toBe('care');
    expect(output.summary.quantities.gain!.grade).toBe('good');
  });

  it('a model that fails everywhere, or gives NaN', async () => {
    const twin = lagTwin();
    for (const options of [{ failsWhere: () => true }, { nan: true }]) {
      const { output } = await commission(twin, lagModel(twin, options), await lagSamples());
      expect(output.verdict.grade).toBe('unusable');
      expect(wide(output.parameters.gain!)).toBe(true);
    }
  });

  it('no noise at all gives bands no narrower than the model’s digits', async () => {
    const twin = lagTwin();
    const { output } = await commission(twin, lagModel(twin), await lagSamples({ noise: 0 }));
    expect(output.parameters.gain!.mean).toBeCloseTo(3, 3);
    expect(output.parameters.gain!.std).toBeGreaterThan(0);
    expect(output.parameters.gain!.lower95).toBeLessThanOrEqual(3);
    expect(output.parameters.gain!.upper95).toBeGreaterThanOrEqual(3);
  });

  it('times that repeat are left out and counted', async () => {
    const twin = lagTwin();
    const samples = await lagSamples();
    const doubled = samples.flatMap((s) => [s, s]);
    const { output } = await commission(twin, lagModel(twin), doubled);
    expect(output.summary.recording.skipped).toEqual({ 'time-not-rising': samples.length });
    expect(output.summary.used).toBe(samples.length);
    const once = await commission(twin, lagModel(twin), samples);
    expect(output.parameters.gain!.std).toBeCloseTo(once.output.parameters.gain!.std, 10);
  });

  it('a model that explains nothing', async () => {
    const twin = lagTwin();
    const rng = createRng(9);
    let level = 0;
    const samples = (await lagSamples()).map((s) => {
      level += rng.normal();
      return { ...s, measured: Float64Array.of(40 + level) };
    });
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.verdict.grade).toBe('unusable');
  });
});

describe('the parts', () => {
  it('has the quantiles of Student’s t from tables', () => {
    expect(studentTQuantile(0.975, 1)).toBeCloseTo(12.7062, 3);
    expect(studentTQuantile(0.975, 5)).toBeCloseTo(2.5706, 4);
    expect(studentTQuantile(0.975, 30)).toBeCloseTo(2.0423, 4);
    expect(studentTQuantile(0.95, 2.5)).toBeCloseTo(2.5582, 3);
  });

  it('finds white noise and a disturbance again', () => {
    const rng = createRng(4);
    const n = 4000;
    const timesS = Float64Array.from({ length: n }, (_, k) => 2 * k);
    const a = Math.exp(-2 / 40);
    let d = 0;
    const residuals = timesS.map(() => {
      d = a * d + 0.3 * Math.sqrt(1 - a * a) * rng.normal();
      return d + 0.1 * rng.normal();
    });
    const model = fitResidualModel(residuals, timesS, 1e-6);
    expect(model.white).toBeCloseTo(0.1, 1);
    expect(model.ou.std).toBeGreaterThan(0.25);
    expect(model.ou.std).toBeLessThan(0.37);
    expect(model.ou.timeConstantS).toBeGreaterThan(28);
    expect(model.ou.timeConstantS).toBeLessThan(56);
    // n (w² + s²) / (w² + s² (1 + a)/(1 − a)).
    expect(model.nEff).toBeGreaterThan(70);
    expect(model.nEff).toBeLessThan(180);
  });

  it('multiplies by the residuals’ covariance as the full matrix does', () => {
    const timesS = Float64Array.of(0, 1, 2.5, 3, 7);
    const model = { white: 0.2, ou: { std: 0.5, timeConstantS: 3 }, nEff: 1, samples: 5 };
    const g = Float64Array.of(1, -2, 0.5, 3, 1);
    const use = (row: number) => row !== 2;
    const out = timesResidualCovariance(model, timesS, use, g);
    timesS.forEach((t, i) => {
      let sum = 0;
      timesS.forEach((s, j) => {
        if (!use(i) || !use(j)) return;
        sum += (0.25 * Math.exp(-Math.abs(t - s) / 3) + (i === j ? 0.04 : 0)) * g[j]!;
      });
      expect(out[i]).toBeCloseTo(sum, 12);
    });
  });
});
