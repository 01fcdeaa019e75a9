import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const CANDIDATES = [
  process.env.TWINLOOP_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Where a Chromium is on this machine, or undefined; `TWINLOOP_CHROMIUM` names another. */
export const chromiumPath: string | undefined = CANDIDATES.find(
  (path) => path !== undefined && existsSync(path),
);

/** Starts a headless Chromium that talks to nobody but the page. */
export function launchChromium(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('There is no Chromium: see chromiumPath');
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      // WebGL without a graphics card; newer Chromiums want to be asked for it.
      '--enable-unsafe-swiftshader',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** What a page did that it should not: errors, and requests to other hosts. */
export interface Misdeeds {
  errors: string[];
  foreignRequests: string[];
}

/** Opens the monitor in a new page and watches what it does. */
export async function openPage(
  browser: Browser,
  url: string,
  options: {
    viewport?: { width: number; height: number };
    colorScheme?: 'light' | 'dark';
    deviceScaleFactor?: number;
  } = {},
): Promise<{ page: Page; misdeeds: Misdeeds }> {
  const page = await browser.newPage({
    viewport: options.viewport ?? { width: 1280, height: 900 },
    colorScheme: options.colorScheme ?? 'light',
    deviceScaleFactor: options.deviceScaleFactor ?? 1,
  });
  const misdeeds: Misdeeds = { errors: [], foreignRequests: [] };
  page.on('pageerror', (error) => misdeeds.errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') misdeeds.errors.push(message.text());
  });
  const { host } = new URL(url);
  page.on('request', (request) => {
    const target = new URL(request.url());
    if (target.host !== host && !['data:', 'blob:'].includes(target.protocol)) {
      misdeeds.foreignRequests.push(request.url());
    }
  });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return { page, misdeeds };
}

/** The 95 % interval that a quantity's card shows, e.g. of `parameter:b3`; empty before there is one. */
export async function shownBand(page: Page, quantityId: string): Promise<string> {
  return (await page.locator(`[data-quantity="${quantityId}"].card .range`).textContent()) ?? '';
}
