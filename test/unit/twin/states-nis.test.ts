import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { runAlarms, runStepsOf, type StepResult } from '../../../shared/twin/index.js';
import { statesNis } from '../../../shared/twin/report/state-noise-alarm.js';
import { heldStep, tellsOfNoise } from '../../../shared/twin/transient/held-states.js';
import { boxTwin } from '../../support/real-machines.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const step = (nis: number, more: Partial<StepResult> = {}) =>
  ({ nis, statesNis: 1, channels: 1, parameters: {}, alarms: [], ...more }) as StepResult;

describe('the NIS of the states alone', () => {
  it.each([
    ['all channels counted together', 0],
    ['noise of an input, which moves state and outputs at once', 0.4],
  ])('is near 1 for a filter of the right noise, with %s', (_what, driven) => {
    const rng = createRng(2);
    let truth = 0;
    let held = { x: Float64Array.of(0), S: Float64Array.of(1) };
    let sum = 0;
    const count = 400;
    // One state that keeps 0.9 of itself, seen twice; no parameters.
    for (let k = 0; k < count; k++) {
      truth = 0.9 * (truth + 0.3 * rng.normal()) + driven * rng.normal();
      const [x] = held.x;
      const found = heldStep(
        held,
        {
          centre: Float64Array.of(x!),
          middle: Float64Array.of(0.9 * x!, 0.9 * x!, 1.8 * x!),
          mean: Float64Array.of(0.9 * x!, 0.9 * x!, 1.8 * x!),
          ...(driven > 0 && { drive: Float64Array.of(driven, driven, 2 * driven) }),
          slope: Float64Array.of(0.9, 0.9, 1.8),
          bend: new Float64Array(3),
          modelRuns: 0,
          refusedBeyond: false,
          memory: undefined,
        },
        0,
        {
          measured: Float64Array.of(truth + 0.5 * rng.normal(), 2 * truth + 0.5 * rng.normal()),
          noiseStd: Float64Array.of(0.5, 0.5),
          stateStd: Float64Array.of(0.3),
          ignored: [],
        },
      );
      held = { x: found.states.x.slice(), S: found.states.S.slice() };
      sum += found.nis / 2 / count;
    }
    expect(sum).toBeGreaterThan(0.85);
    expect(sum).toBeLessThan(1.15);
  });

  it.each([
    ['known to a tenth of the noise', [0.1, Number.NaN], true],
    ['off by as much as the noise perhaps', [1, Number.NaN], false],
    ['seen by one of two channels, by half of its noise', [0.5, 0], true],
    ['of which nothing is seen', [0, 0], true],
  ])('tells of the noise with a constant %s: %s', (_what, [first, second], tells) => {
    const held = {
      innovation: Float64Array.of(2, second! * 0),
      std: Float64Array.of(0.5, 0.5),
      byParameters: Float64Array.of(1, second!),
    };
    expect(tellsOfNoise(held, Float64Array.of(0.5 * first!))).toBe(tells);
  });

  it('counts an error of constants along what is known of them only', () => {
    const held = {
      innovation: Float64Array.of(2),
      std: Float64Array.of(1),
      byParameters: Float64Array.of(1, 1),
    };
    // Only the sum is known, to 0.1; then each alone, and not the sum.
    expect(tellsOfNoise(held, Float64Array.of(10, 0, -10, 0.1))).toBe(true);
    expect(tellsOfNoise(held, Float64Array.of(10, 0, 10, 0.1))).toBe(false);
  });

  it('leaves out events, priors and samples without a fit', () => {
    const steps = [
      step(1, { statesNis: 2 }),
      step(1, { statesNis: 50, eventSinceS: 3 }),
      step(1, { statesNis: 50, beforeFit: true }),
      { nis: 1, channels: 1 } as StepResult,
    ];
    expect(statesNis(steps)).toEqual({ nis: 2, channels: 1 });
  });

  it.skipIf(!hasCompiler)('says whether the noise or the doubt about constants is off', () => {
    const twin = boxTwin();
    const of = (statesNis: number, fitted = 400) =>
      runAlarms(
        twin,
        runStepsOf(
          Array.from({ length: 400 }, (_, k) =>
            k < fitted
              ? step(0.05, { statesNis, timeS: 1_682_918_325 + k })
              : ({
                  timeS: 1_682_918_325 + k,
                  nis: 0.05,
                  channels: 1,
                  parameters: {},
                  alarms: [],
                  ...(k < 395 ? {} : { beforeFit: true }),
                } as unknown as StepResult),
          ),
        ),
      );
    expect(of(1).find((a) => a.code === 'inconsistent')?.message).toMatch(
      /it is 1\.00: the noise is right/,
    );
    expect(of(0.05).find((a) => a.code === 'inconsistent')?.message).toMatch(
      /Over the whole run the innovations.*the noise is not right either/,
    );
    // A time that a person can read, not seconds since 1970.
    expect(of(0.05).find((a) => a.code === 'state-noise')?.message).toMatch(
      /^Since 2023-05-01T05:18:45Z until 2023-05-01T05:25:24Z the states' innovations/,
    );
    expect(of(1.5, 25).find((a) => a.code === 'inconsistent')?.message).toMatch(
      /without its changes.*it is 1\.50: of 25 values, too few to tell whether the noise is right/,
    );
  });
});

describe('the NIS of a whole run', () => {
  const twin = boxTwin();
  const inconsistent = (steps: StepResult[]) =>
    runAlarms(twin, runStepsOf(steps)).filter((a) => a.code === 'inconsistent');
  const calm = (from: number) =>
    Array.from({ length: 200 }, (_, k) => step(1, { timeS: from + k, diagnostics: same }));
  const same = { regimeChange: false } as StepResult['diagnostics'];
  const changed = { regimeChange: true } as StepResult['diagnostics'];

  it('is told where it is off by samples that count for changes, as no other alarm says it', () => {
    const lost = Array.from({ length: 30 }, (_, k) =>
      step(900, { timeS: 200 + k, diagnostics: changed }),
    );
    const [found, ...more] = inconsistent([...calm(0), ...lost, ...calm(300)]);
    expect(more).toEqual([]);
    expect(found!.message).toMatch(
      /^Over the whole run the mean NIS per channel is 63\.7.*: 1\.00 without/,
    );
  });

  it('is not off by one sample of a change, however far', () => {
    const jump = step(90_000, { timeS: 200, diagnostics: changed });
    expect(inconsistent([...calm(0), jump, ...calm(300)])).toEqual([]);
  });
});
