import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pictureSchema, type TwinDefinition } from '../../shared/config/index.js';
import { systemClock } from '../../shared/core/index.js';
import { withDrawing } from '../../shared/twin/definition/picture-file.js';
import { ownModel } from '../support/own-model.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { chromiumPath, openPage } from './launch.js';
import { useBrowser, violationsOf } from './page-harness.js';

/** What draws, and what must not run. */
const DRAWING = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 400 200" onload="document.title='run'">
  <script>document.title = 'run'</script>
  <style>* { fill: red }</style>
  <rect id="web" x="20" y="20" width="160" height="160" style="stroke:#888;stroke-width:3;fill:#e07b2f"/>
  <image href="http://example.invalid/x.png" width="10" height="10"/>
  <use xlink:href="http://example.invalid/x.svg#a"/>
  <a href="javascript:alert(1)"><text>away</text></a>
  <rect width="9" height="9" fill="url(http://example.invalid/x.svg#p)"/>
  <text id="tension" x="100" y="105" font-size="22" text-anchor="middle" fill="#222">–</text>
  <g transform="translate(300 100)">
    <circle r="60" fill="none" stroke="#888"/>
    <path id="needle" d="M-4 -50L4 -50L4 50L-4 50Z" fill="#0a5a87"/>
  </g>
  <circle id="lamp" cx="300" cy="185" r="8" fill="#ccc"/>
