import { readFile } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { csvOf } from '../../../cloud/page/browser/csv.js';
import type { Detail, Row, Snapshot } from '../../../cloud/page/browser/protocol.js';
import { resolutionText } from '../../../cloud/page/browser/resolution-text.js';
import { Store } from '../../../cloud/page/browser/store.js';
import { startPage } from '../../../cloud/page/index.js';
import {
  type Closeable,
  closeAll,
  nsToSeconds,
  packageFile,
  secondsToNs,
  systemClock,
  TwinError,
} from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
  type SiteWiseReader,
} from '../../../shared/sitewise/index.js';
import { startSiteWise } from '../../../simulators/index.js';
import { lineTwin } from './growing-drag.js';

const opened: Closeable[] = [];
afterEach(() => closeAll(opened.splice(0)));

const HOUR_NS = secondsToNs(3600);
const DAYS = 6;
const DRAG = '/line1/roller9/b';
const SPEED = '/line1/roller9/w';

/** Six days of a sensor each ten minutes and a result each hour, with what must not get lost in averages. */
async function history() {
  const siteWise = await startSiteWise({});
  opened.push(siteWise);
  const { endpoint, region, credentials } = siteWise;
  const client = createSiteWiseClient({ endpoint, region, credentials });
  opened.push({ close: async () => client.destroy() });
  const calls = new Set<string>();
  client.middlewareStack.add((next, context) => (args) => {
    calls.add(String(context.commandName).replace(/Command$/, ''));
    return next(args);
  });
  const nowNs = systemClock.nowNs();
  const startNs = (nowNs / HOUR_NS) * HOUR_NS - BigInt(DAYS * 24) * HOUR_NS;
  const at = (h: number, min = 0) => startNs + BigInt(h) * HOUR_NS + secondsToNs(min * 60);
  const samples = [];
  for (let h = 0; h < DAYS * 24; h++) {
    for (let min = 0; min < 60; min += 5) {
      // Silent from hour 30 to 40, BAD in hour 50, one peak at 60:20.
      if (h >= 30 && h < 40) continue;
      const value = h === 60 && min === 20 ? 35 : 20;
      const quality = h === 50 ? ('BAD' as const) : ('GOOD' as const);
      samples.push({ alias: SPEED, timeNs: at(h, min), quality, value: h === 50 ? null : value });
      if (min % 10 !== 0) continue;
      // Of two results in a quarter of an hour, one has a much wider band.
      const half = h === 70 && min === 10 ? 0.05 : 0.01;
      const put = (alias: string, v: number) =>
        samples.push({ alias, timeNs: at(h, min), quality: 'GOOD' as const, value: v });
      put(DRAG, 0.1);
      put(`${DRAG}_lower`, 0.1 - half);
      put(`${DRAG}_upper`, 0.1 + half);
    }
  }
  const { rejected } = await createSiteWiseWriter({ client }).write(samples);
  expect(rejected).toEqual([]);
  const open = async (reader: SiteWiseReader = createSiteWiseReader({ client })) => {
    const page = await startPage({
      port: 0,
      siteWise: reader,
      assets: [{ id: 'line1', twin: lineTwin() }],
      pace: { pollIntervalMs: 50, historyS: (DAYS + 1) * 86_400 },
    });
    opened.push(page);
    const state = async () => (await (await fetch(`${page.url}api/state`)).json()) as Snapshot;
    const snapshot = await vi.waitFor(
      async () => {
        const found = await state();
        expect(found.channels?.['parameter:b9']?.length).toBeGreaterThan(100);
        return found;
      },
      { timeout: 20_000 },
    );
    return { url: page.url, snapshot };
  };
  return { open, at, calls, reader: createSiteWiseReader({ client }) };
}

