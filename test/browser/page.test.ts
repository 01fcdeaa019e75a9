import { readFile } from 'node:fs/promises';
import type { Browser, Page as BrowserPage } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Page, startPage } from '../../cloud/page/index.js';
import { decisionsSchema, healthAliases, withAliasPrefix } from '../../shared/config/index.js';
import { nsToSeconds, packageFile, secondsToNs, systemClock } from '../../shared/core/index.js';
import type { SiteWiseWriter } from '../../shared/sitewise/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { askableTwin, wornState } from '../unit/page/outlook-twin.js';
import { chromiumPath, launchChromium, openPage, shownBand } from './launch.js';

const LIMIT_PASSED = /2 alarms/;

/** What axe finds; through the driver, which the page's own policy does not bind. */
async function violationsOf(page: BrowserPage): Promise<unknown[]> {
  await page.evaluate(await readFile(packageFile('node_modules/axe-core/axe.min.js'), 'utf8'));
  return (await page.evaluate(
    '(async () => (await axe.run(document)).violations.map((v) => [v.id, v.nodes[0].html]))()',
  )) as unknown[];
}

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('the monitor in a browser', () => {
  let browser: Browser;
  const opened: Page[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });
  afterEach(async () => {
    for (const monitor of opened.splice(0)) await monitor.close();
    for (const context of browser.contexts()) await context.close();
  });

  async function start(machine: GrowingDrag, port = 0): Promise<Page> {
    const page = await startPage({
      port,
      siteWise: machine,
      assets: [{ id: 'line1', twin: machine.twin, status: async () => machine.status() }],
      pace: { pollIntervalMs: 50 },
    });
    opened.push(page);
    return page;
  }

  it('says what became of every reading, in a sentence and a table', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(20, systemClock.nowNs());
    const counts = {
      ...{ received: 1920, aligned: 1908, thinned: 0, unusable: 0, duplicate: 0, lateUnused: 12 },
      ...{ samples: 159, assimilated: 159, skipped: 0, quarantined: 0, late: 40, rewritten: 0 },
    };
    machine.put(healthAliases(machine.twin).ledger, {
      timeNs: systemClock.nowNs(),
      quality: 'GOOD',
      value: JSON.stringify(counts),
    });
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser, url);
    await page
      .locator('#account')
      .filter({ hasText: 'Of 1,920 readings, the estimate lacks: 12 readings too late.' })
      .waitFor();
    expect(await page.locator('#ledger tr.failed').allInnerTexts()).toEqual([
      expect.stringContaining('12\treadings too late'),
    ]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it("shows a parameter's band and moves it as the calibration goes on", async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(100, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser, url);
    await page.locator('[data-quantity="parameter:b9"].card .range:has-text("95 %")').waitFor();
    const before = await shownBand(page, 'parameter:b9');
    const healthy = await shownBand(page, 'parameter:b1');
    for (let i = 0; i < 60; i++) machine.step(systemClock.nowNs() + BigInt(i) * 1_000_000n, 0);
    await page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    const after = await shownBand(page, 'parameter:b9');
    const lower = (text: string) => Number(/95 %: ([\d.]+)/.exec(text)?.[1]);
    expect(lower(after)).toBeGreaterThan(lower(before) + 0.05);
    expect(await shownBand(page, 'parameter:b1')).not.toBe(after);
    expect(healthy).toContain('95 %: 0');
    expect(
      await page.locator('#schematic [data-component="R9"]').getAttribute('data-condition'),
    ).toBe('beyond');
    expect(await page.locator('#focus canvas').count()).toBeGreaterThan(0);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('shows any twin, without a layout too, and takes names as text', async () => {
    const twin = structuredClone(lineTwin(false));
    const [parameter] = twin.parameters;
    if (parameter !== undefined) parameter.variable = '<img src=x onerror=alert(1)>';
    const machine = new GrowingDrag(twin);
    machine.fill(5, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser, url);
    await page.locator('.card').getByText('<img src=x onerror=alert(1)>').first().waitFor();
    await page.locator('#schematic [data-part="machine"]').waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('shows the line in space on demand, and tells what is pointed at', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser, url);
    await page.getByRole('button', { name: 'Show in 3-D' }).click();
    const canvas = page.locator('#schematic .scene canvas');
    await canvas.waitFor();
    // The name hangs above its roller, whose centre is a little below.
    const name = page.locator('#schematic .names').getByText('R3', { exact: true });
    await expect.poll(async () => (await name.boundingBox())?.x).toBeGreaterThan(0);
    const tip = page.locator('#schematic .tip');
    const at = await name.boundingBox();
    await expect
      .poll(async () => {
        for (let below = 10; below < 60; below += 8) {
          await page.mouse.move((at?.x ?? 0) + (at?.width ?? 0) / 2, (at?.y ?? 0) + below);
          const text = (await tip.textContent()) ?? '';
          if (text.startsWith('R3 (roller)')) return text;
        }
        return '';
      })
      .toMatch(/drag: .*95 %/);
    await page.getByRole('button', { name: 'Show flat' }).click();
    await page.locator('#schematic [data-component="R9"]').waitFor();
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('keeps events after they are over, with since, until and peak', async () => {
    const machine = new GrowingDrag(lineTwin());
    const nowNs = systemClock.nowNs();
    machine.fill(130, nowNs);
    const { alarms } = healthAliases(machine.twin);
    // Repaired: the newest sample has no alarm.
    machine.put(alarms, { timeNs: nowNs, quality: 'GOOD', value: '[]' });
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser, url);
    await page.locator('#alarms').getByText('Nothing.').waitFor();
    await page.getByText('Over (2)').click();
    const over = page.locator('#events-over li');
    expect(await over.first().textContent()).toMatch(/Drag of R[39] is above 0\.1 N·m·s\/rad/);
    expect(await over.first().textContent()).toMatch(/ to .* · peak 0\.1/);
    await page.getByLabel('Filter events').fill('R9');
    expect(await over.count()).toBe(1);
    await over.getByRole('button').click();
    expect(await page.locator('#focus-title').textContent()).toContain('R9');
    expect(new URL(page.url()).hash).toBe('#show=parameter%3Ab9');
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('acknowledges an alarm with a name and a note, by keyboard alone', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(130, systemClock.nowNs());
    const writer: SiteWiseWriter = {
      write: async (samples) => {
        for (const { alias, ...value } of samples) machine.put(alias, value);
        return { accepted: samples.length, rejected: [], retry: [] };
      },
    };
    const server = await startPage({
      port: 0,
      siteWise: machine,
      writer,
      assets: [{ id: 'line1', twin: machine.twin, status: async () => machine.status() }],
      pace: { pollIntervalMs: 50 },
    });
    opened.push(server);
    const { page, misdeeds } = await openPage(browser, server.url);
    const alarm = page.locator('#alarms .alarm').first();
    await alarm.getByRole('button', { name: 'Acknowledge' }).press('Enter');
    await page.getByLabel('Your name').fill('Ada <i>');
    await page.keyboard.press('Tab');
    await page.keyboard.type('greased it');
    expect(await violationsOf(page)).toEqual([]);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'hidden' });
    await alarm.getByText(/Acknowledged by Ada <i>, .*: greased it/).waitFor();
    expect(await alarm.getByRole('button', { name: 'Acknowledge' }).count()).toBe(0);
    // A second browser sees the same; it stands until it is over.
    const second = await openPage(browser, server.url);
    await second.page.locator('#alarms .seen').getByText('greased it').waitFor();
    await second.page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('zooms all charts by dragging, keeps it in the address, and goes back', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(100, systemClock.nowNs());
    const { url } = await start(machine);
    const { page } = await openPage(browser, url);
    const plot = page.locator('#focus .u-over').first();
    await plot.waitFor();
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    if (box === null) throw new Error('the chart is not there');
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.locator('#span').filter({ hasText: 'Esc goes back' }).waitFor();
    const zoomed = await page.locator('#span').textContent();
    expect(new URL(page.url()).hash).toMatch(/from=\d+&to=\d+/);
    await page.reload();
    await page.locator('#span').filter({ hasText: 'Esc goes back' }).waitFor();
    expect(await page.locator('#span').textContent()).toBe(zoomed);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    expect((await download).suggestedFilename()).toBe('web-line.csv');
    await page.keyboard.press('Escape');
    await page.locator('#span').filter({ hasText: 'live' }).waitFor();
  });

  it('says how old the twin is when it has fallen behind, and never calls that now', async () => {
    const machine = new GrowingDrag(lineTwin());
    const nowNs = systemClock.nowNs();
    machine.fill(60, nowNs - secondsToNs(600));
    for (const { alias } of machine.twin.measured) {
      machine.put(alias, { timeNs: nowNs, quality: 'GOOD', value: 20 });
    }
    const { url } = await start(machine);
    const { page } = await openPage(browser, url);
    await page.getByRole('status').filter({ hasText: 'fallen behind' }).waitFor();
    expect(await page.locator('#freshness').textContent()).toContain('10 min old');
    expect(await page.locator('#schematic-title').textContent()).toMatch(/^The machine .* ago$/);
  });

  it('shows a fleet by urgency, and one click leads to a machine and back', async () => {
    const nowNs = systemClock.nowNs();
    const worn = new GrowingDrag(lineTwin());
    worn.fill(130, nowNs);
    const twinOf = (id: string) => withAliasPrefix(lineTwin(), `/${id}`);
    const assets = Array.from({ length: 12 }, (_, i) => ({
      id: `line${i + 1}`,
      twin: twinOf(`line${i + 1}`),
    }));
    // The others are healthy, but line2, which sends nothing any more.
    for (const { id, twin } of assets.slice(1)) {
      const ageS = id === 'line2' ? 900 : 1;
      for (const s of [...twin.measured, ...twin.parameters]) {
        const value = 1e-3 * (1 + 0.1 * Math.sin(s.alias.length + id.length * id.charCodeAt(4)));
        worn.put(s.alias, { timeNs: nowNs - secondsToNs(ageS), quality: 'GOOD', value });
      }
    }
    const server = await startPage({
      port: 0,
      siteWise: worn,
      assets,
      pace: { pollIntervalMs: 50 },
    });
    opened.push(server);
    const { page, misdeeds } = await openPage(browser, server.url);
    const rows = page.locator('#machines tr');
    await rows.first().waitFor();
    expect(await page.locator('#header').isVisible()).toBe(false);
    expect(await rows.count()).toBe(12);
    expect(await page.locator('#fleet-title').textContent()).toBe(
      'Of 12 machines: 1 past a limit, 1 without fresh news',
    );
    expect(await rows.nth(0).textContent()).toMatch(/past a limit.*line1.*0\.1 N·m·s/);
    expect(await rows.nth(0).textContent()).toContain('usual');
    expect(await rows.nth(1).textContent()).toMatch(/silent.*line2/);
    await page.getByLabel('Filter machines').fill('line12');
    expect(await rows.count()).toBe(1);
    await page.getByLabel('Filter machines').fill('');
    expect(await violationsOf(page)).toEqual([]);
    // By keyboard alone: from the filter on to the most urgent machine.
    await page.getByLabel('Filter machines').focus();
    await page.keyboard.press('Tab');
    const isMachine = "document.activeElement.classList.contains('machine-link')";
    if (!(await page.evaluate(isMachine))) await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('line1');
    await page.keyboard.press('Enter');
    await page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    await page.getByRole('link', { name: 'Fleet' }).click();
    await rows.first().waitFor();
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('says what will happen, and answers what would if a slider moves or a part is new', async () => {
    const twin = askableTwin();
    const machine = new GrowingDrag(twin.definition);
    machine.fill(60, systemClock.nowNs());
    const state = wornState(twin, nsToSeconds(systemClock.nowNs()));
    const server = await startPage({
      port: 0,
      siteWise: machine,
      assets: [{ id: 'line1', twin: twin.definition, outlook: { twin, state: async () => state } }],
      pace: { pollIntervalMs: 50, measuredWithinS: 3600, calibratedWithinS: 3600 },
    });
    opened.push(server);
    const { page, misdeeds } = await openPage(browser, `${server.url}#show=parameter:b9`);
    await page.locator('#alarms .ahead').first().waitFor();
    expect(await page.locator('.headline h2').textContent()).toMatch(/In about .*: .* of R9/);
    const panel = page.locator('.panel[data-quantity="parameter:b9"]');
    expect(await panel.locator('.reached').textContent()).toMatch(/^Limit reached: .*80 %/);
    // By keyboard alone: a slider, a part, and back to today.
    const speed = page.getByLabel('lineSpeed').or(page.getByLabel('line speed'));
    await speed.focus();
    await page.keyboard.press('Home');
    const tried = page.locator('#what-if td.tried').first();
    await tried.filter({ hasText: '(' }).waitFor();
    await page.getByRole('button', { name: 'R9 as new' }).press('Enter');
    await tried.filter({ hasText: /^0\.00/ }).waitFor();
    expect(await violationsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'As today' }).press('Enter');
    await tried.filter({ hasText: '–' }).waitFor();
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('carries the twin forward to now between calibrations, and says how far', async () => {
    const twin = askableTwin();
    const machine = new GrowingDrag(twin.definition);
    const nowNs = systemClock.nowNs();
    const rows = 60;
    machine.fill(rows, nowNs - secondsToNs(20));
    // Sensors have gone on for 20 hours of the machine since the last calibration.
    for (const { alias } of [...twin.definition.measured, ...twin.definition.inputs]) {
      if (alias !== undefined) machine.put(alias, { timeNs: nowNs, quality: 'GOOD', value: 1 });
    }
    const state = wornState(twin, rows * 3600);
    const server = await startPage({
      port: 0,
      siteWise: machine,
      assets: [
        {
          id: 'line1',
          twin: twin.definition,
          status: async () => ({ ...machine.status(), machineTimeS: (rows + 20) * 3600 }),
          outlook: { twin, state: async () => state },
        },
      ],
      pace: { pollIntervalMs: 50, measuredWithinS: 3600, calibratedWithinS: 3600 },
    });
    opened.push(server);
    const { page, misdeeds } = await openPage(browser, `${server.url}#show=parameter:b9`);
    const card = page.locator('[data-quantity="parameter:b9"].card');
    await card
      .locator('.age')
      .filter({ hasText: /^carried \d/ })
      .waitFor();
    // As calibrated it was 0.026; the state says 0.07 and growing.
    expect(
      Number(/^[\d.]+/.exec((await card.locator('.value').textContent()) ?? '')?.[0]),
    ).toBeGreaterThan(0.07);
    expect(await page.locator('.panel .now').first().textContent()).toMatch(/carried .* to now/);
    expect(await page.locator('.facts').textContent()).toContain('carried to now');
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it.each([
    ['a desk', { width: 1280, height: 900 }, 'light'],
    ['a desk at night', { width: 1280, height: 900 }, 'dark'],
    ['a phone at night', { width: 390, height: 844 }, 'dark'],
  ] as const)(
    'goes from the alarm to what to do in three clicks on %s',
    async (_, viewport, colorScheme) => {
      const twin = askableTwin({
        ...lineTwin(),
        decisions: decisionsSchema.parse({
          inputs: [{ variable: 'lineSpeed', lower: 0.6, upper: 1.2 }],
          maintenance: [{ name: 'change R9', resets: ['b9'], takesS: 14_400 }],
          objective: { sense: 'maximise', of: 'lineSpeed', label: 'web', unit: 'm' },
        }),
      });
      const machine = new GrowingDrag(twin.definition);
      machine.fill(130, systemClock.nowNs());
      const state = wornState(twin, nsToSeconds(systemClock.nowNs()));
      const server = await startPage({
        port: 0,
        siteWise: machine,
        assets: [
          { id: 'line1', twin: twin.definition, outlook: { twin, state: async () => state } },
        ],
        writer: { write: async () => ({ accepted: 1, rejected: [], retry: [] }) },
        pace: { pollIntervalMs: 50, measuredWithinS: 3600, calibratedWithinS: 3600 },
      });
      opened.push(server);
      const { page, misdeeds } = await openPage(browser, server.url, { viewport, colorScheme });
      // What the server answers is tested without a browser; here it must not take a minute.
      const way = {
        risk: 0.03,
        riskByLimit: {},
        objective: { mean: 200, lower95: 190, upper95: 210 },
      };
      const body = JSON.stringify({
        horizonS: 259_200,
        risk: 0.05,
        objective: { sense: 'maximise', of: 'lineSpeed', label: 'web', unit: 'm' },
        feasible: true,
        plan: {
          ...way,
          inputs: { lineSpeed: 0.8 },
          maintenance: {
            name: 'change R9 <b>',
            resets: ['b9'],
            aheadS: 86_400,
            takesS: 14_400,
            costs: 0,
            inputs: { lineSpeed: 1.2 },
          },
        },
        today: { ...way, risk: 0.995, inputs: { lineSpeed: 1 } },
        gain: { mean: 40, lower95: 20, upper95: 60 },
        riskCurves: {
          lineSpeed: [0.6, 0.8, 1].map((value) => ({ value, risk: value - 0.6, objective: 1 })),
        },
        assumptions: ['Wear goes on.'],
      });
      await page.route('**/api/plan*', (route) =>
        route.fulfill({ contentType: 'application/json', body }),
      );
      await page.locator('#alarms .alarm button').first().click();
      await page.getByRole('button', { name: 'Work out a plan' }).click();
      const sentence = page.locator('.plan-sentence');
      await sentence.waitFor();
      expect(await sentence.textContent()).toBe(
        'line speed 0.8 m/s for 1 d, then change R9 <b> (4 h), then line speed 1.2 m/s.',
      );
      expect(await violationsOf(page)).toEqual([]);
      await page.getByRole('button', { name: 'Try it in' }).click();
      await page.locator('#what-if td.tried').first().filter({ hasText: '(' }).waitFor();
      expect(await page.locator('#what-if output').first().textContent()).toMatch(/^0\.80* m\/s/);
      expect(await violationsOf(page)).toEqual([]);
      expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
    },
  );

  it('compares the span shown with the one before it, in dots and in words', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(120, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(
      browser,
      `${url}#show=parameter:b9&from=252000&to=432000`,
    );
    await page.locator('#focus canvas').first().waitFor();
    // By keyboard alone.
    await page.getByLabel('Compare with').focus();
    await page.keyboard.press('ArrowDown');
    const compared = page.locator('.panel[data-quantity="parameter:b9"] .compared');
    // It has grown by 0.03 a day; the earlier span is two days before.
    await compared
      .filter({ hasText: /^Mean 0\.0\d+ .*; dots, day 0\.83 to day 2\.92: .*\+0\.0/ })
      .waitFor();
    expect(new URL(page.url()).hash).toContain('with=before');
    expect(await violationsOf(page)).toEqual([]);
    await page.reload();
    await compared.filter({ hasText: 'dots, day 0.83' }).waitFor();
    await page.getByRole('button', { name: 'all', exact: true }).click();
    expect(await page.getByLabel('Compare with').isDisabled()).toBe(true);
    expect(await compared.textContent()).toBe('');
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('shows itself on a wall: large, without controls, by a key and by its address', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(130, systemClock.nowNs());
    const { url } = await start(machine);
    const viewport = { width: 1920, height: 1080 };
    const { page, misdeeds } = await openPage(browser, url, { viewport });
    await page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    await page.keyboard.press('w');
    expect(new URL(page.url()).hash).toContain('view=wall');
    await page.reload();
    await page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    await page.locator('#focus canvas').first().waitFor();
    expect(await page.locator('#what-if').isVisible()).toBe(false);
    expect(await page.getByRole('button', { name: 'CSV' }).isVisible()).toBe(false);
    const size = await page.evaluate(
      "getComputedStyle(document.querySelector('.headline h2')).fontSize",
    );
    expect(Number.parseFloat(String(size))).toBeGreaterThanOrEqual(60);
    expect(await violationsOf(page)).toEqual([]);
    // All of it is there without anyone who scrolls.
    const chart = await page.locator('#focus canvas').first().boundingBox();
    expect((chart?.y ?? 0) + (chart?.height ?? 0)).toBeLessThanOrEqual(1080);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'CSV' }).waitFor();
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('hides what-if where the twin cannot be asked, and says why', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    const { url } = await start(machine);
    const { page } = await openPage(browser, url);
    await page.locator('#what-if').getByText('shows the past only').waitFor();
    expect(await page.locator('#what-if input').count()).toBe(0);
  });

  it.each([
    ['a desk', { width: 1280, height: 900 }, 'light'],
    ['a desk at night', { width: 1280, height: 900 }, 'dark'],
    ['a phone', { width: 390, height: 844 }, 'light'],
  ] as const)('has no violation of accessibility on %s', async (_where, viewport, colorScheme) => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(130, systemClock.nowNs());
    const { url } = await start(machine);
    const { page } = await openPage(browser, url, { viewport, colorScheme });
    await page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    await page.locator('#focus').scrollIntoViewIfNeeded();
    await page.locator('#focus canvas').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
  });

  it('says that the connection is lost, and recovers', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    const first = await start(machine);
    const { page } = await openPage(browser, first.url);
    await page.locator('.card').first().waitFor();
    await first.close();
    await page.getByRole('status').filter({ hasText: 'Connection lost' }).waitFor();
    await start(machine, Number(new URL(first.url).port));
    await page.getByRole('status').filter({ hasText: 'All is well' }).waitFor();
  });
});
