import { describe, expect, it } from 'vitest';
import { createRng, silentLogger } from '../../../shared/core/index.js';
import { predictions } from '../../../shared/twin/backtest/predict.js';
import type { Fit } from '../../../shared/twin/fit/fitting/fit.js';
import { commission, createFitModel, type FitModel } from '../../../shared/twin/fit/index.js';
import { alongParts } from '../../../shared/twin/fit/model/parts.js';
import { fitRecord } from '../../../shared/twin/fit/record/arrange.js';
import { beginningsOf, gapFindings, runnable } from '../../../shared/twin/fit/record/gaps.js';
import { headOf, sliceOf } from '../../../shared/twin/fit/record/record.js';
import type { Sample } from '../../../shared/twin/index.js';
import { CONDITIONS, simulateMachine } from '../../study/unseen/conditions.js';
import { MACHINES } from '../../study/unseen/machines.js';
import { twinOf } from '../../study/unseen/run.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const TRUTH = { gain: 3, tau: 8 };

/** The lag, its state set anew after each gap. */
function brokenLagModel(twin = lagTwin()): FitModel & { asked: number } {
  const through = lagModel(twin);
  const model = {
    ...through,
    asked: 0,
    run: (...[points, record, options]: Parameters<FitModel['run']>) =>
      alongParts(points, record, 1, (mine, part) => {
        model.asked += mine.length * part.timesS.length;
        return through.run(mine, part, options);
      }),
  };
  return model;
}

/** Samples without those of some rows, or without their inputs. */
const without = (samples: readonly Sample[], from: number, to: number) =>
  samples.filter((_, row) => row < from || row >= to);
const undriven = (samples: readonly Sample[], from: number, to: number) =>
  samples.map((s, row) =>
    row < from || row >= to ? s : { ...s, inputs: Float64Array.of(Number.NaN) },
  );

describe('where a run begins anew', () => {
  it('is after times much longer than samples are apart', () => {
    const times = (gaps: Readonly<Record<number, number>>, n = 60) => {
      let t = 0;
      return Float64Array.from({ length: n }, (_, row) => {
        t += row === 0 ? 0 : (gaps[row] ?? 10);
        return t;
      });
    };
    expect(beginningsOf(times({}))).toEqual([0]);
    expect(beginningsOf(times({ 30: 20 }))).toEqual([0]);
    expect(beginningsOf(times({ 20: 120, 40: 40 }))).toEqual([0, 20, 40]);
    // The inputs are known meanwhile: only what is measured was not read.
    expect(beginningsOf(times({ 20: 120, 40: 40 }), { isKnown: (row) => row === 19 })).toEqual([
      0, 40,
    ]);
    // What a definition states goes before.
    expect(beginningsOf(times({ 20: 120, 40: 40 }), { maxGapS: 60 })).toEqual([0, 20]);
    expect(beginningsOf(times({ 20: 120 }), { begun: new Set([5]) })).toEqual([0, 5, 20]);
    expect(beginningsOf(new Float64Array())).toEqual([]);
    // A row is missing, and a valve has moved meanwhile.
    const hasChanged = (row: number) => row === 29 || row === 34;
    expect(beginningsOf(times({ 30: 20, 40: 20 }), { hasChanged })).toEqual([0, 30]);
    expect(beginningsOf(times({ 30: 20 }), { hasChanged, maxGapS: 60 })).toEqual([0]);
    expect(beginningsOf(Float64Array.of(0, 1000))).toEqual([0]);
  });

  it('is not where rows come when something has changed', () => {
    let t = 0;
    const onChange = Float64Array.from({ length: 200 }, (_, row) => {
      t += [10, 10, 10, 300, 20, 900][row % 6]!;
      return t;
    });
    expect(beginningsOf(onChange, { hasChanged: () => true })).toEqual([0]);
  });

  it('is kept by parts of a record', async () => {
    const record = fitRecord(lagTwin(), without(await lagSamples(), 100, 130));
    expect(record.beginnings).toEqual([0, 100]);
    expect(headOf(record, 100).beginnings).toEqual([0]);
    expect(sliceOf(record, 40, 200).beginnings).toEqual([0, 60]);
    expect(sliceOf(record, 100, 200).beginnings).toEqual([0]);
    const held = lagTwin(['gain', 'tau'], { inputs: [{ variable: 'u', value: 1 }] });
    const driven = without(await lagSamples(), 100, 130);
    // What is held at one value drives the machine in gaps as well.
    expect(fitRecord(held, driven).beginnings).toEqual([0]);
  });

  it('leaves out samples that for long have no inputs, and carries these over a few', async () => {
    const samples = await lagSamples();
    const long = fitRecord(lagTwin(), undriven(samples, 100, 130));
    expect(long.beginnings).toEqual([0, 100]);
    expect(long.skipped).toEqual({ 'input-missing': 30 });
    expect(long.timesS).toHaveLength(270);
    const changing = samples.map((s, row) => ({ ...s, inputs: Float64Array.of(Math.sin(row)) }));
    // So are those at which one stands still that otherwise changes with each sample, but for the first.
    const still = changing.map((s, row) =>
      row < 100 || row >= 130 ? s : { ...s, inputs: changing[100]!.inputs },
    );
    expect(fitRecord(lagTwin(), changing).beginnings).toEqual([0]);
    expect(fitRecord(lagTwin(), still)).toMatchObject({
      beginnings: [0, 101],
      skipped: { 'input-missing': 29 },
    });
    // And what a device sends for no value is none.
    const coded = samples.map((s, row) =>
      row < 100 || row >= 130 ? s : { ...s, inputs: Float64Array.of(-9999) },
    );
    expect(fitRecord(lagTwin(), coded).skipped).toEqual({ 'input-missing': 30 });
    const short = fitRecord(lagTwin(), undriven(samples, 100, 104));
    expect(short.beginnings).toEqual([0]);
    expect(short.skipped).toEqual({});
  });
});

