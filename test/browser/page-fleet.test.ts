import { describe, expect, it } from 'vitest';
import { startPage } from '../../cloud/page/index.js';
import { withAliasPrefix } from '../../shared/config/index.js';
import { secondsToNs, systemClock } from '../../shared/core/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { chromiumPath, openPage } from './launch.js';
import { LIMIT_PASSED, useBrowser, violationsOf } from './page-harness.js';

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('a fleet, and the wall', () => {
  const { browser, opened, start } = useBrowser();

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
    const { page, misdeeds } = await openPage(browser(), server.url);
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

  it('shows itself on a wall: large, without controls, by a key and by its address', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(130, systemClock.nowNs());
    const { url } = await start(machine);
    const viewport = { width: 1920, height: 1080 };
    const { page, misdeeds } = await openPage(browser(), url, { viewport });
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
});
