import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type CostReport, costCommand } from '../../../cli/cost.js';
import {
  type Assumptions,
  checkLoad,
  estimateCost,
  loadPriceList,
  loadQuotaList,
  priceListSchema,
  reportKey,
  scaled,
  seedUsage,
  usageOf,
} from '../../../cloud/index.js';
import {
  deploymentSchema,
  fleetSchema,
  twinSchema,
  twinStreams,
} from '../../../shared/config/index.js';
import { silentLogger } from '../../../shared/core/index.js';
import { createFolderStore, putJson } from '../../../shared/store/index.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const twin = twinSchema.parse({
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [{ variable: 'speed', alias: '/p/speed' }],
  measured: [{ variable: 'flow', alias: '/p/flow' }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
});
const fleet = fleetSchema.parse({
  name: 'pumps',
  twins: { pump: './twin.json' },
  assets: Array.from({ length: 10 }, (_, i) => ({ id: `pump-${i}`, twin: 'pump' })),
  calibration: { assetsPerJob: 10 },
});
const config = deploymentSchema.parse({
  fleet: './fleet.json',
  schedule: { everyMinutes: 20 },
  compute: { type: 'fargate', vcpu: 1, memoryMiB: 2048 },
});
const assumed: Assumptions = {
  intervalS: 10,
  batchWaitS: 100,
  stepS: 0.1,
  jobStartS: 30,
  retentionDays: 30,
  editors: 1,
  viewers: 2,
  dashboardHours: 10,
  refreshS: 60,
  windowHours: 6,
  assetsPerGateway: 10,
};
const files = { config, fleet, twins: new Map([['pump', twin]]) };
const usage = (over: Partial<Assumptions> = {}) => usageOf(files, { ...assumed, ...over });
const amountOf = (lines: { what: string; amount: number }[], what: string) =>
  lines.find((l) => l.what === what)?.amount;

describe('the estimate', () => {
  test('amounts and prices of a small fleet are those reckoned by hand', async () => {
    const prices = await loadPriceList();
    // Ten assets, 120 steps each at 0.1 s, after 30 s: jobs of 150 s, 2190 of them a month.
    const { lines } = estimateCost(usage(), prices);
    expect(amountOf(lines, 'vCPUs of jobs')).toBeCloseTo((2190 * 150) / 3600, 6);
    // 2 streams × 10 assets × 262,800 readings, ten to a message.
    expect(amountOf(lines, 'readings in')).toBeCloseTo(525_600, 6);
    const results = twinStreams(twin).filter((s) => s.origin === 'twin').length;
    expect(amountOf(lines, 'results in')).toBeCloseTo(10 * results * 2190 * 12, 6);
    expect(lines.find((l) => l.what === 'readings in')?.usd).toBeCloseTo(0.5256 * 1.3, 6);
    // 12 of each asset, 5 of the fleet.
    expect(amountOf(lines, 'metrics')).toBe(125);
    // Runs each 20 minutes look through the day, 8,640 readings of each of 2 streams, 50 a message.
    expect(amountOf(lines, 'late readings looked for')).toBeCloseTo(10 * 2 * 2190 * 173, 3);
    const seldom = { ...fleet, calibration: { ...fleet.calibration, lateCheckS: 21_600 } };
    const { lines: less } = estimateCost(usageOf({ ...files, fleet: seldom }, assumed), prices);
    // Each 18th run does; the others look through an hour.
    expect(amountOf(less, 'late readings looked for')).toBeCloseTo(
      10 * 2 * (2190 / 18) * (173 + 17 * 8),
      3,
    );
    expect(amountOf(lines, 'viewers')).toBe(2);
    // One job of two minutes each 20 minutes.
    const two = usage({ stepS: 90 / 1200 });
    const fargate = estimateCost(two, prices).lines.filter((l) => l.service === 'Fargate');
    expect(fargate.reduce((sum, l) => sum + l.usd, 0)).toBeCloseTo(3.604, 3);
  });

  test('the total is the sum of its lines, and never falls as anything grows', async () => {
    const prices = await loadPriceList();
    const grow = fc.record({
      intervalS: fc.constantFrom(1, 2, 5, 10, 60),
      dashboardHours: fc.nat(700),
      viewers: fc.nat(20),
      retentionDays: fc.nat(400),
      assets: fc.integer({ min: 1, max: 20_000 }),
    });
    const totalOf = ({ assets, ...over }: Partial<Assumptions> & { assets: number }) => {
      const a = { ...assumed, ...over };
      const { lines, totalUsd } = estimateCost(
        scaled(usageOf(files, a), { fleet, assumed: a }, assets),
        prices,
      );
      expect(totalUsd).toBeCloseTo(
        lines.reduce((sum, l) => sum + l.usd, 0),
        6,
      );
      return totalUsd;
    };
    fc.assert(
      fc.property(grow, grow, (a, b) => {
        const least = {
          intervalS: Math.max(a.intervalS, b.intervalS),
          dashboardHours: Math.min(a.dashboardHours, b.dashboardHours),
          viewers: Math.min(a.viewers, b.viewers),
          retentionDays: Math.min(a.retentionDays, b.retentionDays),
          assets: Math.min(a.assets, b.assets),
        };
        const most = {
          intervalS: Math.min(a.intervalS, b.intervalS),
          dashboardHours: Math.max(a.dashboardHours, b.dashboardHours),
          viewers: Math.max(a.viewers, b.viewers),
          retentionDays: Math.max(a.retentionDays, b.retentionDays),
          assets: Math.max(a.assets, b.assets),
        };
        expect(totalOf(most)).toBeGreaterThanOrEqual(totalOf(least) - 1e-9);
      }),
    );
  });

  test('what is switched off costs nothing', async () => {
    const off = deploymentSchema.parse({
      ...config,
      grafana: false,
      twinMaker: false,
      schedule: { everyMinutes: 20, enabled: false },
    });
    const { lines } = estimateCost(
      usageOf({ ...files, config: off }, assumed),
      await loadPriceList(),
    );
    const services = new Set(lines.map((l) => l.service));
    for (const service of ['Fargate', 'Managed Grafana', 'IoT TwinMaker', 'IoT Greengrass']) {
      expect(services).not.toContain(service);
    }
    expect(amountOf(lines, 'readings in')).toBeGreaterThan(0);
    expect(lines.every((l) => Number.isFinite(l.usd) && l.usd > 0)).toBe(true);
  });

  test('the seed’s settings cost many times more, above all for its instance and gateways', async () => {
    const prices = await loadPriceList();
    const seed = estimateCost(seedUsage(assumed), prices);
    expect(amountOf(seed.lines, 'vCPUs of jobs')).toBeCloseTo(40 * 730, 6);
    expect(amountOf(seed.lines, 'NAT gateways')).toBe(2 * 730);
    expect(seed.totalUsd).toBeGreaterThan(10 * estimateCost(usage(), prices).totalUsd);
  });
});

