import { describe, expect, it } from 'vitest';
import type { Sample } from '../../../shared/twin/index.js';
import { CONDITIONS, simulateMachine } from '../../study/unseen/conditions.js';
import { MACHINES } from '../../study/unseen/machines.js';
import { twinOf } from '../../study/unseen/run.js';
import { calibrateWithRefits } from '../../support/calibrate-with-refits.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const ROWS = 150;
const [FROM, TO] = [100, 112] as const;
const SEED = 1;
const exact = CONDITIONS.find(({ name }) => name === 'base')!;

/** A machine's record, calibrated without some of its rows, or without their inputs. */
async function calibrated(name: string, broken: (s: Sample, row: number) => Sample[]) {
  const machine = MACHINES.find((m) => m.name === name)!;
  const twin = twinOf(machine, exact, SEED, ROWS);
  const record = simulateMachine(machine, exact, SEED, ROWS);
  const samples = record.samples.flatMap(broken);
  const { steps } = await calibrateWithRefits(twin, samples);
  const taken = steps.filter(({ skipped }) => skipped === undefined);
  const rowOf = (timeS: number) => record.samples.findIndex((s) => s.timeS === timeS);
  const after = taken.filter(({ timeS }) => rowOf(timeS) >= TO);
  const [hidden] = machine.hidden;
  const held = after.filter((step) => {
    const { lower95, upper95 } = step.virtualSensors[hidden!]!;
    const truth = record.hidden[rowOf(step.timeS)]![0]!;
    return lower95 <= truth && truth <= upper95;
  });
  return {
    periodS: machine.periodS,
    gaps: taken.flatMap(({ gapS }) => (gapS === undefined ? [] : [gapS])),
    events: taken.filter(({ eventSinceS }) => eventSinceS !== undefined).length,
    faults: taken.flatMap(({ alarms }) => alarms.filter(({ code }) => code === 'sensor-fault')),
    share: held.length / after.length,
  };
}

const missing = (row: number) => row >= FROM && row < TO;

describe.skipIf(!hasCompiler)('the filter after a time of which nothing is known', () => {
  it.each(['motor', 'battery'])('takes the %s where it may have come to', async (name) => {
    const { gaps, periodS, ...found } = await calibrated(name, (s, row) =>
      missing(row) ? [] : [s],
    );
    expect(gaps).toHaveLength(1);
    expect(gaps[0]! / periodS).toBeCloseTo(TO - FROM + 1, 6);
    expect(found).toMatchObject({ events: 0, faults: [] });
    expect(found.share).toBeGreaterThan(0.85);
  });

  it('does so where only the inputs are missing', async () => {
    const undriven = (s: Sample) => ({ ...s, inputs: s.inputs.map(() => Number.NaN) });
    const { gaps, ...found } = await calibrated('motor', (s, row) => [
      missing(row) ? undriven(s) : s,
    ]);
    expect(gaps).toHaveLength(1);
    expect(found).toMatchObject({ events: 0, faults: [] });
    expect(found.share).toBeGreaterThan(0.85);
  });
});
