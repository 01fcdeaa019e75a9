import { describe, expect, it, test } from 'vitest';
import { gateChannels } from '../../../shared/twin/filter/gate.js';
import type { UpdateResult } from '../../../shared/twin/filter/gaussian-update.js';
import { commission } from '../../../shared/twin/fit/index.js';
import type { Sample } from '../../../shared/twin/index.js';
import {
  wildIn,
  wildInputPlaces,
  wildPlaces,
  wildValues,
  withoutWild,
} from '../../../shared/twin/readings/wild-values.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const twin = lagTwin();
/** A record some of whose values are others. */
async function recordWith(others: Record<number, number>): Promise<Sample[]> {
  const samples = await lagSamples();
  return samples.map((s, row) => ({
    ...s,
    measured: Float64Array.of(others[row] ?? s.measured[0]!),
  }));
}
const fitOf = async (samples: readonly Sample[]) =>
  (await commission(twin, lagModel(twin), samples)).output;

describe('a reading far from all others', () => {
  it('is set aside and named, and the fit is that without it', async () => {
    const missing = await fitOf(await recordWith({ 100: Number.NaN }));
    for (const value of [1e6, -9999, 200]) {
      const { parameters, verdict, summary } = await fitOf(await recordWith({ 100: value }));
      expect(parameters).toEqual(missing.parameters);
      expect(verdict.grade).toBe('care');
      expect(verdict.reasons.join('\n')).toContain(
        `y: ${value} at 100 s was set aside as an outlier: all others lie between`,
      );
      expect(summary.recording.wildValues).toMatchObject([
        { variable: 'y', values: [{ timeS: 100, value }] },
      ]);
    }
    const { verdict } = await fitOf(await recordWith({ 100: 1e6, 200: 65_535, 290: -1e6 }));
    expect(verdict.reasons.join('\n')).toContain('y: 1000000 at 100 s and 2 more were set aside');
  });

  it('may be the machine where it comes twice in a row, with an input, or among few', async () => {
    const samples = await lagSamples();
    const values = Float64Array.from(samples, (s) => s.measured[0]!);
    const input = Float64Array.from(samples, (s) => s.inputs[0]!);
    const wild = (at: readonly number[], u = input) =>
      wildIn(
        values.map((v, i) => (at.includes(i) ? 1e6 : v)),
        [u],
      )?.places;
    expect(wild([])).toBeUndefined();
    expect(wild([100])).toEqual([100]);
    expect(wild([100, 102, 250])).toEqual([100, 102, 250]);
    expect(wild([100, 101])).toBeUndefined();
    const often = values.map((v, i) => (i % 50 === 10 ? 1e6 + i : v));
    expect(wildIn(often, [input])).toBeUndefined();
    // A row in which most of several sensors are far off is a machine that stands still.
    const off = values.map((v, i) => (i === 100 ? 1e6 : v));
    const placesOf = (...of: Float64Array[]) => wildPlaces(of, [input]).map((f) => f?.places);
    expect(placesOf(off, off, values)).toEqual([undefined, undefined, undefined]);
    expect(placesOf(off, values, values)).toEqual([[100], undefined, undefined]);
    expect(placesOf(off, off)).toEqual([[100], [100]]);
    const surge = input.map((v, i) => (i === 99 ? 5 : v));
    expect(wild([100], surge)).toBeUndefined();
    expect(wildIn(Float64Array.of(1, 2, 3, 2, 1, 1e6), [])).toBeUndefined();
    // Of a sensor that else stands still, a last digit is not far, another order is.
    const still = (v: number) =>
      wildIn(
        Float64Array.from({ length: 50 }, (_, i) => (i === 20 ? v : 20)),
        [],
      )?.places;
    expect(still(20.1)).toBeUndefined();
    expect(still(1e6)).toEqual([20]);
  });
});

