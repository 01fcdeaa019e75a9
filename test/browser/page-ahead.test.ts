import { describe, expect, it } from 'vitest';
import { startPage } from '../../cloud/page/index.js';
import { decisionsSchema } from '../../shared/config/index.js';
import { nsToSeconds, secondsToNs, systemClock } from '../../shared/core/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { askableTwin, wornState } from '../unit/page/outlook-twin.js';
import { chromiumPath, openPage } from './launch.js';
import { useBrowser, violationsOf } from './page-harness.js';

// Skipped where there is no Chromium, and reported as such.
// A twin is asked several times: on a busy machine that takes half a minute.
const timeout = 120_000;
describe.skipIf(chromiumPath === undefined)(
  'what the page says of what is to come',
  { timeout },
  () => {
    const { browser, opened } = useBrowser();

    it('says what will happen, and answers what would if a slider moves or a part is new', async () => {
      const twin = askableTwin();
      const machine = new GrowingDrag(twin.definition);
      machine.fill(60, systemClock.nowNs());
      const state = wornState(twin, nsToSeconds(systemClock.nowNs()));
      const server = await startPage({
        port: 0,
        siteWise: machine,
        assets: [
          { id: 'line1', twin: twin.definition, outlook: { twin, state: async () => state } },
        ],
        pace: { pollIntervalMs: 50, measuredWithinS: 3600, calibratedWithinS: 3600 },
      });
      opened.push(server);
      const { page, misdeeds } = await openPage(browser(), `${server.url}#show=parameter:b9`);
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
      const { page, misdeeds } = await openPage(browser(), `${server.url}#show=parameter:b9`);
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
        const { page, misdeeds } = await openPage(browser(), server.url, { viewport, colorScheme });
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
        // Drawn anew, the page keeps what it was asked.
        const drawn = await page.locator('#plan').elementHandle();
        await page.emulateMedia({ colorScheme: colorScheme === 'dark' ? 'light' : 'dark' });
        await page.waitForFunction((element) => element?.isConnected === false, drawn);
        await sentence.waitFor();
        await page.emulateMedia({ colorScheme });
        await page.getByRole('button', { name: 'Try it in' }).click();
        await page.locator('#what-if td.tried').first().filter({ hasText: '(' }).waitFor();
        expect(await page.locator('#what-if output').first().textContent()).toMatch(/^0\.80* m\/s/);
        expect(await violationsOf(page)).toEqual([]);
        expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
      },
    );
  },
);
