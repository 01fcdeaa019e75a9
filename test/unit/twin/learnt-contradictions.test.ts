import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  runSamples,
  type Sample,
  summarize,
} from '../../../shared/twin/index.js';
import { sample, smallTwin } from './fixtures.js';
import { linearDynamics, overrides } from './linear-dynamics.js';

const { model } = linearDynamics();
/** Samples for which a sensor reads wrong. */
const WRONG = 150;
const twinOf = (constant: boolean) =>
  smallTwin({
    ...overrides,
    parameters: ['p', 'q'].map((variable) => ({
      variable,
      alias: `/s/${variable}`,
      lower: 0,
      upper: 1,
      prior: { mean: 0.1, std: 0.05 },
      ...(constant ? { dynamics: 'constant' } : { wearHorizonS: 1e5 }),
    })),
  });

/** The linear machine, one of whose sensors reads 5 deviations of its noise too much for a while. */
function samplesOf(rows: number, wrongFrom: number): Sample[] {
  const rng = createRng(11);
  const s = [0, 0];
  return Array.from({ length: rows }, (_, k) => {
    const [a, b] = s as [number, number];
    const u = 1;
    s[0] = 0.8 * a + 0.1 * b + 0.3 * 0.1 + 0.1 * 0.1;
    s[1] = -0.2 * a + 0.9 * b + 0.05 * 0.1 - 0.2 * 0.1 + 0.1 * u;
    const y = [s[0] + 0.01, s[1], s[0] + s[1]].map((v) => v + 0.01 * rng.normal());
    if (k >= wrongFrom && k < wrongFrom + WRONG) y[1]! += 0.05;
    return sample(2 * k, y);
  });
}

async function runs(constant: boolean, wrongFrom: number) {
  const twin = twinOf(constant);
  const calibrator = createCalibrator({ twin, model });
  const samples = samplesOf(900, wrongFrom);
  const first = await runSamples(calibrator, calibrator.initialState(), samples.slice(0, 700));
  const kept = decodeCheckpoint(encodeCheckpoint(first.state), twin);
  const second = await runSamples(calibrator, kept, samples.slice(700));
  const { summary } = summarize(twin, second.steps, 0, second.slopes, second.state);
  const told = first.steps.filter((s) => s.alarms.some((a) => a.code === 'model-mismatch')).length;
  return { told, summary, state: second.state, reasons: summary.verdict.reasons.join('\n') };
}

describe('what constants learnt from a contradiction', () => {
  it('is told by every run that goes on from it, long after the samples have stopped to say so', async () => {
    const { told, summary, reasons } = await runs(true, 300);
    expect(told).toBeGreaterThan(80);
    // None of the second run's samples says anything.
    expect(summary.alarms).toEqual([]);
    expect(summary.verdict.grade).toBe('care');
    expect(reasons).toMatch(
      /no parameter values explained the channels together in \d+ of 900 samples, .*: p, q are constants and keep what was learnt meanwhile; begin the estimate anew, or go back to before it/,
    );
  });

  it('is nothing where no sensor is off, and where parameters may follow what is', async () => {
    const exact = await runs(true, Number.POSITIVE_INFINITY);
    expect(exact.reasons).not.toContain('keep what was learnt');
    const wearing = await runs(false, 300);
    expect(wearing.state.filter.contradictions).toBeUndefined();
    expect(wearing.reasons).not.toContain('keep what was learnt');
  });
});