describe('an error code', () => {
  const everyTenth = Object.fromEntries(Array.from({ length: 30 }, (_, k) => [10 * k + 3, k]));
  const coded = (code: (k: number) => number) =>
    recordWith(Object.fromEntries(Object.entries(everyTenth).map(([row, k]) => [row, code(k)])));

  it('is named however often it comes, and the fit is that without it', async () => {
    const missing = await fitOf(await coded(() => Number.NaN));
    for (const code of [() => -9999, (k: number) => (k % 2 === 0 ? -9999 : 65_535)]) {
      const { parameters, verdict, summary } = await fitOf(await coded(code));
      expect(parameters).toEqual(missing.parameters);
      expect(verdict.grade).toBe('care');
      expect(verdict.reasons.join('\n')).toContain(
        'y: -9999 at 3 s and 29 more were set aside as outliers: all others lie between',
      );
      expect(summary.recording.wildValues![0]!.values).toHaveLength(30);
    }
  });

  it('stands in a row, beside lone values, and in inputs', async () => {
    const samples = await lagSamples();
    const values = Float64Array.from(samples, (s) => s.measured[0]!);
    const input = Float64Array.from(samples, (s) => s.inputs[0]!);
    const row = values.map((v, i) => (i >= 50 && i < 60 ? -999 : i === 200 ? 1e9 : v));
    expect(wildIn(row, [input])?.places).toEqual([
      ...Array.from({ length: 10 }, (_, k) => 50 + k),
      200,
    ]);
    const coded = input.map((v, i) => (i % 20 === 7 ? -9999 : v));
    expect(wildInputPlaces([coded], [values])[0]?.places).toHaveLength(15);
    // A sensor that moves after one may do so by chance; two in a row are no step.
    const moved = values.map((v, i) => (i === 208 ? v + 50 : v));
    expect(wildInputPlaces([coded], [moved])[0]?.places).toHaveLength(15);
    const twice = input.map((v, i) => (i === 100 || i === 101 ? -9999 : v));
    expect(wildInputPlaces([twice], [values])[0]?.places).toEqual([100, 101]);
  });

  it('is one value or two that never stay: levels that a machine or a command goes to are none', () => {
    const calm = Float64Array.from({ length: 300 }, (_, i) => 1 + (i % 7) / 10);
    const with_ = (is: (i: number) => boolean, value: (i: number) => number) =>
      wildIn(
        calm.map((v, i) => (is(i) ? value(i) : v)),
        [],
      )?.places.length;
    const often = (i: number) => i % 10 === 3;
    expect(with_(often, () => 850)).toBe(30);
    expect(with_(often, (i) => (i % 20 === 3 ? 850 : -127))).toBe(30);
    expect(with_(often, (i) => 100 + 10 * (i % 3))).toBeUndefined();
    const stays = (i: number) => i >= 100 && i < 140;
    expect(with_(stays, () => 850)).toBeUndefined();
    expect(with_(stays, () => 65_535)).toBe(40);
    // An input that is held at levels repeats them, however far they are from each other.
    const held = Float64Array.from({ length: 300 }, (_, i) =>
      i < 160 ? 0.01 + (i >> 4) / 1e4 : 5,
    );
    const still = held.map(() => 0);
    expect(wildInputPlaces([held], [still])).toEqual([undefined]);
  });

  it('is told of as many as a long recording holds', () => {
    const rows = 100_000;
    const values = Float64Array.from({ length: rows }, (_, i) => (i % 5 === 3 ? 850 : 1 + (i % 7)));
    const input = values.map((_, i) => i % 11);
    expect(wildIn(values, [input])?.places).toHaveLength(rows / 5);
  });

  it('is none where it is most of the values, no larger than the others, or goes with an input', async () => {
    const samples = await lagSamples();
    const values = Float64Array.from(samples, (s) => s.measured[0]!);
    const input = Float64Array.from(samples, (s) => s.inputs[0]!);
    const is = (i: number) => i % 10 === 3;
    const placesOf = (of: Float64Array, u = input) => wildIn(of, [u])?.places;
    expect(placesOf(values.map((v, i) => (i % 10 < 6 ? -9999 : v)))).toBeUndefined();
    expect(placesOf(values.map((v, i) => (is(i) ? 0 : 100 + v)))).toBeUndefined();
    const surges = input.map((v, i) => (is(i) ? 100 : v));
    expect(
      placesOf(
        values.map((v, i) => (is(i) ? 1e6 : v)),
        surges,
      ),
    ).toBeUndefined();
  });
});

test('what devices send for none is none in all sensors at once', () => {
  const columns = [1, 2, 3].map((k) => Float64Array.from({ length: 60 }, (_, i) => k + (i % 7)));
  const lost = (value: number) =>
    wildPlaces(
      columns.map((c) => c.map((v, i) => (i === 20 || i === 41 ? value : v))),
      [],
    ).map((f) => f?.places);
  expect(lost(-9999)).toEqual([
    [20, 41],
    [20, 41],
    [20, 41],
  ]);
  expect(lost(-1234)).toEqual([undefined, undefined, undefined]);
});

