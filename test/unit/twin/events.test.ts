import { describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import type { StepResult } from '../../../shared/twin/index.js';
import { eventsOf } from '../../../shared/twin/report/machine-events.js';
import { decodeFilterState, encodeFilterState } from '../../../shared/twin/state/filter-state.js';
import {
  type EventMemory,
  eventSpans,
  isEvent,
  noEvents,
  watchForEvents,
} from '../../../shared/twin/transient/events.js';
import { PUBLISHED, simulateBox } from '../../study/real-box.js';
import { calibrateWithRefits } from '../../support/calibrate-with-refits.js';
import { boxTwin } from '../../support/real-machines.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

/** One channel, two states of which it shows the first. */
function watch(innovations: readonly number[], begin: EventMemory = noEvents(1)): EventMemory[] {
  let memory = begin;
  return innovations.map((v, i) => {
    memory = watchForEvents(memory, {
      timeS: 3 * (i + 1),
      lastTimeS: 3 * i,
      innovation: Float64Array.of(v),
      std: Float64Array.of(1),
      stateSlope: Float64Array.of(0.9, 0.1),
      stateScale: Float64Array.of(1, 1),
    });
    return memory;
  });
}

describe('the search for events', () => {
  it('finds a shift after three samples, and tells when it began and where it acts', () => {
    const found = watch([0, 0, 5, 5, 5]);
    expect(found.map(isEvent)).toEqual([false, false, false, false, true]);
    // The last sample before the shift.
    expect(found.at(-1)!.sinceS).toBe(6);
    expect([...found.at(-1)!.boost]).toEqual([30, 3]);
    expect(isEvent(watch([0, 0, -5, -5, -5]).at(-1))).toBe(true);
  });

  it('takes outliers, and two that point apart, for none', () => {
    expect(watch([0, 80, 0, 0, -80, 80, 0]).some(isEvent)).toBe(false);
  });

  it('keeps calm in white noise: at most one event in 20,000 samples', () => {
    const rng = createRng(7);
    const white = Array.from({ length: 20_000 }, () => rng.normal());
    expect(eventSpans(watch(white).at(-1)).length).toBeLessThanOrEqual(1);
  });

  it('ends an event after 20 calm samples running, and not by samples without a reading', () => {
    const open = watch([5, 5, 5]).at(-1)!;
    const dark = watch(
      Array.from({ length: 50 }, () => Number.NaN),
      open,
    );
    expect(isEvent(dark.at(-1))).toBe(true);
    const restless = watch(
      Array.from({ length: 60 }, (_, i) => (i % 15 === 14 ? 4 : 0)),
      open,
    );
    expect(isEvent(restless.at(-1))).toBe(true);
    const calm = watch(
      Array.from({ length: 20 }, () => 0.5),
      open,
    );
    expect(calm.map(isEvent).indexOf(false)).toBe(19);
    expect(eventSpans(calm.at(-1))).toEqual([{ sinceS: 0, untilS: 60 }]);
  });

  it('gives a run its events, the last one open where it still lasts', () => {
    const step = (timeS: number, eventSinceS?: number) =>
      ({ timeS, ...(eventSinceS === undefined ? {} : { eventSinceS }) }) as StepResult;
    const steps = [step(1), step(2, 1), step(3, 1), step(4), step(5, 4), step(6, 4)];
    expect(eventsOf(steps)).toEqual([
      { sinceS: 1, untilS: 3, foundS: 2 },
      { sinceS: 4, foundS: 5 },
    ]);
  });
});

describe.skipIf(!hasCompiler)('a lid opened on a simulated box', () => {
  const lid = { from: 250, to: 280, conductance: 2 };
  const constantBox = () => {
    const twin = boxTwin({ simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 } });
    const { definition } = twin;
    // Where it may wear, the box's loss has changed.
    definition.parameters = definition.parameters.map((p) => ({ ...p, dynamics: 'constant' }));
    return twin;
  };

  it('is an event of its own, and leaves the parameters as they were', async () => {
    const rows = 420;
    const [from, to] = [300, 312];
    // The air falls by 4 K while the lid is open, and comes back within some minutes.
    const samples = simulateBox({ title: 'right' }, 5, rows).map((s, i) => {
      const off = i < from ? 0 : i < to ? -4 : -4 * Math.exp(-(i - to) / 8);
      return { ...s, measured: s.measured.map((v) => v + off) };
    });
    const run = await calibrateWithRefits(constantBox(), samples);
    const events = eventsOf(run.steps);
    const ofLid = events.filter((e) => e.foundS >= 12 * from && e.foundS <= 12 * (from + 4));
    expect(ofLid).toHaveLength(1);
    expect(ofLid[0]!.untilS).toBeGreaterThan(12 * to);
    expect(events.length).toBeLessThanOrEqual(2);
    const before = run.steps[from - 1]!.parameters;
    const after = run.steps[to + 25]!.parameters;
    for (const [name, e] of Object.entries(before)) {
      expect(Math.abs(after[name]!.mean - e.mean) / e.std, name).toBeLessThan(1.5);
    }
    // What is remembered of events goes through the store.
    const { filter } = run.state;
    const read = decodeFilterState(encodeFilterState(filter), {
      parameters: 4,
      measured: 1,
      virtualSensors: 0,
      health: filter.health.length,
    });
    expect(read.transient?.events).toEqual(filter.transient?.events);
    expect(eventSpans(read.transient?.events).length).toBeGreaterThan(0);
    // The refit at the end had the event as missing.
    const { G_box } = run.newest!.output.parameters;
    expect(G_box!.lower95).toBeLessThan(0.576);
    expect(G_box!.upper95).toBeGreaterThan(0.576);
  }, 300_000);

  it('leaves constants known, though it has taken heat that the model never knew of', async () => {
    const truth = { title: 'right, its lid opened', lid };
    // Of the first, a refit is due in the fourth sample after the opening: it waits for the event.
    for (const seed of [1, 5]) {
      const run = await calibrateWithRefits(constantBox(), simulateBox(truth, seed));
      const event = eventsOf(run.steps).find(({ foundS }) => foundS >= 12 * lid.from);
      expect(event!.foundS).toBeLessThan(12 * (lid.from + 10));
      const { parameters, verdict } = run.newest!.output;
      expect(verdict.grade).not.toBe('unusable');
      expect(parameters.G_box!.std).toBeLessThan(0.005);
      for (const [name, { mean, std }] of Object.entries(parameters)) {
        expect(Math.abs(mean - PUBLISHED[name]!), name).toBeLessThan(3 * std);
      }
    }
  }, 300_000);

  it('costs constants nothing where the model lacks a term, too, and lets that not pass for noise', async () => {
    const truth = { title: 'wall mass, sensor lag', wall: 300, lagS: 20 };
    const [opened, closed] = [
      await calibrateWithRefits(constantBox(), simulateBox({ ...truth, lid }, 3)),
      await calibrateWithRefits(constantBox(), simulateBox(truth, 3)),
    ].map((run) => run.newest!.output);
    expect(opened!.verdict.grade).toBe('care');
    expect(opened!.verdict.reasons.join()).toMatch(/lacks something/);
    const { G_box } = opened!.parameters;
    expect(G_box!.lower95).toBeLessThan(PUBLISHED.G_box!);
    expect(G_box!.upper95).toBeGreaterThan(PUBLISHED.G_box!);
    expect(G_box!.std).toBeGreaterThan(0.8 * closed!.parameters.G_box!.std);
    expect(G_box!.std).toBeLessThan(1.25 * closed!.parameters.G_box!.std);
  }, 300_000);
});
