import { describe, expect, test } from 'vitest';
import { decodeAssetState, runWorker, stateKey } from '../../../cloud/index.js';
import { calibrationEngine } from '../../../cloud/worker/calibration-engine.js';
import { judgedSample } from '../../../cloud/worker/judged-samples.js';
import { fleetSchema } from '../../../shared/config/index.js';
import { ManualClock, silentLogger, wallTime } from '../../../shared/core/index.js';
import {
  type InputRanges,
  type Sample,
  wildInputsOf,
  withoutCodes,
} from '../../../shared/twin/index.js';
import { isSentinel } from '../../../shared/twin/readings/no-readings.js';
import {
  judgeInputs,
  noInputRanges,
  withSample,
} from '../../../shared/twin/readings/wild-inputs.js';
import { simulateBox } from '../../study/real-box.js';
import { boxTwin } from '../../support/real-machines.js';
import { memoryStore, Streams } from '../../support/worker-fakes.js';
import { hasCompiler } from '../fmi/fixture-fmus.js';

const FROM_S = 1_800_000_000;
const ROWS = 140;
const WILD = 100;
const samples = simulateBox({ title: 'right' }, 5, ROWS);
const twin = () => {
  const box = boxTwin({
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: 12 },
    calibration: { refit: false },
  });
  box.definition.inputs = box.definition.inputs.map((i) => ({ ...i, alias: `/m/${i.variable}` }));
  return box;
};

/** The room's temperature as it was, but at some rows. */
const roomWith = (value: number, ...rows: number[]) =>
  samples.map(({ inputs }, row) => (rows.includes(row) ? value : inputs[1]!));

/** The box's temperature as it was, but at some rows. */
const boxWith = (value: number, isOther: (row: number) => boolean) =>
  samples.map(({ measured }, row) => (isOther(row) ? value : measured[0]!));

/** Runs the worker after each of some rows; the room's readings come just before those of the box. */
async function workerOf(
  room: readonly number[],
  ends: readonly number[],
  offsetS = 0,
  heaterOffsetS = 0,
  read: readonly number[] = boxWith(0, () => false),
) {
  const [store, box] = [memoryStore(), twin()];
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { box: './twin.json' },
    assets: [{ id: 'a1', twin: 'box' }],
    calibration: { settleS: 0, lookbackS: 86_400, commitEvery: 7 },
  });
  const reports = [];
  for (const end of ends) {
    const streams = new Streams();
    samples.slice(0, end).forEach(({ timeS, inputs }, row) => {
      streams.add('/m/heaterOn', FROM_S + timeS + heaterOffsetS, inputs[0]!);
      streams.add('/m/T_room', FROM_S + timeS + offsetS, room[row]!);
      streams.add('/m/T', FROM_S + timeS, read[row]!);
    });
    const { assets } = await runWorker(
      { index: 0, timeMap: wallTime },
      {
        source: { fleet, twin: async () => box, close: async () => {} },
        ...{ store, engine: calibrationEngine, logger: silentLogger },
        reader: streams.reader(),
        writer: streams.writer(),
        discover: async () => {},
        clock: new ManualClock(BigInt(FROM_S + 12 * end) * 1_000_000_000n),
        uptimeS: () => 1,
      },
      new AbortController().signal,
    );
    reports.push(assets[0]!);
  }
  const state = decodeAssetState((await store.get(stateKey('f', 'a1')))!.body, 'a1', 'a1');
  const { filter } = calibrationEngine.decodeCheckpoint(state.checkpoint, box);
  return { reports, states: [...filter.transient!.stateMean, ...filter.x] };
}

