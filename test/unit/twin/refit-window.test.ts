import { describe, expect, it } from 'vitest';
import { refitSchedule, usableValues, windowBegin } from '../../../shared/twin/refit/index.js';
import { boxTwin } from '../../support/real-machines.js';

describe('the window of a refit', () => {
  const { definition } = boxTwin();

  it('reaches back for the values of a first fit where cells are blank or times irregular', () => {
    const schedule = { windowS: 60, reachS: 600, everyS: 15, firstValues: 60, growth: 2 };
    const samplesAt = (timesS: readonly number[], isBlank = (_k: number) => false) =>
      timesS.map((timeS, k) => ({
        timeS,
        inputs: new Float64Array(),
        measured: Float64Array.of(isBlank(k) ? Number.NaN : 1),
      }));
    const windowOf = (samples: ReturnType<typeof samplesAt>, most = 5000, at = schedule) => {
      const { timeS } = samples.at(-1)!;
      return samples.slice(windowBegin(samples, timeS, samples.length, at, most));
    };
    const seconds = Array.from({ length: 1000 }, (_, k) => k);
    expect(windowOf(samplesAt(seconds))).toHaveLength(60);
    // One blank cell is one more sample; two of three make the window three times as long.
    expect(windowOf(samplesAt(seconds, (k) => k === 970))).toHaveLength(61);
    const thirds = windowOf(samplesAt(seconds, (k) => k % 3 !== 0));
    expect(usableValues(thirds)).toBe(60);
    // Pairs that lie close together: the usual interval, a geometric mean, is far below the mean.
    const pairs = seconds.map((k) => 20 * Math.floor(k / 2) + (k % 2) * 0.05);
    expect(usableValues(windowOf(samplesAt(pairs)))).toBe(60);
    // No further than that, nor than a fit can take, nor than somebody said.
    expect(windowOf(samplesAt(seconds, () => true))).toHaveLength(600);
    expect(
      windowOf(
        samplesAt(seconds, () => true),
        100,
      ),
    ).toHaveLength(100);
    const stated = { ...schedule, reachS: 60 };
    expect(
      windowOf(
        samplesAt(seconds, () => true),
        5000,
        stated,
      ),
    ).toHaveLength(60);
    expect(windowOf([...samplesAt(seconds)].slice(0, 20))).toHaveLength(20);
  });

  it('reaches no further than a window that is asked for', () => {
    expect(refitSchedule(definition, 6, 60)).toMatchObject({ reachS: 6 * 86_400 });
    const asked = { ...definition, calibration: { refit: { windowS: 3600 } } };
    expect(refitSchedule(asked, 6, 60)).toMatchObject({ windowS: 3600, reachS: 3600 });
  });
});