it('shows a long past by averages that hide no peak, no wide band and no gap, and raw values on demand', async () => {
  const { open, at, calls } = await history();
  calls.clear();
  const { url, snapshot } = await open();
  expect(snapshot.status.fault).toBeUndefined();
  const { past } = snapshot.status;
  expect(past?.resolution).toBe('15m');
  const x = (h: number, min = 0) => nsToSeconds(at(h, min));
  const speed = snapshot.channels['measured:Roller9_w'] ?? [];
  const rowAt = (rows: readonly Row[], when: number) =>
    rows.find((row) => Math.abs(row[0] - when) < 1);
  // 5 days by quarters of an hour, and the last hours as they were measured.
  expect(speed.length).toBeLessThan(DAYS * 24 * 4 + 6 * 12);
  expect(rowAt(speed, x(60, 22.5))).toEqual([x(60, 22.5), 25, 20, 35]);
  expect(rowAt(speed, x(50, 7.5))?.[1]).toBeNull();
  expect(speed.some((row) => row[1] === null && row[0] > x(30) && row[0] < x(40))).toBe(true);
  expect(speed.at(-1)?.slice(1)).toEqual([20, null, null]);
  const drag = rowAt(snapshot.channels['parameter:b9'] ?? [], x(70, 7.5));
  expect(drag?.slice(2)).toEqual([expect.closeTo(0.05), expect.closeTo(0.15)]);

  const ask = async (query: string) => {
    const answer = await fetch(`${url}api/history?${query}`);
    return { status: answer.status, body: (await answer.json()) as Detail & { error?: string } };
  };
  const channel = 'channel=measured:Roller9_w';
  const { body: raw } = await ask(`from=${x(60)}&to=${x(61)}&${channel}`);
  expect(raw.resolution).toBe('raw');
  expect(raw.channels['measured:Roller9_w']?.map((row) => row[1])).toContain(35);
  expect(raw.channels['measured:Roller9_w']).toHaveLength(13);
  const { body: day } = await ask(`from=${x(55)}&to=${x(67)}&${channel}`);
  expect(day.resolution).toBe('1m');

  // The page tells which of the two it draws, and so does its CSV.
  const store = new Store();
  store.take(snapshot);
  const { machine } = snapshot;
  expect(resolutionText(store, machine)).toContain('averages of 15 min, bands at their widest');
  const quantities = machine.quantities.filter((q) => q.variable === 'Roller9_w');
  store.setRange([x(60), x(61)]);
  expect(csvOf(store, machine, quantities, undefined)).toContain(
    ',"15m average, as drawn",25,20,35',
  );
  store.takeDetail(raw);
  expect(resolutionText(store, machine)).toBe('values as measured');
  const csv = csvOf(store, machine, quantities, raw).split('\n');
  expect(csv[0]).toMatch(/^time,resolution,Roller9_w/);
  expect(csv.slice(1, -1).every((line) => line.split(',')[1] === 'raw')).toBe(true);
  expect(csv.some((line) => line.includes(',raw,35'))).toBe(true);

  for (const query of [
    `from=5&to=2&${channel}`,
    `from=x&to=2&${channel}`,
    `from=1&to=1e300&${channel}`,
    'from=1&to=2',
    'from=1&to=2&channel=measured:nothing',
  ]) {
    const { status, body } = await ask(query);
    expect([status, body.error], query).toEqual([400, expect.stringMatching(/.{20}/)]);
  }
  // The rights that the docs ask for are those that it needs.
  const docs = await readFile(packageFile('docs/explanation/page.md'), 'utf8');
  const asked = /## What it asks of AWS\n([\s\S]*?)with\s+`--allow/.exec(docs)?.[1] ?? '';
  const rights = [...asked.matchAll(/`(Batch\w+)`/g)].map((m) => m[1]);
  expect(rights.toSorted()).toEqual([...calls].toSorted());
});

it('reads the past raw where aggregates are forbidden, or of streams that have none', async () => {
  const { open, reader, at } = await history();
  const forbidden: SiteWiseReader = {
    history: (query) => reader.history(query),
    latest: (aliases, signal) => reader.latest(aliases, signal),
    aggregates: async () => {
      throw new TwinError('ACCESS_DENIED', 'No.');
    },
  };
  const partial: SiteWiseReader = {
    ...forbidden,
    aggregates: async (query) => {
      const answer = await reader.aggregates?.(query);
      answer?.aggregates.delete(SPEED);
      return answer ?? { aggregates: new Map(), refused: new Map() };
    },
  };
  const peakX = nsToSeconds(at(60, 20));
  const { snapshot } = await open(forbidden);
  expect(snapshot.status.past).toBeUndefined();
  expect(snapshot.status.fault).toBeUndefined();
  const part = await open(partial);
  const speed = part.snapshot.channels['measured:Roller9_w'] ?? [];
  expect(part.snapshot.status.past?.resolution).toBe('15m');
  expect(speed[0]?.[0]).toBe(nsToSeconds(at(0)));
  expect(speed.every((row) => row[2] === null)).toBe(true);
  expect(peakX).toBeGreaterThan(speed[0]?.[0] ?? 0);
});