describe('a fit of a record with gaps', () => {
  it.each([
    ['rows', without],
    ['inputs', undriven],
  ] as const)(
    'is as good where %s are missing as of what is there, and tells the gaps',
    async (_, missing) => {
      const twin = lagTwin();
      const samples = missing(missing(await lagSamples(), 200, 212), 100, 130);
      const { output, test } = await commission(twin, brokenLagModel(twin), samples);
      expect(output.verdict.reasons).toEqual(
        missing === without ? [] : [expect.stringMatching(/^42 of 300 .* input-missing/)],
      );
      for (const [name, truth] of Object.entries(TRUTH)) {
        const { mean, lower95, upper95 } = output.parameters[name]!;
        expect(lower95).toBeLessThan(truth);
        expect(upper95).toBeGreaterThan(truth);
        expect(Math.abs(mean / truth - 1)).toBeLessThan(0.05);
      }
      expect(output.summary.gaps).toEqual([
        { sinceS: 99, untilS: 130 },
        { sinceS: 199, untilS: 212 },
      ]);
      expect(Object.keys(output.startStates)).toEqual(['x', 'x after 2.2 min', 'x after 3.5 min']);
      expect(output.notes.join('\n')).toMatch(
        /2 gaps without samples.*begin anew.*99 s to 2.2 min \(130 s\), .*199 s.* to 3.5 min \(212 s\)/,
      );
      expect(output.heldOut!.samples).toBeGreaterThan(50);
      expect(test!.prediction).toHaveLength(258);
    },
  );

  it('is misled by a run that is led through them', async () => {
    const twin = lagTwin();
    const samples = without(without(await lagSamples(), 200, 212), 100, 130);
    const record = fitRecord(twin, samples);
    expect(record.beginnings).toHaveLength(3);
    const opaque: FitModel = { ...lagModel(twin), states: [] };
    const { output } = await commission(twin, opaque, samples);
    expect(output.verdict.grade).not.toBe('good');
    expect(output.verdict.reasons.join('\n')).toMatch(
      /there are no rows for 31 s from 99 s on, the longest of 2 gaps,.*--from and --to/,
    );
    expect(output.summary.gaps).toEqual([]);
  });

  it('begins anew after very many, and says so where a run goes through the shortest', async () => {
    const twin = lagTwin();
    const all = await lagSamples({ n: 3000 });
    // Of each 25 rows the last three are missing, of the first 50 the last four.
    const nightly = (gaps: number) =>
      all.filter((_, row) => row % 25 < 21 || row >= 25 * gaps || (row >= 50 && row % 25 === 24));
    const some = await commission(twin, brokenLagModel(twin), nightly(60));
    expect(some.output.summary.gaps).toHaveLength(60);
    expect(some.output.verdict).toEqual({ grade: 'good', reasons: [] });
    expect(some.output.parameters.tau!.lower95).toBeLessThan(8);
    expect(some.output.parameters.tau!.upper95).toBeGreaterThan(8);
    const many = fitRecord(twin, nightly(110));
    const run = runnable(many, { states: ['x'] });
    expect([many.beginnings.length, run.beginnings.length]).toEqual([111, 101]);
    // The two longest are among them.
    expect(run.beginnings.slice(0, 3)).toEqual(many.beginnings.slice(0, 3));
    expect(gapFindings(many, run)).toEqual([
      { grade: 'care', reason: expect.stringMatching(/of 10 gaps,.*100 longest alone/) },
    ]);
    expect(gapFindings(many, many)).toEqual([]);
  });

  it('is tested on rows that it can predict: none of after a gap that it has not seen', async () => {
    const twin = lagTwin();
    // The last quarter begins at row 221: of three rows more nothing could be told.
    const samples = without(await lagSamples(), 224, 230);
    const { output, test } = await commission(twin, brokenLagModel(twin), samples);
    const { fromSample, samples: held } = output.heldOut!;
    expect(fromSample + held).toBe(224);
    expect(held).toBeGreaterThanOrEqual(60);
    expect(test!.fromSample).toBe(fromSample);
    expect(test!.prediction.subarray(0, 224).every(Number.isFinite)).toBe(true);
    expect(test!.prediction.subarray(224).every(Number.isNaN)).toBe(true);
    expect(output.verdict.grade).toBe('good');
  });
});

