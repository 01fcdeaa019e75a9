import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import type { Fit } from '../../../shared/twin/fit/fitting/fit.js';
import { commission } from '../../../shared/twin/fit/index.js';
import { lackOfFit } from '../../../shared/twin/fit/residuals/lack-of-fit.js';
import { parameterCoordinate } from '../../../shared/twin/fit/unknowns/coordinates.js';
import { movesOf } from '../../../shared/twin/fit/unseen/hangs-on.js';
import type { Sample } from '../../../shared/twin/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const NOISE = 0.05;
const stated = (more: Record<string, unknown> = {}) => ({
  measured: [{ variable: 'y', alias: '/l/y', noiseStd: NOISE, ...more }],
});
const shifted = (samples: readonly Sample[], by: (k: number, u: number) => number): Sample[] =>
  samples.map((s, k) => ({
    ...s,
    measured: s.measured.map((v) => v + by(k, s.inputs[0]!)),
  }));
const holds = (e: { lower95: number; upper95: number }, truth: number) =>
  e.lower95 <= truth && truth <= e.upper95;
const SEEDS = Array.from({ length: 30 }, (_, k) => 200 + k);

/** The lag under an input that never is 0: an offset of the sensor passes for gain. */
function ofHighInput(seed: number, offset = 0): Sample[] {
  const rng = createRng(seed);
  let u = 1;
  let x = 3;
  return Array.from({ length: 300 }, (_, k) => {
    if (rng.uniform() < 0.1) u = rng.uniform() < 0.5 ? 1 : 1.06;
    const sample = {
      timeS: k,
      row: k,
      inputs: Float64Array.of(u),
      measured: Float64Array.of(x + offset + NOISE * rng.normal()),
    };
    x = 3 * u + (x - 3 * u) * Math.exp(-1 / 8);
    return sample;
  });
}

