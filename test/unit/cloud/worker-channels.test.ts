import { expect, test } from 'vitest';
import { parseAlarms } from '../../../cloud/page/alarms.js';
import { createRng } from '../../../shared/core/index.js';
import { newWorld, run, stateOf, T0, type World } from '../../support/worker-world.js';

/** Gives both sensors a value each ten seconds from `fromS` to before `toS`, at a speed that changes. */
function give(
  world: World,
  fromS: number,
  toS: number,
  values: (k: number) => { flow?: number; heat: number },
): void {
  for (let t = fromS; t < toS; t += 10) {
    const k = (t - T0) / 10;
    const { flow, heat } = values(k);
    world.streams.add('/p/speed', t, 1 + (k % 3));
    if (flow !== undefined) world.streams.add('/p/flow', t, flow);
    world.streams.add('/p/heat', t, heat);
  }
}
const moving = (k: number) => Math.sin(k);

/** What the page reads of a world: the alarms at the newest sample. */
const onPage = ({ streams }: World) => {
  const [, newest] = [...streams.results]
    .filter(([key]) => key.startsWith('/p/twin/alarms@'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .at(-1)!;
  return parseAlarms(String(newest)).map(
    ({ code, subject, level }) => `${level} ${code} ${subject}`,
  );
};

test('a sensor that freezes over several short runs is named by each until it moves again', async () => {
  const world = newWorld();
  let t = T0;
  const next = async (frozen: boolean) => {
    const heatOf = (k: number) => ({ flow: frozen ? 0.5 : moving(k), heat: moving(k + 0.3) });
    give(world, t, t + 80, heatOf);
    t += 80;
    return run(world, t);
  };
  for (let i = 0; i < 4; i++) expect((await next(false)).alarms).toEqual([]);
  const told: [number | undefined, string[]][] = [];
  for (let i = 0; i < 4; i++) {
    const { recording, alarms } = await next(true);
    told.push([
      recording.frozenChannels?.[0]?.samples,
      alarms.map((a) => `${a.code} ${a.subject}`),
    ]);
  }
  expect(told).toEqual([
    [undefined, []],
    [undefined, []],
    [24, ['sensor-frozen flow']],
    [32, ['sensor-frozen flow']],
  ]);
  expect(onPage(world)).toEqual(['warning sensor-frozen flow']);
  const back = await next(false);
  expect(back).toMatchObject({ alarms: [], recording: { frozenChannels: [] } });
  expect(onPage(world)).toEqual([]);
  // Late readings make the worker take samples again: the watch takes none twice.
  const { channels } = await stateOf(world);
  world.streams.add('/p/flow', T0 + 205, 0.1);
  expect((await run(world, t + 5)).late).toBe(1);
  // Results of a replay name it where it was frozen, not before and not after.
  const named = [...world.streams.results]
    .filter(([key, text]) => key.startsWith('/p/twin/alarms@') && String(text).includes('frozen'))
    .map(([key]) => Number(BigInt(key.split('@')[1]!) / 1_000_000_000n) - T0);
  expect(Math.min(...named)).toBeGreaterThanOrEqual(320);
  expect(Math.max(...named)).toBeLessThan(640);
  expect((await stateOf(world)).channels).toEqual(channels);
});

test('the verdict names a frozen sensor once, with since when', async () => {
  const world = newWorld();
  give(world, T0, T0 + 400, (k) => ({ flow: moving(k), heat: moving(k + 0.3) }));
  give(world, T0 + 400, T0 + 800, (k) => ({ flow: 0.5, heat: moving(k + 0.3) }));
  const { verdict, quantities } = await run(world, T0 + 800);
  const text = '40 samples (2026-09-21T14:20:00Z to 2026-09-21T14:26:30Z)';
  expect(verdict.grade).toBe('care');
  expect(verdict.reasons.filter((r) => r.includes('flow'))).toEqual([
    `flow moves, yet holds one value for ${text} while inputs change: was the sensor frozen?`,
  ]);
  expect(quantities!.flow!.grade).toBe('care');
});

test('a sensor that shows what another shows is named, whenever that began', async () => {
  const world = newWorld();
  give(world, T0, T0 + 400, (k) => ({ flow: moving(k), heat: moving(k + 0.3) }));
  expect((await run(world, T0 + 400)).recording.sameChannels).toEqual([]);
  give(world, T0 + 400, T0 + 800, (k) => ({ flow: moving(k), heat: moving(k) }));
  const report = await run(world, T0 + 800);
  expect(report).toMatchObject({
    recording: { sameChannels: [['flow', 'heat']] },
    alarms: [{ code: 'sensor-copied', subject: 'flow' }],
  });
  expect(report.verdict.reasons.filter((r) => r.includes('are the same'))).toHaveLength(1);
  expect(onPage(world)).toEqual(['warning sensor-copied flow']);
});

test.each([false, true])('a sensor told only by a deadband is named (blank: %s)', async (blank) => {
  const world = newWorld();
  const rng = createRng(2);
  let told = Number.NaN;
  const values = () => {
    const now = rng.normal();
    const isNew = !(Math.abs(now - told) < 0.7);
    if (isNew) told = now;
    const heat = rng.normal();
    return blank && !isNew ? { heat } : { flow: told, heat };
  };
  const grades: string[] = [];
  for (let t = T0; t < T0 + 4000; t += 200) {
    give(world, t, t + 200, values);
    const { verdict, recording } = await run(world, t + 200);
    const [held] = recording.heldChannels!;
    grades.push(verdict.grade);
    if (held !== undefined)
      expect(held).toMatchObject({ variable: 'flow', ...(blank && { blank }) });
  }
  expect(grades[0]).toBe('good');
  expect(grades.at(-1)).toBe('care');
  expect(onPage(world)).toEqual(['warning sensor-held flow']);
  give(world, T0 + 4000, T0 + 4100, values);
  const report = await run(world, T0 + 4100);
  expect(report.verdict.reasons.filter((r) => r.startsWith('flow'))).toEqual([
    expect.stringMatching(
      blank ? /^flow is blank in \d+ %/ : /^flow repeats its last value in \d+ %/,
    ),
  ]);
  expect(report.quantities!.flow!.grade).toBe('care');
  expect(JSON.stringify((await stateOf(world)).channels).length).toBeLessThan(4000);
});

test('a reading far from all others is named, and so is each of an error code, but not where the machine goes', async () => {
  const world = newWorld();
  world.streams.add('/p/speed', T0, 1);
  const to = async (
    fromK: number,
    toK: number,
    wild: readonly number[],
    wildAt = (_k: number) => 65_535,
  ) => {
    for (let k = fromK; k < toK; k++) {
      world.streams.add('/p/flow', T0 + 10 * k, wild.includes(k) ? wildAt(k) : moving(k));
      world.streams.add('/p/heat', T0 + 10 * k, moving(k + 0.3));
    }
    return run(world, T0 + 10 * toK);
  };
  await to(0, 60, []);
  const { recording, verdict } = await to(60, 70, [69]);
  expect(recording.wildValues).toMatchObject([
    { variable: 'flow', values: [{ timeS: T0 + 690, value: 65_535 }] },
  ]);
  expect(verdict.grade).toBe('care');
  expect(verdict.reasons.join('\n')).toContain('flow: 65535 at');
  expect((await to(70, 80, [])).recording.wildValues).toEqual([]);
  const again = await to(80, 90, [83, 85, 86, 87, 88, 89]);
  expect(again.recording.wildValues![0]!.values).toHaveLength(6);
  expect((await to(90, 100, [])).recording.wildValues).toEqual([]);
  // What varies there is the machine, from the second on.
  const gone = await to(100, 110, [105, 106, 107, 108, 109], (k) => 1000 + k);
  expect(gone.recording.wildValues![0]!.values).toMatchObject([{ value: 1105 }]);
  expect((await to(110, 120, [])).recording.wildValues).toEqual([]);
});

test('an input whose stream is silent, though it changed with each sample, is named while it is', async () => {
  const world = newWorld();
  let t = T0;
  const next = async (silent: boolean) => {
    for (const from = t; t < from + 300; t += 10) {
      const k = (t - T0) / 10;
      if (!silent) world.streams.add('/p/speed', t, 1 + moving(k));
      world.streams.add('/p/flow', t, moving(k));
      world.streams.add('/p/heat', t, moving(k + 0.3));
    }
    return run(world, t);
  };
  for (let i = 0; i < 3; i++) expect((await next(false)).verdict.grade).toBe('good');
  const quiet = await next(true);
  expect(quiet.verdict.grade).toBe('care');
  expect(quiet.verdict.reasons.join('\n')).toMatch(
    /^speed changes with nearly each sample, yet kept one value for 3\d \(.*\): was its stream silent/,
  );
  expect(onPage(world)).toEqual(['warning sensor-frozen speed']);
  const back = await next(false);
  expect(back.alarms).toEqual([]);
  expect(back.verdict).toEqual({ grade: 'good', reasons: [] });
});
