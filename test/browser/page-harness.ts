import { readFile } from 'node:fs/promises';
import type { Browser, Page as BrowserPage } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Page, type ReadVerdicts, startPage } from '../../cloud/page/index.js';
import { packageFile } from '../../shared/core/index.js';
import type { GrowingDrag } from '../unit/page/growing-drag.js';
import { launchChromium } from './launch.js';

/** What the head of the page says once both drags of the machine have passed their limit. */
export const LIMIT_PASSED = /2 alarms/;

/** What axe finds; through the driver, which the page's own policy does not bind. */
export async function violationsOf(page: BrowserPage): Promise<unknown[]> {
  await page.evaluate(await readFile(packageFile('node_modules/axe-core/axe.min.js'), 'utf8'));
  return (await page.evaluate(
    '(async () => (await axe.run(document)).violations.map((v) => [v.id, v.nodes[0].html]))()',
  )) as unknown[];
}

/** A browser for the tests of a file; what a test opened is closed after it. */
export function useBrowser() {
  let browser: Browser | undefined;
  const opened: Page[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });
  afterEach(async () => {
    for (const page of opened.splice(0)) await page.close();
    for (const context of browser?.contexts() ?? []) await context.close();
  });
  return {
    /** Servers that are closed after the test. */
    opened,
    browser(): Browser {
      if (browser === undefined) throw new Error('The browser is not started yet.');
      return browser;
    },
    /** The page of one machine, read quickly. */
    async start(machine: GrowingDrag, port = 0, verdicts?: ReadVerdicts): Promise<Page> {
      const page = await startPage({
        port,
        siteWise: machine,
        assets: [
          { id: 'line1', twin: machine.twin, status: async () => machine.status(), verdicts },
        ],
        pace: { pollIntervalMs: 50 },
      });
      opened.push(page);
      return page;
    },
  };
}