describe('predictions of a record with gaps', () => {
  it('are made neither across one nor after one that the fit has not seen', () => {
    const record = fitRecord(
      lagTwin(),
      Array.from({ length: 40 }, (_, row) => ({
        timeS: row + (row < 10 ? 0 : 50) + (row < 30 ? 0 : 50),
        inputs: Float64Array.of(row % 2),
        measured: Float64Array.of(row % 3),
      })),
    );
    expect(record.beginnings).toEqual([0, 10, 30]);
    const residual = { white: 1, ou: { std: 1, timeConstantS: 5 } };
    const fit = { residualModels: [residual], covariance: { sandwich: new Float64Array() } };
    const run = { prediction: new Float64Array(40), columns: [], direct: [] };
    const known = (horizon: number, from: number) =>
      predictions(fit as unknown as Fit, run, record, 0, horizon, from, 40)
        .filter(({ error }) => Number.isFinite(error))
        .map(({ row }) => row);
    const rows = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, k) => from + k);
    // The fit has seen 20 rows: two parts' states, and not the third's.
    expect(known(1, 20)).toEqual(rows(20, 30));
    expect(known(5, 8)).toEqual([]);
    expect(known(3, 12)).toEqual(rows(14, 30));
    expect(known(5, 32)).toEqual(rows(36, 40));
  });
});

describe('runs along parts', () => {
  it('are made once for points that are the same there', async () => {
    const twin = lagTwin();
    const model = brokenLagModel(twin);
    const record = fitRecord(twin, without(await lagSamples(), 100, 130));
    const parameters = Float64Array.of(3, 8);
    const at = (...states: number[]) => ({ parameters, states: Float64Array.from(states) });
    const runs = await model.run([at(0, 1), at(0, 2), at(1, 1)], record, { keepStates: true });
    expect(model.asked).toBe(2 * 100 + 2 * 170);
    const [a, b, c] = runs.map((run) => {
      if (run instanceof Error) throw run;
      return run;
    });
    expect(a!.outputs).toHaveLength(270);
    expect(a!.states).toHaveLength(270);
    expect(a!.outputs[100]).toBe(1);
    expect(b!.outputs[100]).toBe(2);
    expect(b!.outputs.slice(0, 100)).toEqual(a!.outputs.slice(0, 100));
    expect(c!.outputs.slice(100)).toEqual(a!.outputs.slice(100));
    // States of the start alone: the run goes through.
    const [through] = await model.run([at(0)], record);
    expect(through).toEqual((await lagModel(twin).run([at(0)], record))[0]);
  });

  it('fail as a whole where one part does', async () => {
    const record = fitRecord(lagTwin(), without(await lagSamples(), 100, 130));
    const [run] = await alongParts(
      [{ parameters: Float64Array.of(3, 8), states: Float64Array.of(0, 0) }],
      record,
      1,
      async (points, part) =>
        points.map(() =>
          part.timesS[0] === 0
            ? { outputs: new Float64Array(part.timesS.length) }
            : new Error('no convergence'),
        ),
    );
    expect(run).toEqual(new Error('no convergence'));
  });
});

