import { describe, expect, it } from 'vitest';
import { healthAliases } from '../../shared/config/index.js';
import { secondsToNs, systemClock } from '../../shared/core/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { chromiumPath, openPage, shownBand } from './launch.js';
import { LIMIT_PASSED, useBrowser, violationsOf } from './page-harness.js';

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('the page in a browser', () => {
  const { browser, start } = useBrowser();

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
    const { page, misdeeds } = await openPage(browser(), url);
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
    const { page, misdeeds } = await openPage(browser(), url);
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

  it('says of each quantity whether it may be acted on, and why not, on screen and on paper', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(20, systemClock.nowNs());
    const why = 'nothing cross-checks Roller9_w: an offset of the sensor would pass for wear of b9';
    const verdicts = {
      b1: { grade: 'good', reasons: [] },
      b9: { grade: 'care', reasons: [why] },
      S4_Tension_N: { grade: 'unusable', reasons: ['the model contradicts its sensors'] },
    } as const;
    const { url } = await start(machine, 0, async () => ({ version: '1', verdicts }));
    const { page, misdeeds } = await openPage(browser(), url);
    const card = (id: string) => page.locator(`.card[data-quantity="${id}"]`);
    const worn = card('parameter:b9');
    await worn.getByText('! use with care').waitFor();
    expect(await card('parameter:b1').locator('.grade').textContent()).toBe('✓ good');
    expect(await card('virtualSensor:S4_Tension_N').locator('.grade').textContent()).toBe(
      '✕ do not use',
    );
    // Of what the run says nothing, the page says nothing.
    expect(await card('parameter:b2').locator('.grade').textContent()).toBe('');
    const reason = worn.locator('.reason');
    const sentence = `N${why.slice(1)}.`;
    expect(await reason.isVisible()).toBe(false);
    await worn.hover();
    await reason.waitFor({ state: 'visible' });
    expect(await reason.textContent()).toBe(sentence);
    await page.locator('h1').first().hover();
    await reason.waitFor({ state: 'hidden' });
    await page.keyboard.press('Tab');
    await worn.focus();
    await reason.waitFor({ state: 'visible' });
    expect(await worn.getAttribute('aria-description')).toBe(sentence);
    await worn.click();
    await page
      .locator('#focus .panel[data-quantity="parameter:b9"] .verdict')
      .filter({ hasText: /^! use with care$/ })
      .waitFor();
    expect(await page.locator('#focus .why-not li').allTextContents()).toContain(
      `Drag of R9: ${why}.`,
    );
    await page.emulateMedia({ media: 'print' });
    expect(await reason.isVisible()).toBe(false);
    const printed = page.locator('.reasons li').filter({ hasText: why });
    expect(await printed.allTextContents()).toEqual([`Drag of R9: ${why}.`]);
    expect(await printed.isVisible()).toBe(true);
    await page.emulateMedia({ media: 'screen' });
    expect(await violationsOf(page)).toEqual([]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('shows any twin, without a layout too, and takes names as text', async () => {
    const twin = structuredClone(lineTwin(false));
    const [parameter] = twin.parameters;
    if (parameter !== undefined) parameter.variable = '<img src=x onerror=alert(1)>';
    const machine = new GrowingDrag(twin);
    machine.fill(5, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser(), url);
    await page.locator('.card').getByText('<img src=x onerror=alert(1)>').first().waitFor();
    await page.locator('#schematic [data-part="machine"]').waitFor();
    expect(await page.locator('main img').count()).toBe(0);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it('shows the line in space on demand, and tells what is pointed at', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(browser(), url);
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

  it('says how old the twin is when it has fallen behind, and never calls that now', async () => {
    const machine = new GrowingDrag(lineTwin());
    const nowNs = systemClock.nowNs();
    machine.fill(60, nowNs - secondsToNs(600));
    for (const { alias } of machine.twin.measured) {
      machine.put(alias, { timeNs: nowNs, quality: 'GOOD', value: 20 });
    }
    const { url } = await start(machine);
    const { page } = await openPage(browser(), url);
    await page.getByRole('status').filter({ hasText: 'fallen behind' }).waitFor();
    expect(await page.locator('#freshness').textContent()).toContain('10 min old');
    expect(await page.locator('#schematic-title').textContent()).toMatch(/^The machine .* ago$/);
  });

  it('hides what-if where the twin cannot be asked, and says why', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    const { url } = await start(machine);
    const { page } = await openPage(browser(), url);
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
    const { page } = await openPage(browser(), url, { viewport, colorScheme });
    await page.getByRole('status').filter({ hasText: LIMIT_PASSED }).waitFor();
    await page.locator('#focus').scrollIntoViewIfNeeded();
    await page.locator('#focus canvas').first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
  });

  it('says that the connection is lost, and recovers', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(5, systemClock.nowNs());
    const first = await start(machine);
    const { page } = await openPage(browser(), first.url);
    await page.locator('.card').first().waitFor();
    await first.close();
    await page.getByRole('status').filter({ hasText: 'Connection lost' }).waitFor();
    await start(machine, Number(new URL(first.url).port));
    await page.getByRole('status').filter({ hasText: 'All is well' }).waitFor();
  });
});
