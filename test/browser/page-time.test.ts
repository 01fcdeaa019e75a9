import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { startPage } from '../../cloud/page/index.js';
import { nsToSeconds, systemClock } from '../../shared/core/index.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { chromiumPath, openPage } from './launch.js';
import { useBrowser, violationsOf } from './page-harness.js';

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('time on the page', () => {
  const { browser, opened, start } = useBrowser();

  it('zooms all charts by dragging, keeps it in the address, and goes back', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(100, systemClock.nowNs());
    const { url } = await start(machine);
    const { page } = await openPage(browser(), url);
    const plot = page.locator('#focus .u-over').first();
    await plot.waitFor();
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    if (box === null) throw new Error('the chart is not there');
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.locator('#span').filter({ hasText: 'Esc goes back · values as measured' }).waitFor();
    const zoomed = await page.locator('#span').textContent();
    expect(new URL(page.url()).hash).toMatch(/from=\d+&to=\d+/);
    await page.reload();
    await page.locator('#span').filter({ hasText: 'Esc goes back · values as measured' }).waitFor();
    expect(await page.locator('#span').textContent()).toBe(zoomed);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    expect((await download).suggestedFilename()).toBe('web-line.csv');
    await page.keyboard.press('Escape');
    await page.locator('#span').filter({ hasText: 'live' }).waitFor();
  });

  it('compares the span shown with the one before it, in dots and in words', async () => {
    const machine = new GrowingDrag(lineTwin());
    machine.fill(120, systemClock.nowNs());
    const { url } = await start(machine);
    const { page, misdeeds } = await openPage(
      browser(),
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

  it('draws a long past by averages and says so, raw values where one zooms, and the CSV tells which', async () => {
    const machine = new GrowingDrag(lineTwin());
    // Five days of a row each ten minutes.
    machine.fill(720, systemClock.nowNs(), 600);
    const server = await startPage({
      port: 0,
      siteWise: machine,
      assets: [{ id: 'line1', twin: machine.twin }],
      pace: {
        ...{ pollIntervalMs: 50, historyS: 8 * 86_400 },
        ...{ measuredWithinS: 3600, calibratedWithinS: 3600 },
      },
    });
    opened.push(server);
    const { page, misdeeds } = await openPage(browser(), `${server.url}#show=measured:Roller9_w`);
    const span = page.locator('#span');
    await page.getByRole('button', { name: 'all', exact: true }).click();
    await span.filter({ hasText: 'averages of 15 min, bands at their widest' }).waitFor();
    const csv = async () => {
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'CSV' }).click();
      return (await readFile(await (await download).path(), 'utf8')).trim().split('\n');
    };
    const whole = await csv();
    expect(whole[0]).toMatch(/^time,resolution,/);
    expect(whole[0]).toContain('Roller9_w highest');
    expect(whole[1]).toMatch(/^[^,]+,15m average,/);
    // Two hours of three days ago; the address has whole seconds.
    const to = Math.round(nsToSeconds(systemClock.nowNs())) - 3 * 86_400;
    await page.goto(`${server.url}#show=measured:Roller9_w&from=${to - 7200}&to=${to}`);
    await page.reload();
    await span.filter({ hasText: 'values as measured' }).waitFor();
    const close = await csv();
    expect(close.slice(1).map((line) => line.split(',')[1])).toEqual(Array(12).fill('raw'));
    expect(await violationsOf(page)).toEqual([]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
    // What cannot be read closely stays as it was, and is said.
    machine.fault = new Error('SiteWise is away');
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}#show=measured:Roller9_w&from=${to - 3600}&to=${to}`);
    await page.reload();
    await span.filter({ hasText: 'finer values could not be read' }).waitFor();
  });
});
