import { describe, expect, it } from 'vitest';
import { type PageOptions, startPage } from '../../cloud/page/index.js';
import { parseConfig, twinSchema, withAliasPrefix } from '../../shared/config/index.js';
import { type Clock, secondsToNs, systemClock } from '../../shared/core/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { chromiumPath, openPage } from './launch.js';
import { useBrowser } from './page-harness.js';

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('the page given what is wrong', () => {
  const { browser, opened } = useBrowser();

  async function show(machine: GrowingDrag, options: Partial<PageOptions> = {}, status = true) {
    const server = await startPage({
      port: 0,
      siteWise: machine,
      assets: [
        {
          id: 'line1',
          twin: machine.twin,
          ...(status ? { status: async () => machine.status() } : {}),
        },
      ],
      pace: { pollIntervalMs: 50 },
      ...options,
    });
    opened.push(server);
    return openPage(browser(), server.url);
  }

  it.each(['The endpoint did not answer.', 'AccessDeniedException: not allowed.'])(
    'says that SiteWise cannot be read (%s), keeps what it had, and recovers',
    async (fault) => {
      const machine = new GrowingDrag(lineTwin());
      machine.fill(60, systemClock.nowNs());
      const { page, misdeeds } = await show(machine);
      const card = page.locator('[data-quantity="parameter:b9"].card');
      await card.locator('.range').filter({ hasText: '95 %' }).waitFor();
      machine.fault = new Error(fault);
      await page
        .locator('.headline')
        .getByText('SiteWise cannot be read', { exact: true })
        .waitFor();
      expect(await page.locator('.headline .detail').textContent()).toContain(fault);
      expect(await card.locator('.range').textContent()).toContain('95 %');
      machine.fault = undefined;
      await page
        .locator('.headline')
        .getByText('SiteWise cannot be read', { exact: true })
        .waitFor({ state: 'detached' });
      expect(misdeeds.errors).toEqual([]);
    },
  );

  it('shows what is there while SiteWise is slow', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = {
      latest: async (aliases: readonly string[]) => held.then(() => machine.latest(aliases)),
      history: (query: Parameters<GrowingDrag['history']>[0]) => machine.history(query),
    };
    const { page } = await show(machine, { siteWise: slow });
    await page.getByRole('status').filter({ hasText: 'Connecting' }).waitFor();
    const twins = ['line1', 'line2'].map((id) => withAliasPrefix(lineTwin(), `/${id}`));
    const assets = twins.map((twin, i) => ({ id: `line${i + 1}`, twin }));
    const fleet = await show(machine, { siteWise: slow, assets });
    await fleet.page.getByText('Reading 2 machines …').waitFor();
    release();
    await page.getByRole('status').filter({ hasText: 'All is well' }).waitFor();
    await fleet.page.locator('#machines tr').nth(1).waitFor();
  });

  it('keeps and marks the values of an asset that is removed while it is shown', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(60, systemClock.nowNs());
    let isThere = true;
    const reader = {
      latest: async (aliases: readonly string[]) => (isThere ? machine.latest(aliases) : new Map()),
      history: (query: Parameters<GrowingDrag['history']>[0]) => machine.history(query),
    };
    const pace = { pollIntervalMs: 50, measuredWithinS: 1 };
    const { page, misdeeds } = await show(machine, { siteWise: reader, pace });
    const card = page.locator('[data-quantity="parameter:b9"].card');
    await card.locator('.range').filter({ hasText: '95 %' }).waitFor();
    isThere = false;
    await page.getByRole('status').filter({ hasText: 'No fresh measurements' }).waitFor();
    expect(await page.locator('body').getAttribute('data-freshness')).toBe('silent');
    expect(await card.locator('.range').textContent()).toContain('95 %');
    expect(misdeeds.errors).toEqual([]);
  });

  it('shows 300 virtual sensors', async () => {
    const line = lineTwin(false);
    const twin = parseConfig(
      twinSchema,
      {
        name: 'wide',
        fmu: './none.fmu',
        measured: [{ variable: 'w', alias: '/wide/w' }],
        parameters: [{ variable: 'b9', alias: '/wide/b9', prior: { mean: 0, std: 1 } }],
        virtualSensors: Array.from({ length: 300 }, (_, i) => ({
          variable: `v${i}`,
          alias: `/wide/v${i}`,
          unit: 'N',
          alarm: { above: 1 },
        })),
      },
      'wide twin',
    );
    const machine = new GrowingDrag({ ...line, ...twin });
    const nowNs = systemClock.nowNs();
    for (const { alias } of [...twin.measured, ...twin.parameters, ...twin.virtualSensors]) {
      for (const [place, ageS] of [3, 2, 1].entries()) {
        machine.put(alias, {
          timeNs: nowNs - secondsToNs(ageS),
          quality: 'GOOD',
          value: place / 4,
        });
      }
    }
    const { page, misdeeds } = await show(machine, {}, false);
    await page.locator('.card[data-quantity="virtualSensor:v299"]').waitFor({ state: 'attached' });
    const last = page.locator('.card[data-quantity="virtualSensor:v299"]');
    await last.scrollIntoViewIfNeeded();
    await last.locator('.value').filter({ hasText: '0.5' }).waitFor();
    await last.locator('canvas').waitFor();
    expect(await page.locator('.card').count()).toBe(302);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('leaves a gap where a value is BAD, and names its stream', async () => {
    const machine = new GrowingDrag(lineTwin());
    const nowNs = systemClock.nowNs();
    machine.fill(20, nowNs - secondsToNs(2));
    const [sensor] = machine.twin.measured;
    if (sensor === undefined) throw new Error('the line has no sensor');
    machine.put(sensor.alias, { timeNs: nowNs, quality: 'BAD', value: 1e9 });
    const { page, misdeeds } = await show(machine);
    await page.locator('#alarms').getByText('bad reading').waitFor();
    const card = page.locator(`.card[data-quantity="measured:${sensor.variable}"]`);
    expect(await card.locator('.value').textContent()).not.toContain('1000000000');
    expect(misdeeds.errors).toEqual([]);
  });

  it('follows a clock that jumps ahead and back, and never calls old values fresh', async () => {
    let jumpS = 0;
    const clock: Clock = {
      ...systemClock,
      nowNs: () => systemClock.nowNs() + secondsToNs(jumpS),
      sleep: (ms, signal) => systemClock.sleep(ms, signal),
    };
    const machine = new GrowingDrag(lineTwin());
    machine.fill(60, systemClock.nowNs());
    const { page, misdeeds } = await show(
      machine,
      { clock, pace: { pollIntervalMs: 50, measuredWithinS: 600 } },
      false,
    );
    const status = page.getByRole('status');
    await status.filter({ hasText: 'All is well' }).waitFor();
    jumpS = 7200;
    await status.filter({ hasText: 'No fresh measurements' }).waitFor();
    expect(await page.locator('.facts').textContent()).toContain('2 h ago');
    jumpS = -7200;
    await status.filter({ hasText: 'All is well' }).waitFor();
    expect(misdeeds.errors).toEqual([]);
  });
});