describe('what a fit owns up to', () => {
  it('says nothing against a model that is right, in 30 of 30 seeds but one', async () => {
    const twin = lagTwin(['gain', 'tau'], stated());
    let good = 0;
    for (const seed of SEEDS) {
      const { output } = await commission(twin, lagModel(twin), await lagSamples({ seed }));
      if (output.verdict.grade === 'good') good++;
    }
    expect(good).toBeGreaterThanOrEqual(29);
  });

  it('names a sensor that reads wrong, and its bands hold with it', async () => {
    const twin = lagTwin(['gain', 'tau'], stated());
    let named = 0;
    let inside = 0;
    for (const seed of SEEDS) {
      const samples = shifted(await lagSamples({ seed }), () => 5 * NOISE);
      const { output } = await commission(twin, lagModel(twin), samples);
      if (output.verdict.reasons.join().includes('y reads 0.2')) named++;
      inside +=
        Number(holds(output.parameters.gain!, 3)) + Number(holds(output.parameters.tau!, 8));
    }
    expect(named).toBeGreaterThanOrEqual(29);
    expect(inside / (2 * SEEDS.length)).toBeGreaterThanOrEqual(0.9);
  });

  it('names an offset that no residual would show, until it is stated', async () => {
    const open = lagTwin(['gain', 'tau'], stated());
    const widths: number[] = [];
    for (const twin of [
      open,
      lagTwin(['gain', 'tau'], stated({ offsetStd: 0 })),
      lagTwin(['gain', 'tau'], stated({ offsetStd: 5 * NOISE })),
    ]) {
      const { output } = await commission(twin, lagModel(twin), ofHighInput(3));
      const said = output.verdict.reasons.join();
      if (twin === open) expect(said).toMatch(/an offset of y would pass unseen.*offsetStd/);
      else expect(said).not.toContain('offset');
      widths.push(output.parameters.gain!.std);
    }
    expect(widths[1]).toBeCloseTo(widths[0]!, 10);
    expect(widths[2]).toBeGreaterThan(3 * widths[0]!);
    // The stated doubt is what an offset of that size needs.
    let inside = 0;
    const twin = lagTwin(['gain', 'tau'], stated({ offsetStd: 3 * NOISE }));
    for (const seed of SEEDS) {
      const offset = 3 * NOISE * createRng(seed).normal();
      const { output } = await commission(twin, lagModel(twin), ofHighInput(seed, offset));
      if (holds(output.parameters.gain!, 3)) inside++;
    }
    expect(inside / SEEDS.length).toBeGreaterThanOrEqual(0.85);
  });

  it('names a drift that no residual would show', async () => {
    const rising = Array.from({ length: 300 }, (_, k) => {
      const u = 2 * (k / 299) - 1;
      const noise = NOISE * createRng(500 + k).normal();
      return {
        timeS: k,
        row: k,
        inputs: Float64Array.of(u),
        measured: Float64Array.of(3 * (u - (16 / 299) * (1 - Math.exp(-k / 8))) + noise),
      };
    });
    const twins = [{}, { offsetStd: 0 }].map((more) => lagTwin(['gain', 'tau'], stated(more)));
    const [open, trusted] = await Promise.all(
      twins.map(async (twin) => (await commission(twin, lagModel(twin), rising)).output),
    );
    expect(open!.verdict.reasons.join()).toMatch(/a drift of y would pass unseen.*gain/);
    expect(trusted!.verdict.reasons.join()).not.toContain('unseen');
  });

  it('remarks on a scale that no residual would show, without doubt of the fit', async () => {
    const switched = await lagSamples({ seed: 3, noise: NOISE });
    const centred = switched.map((s) => ({
      ...s,
      inputs: s.inputs.map((u) => 2 * u - 1),
      measured: s.measured.map((y) => 2 * y - 3 + 3 * Math.exp(-s.timeS / 8)),
    }));
    const said = await Promise.all(
      [{}, { offsetStd: 0 }].map(async (more) => {
        const twin = lagTwin(['gain', 'tau'], stated({ noiseStd: 2 * NOISE, ...more }));
        return (await commission(twin, lagModel(twin), centred)).output;
      }),
    );
    const [open, trusted] = said.map(({ notes }) => notes.join('\n'));
    expect(open).toMatch(/Rests on the scale of y: an error of 1 % .* moves gain by \d/);
    expect(trusted).not.toContain('scale');
    expect(said[0]!.verdict).toEqual({ grade: 'good', reasons: [] });
  });

  it('remarks on an input’s scale, with what an error of it moves', async () => {
    const switched = await lagSamples({ seed: 3, noise: NOISE });
    const other = await lagSamples({ seed: 4, noise: 0 });
    // The lag is linear: two switches together are an input of four levels.
    const samples = switched.map((s, k) => ({
      ...s,
      inputs: s.inputs.map((u) => u + other[k]!.inputs[0]! / 2),
      measured: s.measured.map((y) => y + other[k]!.measured[0]! / 2),
    }));
    const twin = lagTwin(['gain', 'tau'], stated({ offsetStd: 0 }));
    const off = samples.map((s) => ({ ...s, inputs: s.inputs.map((u) => 1.01 * u) }));
    const [right, wrong] = await Promise.all(
      [samples, off].map(async (of) => commission(twin, lagModel(twin), of, { offer: true })),
    );
    const told = /Rests on the (\w+) of u: an error of 1 % .*, and moves gain by ([\d.]+) dev/.exec(
      right!.output.notes.join('\n'),
    );
    const { gain } = right!.output.parameters;
    const moved = Math.abs(wrong!.output.parameters.gain!.mean - gain!.mean) / gain!.std;
    expect(told?.[1]).toBe('scale');
    expect(Number(told?.[2]) / moved).toBeGreaterThan(0.9);
    expect(Number(told?.[2]) / moved).toBeLessThan(1.1);
    // A switch is on or off.
    const plain = await commission(twin, lagModel(twin), switched, { offer: true });
    expect(plain.output.notes.join()).not.toContain('of u');
  });

  it('is not talked out of a blind spot by memory that chance may have made', () => {
    const twin = lagTwin(['gain'], stated());
    const fitOf = (memory: number) =>
      ({
        coordinates: [{ kind: 'parameter', name: 'gain' }],
        covariance: { covariance: Float64Array.of(1), white: Float64Array.of(0.01) },
        misfit: { channels: [{ memory }] },
        residualModels: [{ white: NOISE }],
      }) as unknown as Fit;
    const error = { channel: 0, shift: Float64Array.of(2) };
    const [byChance] = movesOf(twin, fitOf(1), error);
    expect(byChance).toMatchObject({ ofWhite: true });
    expect(byChance!.by).toBeCloseTo((5 * NOISE * 2) / 0.1);
    const [beyond] = movesOf(twin, fitOf(9), error);
    expect(beyond).toMatchObject({ ofWhite: false });
    expect(beyond!.by).toBeCloseTo(5 * NOISE * 2);
  });

  it('names what the residuals follow where a term is missing', async () => {
    const twin = lagTwin(['gain', 'tau'], stated());
    for (const seed of SEEDS.slice(0, 10)) {
      const bent = shifted(await lagSamples({ seed }), (k) => 0.15 * Math.sin(k / 9));
      const { output } = await commission(twin, lagModel(twin), bent);
      expect(output.verdict.grade).not.toBe('good');
      expect(output.verdict.reasons.join()).toContain('y: the model lacks something');
    }
  });

  it('tells outliers from a model that lacks something', async () => {
    const twin = lagTwin(['gain', 'tau'], stated());
    const samples = shifted(await lagSamples({ seed: 4 }), (k) => (k % 97 === 50 ? 1 : 0));
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.verdict.reasons.join()).toContain('y: 3 values lie far beyond the noise');
    expect(output.verdict.reasons.join()).not.toContain('lacks something');
  });

  it('finds a start far from where the model would rest', async () => {
    const twin = lagTwin(['gain', 'tau'], stated());
    for (const seed of SEEDS.slice(0, 10)) {
      const samples = shifted(await lagSamples({ seed }), (k) => 30 * Math.exp(-k / 8));
      const { output } = await commission(twin, lagModel(twin), samples);
      expect(Math.abs(output.startStates.x!.mean - 30.5)).toBeLessThan(0.3);
      expect(output.parameters.tau!.mean).toBeCloseTo(8, 1);
    }
  });

  it('widens bands where the posterior is flatter than a parabola', async () => {
    // y moves with the square of what gain is off: the slope at the fit knows nothing of it.
    const twin = lagTwin(['gain'], stated({ offsetStd: 0 }));
    const model = {
      ...lagModel(twin),
      states: [],
      run: async (
        points: readonly { parameters: Float64Array }[],
        record: { timesS: Float64Array },
      ) =>
        points.map(({ parameters: [gain = 0] }) => ({
          outputs: record.timesS.map((t) => Math.max(0, gain - 3) * 50 + Math.sin(t / 5)),
        })),
    };
    const rng = createRng(3);
    const samples = (await lagSamples({ n: 200 })).map((s) => ({
      ...s,
      measured: Float64Array.of(Math.sin(s.timeS / 5) + NOISE * rng.normal()),
    }));
    const { output } = await commission(twin, model, samples);
    // Anything below 3 does as well.
    expect(output.parameters.gain!.lower95).toBeLessThan(1.5);
  });

  it('does not hold it against a fit that rows held out hold nothing but noise, stated or not', async () => {
    for (const seed of SEEDS.slice(0, 10)) {
      // The input moves in the first rows only: no model beats a constant on the last.
      const moving = await lagSamples({ seed, n: 120, noise: NOISE });
      const rng = createRng(seed);
      let x = moving.at(-1)!.measured[0]!;
      const rest = Array.from({ length: 80 }, (_, k) => {
        x = 3 + (x - 3) * Math.exp(-1 / 8);
        return {
          timeS: 120 + k,
          row: 120 + k,
          inputs: Float64Array.of(1),
          measured: Float64Array.of(x + NOISE * rng.normal()),
        };
      });
      for (const twin of [lagTwin(), lagTwin(['gain', 'tau'], stated())]) {
        const { output } = await commission(twin, lagModel(twin), [...moving, ...rest]);
        expect(output.verdict.grade).not.toBe('unusable');
        expect(output.verdict.reasons.join()).not.toContain('a constant');
      }
    }
  });
});