describe('a value of an input far from all others', () => {
  /** Inputs and readings of a record, one of whose inputs is another. */
  const inputWith = async (row: number, u: number): Promise<Sample[]> => {
    const samples = await lagSamples();
    return samples.map((s, k) => (k === row ? { ...s, inputs: Float64Array.of(u) } : s));
  };

  it('is set aside and named, and the fit is that in which it is missing', async () => {
    const missing = await fitOf(await inputWith(100, Number.NaN));
    for (const value of [1e6, -9999]) {
      const samples = await inputWith(100, value);
      const { parameters, verdict, quantities } = await fitOf(samples);
      expect(parameters).toEqual(missing.parameters);
      expect(verdict.grade).toBe('care');
      expect(verdict.reasons.join()).toContain(
        `u: ${value} at 100 s was set aside as an outlier: all others lie between 0.000 and 1.000`,
      );
      expect(quantities.gain!.grade).toBe('care');
      const clean = withoutWild(twin.definition, samples);
      expect(clean[100]!.inputs[0]).toBeNaN();
      expect(clean[99]).toMatchObject(samples[99]!);
    }
    const ordinary = await lagSamples();
    expect(withoutWild(twin.definition, ordinary)).toBe(ordinary);
  });

  it('is set aside between samples as well, and where it lasts until one', async () => {
    const samples = await lagSamples();
    const pulsed = (u: number, untilSample: boolean) =>
      samples.map((s, k): Sample => {
        if (k !== 100) return s;
        const before = samples[99]!.inputs[0]!;
        const between = [
          { timeS: s.timeS - 0.5, inputs: Float64Array.of(u) },
          ...(untilSample ? [] : [{ timeS: s.timeS - 0.4, inputs: Float64Array.of(before) }]),
        ];
        return { ...s, ...(untilSample ? { inputs: Float64Array.of(u) } : {}), between };
      });
    const { parameters } = await fitOf(samples);
    for (const untilSample of [false, true]) {
      const found = await fitOf(pulsed(1e6, untilSample));
      expect(found.verdict.reasons.join()).toContain('u: 1000000 at 99.5 s was set aside');
      for (const [name, { mean, std }] of Object.entries(parameters)) {
        expect(Math.abs(found.parameters[name]!.mean - mean)).toBeLessThan(0.3 * std);
      }
      const [clean] = withoutWild(twin.definition, pulsed(1e6, untilSample)).slice(100);
      expect(clean!.between![0]!.inputs[0]).toBeNaN();
      expect(Number.isNaN(clean!.inputs[0])).toBe(untilSample);
    }
    const ordinary = pulsed(1, false);
    expect(withoutWild(twin.definition, ordinary)).toBe(ordinary);
    // A sensor that jumps by what an input did between is none that is wild.
    const struck = pulsed(50, false).map((s, k) =>
      k === 100 ? { ...s, measured: Float64Array.of(1e3) } : s,
    );
    expect(withoutWild(twin.definition, struck)[100]!.measured[0]).toBe(1e3);
  });

  it('is the machine’s where a sensor follows, though it is wild elsewhere', async () => {
    const samples = (await lagSamples()).map((s, k): Sample => {
      if (k === 160) {
        const { timeS, inputs } = s;
        const between = [timeS - 0.5, timeS - 0.4].map((at, n) => ({
          timeS: at,
          inputs: n === 0 ? Float64Array.of(1000) : inputs,
        }));
        return { ...s, between };
      }
      if (k !== 100) return s;
      return { ...s, inputs: Float64Array.of(1000), measured: s.measured.map((v) => v + 20) };
    });
    const clean = withoutWild(twin.definition, samples);
    expect(clean[160]!.between!.map((b) => b.inputs[0])).toEqual([
      Number.NaN,
      samples[160]!.inputs[0],
    ]);
    expect(clean[100]!.inputs[0]).toBe(1000);
    expect(
      wildValues(twin.definition, samples).map((w) => [w.variable, w.values.length]),
    ).toContainEqual(['u', 1]);
  });

  it('is the machine’s where a sensor follows, where it lasts, and where inputs else stand still', async () => {
    const samples = await lagSamples();
    const u = Float64Array.from(samples, (s) => s.inputs[0]!);
    const y = Float64Array.from(samples, (s) => s.measured[0]!);
    const at = (of: Float64Array, rows: readonly number[], v: number) =>
      of.map((old, i) => (rows.includes(i) ? v : old));
    const placesOf = (inputs: Float64Array[], read = y) =>
      wildInputPlaces(inputs, [read]).map((f) => f?.places);
    expect(placesOf([at(u, [100], 50)])).toEqual([[100]]);
    expect(placesOf([at(u, [100, 101], 50)])).toEqual([undefined]);
    // A blow.
    const struck = y.map((v, i) => (i > 100 ? v + 18 * Math.exp((101 - i) / 8) : v));
    expect(placesOf([at(u, [100], 50)], struck)).toEqual([undefined]);
    // A pulse of what else is off.
    expect(placesOf([at(u.fill(0), [100], 1)])).toEqual([undefined]);
    const other = Float64Array.from(samples, (s) => s.inputs[0]! + 1);
    expect(placesOf([at(other, [100], 50), at(other, [100], 60)])).toEqual([undefined, undefined]);
  });
});

describe('a gated channel', () => {
  const gatedAt = (z: number) => {
    const variance = Float64Array.of(1);
    const update = { z: Float64Array.of(z) } as UpdateResult;
    gateChannels(update, [0], variance, () => ({ ...update, z: Float64Array.of(0) }));
    return Math.sqrt(variance[0]!);
  };

  it('is widened by a set factor, or by as many deviations as it is off where those are more', () => {
    expect(gatedAt(3)).toBe(1);
    expect(gatedAt(20)).toBe(30);
    expect(gatedAt(-800)).toBe(30);
    expect(gatedAt(5e7)).toBe(5e7);
  });

  it('keeps its pull where it is not the only one, which may be the machine', () => {
    const variance = Float64Array.of(1, 1);
    const update = { z: Float64Array.of(5e7, 2000) } as UpdateResult;
    const { gated } = gateChannels(update, [0, 1], variance, () => update);
    expect(gated).toEqual([0, 1]);
    expect([...variance]).toEqual([900, 900]);
  });
});