describe.skipIf(!hasCompiler)('a lone wild value of an input in the worker', () => {
  test.each([-9999, 1e6])(
    '%d is set aside and named, and the estimate is that without it',
    async (value) => {
      const held = roomWith(samples[WILD - 1]!.inputs[1]!, WILD);
      const wanted = await workerOf(held, [ROWS]);
      const { reports, states } = await workerOf(roomWith(value, WILD), [ROWS]);
      expect(states).toEqual(wanted.states);
      expect(reports[0]!.steps).toBe(ROWS);
      expect(reports[0]!.recording.wildValues).toMatchObject([
        { variable: 'T_room', values: [{ value }] },
      ]);
      expect(reports[0]!.verdict.reasons.join('\n')).toContain(`T_room: ${value} at`);
      expect(wanted.reports[0]!.recording.wildValues).toEqual([]);
      // Half way between two samples of the sensor it is none either.
      const between = await workerOf(roomWith(value, WILD), [ROWS], -5);
      expect(between.reports[0]!.recording.wildValues).toMatchObject([{ values: [{ value }] }]);
      const { states: calm } = await workerOf(held, [ROWS], -5);
      between.states.forEach((v, i) => {
        expect(v / calm[i]!).toBeCloseTo(1, 6);
      });
    },
    60_000,
  );

  test('waits where samples to come must tell, in one run or in many the same', async () => {
    const room = roomWith(1e6, WILD);
    const once = await workerOf(room, [ROWS]);
    const { reports, states } = await workerOf(room, [WILD, WILD + 1, WILD + 4, WILD + 6, ROWS]);
    expect(reports.map((r) => r.steps)).toEqual([WILD, 0, 0, 6, ROWS - WILD - 6]);
    expect(reports[1]!.waiting).toBeGreaterThan(0);
    const [waits, ...more] = reports.map(({ verdict }) =>
      verdict.reasons.filter((r) => r.includes('the estimate waits')),
    );
    expect([waits, more.map((r) => r.length)]).toEqual([[], [1, 1, 0, 0]]);
    expect(more[0]![0]).toContain('T_room: 1000000 at');
    expect(reports[1]!.verdict.grade).toBe('care');
    expect(reports.map((r) => r.recording.wildValues?.length ?? 0)).toEqual([0, 0, 0, 1, 0]);
    expect(states).toEqual(once.states);
  }, 60_000);

  test('does not come back with another input that changes before its next reading', async () => {
    const row = samples.findIndex((s, k) => k > 60 && s.inputs[0] !== samples[k - 1]!.inputs[0]);
    expect(row).toBeGreaterThan(60);
    // The heater switches half way to the next sample: the room's temperature is told once more there.
    const held = roomWith(samples[row - 1]!.inputs[1]!, row);
    const wanted = await workerOf(held, [ROWS], 0, 5);
    for (const ends of [[ROWS], [row + 6, ROWS]]) {
      const { states } = await workerOf(roomWith(-9999, row), ends, 0, 5);
      expect(states).toEqual(wanted.states);
    }
  }, 60_000);

  test('is taken where it stays', async () => {
    const rows = Array.from({ length: ROWS - WILD }, (_, k) => WILD + k);
    const { reports } = await workerOf(roomWith(60, ...rows), [WILD + 1, ROWS]);
    // The first is told by the second.
    expect(reports.map((r) => r.steps)).toEqual([WILD, ROWS - WILD]);
    expect(reports[1]!.recording.wildValues).toEqual([]);
  }, 60_000);
});

describe.skipIf(!hasCompiler)('error codes of a sensor in the worker', () => {
  const room = roomWith(0);
  test.each([
    ['each tenth', (row: number) => row > 2 && row % 10 === 3],
    ['five in a row', (row: number) => row >= 80 && row < 85],
    ['among the first', (row: number) => row === 2 || (row >= 4 && row < 7)],
  ])(
    '%s are set aside and named, and the estimate goes on',
    async (_, isCode) => {
      const count = samples.filter((_s, row) => isCode(row)).length;
      const calm = await workerOf(room, [ROWS]);
      const { reports } = await workerOf(room, [ROWS], 0, 0, boxWith(-9999, isCode));
      const [report] = reports;
      expect(report!.steps).toBe(ROWS - count);
      expect(report!.skipped).toEqual({ 'no-usable-channel': count });
      expect(report!.recording.wildValues).toMatchObject([{ variable: 'T' }]);
      expect(report!.recording.wildValues![0]!.values.map((v) => v.value)).toEqual(
        new Array(count).fill(-9999),
      );
      expect(report!.verdict.grade).toBe('care');
      expect(report!.verdict.reasons.join('\n')).toContain(`and ${count - 1} more were set aside`);
      for (const [name, { mean }] of Object.entries(calm.reports[0]!.parameters!)) {
        expect(Math.abs(report!.parameters![name]!.mean / mean - 1)).toBeLessThan(0.5);
      }
    },
    60_000,
  );

  test('are told in many runs as in one', async () => {
    const coded = boxWith(-9999, (row) => row % 10 === 3 || (row >= 80 && row < 85));
    const once = await workerOf(room, [ROWS], 0, 0, coded);
    const { states } = await workerOf(room, [50, 82, 83, ROWS], 0, 0, coded);
    states.forEach((v, i) => {
      expect(v / once.states[i]!).toBeCloseTo(1, 9);
    });
  }, 60_000);
});

