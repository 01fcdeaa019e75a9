import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { backtest } from '../../../shared/twin/backtest/index.js';
import { commission } from '../../../shared/twin/fit/index.js';
import type { Sample } from '../../../shared/twin/index.js';
import { channelFaults } from '../../../shared/twin/readings/channel-faults.js';
import {
  type ChannelWatch,
  frozenIn,
  newChannelWatch,
  watchSample,
} from '../../../shared/twin/readings/channel-watch.js';
import { logAtMost } from '../../../shared/twin/readings/held-values.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

/** A record whose sensor shows another value. */
async function showing(
  value: (y: number, row: number, samples: readonly Sample[]) => number,
): Promise<Sample[]> {
  const samples = await lagSamples();
  return samples.map((s, row) => ({
    ...s,
    measured: Float64Array.of(value(s.measured[0]!, row, samples)),
  }));
}
const twin = lagTwin();
/** A value amid the range, as the sensor showed it. */
const amid = (samples: readonly Sample[]) =>
  samples.map((s) => s.measured[0]!).toSorted((a, b) => a - b)[samples.length >> 1]!;
const frozenFrom = (from: number) =>
  showing((y, row, samples) => (row >= from ? amid(samples) : y));

describe('a sensor that is frozen', () => {
  it('is named with when, by fit and backtest', async () => {
    const samples = await frozenFrom(150);
    const [found] = channelFaults(twin, samples).frozenChannels;
    expect(found).toMatchObject({ variable: 'y', sinceS: samples[150]!.timeS });
    const { output } = await commission(twin, lagModel(twin), samples);
    const tested = await backtest(twin, lagModel(twin), samples, { withoutYardstick: true });
    for (const { verdict } of [output, tested]) {
      expect(verdict.grade).not.toBe('good');
      expect(verdict.reasons.join('\n')).toMatch(/y moves, yet holds one value for 15\d samples/);
    }
  });

  it('is named for each time that it was, alike in length or not, also beside a long time at its rail', async () => {
    const spans = [
      [60, 100, 0.1],
      [150, 200, 0.3],
      [230, 275, 0.2],
    ] as const;
    const frozen = await showing(
      (y, row) => spans.find(([from, to]) => row >= from && row < to)?.[2] ?? y,
    );
    const railed = frozen.map((s, row) =>
      row < 50 ? { ...s, measured: Float64Array.of(-10) } : s,
    );
    for (const samples of [frozen, railed]) {
      const found = channelFaults(twin, samples).frozenChannels;
      expect(found.map((f) => [f.sinceS, f.samples])).toEqual(
        spans.map(([from, to]) => [samples[from]!.timeS, to - from]),
      );
    }
  });

  it('is not what comes back to one value, or rests for long as often as not', async () => {
    const back = await showing((y, row) => (row % 75 >= 30 ? 0.1 : y));
    const often = await showing((y, row) =>
      row % 50 >= 25 ? 0.1 + 0.01 * Math.floor(row / 50) : y,
    );
    for (const samples of [back, often]) {
      expect(channelFaults(twin, samples).frozenChannels).toEqual([]);
    }
  });

  it('is not what stands at the end of its range, rests with its inputs, or has few values', async () => {
    const least = await showing((y, row) => (row >= 150 ? -10 : y));
    const rests = (await frozenFrom(150)).map((s, row) =>
      row < 150 ? s : { ...s, inputs: Float64Array.of(1) },
    );
    const rounded = await showing((y) => Math.round(y));
    for (const samples of [await lagSamples(), least, rests, rounded, await frozenFrom(290)]) {
      expect(channelFaults(twin, samples).frozenChannels).toEqual([]);
    }
  });
});

