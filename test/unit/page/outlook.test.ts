import { spawnSync } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { AskingProcess, createAsker } from '../../../cloud/page/asking/index.js';
import type { Outlook, PlanAnswer } from '../../../cloud/page/browser/protocol.js';
import { type OutlookSource, type Page, startPage } from '../../../cloud/page/index.js';
import { OutlookDesk } from '../../../cloud/page/outlook.js';
import { strays } from '../../../cloud/page/strays.js';
import { decisionsSchema } from '../../../shared/config/index.js';
import { nsToSeconds, silentLogger, systemClock } from '../../../shared/core/index.js';
import { type CalibratorState, forecast, type Twin } from '../../../shared/twin/index.js';
import { linearModel, smallTwin } from '../twin/fixtures.js';
import { GrowingDrag, lineTwin } from './growing-drag.js';
import { askableTwin, wornState } from './outlook-twin.js';

const opened: Page[] = [];
afterEach(async () => {
  for (const page of opened.splice(0)) await page.close();
});

async function start(
  outlook: OutlookSource | { missing: string } | undefined,
  definition = lineTwin(),
): Promise<string> {
  const machine = new GrowingDrag(definition);
  machine.fill(5, systemClock.nowNs());
  const page = await startPage({
    port: 0,
    siteWise: machine,
    assets: [{ id: 'line1', twin: machine.twin, outlook }],
    pace: { pollIntervalMs: 50 },
  });
  opened.push(page);
  return `${page.url}api/outlook`;
}

const ask = async (url: string) => {
  const answer = await fetch(url);
  return { status: answer.status, body: (await answer.json()) as Outlook & { error: string } };
};

it('answers a change with bands, and says where today’s inputs come from', async () => {
  const twin = askableTwin();
  const state = wornState(twin, nsToSeconds(systemClock.nowNs()));
  const url = await start({ twin, state: async () => state });
  const slow = await ask(`${url}?input.lineSpeed=0.8`);
  expect(slow.status).toBe(200);
  const [speed] = slow.body.inputs;
  expect(speed).toMatchObject({ variable: 'lineSpeed', value: 0.8 });
  const fresh = await ask(`${url}?renew=b9`);
  const tension = (o: Outlook) => o.series['virtualSensor:S9_Tension_N'];
  // Less drag, and as new nearly none, leaves more tension in front of R9; each with its band.
  expect(tension(fresh.body)?.median[0]).toBeGreaterThan((tension(slow.body)?.median[0] ?? 0) + 10);
  const [lower, upper] = tension(slow.body)?.bands[2] ?? [[], []];
  expect(lower[0]).toBeLessThan(tension(slow.body)?.median[0] ?? 0);
  const width = (k: number) => (upper.at(k) ?? 0) - (lower.at(k) ?? 0);
  expect(width(-1)).toBeGreaterThan(width(0));
  expect(slow.body.series['parameter:b9']?.reachedS?.[1]).toBeGreaterThan(0);
  expect(tension(slow.body)?.drivers?.[0]?.parameter).toBe('b9');
});

it('tells what is wrong with a question, and why there is no answer', async () => {
  const twin = askableTwin();
  const state = wornState(twin, 0);
  const url = await start({ twin, state: async () => state });
  expect(await ask(`${url}?input.lineSpeed=fast`)).toMatchObject({
    status: 400,
    body: { error: 'input.lineSpeed is "fast": expected a number.' },
  });
  expect((await ask(`${url}?input.warp=9`)).status).toBe(400);
  expect((await ask(`${url}?renew=b99`)).body.error).toContain('b99');
  const early = await start({ twin, state: async () => undefined });
  expect((await ask(`${early}?renew=b9`)).body.error).toContain('No calibration has ended yet');
  const without = await start(undefined);
  expect(await ask(without)).toMatchObject({ status: 503 });
  const broken = await start({
    twin: { ...twin, fmuPath: '/nowhere/line.fmu', hash: 'broken' },
    state: async () => state,
  });
  const answer = await ask(`${broken}?renew=b9`);
  expect(answer.status).toBe(503);
  expect(answer.body.error).toContain('/nowhere/line.fmu');
});

it('notices a sensor outside the carried twin’s band, once two readings agree', async () => {
  const twin = smallTwin();
  const state = { ...wornStateOf(twin), timeS: 0 };
  const result = await forecast({ twin, model: linearModel(), state, horizonS: 100 });
  const noise = Float64Array.of(0.01, 0.01, 0.01);
  const found = (value: number, before: number | undefined, x = 10) =>
    strays(twin, result, noise, new Map([['measured:y1', { x, value, before }]])).map(
      (a) => a.subject,
    );
  expect(found(0.9, 0.9)).toEqual(['y1']);
  // One alone may be a slip of the line; opposite ones are noise; nothing is said beyond the horizon.
  expect(found(0.9, 0.1)).toEqual([]);
  expect(found(0.9, undefined)).toEqual([]);
  expect(found(0.9, -0.9)).toEqual([]);
  expect(found(0.1, 0.1)).toEqual([]);
  expect(found(0.9, 0.9, 1e6)).toEqual([]);
  // What the calibration has seen is its own to judge.
  expect(found(0.9, 0.9, 0)).toEqual([]);
});

