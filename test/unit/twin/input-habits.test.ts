import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import {
  habitsAfter,
  habitsAlong,
  strayingsOf,
} from '../../../shared/twin/transient/input-habits.js';

const DEFINITION = {
  inputs: [{ variable: 'u' }, { variable: 'door' }],
  transient: {},
} as Parameters<typeof strayingsOf>[0];

/** Samples each 10 s of an input with a memory of so many samples, and of a door that opens now and then. */
function record(memory: number, rows = 400) {
  const rng = createRng(3);
  const keep = Math.exp(-1 / memory);
  const [u, door] = [new Float64Array(rows), new Float64Array(rows)];
  for (let k = 1; k < rows; k++) {
    u[k] = keep * u[k - 1]! + Math.sqrt(1 - keep ** 2) * rng.normal();
    door[k] = rng.uniform() < 0.1 ? 1 - door[k - 1]! : door[k - 1]!;
  }
  return { timesS: Float64Array.from({ length: rows }, (_, k) => 10 * k), inputs: [u, door] };
}

/** How far both may have strayed after the record, in a time of so many usual ones. */
function strayedAfter(memory: number, intervals: number, more: object = {}) {
  const all = record(memory);
  const last = Float64Array.from(all.inputs, (column) => column.at(-1)!);
  return strayingsOf(
    { ...DEFINITION, ...more },
    ['linear', 'hold'],
    { ...habitsAlong(all), lastInputs: last },
    { fromS: 0, toS: 10 * intervals, inputs: last, inputsTo: last, between: [] },
  );
}

describe('what inputs may have done in a gap', () => {
  it('is as much as they vary, where they forget soon, and anew in each part', () => {
    const [u = []] = strayedAfter(2, 12);
    expect(u.map(({ begin, end }) => Math.round(12 * (end - begin)))).toEqual([1, 2, 4, 5]);
    expect(u[0]!.end).toBe(1);
    expect(u.at(-1)!.begin).toBe(0);
    for (const { std } of u) expect(std).toBeCloseTo(1, 0);
  });

  it('is as much as a walk of that length, where they remember long', () => {
    const [u = []] = strayedAfter(200, 12);
    expect(u.map(({ begin }) => begin)).toEqual([0, 1 - 1 / 12]);
    // √(12 q / 4) in the middle of the gap, √q at its end; q = 2 (1 − e^(−1/200)).
    expect(u[0]!.std).toBeGreaterThan(0.12);
    expect(u[0]!.std).toBeLessThan(0.24);
    expect(u[1]!.std).toBeLessThan(u[0]!.std);
  });

  it('moves what has whole numbers by one, and within what it was', () => {
    const [, door = []] = strayedAfter(2, 12);
    const now = record(2).inputs[1]!.at(-1)!;
    expect(door.length).toBeGreaterThan(0);
    for (const { step, std } of door) {
      expect(step).toBe(now === 0 ? 1 : -1);
      expect(std).toBeLessThan(0.6);
    }
  });

  it('is nothing where samples come as usual, or the definition says how long is no gap', () => {
    expect(strayedAfter(2, 1.4)).toEqual([]);
    expect(strayedAfter(2, 12, { transient: { maxGapS: 600 } })).toEqual([]);
    const [u, door] = strayedAfter(2, 12, {
      inputs: [{ variable: 'u', value: 3 }, DEFINITION.inputs[1]!],
    });
    expect(u).toEqual([]);
    expect(door).not.toEqual([]);
  });

  it('is nothing where readings tell of it', () => {
    const all = record(2);
    const inputs = Float64Array.of(0, 0);
    const span = { fromS: 0, toS: 120, inputs, inputsTo: inputs };
    const memory = { ...habitsAlong(all), lastInputs: inputs };
    const strayed = (between: { timeS: number; inputs: Float64Array }[]) =>
      strayingsOf(DEFINITION, ['linear', 'hold'], memory, { ...span, between });
    expect(strayed([])).toHaveLength(2);
    expect(strayed([{ timeS: 60, inputs }])).toEqual([]);
  });

  it('is nothing where rows come when something has changed', () => {
    const inputs = [Float64Array.from({ length: 300 }, (_, k) => Math.sin(k))];
    let t = 0;
    const timesS = inputs[0]!.map((_, k) => {
      t += [10, 10, 10, 300, 20, 900][k % 6]!;
      return t;
    });
    const memory = { ...habitsAlong({ timesS, inputs }), lastInputs: Float64Array.of(0) };
    const at = Float64Array.of(0);
    const strayed = (dtS: number) =>
      strayingsOf({ ...DEFINITION, inputs: DEFINITION.inputs.slice(0, 1) }, ['linear'], memory, {
        ...{ fromS: 0, toS: dtS, inputs: at, inputsTo: at },
      });
    expect(strayed(900)).toEqual([]);
    expect(strayed(30_000)).toHaveLength(1);
  });

  it('is not what was usual, itself', () => {
    const all = record(2, 100);
    const last = Float64Array.of(0, 0);
    const before = { ...habitsAlong(all), lastInputs: last };
    expect(habitsAfter(before, Float64Array.of(9, 0), 200)[4]).toBe(before.inputHabits![4]);
    expect(habitsAfter(before, Float64Array.of(9, 0), 10)[4]).toBeGreaterThan(
      before.inputHabits![4]!,
    );
  });
});