describe('a sensor whose recording holds values', () => {
  /** Told only where it has moved so far. */
  const banded = (band: number) => {
    let told = Number.NaN;
    return (y: number) => {
      if (!(Math.abs(y - told) < band)) told = y;
      return told;
    };
  };
  const held = (every: number) => (_: number, row: number, samples: readonly Sample[]) =>
    samples[row - (row % every)]!.measured[0]!;

  it('is named with its deadband, or as read less often than there are rows', async () => {
    for (const [value, deadband] of [
      [banded(0.2), expect.closeTo(0.2, 1)],
      [held(6), undefined],
    ] as const) {
      const samples = await showing(value);
      const [found] = channelFaults(twin, samples).heldChannels!;
      expect(found).toMatchObject({ variable: 'y' });
      expect(found!.share).toBeGreaterThan(0.2);
      expect(found!.deadband).toEqual(deadband);
      const { output } = await commission(twin, lagModel(twin), samples);
      expect(output.verdict.grade).not.toBe('good');
      expect(output.verdict.reasons.join('\n')).toContain('old values pass for new ones');
    }
  });

  it('is named where few rows repeat, or all repeats are blank', async () => {
    const wide = await lagSamples({ n: 600, noise: 0.03, seed: 4 });
    for (const blank of [false, true]) {
      const band = banded(0.06);
      let told = Number.NaN;
      const samples = wide.map((s) => {
        const before = told;
        told = band(s.measured[0]!);
        return { ...s, measured: Float64Array.of(blank && told === before ? Number.NaN : told) };
      });
      const [found] = channelFaults(twin, samples).heldChannels!;
      expect(found).toMatchObject({ variable: 'y', deadband: expect.closeTo(0.06, 1) });
      expect(found!.deadband).toBeLessThanOrEqual(0.06);
      expect(found!.blank).toBe(blank ? true : undefined);
      const { output } = await commission(twin, lagModel(twin), samples);
      expect(output.verdict.grade).not.toBe('good');
      expect(output.verdict.reasons.join('\n')).toMatch(/else changes by 0\.0[56]/);
    }
  });

  it('is not one whose blanks are chance, which is rounded, or moves by ramps between stops', async () => {
    const rng = createRng(3);
    const wide = await lagSamples({ n: 600, noise: 0.03, seed: 4 });
    const withBlanks = (share: number, of = wide) =>
      of.map((s) => (rng.uniform() < share ? { ...s, measured: Float64Array.of(Number.NaN) } : s));
    const rounded = wide.map((s) => ({
      ...s,
      measured: s.measured.map((y) => 0.06 * Math.round(y / 0.06)),
    }));
    // Steps of 1/16 written with three digits, or two.
    const written = (digits: number) =>
      wide.map((s) => ({
        ...s,
        measured: s.measured.map((y) => Number((Math.round(16 * y) / 16).toFixed(digits))),
      }));
    let place = 0;
    const ramps = wide.map((s, row) => {
      const phase = row % 60;
      if (phase < 12) place += 1.2 + 0.01 * rng.normal();
      if (phase >= 30 && phase < 42) place -= 1.2 + 0.01 * rng.normal();
      return { ...s, measured: Float64Array.of(Math.round(100 * place) / 100) };
    });
    let level = 0;
    const ramp = wide.map((s) => {
      level += 1 + 0.05 * rng.normal();
      return { ...s, measured: Float64Array.of(level) };
    });
    for (const samples of [
      withBlanks(0.3),
      withBlanks(0.7),
      rounded,
      written(3),
      written(2),
      withBlanks(0.3, rounded),
      ramps,
      withBlanks(0.5, ramp),
    ])
      expect(channelFaults(twin, samples).heldChannels).toEqual([]);
  });

  it('is not one whose resolution is another at each value, as that of a flow told by its level', async () => {
    for (const seed of [1, 2, 3]) {
      const rng = createRng(seed);
      let level = 20;
      // Showers raise the level, which is read to the centimetre; the flow is told by its rating curve.
      const rated = (await lagSamples({ n: 3000, noise: 0, seed })).map((s) => {
        level *= 0.93;
        if (rng.uniform() < 0.1) level -= 8 * Math.log(1 - rng.uniform());
        const read = Math.max(1, Math.round(5 + level + rng.normal()));
        return { ...s, measured: Float64Array.of(Number((1e-3 * read ** 2.3).toPrecision(3))) };
      });
      expect(channelFaults(twin, rated).heldChannels).toEqual([]);
    }
  });

  it('is told by a chance that stays one in records of any length', () => {
    const plain = (k: number, n: number) => {
      let [term, sum] = [2 ** -n, 2 ** -n];
      for (let i = 1; i <= k; i++) {
        term *= (n - i + 1) / i;
        sum += term;
      }
      return sum;
    };
    for (const [k, n] of [
      [0, 1],
      [0, 40],
      [3, 40],
      [19, 40],
      [400, 1000],
    ] as const)
      expect(logAtMost(k, n) / Math.log(plain(k, n))).toBeCloseTo(1, 9);
    // 844 of 1114 are no chance at all; 480 of 1000 and 4800 of 10000 are by the normal's law.
    expect(logAtMost(844, 1114)).toBe(0);
    expect(logAtMost(0, 5000)).toBeCloseTo(-5000 * Math.LN2, 6);
    expect(Math.exp(logAtMost(4799, 10_000))).toBeCloseTo(3.0e-5, 5);
  });

  it('is not one with few digits, without noise at rest, at its rail, or frozen once', async () => {
    const exact = await lagSamples({ n: 300, noise: 0, seed: 1 });
    const rail = await showing((y) => Math.min(y, 1));
    const rounded = await showing((y) => Math.round(10 * y) / 10);
    for (const samples of [await lagSamples(), exact, rail, rounded, await frozenFrom(250)]) {
      expect(channelFaults(twin, samples).heldChannels).toEqual([]);
    }
  });
});

