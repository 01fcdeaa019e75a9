import { describe, expect, it } from 'vitest';
import { backtest } from '../../../shared/twin/backtest/index.js';
import { commission } from '../../../shared/twin/fit/index.js';
import type { Sample } from '../../../shared/twin/index.js';
import { frozenChannels, sameChannels } from '../../../shared/twin/report/channel-faults.js';
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
    const [found] = frozenChannels(twin, samples);
    expect(found).toMatchObject({ variable: 'y', sinceS: samples[150]!.timeS });
    const { output } = await commission(twin, lagModel(twin), samples);
    const tested = await backtest(twin, lagModel(twin), samples, { withoutYardstick: true });
    for (const { verdict } of [output, tested]) {
      expect(verdict.grade).not.toBe('good');
      expect(verdict.reasons.join('\n')).toMatch(/y moves, yet holds one value for 15\d samples/);
    }
  });

  it('is not what stands at the end of its range, rests with its inputs, or has few values', async () => {
    const least = await showing((y, row) => (row >= 150 ? -10 : y));
    const rests = (await frozenFrom(150)).map((s, row) =>
      row < 150 ? s : { ...s, inputs: Float64Array.of(1) },
    );
    const rounded = await showing((y) => Math.round(y));
    for (const samples of [await lagSamples(), least, rests, rounded, await frozenFrom(290)]) {
      expect(frozenChannels(twin, samples)).toEqual([]);
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
    expect(sameChannels(two, await paired((y) => y))).toEqual([['y', 'z']]);
    const blank = await paired((y, row) => (row % 3 === 0 ? Number.NaN : y));
    expect(sameChannels(two, blank)).toEqual([['y', 'z']]);
  });

  it('are no copies where one sample differs, nothing is there, or both hardly move', async () => {
    const differs = await paired((y, row) => (row === 200 ? y + 1e-9 : y));
    const missing = await paired(() => Number.NaN);
    const still = (await lagSamples()).map((s) => ({ ...s, measured: Float64Array.of(1, 1) }));
    for (const samples of [differs, missing, still]) expect(sameChannels(two, samples)).toEqual([]);
  });
});
