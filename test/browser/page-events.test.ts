import { describe, expect, it } from 'vitest';
import { startPage } from '../../cloud/page/index.js';
import { healthAliases } from '../../shared/config/index.js';
import { systemClock } from '../../shared/core/index.js';
import type { SiteWiseWriter } from '../../shared/sitewise/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { chromiumPath, openPage } from './launch.js';
import { LIMIT_PASSED, useBrowser, violationsOf } from './page-harness.js';

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('events on the page', () => {
  const { browser, opened, start } = useBrowser();

  it('keeps events after they are over, with since, until and peak', async () => {
    const machine = new GrowingDrag(lineTwin());
    const nowNs = systemClock.nowNs();
    machine.fill(130, nowNs);
    const { alarms } = healthAliases(machine.twin);
    // Repaired: the newest sample has no alarm.
    machine.put(alarms, { timeNs: nowNs, quality: 'GOOD', value: '[]' });
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser(), url);
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
    const { page, misdeeds } = await openPage(browser(), server.url);
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
    const second = await openPage(browser(), server.url);
    await second.page.locator('#alarms .seen').getByText('greased it').waitFor();
    await second.page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });
});