test('every remedy for a load that is too high works', async () => {
  const quotas = await loadQuotaList();
  const slow = { ...assumed, stepS: 5 };
  const context = { fleet, assumed: slow };
  const at = (c: typeof config, f: typeof fleet) =>
    checkLoad(
      scaled(usageOf({ ...files, config: c, fleet: f }, slow), { ...context, fleet: f }, 5_000),
      c,
      f,
      quotas,
    );
  const found = at(config, fleet).filter((c) => !c.ok);
  expect(found.map((c) => c.what)).toEqual([
    'the calibrations of one job',
    'a pass over the fleet with 16 vCPUs',
  ]);
  const share = Number(/assetsPerJob to (\d+)/.exec(found[0]?.remedy ?? '')?.[1]);
  const smaller = { ...fleet, calibration: { ...fleet.calibration, assetsPerJob: share } };
  const [left] = at(config, smaller).filter((c) => !c.ok);
  const vcpus = Number(/maxVcpus to (\d+)/.exec(left?.remedy ?? '')?.[1]);
  const wider = { ...config, compute: { ...config.compute, maxVcpus: vcpus } };
  expect(at(wider, smaller).filter((c) => !c.ok)).toEqual([]);
});

test('every price and quota has a region, a date and a source; a list that lacks one is refused', async () => {
  const { prices } = await loadPriceList();
  expect(Object.values(prices).every((p) => /^https:\/\/aws\.amazon\.com\//.test(p.source))).toBe(
    true,
  );
  const { kmsKey: _, ...rest } = prices;
  const lacking = priceListSchema.safeParse({ currency: 'USD', prices: rest });
  expect(lacking.error?.issues[0]?.path).toEqual(['prices', 'kmsKey']);
  const free = { ...prices, kmsKey: { ...prices.kmsKey, usd: 0, source: 'hearsay' } };
  expect(priceListSchema.safeParse({ currency: 'USD', prices: free }).error?.issues).toHaveLength(
    2,
  );
});

async function run(args: Record<string, unknown>): Promise<string> {
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (d: Buffer) => {
    text += d.toString();
  });
  await costCommand.run(args, {
    stdout,
    stderr: new PassThrough(),
    logger: silentLogger,
    signal: new AbortController().signal,
    env: {},
  });
  return text;
}

test('the command measures a step in a store’s reports, and tells what it assumed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-cost-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  await expect(run({ store: folder })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const store = createFolderStore(folder);
  for (const [i, steps] of [0, 10, 30].entries()) {
    const report = { fleet: 'example', startedAt: `2026-11-0${i + 1}T00:00:00Z`, runId: `r${i}` };
    await putJson(store, reportKey(report), {
      ...report,
      seconds: steps === 0 ? 9 : steps / 8,
      totals: { steps },
    });
  }
  const report = JSON.parse(await run({ store: folder, json: true })) as CostReport;
  expect(report.measured).toEqual({ runs: 2, steps: 40, stepS: 0.125 });
  expect(report.assumptions.stepS).toBe(0.125);
  expect(report.fleetSizes.map((s) => s.assets)).toEqual([1, 100, 10_000]);
  const text = await run({ fleetSizes: '7', interval: 2 });
  expect(text).toContain('7 assets:');
  expect(text).toMatch(/two readings of a stream: 2\n/);
  expect(text).toContain('https://aws.amazon.com/fargate/pricing/');
  await expect(run({ fleetSizes: '0' })).rejects.toMatchObject({ code: 'USAGE' });
});