describe('scores of residuals', () => {
  it('are standard normal of noise, whatever unknowns were fitted', () => {
    const rng = createRng(8);
    const all: number[] = [];
    let varying = 0;
    for (let run = 0; run < 200; run++) {
      const n = 150;
      const timesS = Float64Array.from({ length: n }, (_, k) => k);
      const u = Float64Array.from({ length: n }, () => (rng.uniform() < 0.5 ? 0 : 1));
      const data = Float64Array.from({ length: n }, () => rng.normal());
      const column = u.map((v) => 1 + v);
      const at =
        data.reduce((s, v, k) => s + v * column[k]!, 0) /
        (1 + column.reduce((s, v) => s + v * v, 0));
      const found = lackOfFit(
        {
          data,
          channels: 1,
          coordinates: lagTwin(['gain']).definition.parameters.map(parameterCoordinate),
        } as unknown as Parameters<typeof lackOfFit>[0],
        { timesS, inputs: [u], resolution: Float64Array.of(0) } as unknown as Parameters<
          typeof lackOfFit
        >[1],
        {
          u: Float64Array.of(at),
          prediction: column.map((v) => at * v),
          noiseStd: Float64Array.of(1),
        },
        [column],
        [{ white: 1, ou: { std: 0, timeConstantS: 1 }, nEff: n, samples: n }],
        Float64Array.of(1),
        ['u'],
        ['y'],
      );
      if (found.varying!.chance <= 0.01) varying++;
      const { size, memory, pattern } = found.channels[0]!;
      all.push(size, memory, pattern, ...found.sensors.map((s) => s.size / s.std));
    }
    const square = all.reduce((s, v) => s + v * v, 0) / all.length;
    expect(square).toBeGreaterThan(0.8);
    expect(square).toBeLessThan(1.2);
    expect(Math.max(...all.map(Math.abs))).toBeLessThan(4.5);
    // One in a hundred by chance.
    expect(varying).toBeLessThanOrEqual(5);
  });
});