describe.skipIf(!hasCompiler)('an FMU along a record with a gap', () => {
  it('runs each part from its own states, at the same time of the FMU', async () => {
    const machine = MACHINES.find((m) => m.name === 'exchanger')!;
    const condition = CONDITIONS.find((c) => c.name === 'base')!;
    const twin = twinOf(machine, condition, 1, 60);
    const { samples } = simulateMachine(machine, condition, 1, 60);
    const whole = fitRecord(twin, samples);
    const broken = fitRecord(twin, without(samples, 20, 30));
    expect(broken.beginnings).toEqual([0, 20]);
    const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
    try {
      const parameters = Float64Array.from(machine.parameters, ([, value]) => value);
      const states = await model.startStates(parameters, whole);
      const [run] = await model.run([{ parameters, states }], whole, { keepStates: true });
      if (run === undefined || run instanceof Error) throw run;
      const own = model.states.length;
      const after = run.states!.slice(30 * own, 31 * own);
      const point = { parameters, states: Float64Array.of(...states, ...after) };
      const [parts] = await model.run([point], broken);
      if (parts === undefined || parts instanceof Error) throw parts;
      const m = machine.measured.length;
      const expected = [...run.outputs.slice(0, 20 * m), ...run.outputs.slice(30 * m)];
      parts.outputs.forEach((value, i) => {
        expect(Math.abs(value / expected[i]! - 1)).toBeLessThan(1e-4);
      });
    } finally {
      await model.close();
    }
  });

  it('is fitted as well as without: gaps of twelve rows left five of eight machines unusable', async () => {
    const condition = CONDITIONS.find((c) => c.name === 'base')!;
    for (const name of ['motor', 'building']) {
      const machine = MACHINES.find((m) => m.name === name)!;
      const twin = twinOf(machine, condition, 1, 120);
      const { samples, parameters } = simulateMachine(machine, condition, 1, 120);
      const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
      try {
        const { output } = await commission(twin, model, without(samples, 40, 52));
        machine.parameters.forEach(([parameter], j) => {
          const { mean, std } = output.parameters[parameter]!;
          expect(Math.abs(mean - parameters.at(-1)![j]!)).toBeLessThan(3 * std);
        });
        expect(output.verdict.reasons.join('\n')).not.toMatch(/the model lacks|not to be used/);
        expect(output.verdict.grade).not.toBe('unusable');
      } finally {
        await model.close();
      }
    }
  }, 120_000);

  it('is fitted as well with each tenth row missing: a level that had changed meanwhile left the motor nothing but noise', async () => {
    const machine = MACHINES.find((m) => m.name === 'motor')!;
    const condition = CONDITIONS.find((c) => c.name === 'each tenth row missing')!;
    const twin = twinOf(machine, condition, 1, 120);
    const { samples, parameters } = simulateMachine(machine, condition, 1, 120);
    expect(samples).toHaveLength(108);
    const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
    try {
      const { output } = await commission(twin, model, samples);
      machine.parameters.forEach(([parameter, truth], j) => {
        const { mean, std } = output.parameters[parameter]!;
        expect(Math.abs(mean - parameters.at(-1)![j]!)).toBeLessThan(3 * std);
        expect(std).toBeLessThan(0.05 * truth);
      });
      expect(output.verdict.grade).not.toBe('unusable');
      // Only where a level changed: the rest of the record is in one piece.
      expect(output.summary.gaps.length).toBeGreaterThan(0);
      expect(output.summary.gaps.length).toBeLessThan(8);
    } finally {
      await model.close();
    }
  }, 60_000);
});

describe('a missing row in which a held input has changed', () => {
  const machineOf = (tau: number) => {
    const rng = createRng(5);
    let [x, u] = [0, 0];
    return Array.from({ length: 200 }, (_, k): Sample => {
      x = 3 * u + (x - 3 * u) * Math.exp(-1 / tau);
      if (k % 10 === 0) u = rng.uniform();
      const measured = Float64Array.of(x + 0.02 * rng.normal());
      return { timeS: 10 * k, row: k, inputs: Float64Array.of(u), measured };
    });
  };
  const beginnings = (tau: number, interpolation: string) =>
    fitRecord(
      lagTwin(['gain', 'tau'], { inputs: [{ variable: 'u', interpolation }] }),
      // Of the rows 50 and 75 that are missing only the first has another input.
      machineOf(tau).filter(({ row }) => row !== 50 && row !== 75),
    ).beginnings;

  it('ends a part where sensors follow at once, and not of a machine that hardly moves in a row', () => {
    expect(beginnings(2, 'hold')).toEqual([0, 50]);
    expect(beginnings(500, 'hold')).toEqual([0]);
    expect(beginnings(2, 'linear')).toEqual([0]);
  });
});

describe('samples at which no sensor says anything', () => {
  it('count as left out, while their inputs drive the run', async () => {
    const twin = lagTwin();
    const samples = (await lagSamples()).map((s, row) =>
      row % 3 === 0 ? s : { ...s, measured: Float64Array.of(Number.NaN) },
    );
    const { output } = await commission(twin, brokenLagModel(twin), samples);
    const { samples: all, used, skipped, recording } = output.summary;
    expect([all, used, skipped]).toEqual([300, 100, 200]);
    expect(recording).toMatchObject({ used: 100, skipped: { 'no-usable-channel': 200 } });
    expect(output.parameters.tau!.mean).toBeGreaterThan(7);
    expect(output.parameters.tau!.mean).toBeLessThan(9);
  });
});
