import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { isSwitch, isToldOnStep } from '../../../shared/twin/definition/input-interpolation.js';
import { summarizeStreams } from '../../../shared/twin/index.js';
import { lagTwin } from './fit-fixtures.js';

const rows = Array.from({ length: 240 }, (_, k) => k);

describe('an input that is held and then steps', () => {
  it('is a switch, or a setpoint that keeps each of its levels', () => {
    const rng = createRng(3);
    const levels = rows.map(() => 4000 * rng.uniform());
    expect(isSwitch(rows.map((k) => (k % 7 < 3 ? 1 : 0)))).toBe(true);
    expect(isSwitch(rows.map((k) => levels[Math.floor(k / 6)]!))).toBe(true);
    expect(
      isSwitch(rows.map((k) => (k % 10 === 4 ? Number.NaN : levels[Math.floor(k / 6)]!))),
    ).toBe(true);
  });

  it('is one that is told only when it has stepped', () => {
    const rng = createRng(6);
    const steps = new Map<number, number>();
    for (let k = 0; k < 240; k += 2 + Math.floor(12 * rng.uniform())) steps.set(k, rng.uniform());
    const told = rows.map((k) => steps.get(k) ?? Number.NaN);
    const isTold = (values: readonly number[]) => isToldOnStep(values, rows, 240);
    expect([isSwitch(told), isTold(told)]).toEqual([false, true]);
    // Read at a period, a value that repeats, and as many readings as any other.
    expect(isTold(rows.map((k) => (k % 7 === 0 ? rng.uniform() : Number.NaN)))).toBe(false);
    expect(isTold(told.with([...steps.keys()][3]!, steps.get([...steps.keys()][2]!)!))).toBe(false);
    expect(isToldOnStep(told, rows, steps.size)).toBe(false);
    // What wanders, told when it has moved by a deadband.
    let last = Number.NaN;
    const wanders = rows.map((k) => {
      const v = Math.sin(k / 20) + Math.sin(k / 7);
      if (Math.abs(v - last) < 0.25) return Number.NaN;
      last = v;
      return v;
    });
    expect(isTold(wanders)).toBe(false);
  });

  it('is named where it is run as a straight line, though error codes stand in it', () => {
    const twin = lagTwin();
    const samples = rows.map((k) => ({
      timeS: k,
      row: k,
      inputs: Float64Array.of(k % 110 === 50 ? -9999 : (7 * Math.floor(k / 9)) % 5),
      measured: Float64Array.of(Math.sin(k)),
    }));
    expect(summarizeStreams(twin, samples, [], 0).slopingSwitches).toEqual(['u']);
  });

  it('is none where values move at each sample, creep by the digits of a coarse sensor, or step but rarely', () => {
    const rng = createRng(4);
    expect(isSwitch(rows.map(() => rng.normal()))).toBe(false);
    expect(isSwitch(rows.map((k) => Math.sin(k / 20)))).toBe(false);
    expect(isSwitch(rows.map((k) => Math.round(20 * Math.sin(k / 90)) / 2))).toBe(false);
    expect(isSwitch(rows.map((k) => Math.floor(k / 60)))).toBe(false);
    expect(isSwitch([5, 5, 5])).toBe(false);
  });
});