describe('an input whose recording holds values', () => {
  /** A record of the lag under an input that wanders, and as it is recorded. */
  const under = (input: (k: number) => number): Sample[] =>
    Array.from({ length: 300 }, (_, k) => ({
      timeS: k,
      row: k,
      inputs: Float64Array.of(input(k)),
      measured: Float64Array.of(k / 7 + Math.sin(k)),
    }));
  const wandering = (k: number) =>
    Math.sin(k / 19) + 0.5 * Math.sin(k / 7.3) + 0.3 * Math.sin(k / 3.1);
  const withDeadband = (of: (k: number) => number, deadband: number) => {
    let shown = of(0);
    return Array.from({ length: 300 }, (_, k) => {
      if (Math.abs(of(k) - shown) > deadband) shown = of(k);
      return shown;
    });
  };
  const heldOf = (samples: readonly Sample[]) => channelFaults(twin, samples).heldChannels;

  it('is named with its deadband, for all that it drives', async () => {
    const recorded = withDeadband(wandering, 0.2);
    const samples = under((k) => recorded[k]!);
    const [found] = heldOf(samples)!;
    expect(found).toMatchObject({ variable: 'u', input: true, deadband: expect.closeTo(0.19, 1) });
    const { output } = await commission(twin, lagModel(twin), samples);
    expect(output.verdict.reasons.join()).toMatch(
      /u repeats .* changes by 0\.\d+ or more: the model/,
    );
  });

  it('is named where readings of others come between', () => {
    const recorded = withDeadband(wandering, 0.2);
    const samples = under((k) => recorded[k]!).map((s) => ({
      ...s,
      between: [{ timeS: s.timeS - 0.5, inputs: Float64Array.of(Number.NaN) }],
    }));
    expect(heldOf(samples)).toMatchObject([{ variable: 'u', input: true }]);
  });

  it('is not one that wanders, is rounded, set to levels, or ramped to them', () => {
    const rng = createRng(5);
    const levels = Array.from({ length: 60 }, () => rng.uniform());
    const onOff = Array.from({ length: 150 }, (_, k) =>
      k % 2 === 0 ? 0 : 600 + 400 * levels[k % 60]!,
    );
    const ramps = Array.from({ length: 300 }, () => 0);
    for (let k = 1; k < 300; k++) {
      ramps[k] =
        ramps[k - 1]! +
        (k % 20 < 10 ? (0.5 + 0.5 * levels[Math.floor(k / 20)]!) * (k % 40 < 20 ? 1 : -1) : 0);
    }
    for (const input of [
      wandering,
      (k: number) => Math.round(wandering(k) * 10) / 10,
      (k: number) => levels[Math.floor(k / 5)]!,
      (k: number) => onOff[k >> 1]!,
      (k: number) => ramps[k]!,
    ]) {
      expect(heldOf(under(input))).toEqual([]);
    }
  });
});

