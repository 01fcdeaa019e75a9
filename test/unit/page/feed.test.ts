import { describe, expect, it } from 'vitest';
import { accountText } from '../../../cloud/page/browser/account-view.js';
import { Channel, MAX_ROWS } from '../../../cloud/page/channel.js';
import { Feed } from '../../../cloud/page/feed.js';
import { healthAliases } from '../../../shared/config/index.js';
import { ManualClock, secondsToNs, silentLogger } from '../../../shared/core/index.js';
import { GrowingDrag, lineTwin } from './growing-drag.js';

const START_NS = 1_800_000_000_000_000_000n;
const signal = new AbortController().signal;

function feedOf(machine: GrowingDrag, clock: ManualClock): Feed {
  return new Feed({
    reader: machine,
    twin: machine.twin,
    status: async () => machine.status(),
    clock,
    logger: silentLogger,
    historyS: 3600,
    calibratedWithinS: 90,
    measuredWithinS: 15,
  });
}

describe('Feed', () => {
  it('reads everything once, then only what is new', async () => {
    const clock = new ManualClock(START_NS);
    const machine = new GrowingDrag(lineTwin());
    machine.fill(50, START_NS);
    const feed = feedOf(machine, clock);
    expect(feed.snapshot()).toBeUndefined();
    const first = await feed.poll(signal);
    expect(first.channels['parameter:b9']).toHaveLength(50);
    expect(first.channels['health:nis']).toHaveLength(50);

    await clock.advance(1000);
    const nothing = await feed.poll(signal);
    expect(nothing.channels['parameter:b9']).toBeUndefined();

    await clock.advance(1000);
    machine.step(clock.nowNs());
    const second = await feed.poll(signal);
    const [row] = second.channels['parameter:b9'] ?? [];
    expect(second.channels['parameter:b9']).toHaveLength(1);
    expect(row?.[1]).toBeGreaterThan(0);
    expect(row?.[2]).toBeLessThan(row?.[1] ?? 0);
    expect(row?.[3]).toBeGreaterThan(row?.[1] ?? 0);
    expect(feed.snapshot()?.channels['parameter:b9']).toHaveLength(51);
  });

  it('puts samples that come late where they belong', async () => {
    const clock = new ManualClock(START_NS);
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, START_NS);
    const feed = feedOf(machine, clock);
    await feed.poll(signal);
    machine.put('/line1/roller1/w', {
      timeNs: START_NS - secondsToNs(2.5),
      quality: 'GOOD',
      value: 19.5,
    });
    for (let i = 0; i < 25; i++) {
      await clock.advance(1000);
      await feed.poll(signal);
    }
    const rows = feed.snapshot()?.channels['measured:Roller1_w'] ?? [];
    expect(rows.map((r) => r[1])).toContain(19.5);
    expect(rows.map((r) => r[0])).toEqual(rows.map((r) => r[0]).toSorted((a, b) => a - b));
  });

  it('keeps the machine’s time over a rest of the stack', async () => {
    const machine = new GrowingDrag(lineTwin());
    const restedNs = secondsToNs(1800);
    machine.step(START_NS - restedNs - secondsToNs(1));
    machine.step(START_NS + secondsToNs(1));
    const timeMap = {
      segments: [
        { wallNs: START_NS - restedNs - secondsToNs(10), machineS: 0, scale: 3600 },
        { wallNs: START_NS, machineS: 36_000, scale: 3600 },
      ],
    };
    const feed = new Feed({
      reader: machine,
      twin: machine.twin,
      status: async () => ({ ...machine.status(), timeMap }),
      clock: new ManualClock(START_NS + secondsToNs(2)),
      logger: silentLogger,
      historyS: 3600,
      calibratedWithinS: 90,
      measuredWithinS: 15,
    });
    const { channels } = await feed.poll(signal);
    expect(channels['measured:Roller1_w']?.map((row) => row[0])).toEqual([32_400, 39_600]);
  });

  it('tells a fault of SiteWise and goes on after it', async () => {
    const clock = new ManualClock(START_NS);
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, START_NS);
    machine.fault = new Error('cut off');
    const feed = feedOf(machine, clock);
    expect((await feed.poll(signal)).status.fault).toBe('cut off');
    machine.fault = undefined;
    const update = await feed.poll(signal);
    expect(update.status.fault).toBeUndefined();
    expect(update.channels['parameter:b1']).toHaveLength(5);
  });

  it('shows a bad sample as a gap and names its stream', async () => {
    const clock = new ManualClock(START_NS);
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, START_NS);
    machine.put('/line1/roller2/w', { timeNs: START_NS, quality: 'BAD', value: null });
    const { channels, status } = await feedOf(machine, clock).poll(signal);
    expect(channels['measured:Roller2_w']?.at(-1)?.[1]).toBeNull();
    expect(status.alarms).toContainEqual(
      expect.objectContaining({ code: 'bad-quality', subject: '/line1/roller2/w' }),
    );
  });

  it('tells what became of every reading, and nothing where the account is not one', async () => {
    const clock = new ManualClock(START_NS);
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, START_NS);
    const { ledger } = healthAliases(machine.twin);
    const write = (value: unknown) =>
      machine.put(ledger, {
        timeNs: clock.nowNs(),
        quality: 'GOOD',
        value: JSON.stringify(value),
      });
    const feed = feedOf(machine, clock);
    expect((await feed.poll(signal)).status.account).toBeUndefined();
    const counts = {
      ...{ received: 60, aligned: 54, thinned: 0, unusable: 4, duplicate: 0, lateUnused: 2 },
      ...{ samples: 5, assimilated: 4, skipped: 1, quarantined: 0, late: 3, rewritten: 0 },
    };
    write(counts);
    const { account } = (await feed.poll(signal)).status;
    expect(account).toEqual({ ...counts, atMs: 1.8e12 });
    expect(accountText(account)).toBe(
      'Of 60 readings, the estimate lacks: 4 readings unusable, 2 readings too late, 1 sample left out. 3 came late and went in.',
    );
    expect(accountText({ ...account!, aligned: 53 })).toContain('do not match');
    for (const wrong of [{ ...counts, skipped: -1 }, { received: 60 }, [1], null, 'text']) {
      await clock.advance(1000);
      write(wrong);
      expect((await feed.poll(signal)).status.account).toBeUndefined();
    }
  });

  it('says when measurements stop, and what the calibration alarms about', async () => {
    const clock = new ManualClock(START_NS);
    const machine = new GrowingDrag(lineTwin());
    machine.fill(160, START_NS);
    const feed = feedOf(machine, clock);
    const { status } = await feed.poll(signal);
    expect(status.alarms.map((a) => [a.level, a.code, a.subject])).toEqual([
      ['alarm', 'limit', 'b3'],
      ['alarm', 'limit', 'b9'],
    ]);
    await clock.advance(60_000);
    expect((await feed.poll(signal)).status.alarms.map((a) => a.code)).toContain('stale');
  });
});

describe('Channel', () => {
  it('stays bounded, keeps its newest rows all and its oldest row', () => {
    const channel = new Channel();
    for (let x = 0; x < 20_000; x++) {
      channel.set(x, 'value', x);
      channel.trim();
    }
    const xs = channel.rows().map((r) => r[0]);
    expect(xs.length).toBeLessThanOrEqual(MAX_ROWS);
    expect(xs[0]).toBe(0);
    expect(xs.slice(-300)).toEqual(Array.from({ length: 300 }, (_, i) => 19_700 + i));
  });
});
