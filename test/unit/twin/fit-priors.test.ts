import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { commission } from '../../../shared/twin/fit/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const TRUTH = { gain: 3, tau: 8 };
const SHARE = 0.1;
const SEEDS = Array.from({ length: 20 }, (_, k) => 300 + k);

/** The lag with priors of a tenth of the truth, so many of their deviations off. */
function twinWith(off: { gain: number; tau: number }) {
  return lagTwin(['gain', 'tau'], {
    measured: [{ variable: 'y', alias: '/l/y', noiseStd: 0.05 }],
    parameters: (['gain', 'tau'] as const).map((variable) => ({
      variable,
      alias: `/l/${variable}`,
      lower: 0,
      prior: {
        mean: TRUTH[variable] * (1 + SHARE * off[variable]),
        std: SHARE * TRUTH[variable],
      },
    })),
  });
}

const CONTRADICT = 'the data contradict the priors';

describe('priors that the data contradict', () => {
  it('are widened, and then bands hold the truth and are those of the data', async () => {
    let inside = 0;
    for (const seed of SEEDS) {
      const twin = twinWith({ gain: 6, tau: 6 });
      const { output } = await commission(twin, lagModel(twin), await lagSamples({ seed, n: 80 }));
      expect(output.verdict.reasons.join()).toContain(CONTRADICT);
      expect(output.verdict.grade).toBe('care');
      for (const name of ['gain', 'tau'] as const) {
        const { lower95, upper95 } = output.parameters[name]!;
        if (lower95 <= TRUTH[name] && TRUTH[name] <= upper95) inside++;
        expect(upper95 - lower95).toBeLessThan(0.3 * TRUTH[name]);
      }
    }
    expect(inside).toBeGreaterThanOrEqual(35);
  });

  it('stay as stated where they are drawn as they say, or a disturbance moves the estimates', async () => {
    const rng = createRng(9);
    let doubted = 0;
    for (const seed of SEEDS) {
      const off = { gain: rng.normal(), tau: rng.normal() };
      const twin = twinWith(off);
      for (const ou of [0, 0.5]) {
        const samples = await lagSamples({ seed, n: 150, ou });
        const { output } = await commission(twin, lagModel(twin), samples);
        if (output.verdict.reasons.join().includes(CONTRADICT)) doubted++;
      }
    }
    expect(doubted).toBeLessThanOrEqual(1);
  });
});
