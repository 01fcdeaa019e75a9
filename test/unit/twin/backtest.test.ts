import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  backtest,
  backtestLines,
  backtestPlot,
  backtestReport,
} from '../../../shared/twin/backtest/index.js';
import { RollingQuantile } from '../../../shared/twin/backtest/rolling-quantile.js';
import { gaussianCrps, ScoreCard } from '../../../shared/twin/backtest/scores.js';
import { backtestVerdicts } from '../../../shared/twin/backtest/verdict.js';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import { fitRecord } from '../../../shared/twin/fit/record/arrange.js';
import { alike, lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

describe('a backtest', () => {
  it('finds an exact model good, with bands that hold what they say', async () => {
    const twin = lagTwin();
    const samples = await lagSamples({ n: 900, noise: 0.05 });
    const output = await backtest(twin, lagModel(twin), samples);
    expect(output.verdict).toEqual({ grade: 'good', reasons: [] });
    expect(output.horizons.map((h) => h.samples)).toEqual([1, 10, 100, 'free-run']);
    for (const h of output.horizons) {
      expect(h.coverage95, `${h.samples}`).toBeGreaterThan(0.88);
      expect(h.coverage95, `${h.samples}`).toBeLessThan(0.995);
      expect(h.coverage50).toBeGreaterThan(0.35);
      expect(h.coverage50).toBeLessThan(0.7);
      expect(h.rmse).toBeCloseTo(0.05, 1);
    }
    expect(output.splitHalf).toMatchObject({ agree: 1, pairs: 1 });
    expect(output.quantities).toMatchObject({ y: { grade: 'good' }, gain: { grade: 'good' } });
    expect(output.pit.y?.['1']?.distance).toBeLessThan(0.1);
    expect(output.yardstick?.horizons).toHaveLength(4);
    expect(backtestLines(output).join('\n')).toContain('Halves of the record agree on 100 %');
    expect(await backtestPlot(output)).toContain('<svg');
  });

  it('calls no parameter good that the fit as a whole speaks against', async () => {
    const twin = lagTwin();
    const record = fitRecord(twin, await lagSamples({ n: 50 }));
    const ofFit = [
      { grade: 'care' as const, reason: 'the record is too short' },
      { grade: 'unusable' as const, reason: 'tau stands at its bound', about: ['tau'] },
    ];
    const { verdict, quantities } = backtestVerdicts(twin, { dead: new Set(), record }, ofFit);
    expect(quantities.gain).toEqual({ grade: 'care', reasons: ['the record is too short'] });
    expect(quantities.tau!.grade).toBe('unusable');
    // Each once.
    expect(verdict.reasons.filter((r) => r.includes('too short'))).toHaveLength(1);
    expect(verdict.reasons).toContain('tau stands at its bound');
  });

  it('takes nothing for a fault that chance does with as few predictions', async () => {
    const twin = lagTwin();
    const record = fitRecord(twin, await lagSamples({ n: 50 }));
    const score = (n: number, coverage95: number, widths: number, rmse = 1) => ({
      ...{ samples: 100, channel: 'y', n, coverage50: 0.5, coverage80: 0.8, coverage95 },
      ...{ raw95: coverage95, crps: 1, rmse, halfWidth95: widths * rmse },
    });
    const judged = (tested: ReturnType<typeof score>, right?: ReturnType<typeof score>) =>
      backtestVerdicts(
        twin,
        {
          ...{ dead: new Set<number>(), record, horizons: [tested] },
          ...(right && {
            yardstick: { horizons: [right], splitHalf: { agree: 1, pairs: 1, parameters: {} } },
          }),
        },
        [],
      ).verdict;
    // Of three predictions one lies outside with right bands in one record of seven; of two, never two.
    expect(judged(score(3, 2 / 3, 2)).grade).toBe('good');
    expect(judged(score(2, 0, 2)).grade).toBe('unusable');
    expect(judged(score(300, 2 / 3, 2)).grade).toBe('unusable');
    expect(judged(score(300, 0.87, 2)).grade).toBe('care');
    // Three errors are as small as that by chance, thirty are not.
    expect(judged(score(3, 1, 8)).grade).toBe('good');
    expect(judged(score(30, 1, 8)).reasons.join()).toMatch(/8.0 times as wide as the error/);
    expect(judged(score(3, 1, 2, 4), score(3, 1, 2, 1)).grade).toBe('good');
    expect(judged(score(30, 1, 2, 4), score(30, 1, 2, 1)).reasons.join()).toMatch(
      /a model that is right/,
    );
  });

  it('says where the start is not fitted, as a fit does', async () => {
    const twin = lagTwin();
    const model = { ...lagModel(twin), startDoubt: 'the start is not fitted' };
    const { verdict, quantities } = await backtest(twin, model, await lagSamples({ n: 200 }), {
      withoutYardstick: true,
    });
    expect(verdict.reasons).toContain('the start is not fitted');
    expect(quantities.gain!.grade).toBe('care');
  });

  it('is written as a page with every score', async () => {
    const twin = lagTwin();
    const output = await backtest(twin, lagModel(twin), await lagSamples({ n: 200, ou: 0.1 }));
    expect(backtestLines(output).join('\n')).toMatch(/ {2}gain +(good|use with care|do not use)/);
    const html = await backtestReport(output);
    for (const part of ['Verdicts', 'Predictions', 'Halves of the record']) {
      expect(html).toContain(`<h2>${part}</h2>`);
    }
    for (const { samples, n, coverage50 } of output.horizons) {
      const ahead = samples === 'free-run' ? 'free run' : samples;
      expect(html).toContain(
        `<td>${ahead}</td><td>${n}</td><td>${Math.round(100 * coverage50)} %</td>`,
      );
    }
    expect(html).toMatch(/<th scope="row">gain<\/th><td>(good|use with care|do not use)<\/td>/);
  });

  it('gives the same with the same seed', async () => {
    const twin = lagTwin();
    const samples = await lagSamples({ n: 200 });
    const [a, b] = await Promise.all(
      [5, 5].map((seed) => backtest(twin, lagModel(twin), samples, { seed })),
    );
    expect(a!.yardstick).toEqual(b!.yardstick);
    expect(a!.horizons).toEqual(b!.horizons);
  });

  it('holds each sensor out in turn', async () => {
    const twin = lagTwin(['gain', 'tau'], {
      measured: ['y', 'z'].map((variable) => ({ variable, alias: `/l/${variable}` })),
    });
    const rng = createRng(3);
    const samples = (await lagSamples({ n: 300 })).map((s) => ({
      ...s,
      measured: Float64Array.of(s.measured[0]!, s.measured[0]! + 0.05 * rng.normal()),
    }));
    const model = alike(lagModel(twin), 2);
    const output = await backtest(twin, model, samples, { withoutYardstick: true });
    expect(output.heldOut.map((h) => h.channel)).toEqual(['y', 'z']);
    for (const h of output.heldOut) {
      expect(h.rmse).toBeLessThan(0.12);
      expect(h.coverage95).toBeGreaterThan(0.85);
    }
  });

  it('names the parameter whose halves contradict each other', async () => {
    const twin = lagTwin();
    const samples = [
      ...(await lagSamples({ n: 400, gain: 3 })),
      ...(await lagSamples({ n: 400, gain: 4.5, seed: 8 })).map((s) => ({
        ...s,
        timeS: s.timeS + 400,
      })),
    ];
    const output = await backtest(twin, lagModel(twin), samples, { withoutYardstick: true });
    expect(output.splitHalf.parameters.gain).toMatchObject({ agree: false });
    expect(output.quantities.gain!.grade).not.toBe('good');
    expect(output.verdict.reasons.join()).toContain("gain: the record's halves give");
  });

  it('does not compare what tells where a record begins', async () => {
    const twin = lagTwin(['gain', 'tau', 'gain2'], {
      parameters: lagTwin(['gain', 'tau', 'idle']).definition.parameters.map((p) =>
        p.variable === 'idle' ? { ...p, variable: 'start', alias: '/l/start' } : p,
      ),
    });
    const lag = lagModel(lagTwin());
    // An FMU that keeps its states to itself, and has a parameter for their beginning.
    const model: typeof lag = {
      ...lag,
      states: [],
      startStates: async () => new Float64Array(),
      run: (points, ...more) =>
        lag.run(
          points.map(({ parameters, ...point }) => ({
            ...point,
            parameters: parameters.slice(0, 2),
            states: parameters.slice(2),
          })),
          ...more,
        ),
    };
    const output = await backtest(twin, model, await lagSamples({ n: 400 }), {
      withoutYardstick: true,
    });
    expect(Object.keys(output.splitHalf.parameters)).toEqual(['gain', 'tau']);
    expect(output.splitHalf).toMatchObject({ agree: 1, ofStart: ['start'] });
    expect(backtestLines(output).join('\n')).toContain(
      'Not compared, as they tell where a record begins: start',
    );
  });

  it('says what cannot be tested', async () => {
    const twin = lagTwin();
    const few = await backtest(twin, lagModel(twin), await lagSamples({ n: 20 }));
    expect(few.verdict.grade).toBe('unusable');
    expect(few.verdict.reasons[0]).toContain('20 samples');
    const dead = (await lagSamples()).map((s) => ({ ...s, measured: Float64Array.of(1) }));
    const constant = await backtest(twin, lagModel(twin), dead);
    expect(constant.verdict.grade).toBe('unusable');
    expect(constant.quantities.y!.grade).toBe('unusable');
    const fails = await backtest(
      twin,
      lagModel(twin, { failsWhere: () => true }),
      await lagSamples(),
    );
    expect(fails.verdict.grade).toBe('unusable');
  });

  it('does not call a model good that explains nothing', async () => {
    const twin = lagTwin();
    const rng = createRng(2);
    let level = 0;
    const samples = (await lagSamples({ n: 400 })).map((s) => {
      level += rng.normal();
      return { ...s, measured: Float64Array.of(level) };
    });
    const output = await backtest(twin, lagModel(twin), samples, { withoutYardstick: true });
    expect(output.verdict.grade).not.toBe('good');
    expect(output.quantities.gain!.grade).not.toBe('good');
  });
});

describe('scores', () => {
  it('has the CRPS of a Gaussian by numerical integration', () => {
    for (const [error, std] of [
      [0, 1],
      [1.3, 0.4],
      [-2, 3],
    ] as const) {
      // ∫ (F(x) − 1[x ≥ y])² dx, the prediction at 0 and the datum at `error`.
      let sum = 0;
      const h = 1e-3;
      const cdf = (x: number) => {
        const t = 1 / (1 + 0.2316419 * Math.abs(x));
        const tail =
          Math.exp((-x * x) / 2) *
          0.3989422804014327 *
          t *
          (0.31938153 +
            t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
        return x > 0 ? 1 - tail : tail;
      };
      for (let x = -30; x < 30; x += h) {
        sum += h * (cdf((x + h / 2) / std) - (x + h / 2 >= error ? 1 : 0)) ** 2;
      }
      expect(gaussianCrps(error, std)).toBeCloseTo(sum, 3);
    }
  });

  it('counts shares and bins', () => {
    const rng = createRng(1);
    const card = new ScoreCard();
    for (let i = 0; i < 5000; i++) card.add(2 * rng.normal(), 2);
    const score = card.score('y', 1);
    expect(score.coverage50).toBeCloseTo(0.5, 1);
    expect(score.coverage95).toBeCloseTo(0.95, 1);
    expect(card.pit().distance).toBeLessThan(0.03);
  });

  it('widens bands that were too narrow, within limits', () => {
    const tracker = new RollingQuantile();
    expect(tracker.factor(0.95)).toBeGreaterThan(0.9);
    expect(tracker.factor(0.95)).toBeLessThan(1.3);
    const rng = createRng(7);
    for (let i = 0; i < 300; i++) tracker.add(3 * rng.normal());
    expect(tracker.factor(0.95)).toBeGreaterThan(2);
    expect(tracker.factor(0.95)).toBeLessThan(4.5);
    for (let i = 0; i < 300; i++) tracker.add(1000);
    expect(tracker.factor(0.95)).toBe(6);
    for (let i = 0; i < 300; i++) tracker.add(0);
    expect(tracker.factor(0.5)).toBeGreaterThanOrEqual(0.6);
  });
});

describe('what is told of searches', () => {
  /** The lag with digits that jump with its parameters: searches do not come to an end in them. */
  const jumping = (by: number): FitModel => {
    const model = lagModel(lagTwin());
    return {
      ...model,
      run: async (points, ...rest) =>
        (await model.run(points, ...rest)).map((run, i) => {
          if (run instanceof Error) return run;
          const [gain = 0, tau = 0] = points[i]!.parameters;
          const jump = (k: number) => by * Math.sin(1e5 * (gain + 2 * tau) + k);
          return { ...run, outputs: run.outputs.map((v, k) => v + jump(k)) };
        }),
    };
  };

  it.each([
    [0, 0.2, false],
    [0.01, 0.2, false],
    [0.01, 1, false],
    [0.003, 0, true],
  ])(
    'is the same of a fit and a backtest (jumps of %d, disturbance %d)',
    async (by, ou, isSaid) => {
      const samples = await lagSamples({ n: 300, noise: 0.01, ou });
      const { output } = await commission(lagTwin(), jumping(by), samples);
      const tested = await backtest(lagTwin(), jumping(by), samples, { withoutYardstick: true });
      for (const { verdict } of [output, tested]) {
        expect(verdict.reasons.includes('no search has converged')).toBe(isSaid);
      }
    },
  );
});
