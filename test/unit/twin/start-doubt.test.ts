import { describe, expect, it } from 'vitest';
import { commission, type FitModel } from '../../../shared/twin/fit/index.js';
import { lagModel, lagSamples, lagTwin } from './fit-fixtures.js';

const DOUBT = 'the model comes to no rest';

/** The lag beside a state that nothing shows, which comes to no rest. */
function neverResting(states: readonly string[]): FitModel {
  const lag = lagModel(lagTwin());
  return {
    ...lag,
    states,
    restDoubt: DOUBT,
    startStates: async () => new Float64Array(states.length),
    run: async (points, record, options) =>
      (await lag.run(points, record, options)).map((run) =>
        run instanceof Error || run.states === undefined
          ? run
          : {
              ...run,
              states: Float64Array.from(
                { length: states.length * run.states.length },
                (_, i) => run.states![Math.floor(i / states.length)]!,
              ),
            },
      ),
  };
}

describe('a search for the start that begins where nothing says that the machine was', () => {
  it('is no doubt where the record tells where it was', async () => {
    const { output } = await commission(lagTwin(), neverResting(['x']), await lagSamples());
    expect(output.startStates.x!.mean).toBeCloseTo(0.5, 1);
    expect(output.verdict).toEqual({ grade: 'good', reasons: [] });
  });

  it('is one where it does not', async () => {
    const { output } = await commission(lagTwin(), neverResting(['x', 'z']), await lagSamples());
    expect(output.verdict.grade).toBe('care');
    expect(output.verdict.reasons).toContain(DOUBT);
  });
});