it('notices it where a few of the courses part from the others', async () => {
  const twin = smallTwin();
  const state = { ...wornStateOf(twin), timeS: 0 };
  const result = await forecast({ twin, model: linearModel(), state, horizonS: 100 });
  // One course in fifty that slips: the deviation is as large as the slip.
  const { y1 } = result.measured;
  const parted = y1!.estimates.map((e) => ({ ...e, mean: e.mean - 0.4, std: 3 }));
  const changed = { ...result, measured: { ...result.measured, y1: { estimates: parted } } };
  const noise = Float64Array.of(0.01, 0.01, 0.01);
  const found = (value: number) =>
    strays(twin, changed, noise, new Map([['measured:y1', { x: 10, value, before: value }]]));
  expect(found(0.9).map((a) => a.subject)).toEqual(['y1']);
  expect(found(0.1)).toEqual([]);
});

it('plans once for all who ask, and says what it lacks', async () => {
  const asker = createAsker(async () => linearModel());
  const decisions = {
    inputs: [{ variable: 'u', lower: 0.5, upper: 1.5 }],
    objective: { sense: 'maximise', of: 'u' },
    horizonS: 100,
  };
  const deskOf = (twin: Twin, state: CalibratorState | undefined) =>
    new OutlookDesk({
      source: { twin, state: async () => state },
      asker,
      planner: asker,
      horizonS: 100,
      clock: systemClock,
      logger: silentLogger,
    });
  const twin = smallTwin({ decisions });
  const desk = deskOf(twin, { ...wornStateOf(twin), timeS: 0 });
  const [first, second] = await Promise.all([desk.plan(), desk.plan()]);
  expect(first).toBe(second);
  expect(first.plan.inputs.u).toBeCloseTo(1.5, 6);
  await desk.close();
  await expect(deskOf(twin, undefined).plan()).rejects.toThrow('No calibration has ended yet');
  const undecided = smallTwin();
  await expect(deskOf(undecided, wornStateOf(undecided)).plan()).rejects.toThrow('`decisions`');
});

// The plan gives way to whatever else this machine does.
it('goes on answering while a plan is worked out in a process beside it', {
  timeout: 180_000,
}, async () => {
  const line = lineTwin();
  const definition = {
    ...line,
    decisions: decisionsSchema.parse({
      inputs: [{ variable: 'lineSpeed', lower: 0.6, upper: 1.2 }],
      objective: { sense: 'maximise', of: 'lineSpeed' },
      horizonS: 86_400,
    }),
  };
  const twin = askableTwin(definition);
  const state = wornState(twin, nsToSeconds(systemClock.nowNs()));
  const url = await start({ twin, state: async () => state }, definition);
  const order: string[] = [];
  const planned = fetch(url.replace('outlook', 'plan')).then(async (answer) => {
    order.push('plan');
    return (await answer.json()) as PlanAnswer;
  });
  await ask(`${url}?input.lineSpeed=0.8`);
  order.push('what if');
  await fetch(url.replace('outlook', 'state'));
  order.push('state');
  const { feasible, plan } = await planned;
  expect(order).toEqual(['what if', 'state', 'plan']);
  expect(feasible).toBe(true);
  expect(plan.inputs.lineSpeed).toBeGreaterThan(0.5);
});

it('says that the process that asks has ended, and starts another', async () => {
  const twin = askableTwin();
  const present = { twin, state: wornState(twin, 0), live: { lineSpeed: 1 } };
  const ahead = { horizonS: 3600, points: 4, courses: 20 };
  const asking = new AskingProcess();
  const before = new Set(childrenOf(process.pid));
  const first = asking.course(present, {}, ahead);
  const [pid] = childrenOf(process.pid).filter((id) => !before.has(id));
  if (pid === undefined) throw new Error('no process was started');
  process.kill(pid, 'SIGKILL');
  await expect(first).rejects.toThrow('ended (SIGKILL)');
  const { forecast: again } = await asking.course(present, { renewed: ['b9'] }, ahead);
  expect(again.renewed).toEqual(['b9']);
  await expect(asking.course(present, { renewed: ['b99'] }, ahead)).rejects.toMatchObject({
    code: 'VARIABLE_UNKNOWN',
  });
  await asking.close();
  await expect(asking.course(present, {}, ahead)).rejects.toMatchObject({ code: 'CANCELLED' });
});

function wornStateOf(twin: ReturnType<typeof smallTwin>) {
  const state = wornState({ ...askableTwin(), hash: twin.hash }, 0);
  const S = new Float64Array(16);
  for (let i = 0; i < 4; i++) S[i * 5] = 0.01;
  return {
    ...state,
    filter: { ...state.filter, x: Float64Array.of(0.1, 0.1, 0, 0), S, oneSided: 0 },
  };
}

/** Processes that a process has started, by what the system lists. */
function childrenOf(pid: number): number[] {
  const listed = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], {
    encoding: 'utf8',
  }).stdout;
  return listed
    .split('\n')
    .map(Number)
    .filter((id) => id > 0);
}
