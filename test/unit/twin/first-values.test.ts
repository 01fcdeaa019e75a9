import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  runSamples,
} from '../../../shared/twin/index.js';
import { crossCheckOf } from '../../../shared/twin/report/cross-check.js';
import { migrateState } from '../../../shared/twin/state/migrate.js';
import type { CalibratorState, Sample, Twin } from '../../../shared/twin/types.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

/** The small twin, its sensors' noise not stated. */
const twin = smallTwin({
  measured: ['y1', 'y2', 'y3'].map((variable) => ({ variable, alias: `/s/${variable}` })),
});
const [P, Q] = [0.12, 0.08];
const NOISE = 0.02;

function record(seed: number, n: number): Sample[] {
  const rng = createRng(seed);
  const noisy = (v: number) => v + NOISE * rng.normal();
  return Array.from({ length: n }, (_, k) => sample(k, [noisy(P), noisy(Q), noisy(P + Q)]));
}

/** Runs samples in passes as a worker does: each begins from what the one before kept as bytes. */
async function inPasses(of: Twin, samples: readonly Sample[], passes: readonly number[]) {
  let kept: Uint8Array | undefined;
  let held = 0;
  let steps = 0;
  let state: CalibratorState | undefined;
  let from = 0;
  for (const length of passes) {
    const calibrator = createCalibrator({ twin: of, model: linearModel() });
    const part = samples.slice(from, from + length);
    from += length;
    state = kept === undefined ? calibrator.initialState(part) : decodeCheckpoint(kept, of);
    for (const s of part) {
      const step = await calibrator.step(state, s);
      state = step.state;
      const { p } = step.result.parameters;
      steps++;
      if (p!.lower95 <= P && P <= p!.upper95) held++;
    }
    kept = encodeCheckpoint(state);
  }
  return { state: state!, held: held / steps };
}

describe('noise that nobody states, from a handful of samples', () => {
  it.each([
    ['one by one', Array.from({ length: 60 }, () => 1)],
    ['six, then the rest', [6, 54]],
    ['twelve, then the rest', [12, 48]],
  ])('is rather too large than too small, and settles: %s', async (_, passes) => {
    let held = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const run = await inPasses(twin, record(seed, 60), passes);
      held += run.held / 8;
      for (const std of run.state.filter.noiseStd) {
        expect(std).toBeGreaterThan(0.6 * NOISE);
        expect(std).toBeLessThan(1.6 * NOISE);
      }
      expect(run.state.filter.firstValues).toBeUndefined();
    }
    expect(held).toBeGreaterThan(0.9);
  });

  it('is named as a guess in the verdict until values tell it', async () => {
    const check = async (n: number) => {
      const calibrator = createCalibrator({ twin, model: linearModel() });
      const samples = record(1, n);
      const run = await runSamples(calibrator, calibrator.initialState(samples), samples);
      const { findings } = crossCheckOf(twin, { ...run, lastUsed: run.steps.at(-1) });
      return findings.map((f) => f.reason).join('; ');
    };
    expect(await check(6)).toMatch(/the noise of y1, y2, y3 is a guess, .*, as 6 values tell none/);
    expect(await check(12)).not.toMatch(/guess/);
  });

  it('settles for a sensor whose first value comes late', async () => {
    const samples = record(1, 100).map((s, k) =>
      k < 50 ? sample(k, [Number.NaN, s.measured[1]!, s.measured[2]!]) : s,
    );
    const { state } = await inPasses(twin, samples, [40, 60]);
    expect(state.filter.noiseStd[0]).toBeGreaterThan(0.6 * NOISE);
    expect(state.filter.noiseStd[0]).toBeLessThan(1.6 * NOISE);
  });

  it('takes the first value of a sensor that comes late no surer than one value can be', async () => {
    // Off by three of its deviations, of which nothing is known yet.
    const late = record(1, 60).map((s, k) =>
      sample(k, [k < 59 ? Number.NaN : P + 3 * NOISE, s.measured[1]!, s.measured[2]!]),
    );
    const before = (await inPasses(twin, late.slice(0, 59), [40, 19])).state.filter;
    const after = (await inPasses(twin, late, [40, 19, 1])).state.filter;
    const std = ({ S }: typeof after) => Math.hypot(...S.subarray(0, Math.sqrt(S.length)));
    expect(std(after)).toBeGreaterThan(0.9 * std(before));
    expect(Math.abs(after.x[0]! - before.x[0]!)).toBeLessThan(std(before));
  });

  it('keeps what few values said when the twin changes, and begins anew for a sensor that is new', async () => {
    const { state } = await inPasses(twin, record(1, 12), [12]);
    const other = smallTwin({
      measured: ['y3', 'y9', 'y1'].map((variable) => ({ variable, alias: `/s/${variable}` })),
    });
    const moved = migrateState(state, twin.definition, { ...other, hash: 'other' }).state.filter;
    const before = state.filter.firstValues!;
    const after = moved.firstValues!;
    const k = before.values.length / 3;
    expect([...after.had]).toEqual([before.had[2], 0, before.had[0]]);
    expect([...after.values.subarray(0, k)]).toEqual([...before.values.subarray(2 * k)]);
    expect(after.values.subarray(k, 2 * k).every(Number.isNaN)).toBe(true);
    // Of a state that knows its noise only the new sensor is open.
    const { firstValues: _, ...settled } = state.filter;
    const later = migrateState({ ...state, filter: settled }, twin.definition, {
      ...other,
      hash: 'other',
    }).state.filter.firstValues!;
    expect(later.had[1]).toBe(0);
    expect(later.had[0]).toBeGreaterThanOrEqual(k);
  });

  it('leaves stated noise, and that of many samples, as it was', async () => {
    const calibrator = createCalibrator({ twin: smallTwin(), model: linearModel() });
    expect(calibrator.initialState().filter.firstValues).toBeUndefined();
    const many = createCalibrator({ twin, model: linearModel() }).initialState(record(1, 40));
    expect(many.filter.firstValues).toBeUndefined();
  });
});
