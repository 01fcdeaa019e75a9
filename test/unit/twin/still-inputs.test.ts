import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  runStepsOf,
  type Sample,
  type StepResult,
  summarize,
} from '../../../shared/twin/index.js';
import { channelFaults } from '../../../shared/twin/readings/channel-faults.js';
import { newChannelWatch, watchSample } from '../../../shared/twin/readings/channel-watch.js';
import { stillIn } from '../../../shared/twin/readings/still-inputs.js';
import { recordingFindings } from '../../../shared/twin/report/recording-findings.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const twin = smallTwin({
  inputs: ['u', 'fixed'].map((variable) => ({
    ...{ variable, alias: `/s/${variable}` },
    ...(variable === 'fixed' ? { value: 1 } : {}),
  })),
});

/** Samples a minute apart of an input that goes as is said; its sensors are noise. */
function samplesOf(input: (k: number, noise: number) => number, rows = 300): Sample[] {
  const rng = createRng(2);
  return Array.from({ length: rows }, (_, k) => ({
    timeS: 60 * k,
    inputs: Float64Array.of(input(k, rng.normal()), 1),
    measured: Float64Array.from({ length: 3 }, () => rng.normal()),
  }));
}
const silent = (k: number, noise: number) => (k >= 100 && k < 160 ? 10.1 : 10 + noise);
const stillOf = (samples: readonly Sample[]) => channelFaults(twin, samples).stillInputs;

describe('an input that stands still', () => {
  it('is named where it changed with each sample before, after it was over too', () => {
    const found = [{ variable: 'u', samples: 60, sinceS: 6000, untilS: 9540 }];
    expect(stillOf(samplesOf(silent, 140))).toEqual([
      { variable: 'u', samples: 40, sinceS: 6000, untilS: 8340 },
    ]);
    expect(stillOf(samplesOf(silent))).toEqual(found);
    const recording = {
      ...{ rows: 300, used: 300, skipped: {}, unreadable: {}, deadChannels: [] },
      ...{ spanS: 18_000, periodS: 60, ageS: null, stillInputs: found },
    };
    const [finding, ...others] = recordingFindings(recording, ['y1']);
    expect(others).toEqual([]);
    expect(finding).toEqual({ grade: 'care', reason: expect.any(String) });
    expect(finding!.reason).toMatch(
      /^u changes with nearly each sample, yet kept one value for 60 \(.*\): was its stream silent, or its sensor stuck\?/,
    );
  });

  it.each([
    ['steps now and then', (k: number) => Math.floor(k / 30)],
    [
      'rests at the end of its range',
      (k: number, e: number) => (k % 100 < 60 ? 1 + Math.abs(e) : 0),
    ],
    ['repeats a value now and then', (k: number, e: number) => Math.round(4 * (10 + e) + k / 50)],
    ['has never been seen to move', (k: number, e: number) => (k < 40 ? 10 + e : 10)],
    [
      'is silent for a few samples',
      (k: number, e: number) => (k >= 100 && k < 115 ? 10.1 : 10 + e),
    ],
  ])('is none where it %s', (_, input) => {
    expect(stillOf(samplesOf(input))).toBeUndefined();
  });

  it('is found from what a worker kept of the runs before', () => {
    const samples = samplesOf(silent);
    let watch = newChannelWatch(twin.definition);
    for (const [k, s] of samples.entries()) {
      if (k % 50 === 0) watch = JSON.parse(JSON.stringify(watch));
      watchSample(watch, s, 1000);
    }
    expect(stillIn(watch.inputs, twin.definition)).toEqual(stillOf(samples));
  });
});

describe('sudden changes at many samples', () => {
  it('speak against a run, a few do not', async () => {
    const small = smallTwin();
    const calibrator = createCalibrator({ twin: small, model: linearModel() });
    const rng = createRng(4);
    let state = calibrator.initialState();
    const steps: StepResult[] = [];
    for (let k = 0; k < 60; k++) {
      const y = [0.1, 0.1, 0.2].map((v) => v + 0.01 * rng.normal());
      const made = await calibrator.step(state, sample(k, y));
      state = made.state;
      steps.push(made.result);
    }
    const verdictWith = (changes: number) => {
      const some = steps.map((s, k) =>
        k < changes ? { ...s, diagnostics: { ...s.diagnostics, regimeChange: true } } : s,
      );
      return summarize(small, runStepsOf(some), 0).summary.verdict;
    };
    expect(verdictWith(9).reasons.join()).not.toContain('changed suddenly');
    const { grade, reasons } = verdictWith(12);
    expect(grade).toBe('care');
    expect(reasons.join()).toContain('The machine changed suddenly at 12 of 60 samples');
  });
});
