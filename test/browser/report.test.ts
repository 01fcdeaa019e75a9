import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { newCommand } from '../../cli/new.js';
import { packageFile, silentLogger } from '../../shared/core/index.js';
import { chromiumPath, launchChromium } from './launch.js';

if (chromiumPath === undefined) {
  it.skip('the report: skipped, as there is no Chromium (TWINLOOP_CHROMIUM names one)', () => {});
}

it.skipIf(chromiumPath === undefined)(
  'the report needs nothing but its file, and axe finds no violation',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'twinloop-report-'));
    const none = new Writable({ write: (_chunk, _encoding, done) => done() });
    const browser = await launchChromium();
    try {
      await newCommand.run(
        {
          fmu: packageFile('shared/twins/heat-exchanger/heat-exchanger.fmu'),
          data: packageFile('shared/twins/heat-exchanger/export.csv'),
          output: join(folder, 'twin.yaml'),
          lanes: 1,
        },
        {
          stdout: none,
          stderr: none,
          logger: silentLogger,
          signal: new AbortController().signal,
          env: {},
        },
      );
      const page = await browser.newPage();
      const requests: string[] = [];
      const errors: string[] = [];
      page.on('request', (r) => requests.push(r.url()));
      page.on('pageerror', (e) => errors.push(e.message));
      await page.goto(pathToFileURL(join(folder, 'twin.html')).href);
      expect(requests).toHaveLength(1);
      expect(errors).toEqual([]);
      expect(await page.locator('svg[role=img]').count()).toBe(3);
      const picture = process.env.TWINLOOP_REPORT_SCREENSHOT;
      if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
      await page.evaluate(readFileSync(packageFile('node_modules/axe-core/axe.min.js'), 'utf8'));
      const violations = await page.evaluate(
        '(async () => (await axe.run(document)).violations.map((v) => [v.id, v.nodes[0].html.slice(0, 200)]))()',
      );
      expect(violations).toEqual([]);
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