</svg>`;

// Skipped where there is no Chromium, and reported as such.
describe.skipIf(chromiumPath === undefined)('a picture of any machine', () => {
  const { start, browser } = useBrowser();

  async function show(picture: TwinDefinition['picture'], colorScheme: 'light' | 'dark' = 'light') {
    const machine = new GrowingDrag({ ...lineTwin(false), picture });
    machine.fill(130, systemClock.nowNs());
    const server = await start(machine);
    const found = await openPage(browser(), server.url, { colorScheme });
    await found.page.locator('#schematic').waitFor();
    return found;
  }

  it('is an overview where nobody drew one', async () => {
    const { page, misdeeds } = await show(undefined);
    const part = (id: string) => page.locator(`#schematic [data-part="${id}"]`);
    // Roller 9's drag is past its limit: the machine's frame says so.
    await page.locator('#schematic [data-part="machine"][data-condition="beyond"]').waitFor();
    await part('machine').getByText('b3', { exact: true }).waitFor();
    expect(await part('computed').locator('.part').textContent()).toMatch(/Computed/);
    const row = part('machine').locator('.part-row').nth(2);
    await row.getByRole('button').click();
    await page.locator('#focus h3, #focus h2').filter({ hasText: 'b3' }).first().waitFor();
    expect(await row.getAttribute('class')).toContain('selected');
    expect(await row.getByRole('button').getAttribute('aria-label')).toMatch(
      /b3: 0\.\d+ N·m·s\/rad \(95 %: /,
    );
    expect(await violationsOf(page)).toEqual([]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
  });

  it.each(['light', 'dark'] as const)('has parts, links and levels (%s)', async (scheme) => {
    const picture = pictureSchema.parse({
      parts: [
        { id: 'M', kind: 'motor', label: 'Drive', shows: ['lineSpeed'] },
        {
          id: 'T',
          kind: 'tank',
          label: 'Pulp chest',
          shows: ['S4_Tension_N'],
          level: { variable: 'S4_Tension_N', range: [0, 200] },
        },
        { id: 'P', kind: 'pump', shows: ['b9', 'Roller9_w'] },
        { id: 'X', kind: 'heat-exchanger', label: 'Dryer' },
      ],
      links: [
        { from: 'M', to: 'P' },
        { from: 'T', to: 'P', shows: 'S9_Tension_N' },
        { from: 'P', to: 'X' },
        { from: 'X', to: 'T' },
      ],
    });
    const { page, misdeeds } = await show(picture, scheme);
    await page.locator('[data-part="P"][data-condition="beyond"]').waitFor();
    const level = page.locator('[data-part="T"] .level');
    await expect.poll(async () => Number(await level.getAttribute('height'))).toBeGreaterThan(20);
    await page.locator('.flow').filter({ hasText: / N$/ }).waitFor();
    // A circle of links does not push parts away: three columns.
    const boxes = await page
      .locator('.frame')
      .evaluateAll((nodes) => nodes.map((n) => Math.round(n.getBoundingClientRect().x)));
    expect(new Set(boxes).size).toBeLessThanOrEqual(4);
    expect(await violationsOf(page)).toEqual([]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
    if (process.env.TWINLOOP_SHOTS !== undefined) {
      await page.screenshot({ path: join(process.env.TWINLOOP_SHOTS, `parts-${scheme}.png`) });
    }
  });

  it('takes a drawing of one’s own, lets values move it, and nothing in it run', async () => {
    const folder = join(tmpdir(), `twinloop-drawing-${process.pid}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'line.svg'), DRAWING);
    const range = [0, 200];
    const read = pictureSchema.parse({
      svg: './line.svg',
      bind: [
        { element: 'tension', variable: 'S4_Tension_N', as: 'text' },
        { element: 'web', variable: 'S4_Tension_N', as: 'level', range },
        { element: 'needle', variable: 'S4_Tension_N', as: 'rotation', range, degrees: [-90, 90] },
        { element: 'lamp', variable: 'b9', as: 'colour' },
      ],
    });
    const picture = await withDrawing(read, join(folder, 'twin.yaml'));
    await expect(
      withDrawing(
        pictureSchema.parse({ ...read, bind: [{ element: 'no', variable: 'b9', as: 'text' }] }),
        join(folder, 'twin.yaml'),
      ),
    ).rejects.toThrow(/"no", which no element .* has as its id: it has web, tension, needle, lamp/);
    const { page, misdeeds } = await show(picture);
    await page.locator('#tension').filter({ hasText: /\d N$/ }).waitFor();
    expect(await page.locator('#web').getAttribute('transform')).toMatch(/scale\(1 0\.\d+\)/);
    expect(await page.locator('#needle').getAttribute('transform')).toMatch(
      /^rotate\(-?[\d.]+ 0 0\)/,
    );
    expect(await page.locator('#lamp').evaluate((n) => n.getAttribute('style') ?? '')).toMatch(
      /^fill: rgb/,
    );
    expect(await page.title()).not.toBe('run');
    const left = await page
      .locator('svg.drawing')
      .evaluate((n) => n.querySelectorAll('script, style, image, a, foreignObject').length);
    expect(left).toBe(0);
    expect(await page.locator('svg.drawing').evaluate((n) => n.outerHTML)).not.toContain('invalid');
    expect(await violationsOf(page)).toEqual([]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
    if (process.env.TWINLOOP_SHOTS !== undefined) {
      await page.screenshot({ path: join(process.env.TWINLOOP_SHOTS, 'drawing.png') });
    }
  });

  it('takes a model of one’s own in space, and says its values in words', async () => {
    const folder = join(tmpdir(), `twinloop-model-${process.pid}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'line.glb'), await ownModel());
    const range = [0, 200];
    const read = pictureSchema.parse({
      glb: './line.glb',
      bind: [
        { element: 'tank.1', variable: 'S4_Tension_N', as: 'level', range },
        { element: 'tank.1', variable: 'S4_Tension_N', as: 'text' },
        { element: 'needle', variable: 'S4_Tension_N', as: 'rotation', range, degrees: [-90, 90] },
        { element: 'lamp', variable: 'b9', as: 'colour' },
      ],
    });
    const { page, misdeeds } = await show(await withDrawing(read, join(folder, 'twin.yaml')));
    // The label stands above its node once the model is there.
    await page.locator('.scene .names span').filter({ hasText: /\d N$/ }).waitFor();
    await page.getByText('Drag to turn it.').waitFor();
    const values = page.locator('.bound-values button');
    expect(await values.count()).toBe(2);
    expect(await values.last().getAttribute('data-condition')).toBe('beyond');
    await values.first().click();
    await page.locator('#focus').getByText('S4', { exact: false }).first().waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(misdeeds).toEqual({ errors: [], foreignRequests: [] });
    if (process.env.TWINLOOP_SHOTS !== undefined) {
      await page.screenshot({ path: join(process.env.TWINLOOP_SHOTS, 'model.png') });
    }
  });
});