describe.skipIf(!hasCompiler)('error codes of an input in the worker', () => {
  test.each([
    ['each tenth', (row: number) => row % 10 === 3, 14],
    ['five in a row', (row: number) => row >= 80 && row < 85, 1],
  ])(
    '%s are taken for what it was before, and named',
    async (_, isCode, times) => {
      const rows = [...samples.keys()].filter(isCode);
      const held: number[] = [];
      for (const [row, { inputs }] of samples.entries())
        held.push(isCode(row) ? held.at(-1)! : inputs[1]!);
      const wanted = await workerOf(held, [ROWS]);
      for (const ends of [[ROWS], [50, 82, 84, ROWS]]) {
        const { reports, states } = await workerOf(roomWith(-9999, ...rows), ends);
        expect(states).toEqual(wanted.states);
        const named = reports.flatMap(
          (r) => r.recording.wildValues?.flatMap((w) => w.values) ?? [],
        );
        expect(named.map(({ value }) => value)).toEqual(new Array(times).fill(-9999));
      }
    },
    60_000,
  );

  test('a command that goes far away and stays is none', () => {
    expect([-9999, -999, 99_999, -32_768, 2 ** 31 - 1, 3.4e38].every(isSentinel)).toBe(true);
    expect([0, 99, 1500, 32_767, 65_535, 9990, 1e6].some(isSentinel)).toBe(false);
  });
});

describe('error codes as they come', () => {
  const { definition } = twin();
  const at = (row: number, u: readonly number[], y: number): Sample => ({
    timeS: row,
    inputs: Float64Array.from(u),
    measured: Float64Array.of(y),
  });
  /** What is set aside of the last of some samples. */
  const codesOf = (more: readonly Sample[]) => {
    let ranges: InputRanges = noInputRanges(definition);
    let found: readonly { value: number }[] = [];
    const before = Array.from({ length: 20 }, (_, k) => at(k, [0, 20], 21 + (k % 5)));
    for (const given of [...before, ...more]) {
      const { sample, codes } = withoutCodes(ranges, given, () => false);
      ranges = withSample(ranges, sample, { wild: [], codes });
      found = codes;
    }
    return found.map(({ value }) => value);
  };

  test('one stays a code until another value comes', () => {
    expect(codesOf([at(20, [0, 20], -9999)])).toEqual([-9999]);
    expect(codesOf([at(20, [0, 20], -9999), at(21, [0, 20], -9999)])).toEqual([-9999]);
    expect(codesOf([at(20, [0, 20], -9999), at(21, [0, 20], 22)])).toEqual([]);
    expect(codesOf([at(20, [0, 20], -9999), at(21, [0, 20], 22), at(22, [0, 20], 65_535)])).toEqual(
      [65_535],
    );
  });

  test('one that stays for longer is where the machine is, unless devices send it for none', () => {
    const stay = (value: number) => Array.from({ length: 6 }, (_, k) => at(20 + k, [0, 20], value));
    expect(codesOf(stay(850).slice(0, 5))).toEqual([850]);
    expect(codesOf(stay(850))).toEqual([]);
    expect(codesOf(stay(65_535))).toEqual([65_535]);
  });

  test('what varies, is no larger than the others, or goes with an input, is the machine', () => {
    expect(codesOf([at(20, [0, 20], 800), at(21, [0, 20], 803)])).toEqual([]);
    expect(codesOf([at(20, [0, 20], 100)])).toEqual([]);
    expect(codesOf([at(20, [5, 20], 900)])).toEqual([]);
    expect(codesOf([at(20, [5, 20], -999)])).toEqual([-999]);
    expect(codesOf([at(20, [5, 20], 22), at(21, [5, 20], 900)])).toEqual([]);
    expect(codesOf([at(20, [5, 20], 22), at(21, [5, 20], 22), at(22, [5, 20], 900)])).toEqual([
      900,
    ]);
  });
});