describe('channels that are copies', () => {
  const names = ['y', 'z'];
  const two = lagTwin(['gain', 'tau'], {
    measured: names.map((variable) => ({ variable, alias: `/l/${variable}` })),
  });
  const paired = async (other: (y: number, row: number) => number) =>
    (await lagSamples()).map((s, row) => ({
      ...s,
      measured: Float64Array.of(s.measured[0]!, other(s.measured[0]!, row)),
    }));

  it('are named, blanks apart', async () => {
    expect(channelFaults(two, await paired((y) => y)).sameChannels).toEqual([['y', 'z']]);
    const blank = await paired((y, row) => (row % 3 === 0 ? Number.NaN : y));
    expect(channelFaults(two, blank).sameChannels).toEqual([['y', 'z']]);
  });

  it('are no copies where one sample differs, nothing is there, or both hardly move', async () => {
    const differs = await paired((y, row) => (row === 200 ? y + 1e-9 : y));
    const missing = await paired(() => Number.NaN);
    const still = (await lagSamples()).map((s) => ({ ...s, measured: Float64Array.of(1, 1) }));
    for (const samples of [differs, missing, still])
      expect(channelFaults(two, samples).sameChannels).toEqual([]);
  });
});

describe('a watch of channels', () => {
  it('finds the same when it is kept and gone on with after any sample, and takes none twice', async () => {
    const samples = await frozenFrom(150);
    let kept: ChannelWatch = newChannelWatch(twin.definition);
    const sizes = new Set<number>();
    samples.forEach((sample, row) => {
      watchSample(kept, sample);
      if (row % 7 === 0) watchSample(kept, samples[row >> 1]!);
      const text = JSON.stringify(kept);
      sizes.add(Math.round(text.length / 200));
      kept = JSON.parse(text) as ChannelWatch;
    });
    expect(frozenIn(kept, twin.definition)).toEqual(channelFaults(twin, samples).frozenChannels);
    expect(frozenIn(kept, twin.definition)).toHaveLength(1);
    // What is kept does not grow with the samples.
    expect(Math.max(...sizes)).toBeLessThan(8);
  });

  it('goes on with what an older version has kept of a sensor that is frozen now', async () => {
    const samples = await frozenFrom(150);
    const watch = newChannelWatch(twin.definition);
    for (const sample of samples.slice(0, 180)) watchSample(watch, sample);
    const { runs: _, other: __, ...channel } = watch.channels[0]!;
    const older = { ...watch, channels: [{ ...channel, second: 1 }] } as unknown as ChannelWatch;
    expect(frozenIn(older, twin.definition)).toEqual([]);
    for (const sample of samples.slice(180)) watchSample(older, sample);
    expect(frozenIn(older, twin.definition)).toEqual(channelFaults(twin, samples).frozenChannels);
  });

  it('names a copy that begins late, and not channels that were the same and are no more', async () => {
    const { definition } = twin;
    const two = {
      ...twin,
      definition: {
        ...definition,
        measured: [...definition.measured, { ...definition.measured[0]!, variable: 'z' }],
      },
    };
    const samples = await lagSamples();
    const from = (row: number, isBefore: boolean) =>
      samples.map((s, i) => ({
        ...s,
        measured: Float64Array.of(
          s.measured[0]!,
          s.measured[0]! + (i < row === isBefore ? 0.5 : 0),
        ),
      }));
    expect(channelFaults(two, from(100, true)).sameChannels).toEqual([['y', 'z']]);
    expect(channelFaults(two, from(200, false)).sameChannels).toEqual([]);
  });

  it('lets what a channel held long ago count for less, where that is asked for', () => {
    const frozen = (halfLife: number) => {
      const watch = newChannelWatch(twin.definition);
      const held = [60, 40] as const;
      let timeS = 0;
      const take = (y: number) =>
        watchSample(
          watch,
          { timeS: timeS++, measured: Float64Array.of(y), inputs: Float64Array.of(timeS % 5) },
          halfLife,
        );
      for (const samples of held) {
        for (let i = 0; i < 400; i++) take(Math.sin(i));
        for (let i = 0; i < samples; i++) take(0.5);
      }
      return frozenIn(watch, twin.definition).filter((f) => f.untilS === timeS - 1);
    };
    expect(frozen(Number.POSITIVE_INFINITY)).toEqual([]);
    expect(frozen(50)).toMatchObject([{ variable: 'y', samples: 40 }]);
  });
});