describe('judging inputs as they come', () => {
  const { definition } = twin();
  const at = (row: number, u: readonly number[], y: number): Sample => ({
    timeS: row,
    inputs: Float64Array.from(u),
    measured: Float64Array.of(y),
  });
  const noise = (row: number) => Math.sin(7 * row);
  const before = Array.from({ length: 60 }, (_, k) =>
    at(k, [noise(k), noise(k + 3)], noise(2 * k)),
  );
  const rangesAfter = (given: readonly Sample[]) =>
    given.reduce((known, s) => withSample(known, s), noInputRanges(definition));
  const ranges = rangesAfter(before);
  const calm = Array.from({ length: 5 }, (_, k) => at(61 + k, [0, 0], 0));
  const judged = (sample: Sample, ahead = calm) => judgeInputs(ranges, sample, () => ahead);

  test('sets aside what is lone and followed by nothing', () => {
    const { sample, wild } = judged(at(60, [500, 0.5], 0));
    expect([...sample!.inputs]).toEqual([before.at(-1)!.inputs[0], 0.5]);
    expect(wild).toEqual([{ input: 0, timeS: 60, value: 500 }]);
    expect(wildInputsOf(definition, ranges, [...wild, ...wild])).toMatchObject([
      { variable: 'heaterOn', values: [{ timeS: 60, value: 500 }] },
    ]);
  });

  test('takes a pulse that a sensor follows, and what goes in several inputs at once', () => {
    const followed = calm.map((s, k) => (k === 2 ? at(s.timeS, [0, 0], 9) : s));
    const blow = at(60, [500, 0], 0);
    expect(judged(blow, followed)).toEqual({ sample: blow, wild: [] });
    const both = at(60, [500, -500], 0);
    expect(judged(both)).toEqual({ sample: both, wild: [] });
  });

  test('takes what is not far outside, and knows none while it has seen little or one value only', () => {
    const step = at(60, [12, 0], 0);
    expect(judged(step).sample).toBe(step);
    const wild = at(60, [500, 0], 0);
    const few = rangesAfter(before.slice(0, 40));
    expect(judgeInputs(few, wild, () => calm).sample).toBe(wild);
    const still = rangesAfter(before.map((s) => at(s.timeS, [0, 0], s.measured[0]!)));
    expect(judgeInputs(still, wild, () => calm).sample).toBe(wild);
  });

  test('takes what comes again and again: it is the input’s habit', () => {
    let known = ranges;
    const pulses = [0, 1, 2].map((k) => {
      const judged = [at(60 + 2 * k, [500, 0], 0), at(61 + 2 * k, [0, 0], 0)].map((given) => {
        const { sample, ...aside } = judgeInputs(known, given, () => calm);
        known = withSample(known, sample!, aside);
        return aside.wild.length;
      });
      return judged[0];
    });
    expect(pulses).toEqual([1, 0, 0]);
  });

  test('holds what was set aside aside until another value comes', () => {
    const nan = Number.NaN;
    const { sample, ...aside } = judged(at(60, [-5000, 0.5], 0));
    // As it is kept: the next sample may be of the next run.
    let known = JSON.parse(JSON.stringify(withSample(ranges, sample!, aside))) as InputRanges;
    expect(known.inputs.map((i) => i?.aside)).toEqual([-5000, undefined]);
    // The other input changes twice before the first is read again, then it is wild once more.
    const between = [-5000, nan, -5000, 0.25, -5000, 0.25].map((u, k) => ({
      timeS: 60 + (k + 1) / 10,
      inputs: Float64Array.of(u, k / 10),
    }));
    const last = before.at(-1)!.inputs[0]!;
    const next = { ...at(61, [0.25, 0.5], 0), between: between.slice(0, 4) };
    const after = judgeInputs(known, next, () => calm);
    expect(after.sample!.between!.map((b) => b.inputs[0])).toEqual([last, nan, last, 0.25]);
    expect([after.wild, after.aside]).toEqual([[], undefined]);
    known = withSample(known, after.sample!, after);
    expect(known.inputs[0]).toEqual({ ...ranges.inputs[0]!, last: 0.25, seen: 62, wild: 1 });
    // Told again after another, it is a value like any other, which comes too often to be wild.
    const again = judgeInputs(withSample(ranges, sample!, aside), { ...next, between }, () => calm);
    expect(again.sample!.between!.map((b) => b.inputs[0]).slice(3)).toEqual([0.25, -5000, 0.25]);
  });

  test('knows the range of more values between two samples than a call takes arguments', () => {
    const between = Array.from({ length: 200_000 }, (_, k) => at(60 + k / 1e6, [k, -k], 0));
    const after = withSample(ranges, { ...at(61, [0, 0], 0), between });
    expect(after.inputs).toMatchObject([{ to: 199_999 }, { from: -199_999 }]);
  });

  test('leaves a state of rest out of which the inputs are not known', () => {
    const group = (sample: Sample) => ({
      ...{ timeNs: 0n, endNs: 0n, readings: [] },
      sample: { ...sample, timeNs: 0n },
    });
    const groups = [at(60, [500, 0], 0), ...calm].map(group);
    const modeOf = (mode: 'transient' | 'steady-state') =>
      judgedSample(
        { ...definition, simulation: { ...definition.simulation, mode } },
        ranges,
        groups,
        0,
        () => false,
      ).sample!.measured[0];
    expect([modeOf('transient'), modeOf('steady-state')]).toEqual([0, Number.NaN]);
  });
});
