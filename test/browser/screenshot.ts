/**
 * `npm run screenshot`: starts the whole loop on fresh data and follows it for some seven minutes, through a
 * worn bearing's first alarm, the slip that comes of it, and its repair. Takes docs/monitor.png,
 * docs/scene.png and the pictures of the tour in docs/pictures. `--url <page>` takes them of a loop that
 * runs already; `--only <name,…>` some of them.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page } from 'playwright-core';
import { startPage } from '../../cloud/page/index.js';
import { withAliasPrefix } from '../../shared/config/index.js';
import { compiledEntry, packageFile, secondsToNs, systemClock } from '../../shared/core/index.js';
import { checkWords, count, readProgram, runCalled, text, words } from '../study/common/options.js';
import { GrowingDrag, lineTwin } from '../unit/page/growing-drag.js';
import { launchChromium, openPage } from './launch.js';

const PICTURES = [
  ...['monitor', 'scene', 'first-minute', 'dark', 'phone', 'wall', 'print', 'fleet', 'slip'],
  ...['what-if', 'plan', 'after-repair'],
];
const program = {
  name: 'screenshot',
  measures:
    'Takes the pictures of the docs of a loop that it starts, through a worn bearing’s first alarm, the slip that comes of it, and its repair.',
  takes: 'some seven minutes',
  options: {
    url: text('page of a loop that runs already', 'URL', ''),
    wait: count('longest wait for each stage, seconds', 900),
    only: words(`some of ${PICTURES.join(', ')}`),
  },
};
let timeout = 0;
let only: readonly string[] = [];
const isWanted = (name: string) => only.length === 0 || only.includes(name);
const DESK = { width: 1360, height: 1180 };

/** Starts the loop and finds its page's address in what it prints. */
async function startLoop(dataDir: string): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(
    process.execPath,
    [compiledEntry('cli'), 'up', '--port', '0', '--data', dataDir],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for await (const line of createInterface({ input: child.stdout })) {
    console.log(line);
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(line)?.[0];
    if (url === undefined) continue;
    child.stdout.resume();
    return {
      url,
      stop: async () => {
        child.kill('SIGTERM');
        await gone;
      },
    };
  }
  throw new Error('The loop ended before it had a page');
}

const pictures = packageFile('docs/pictures');
const pathOf = (name: string) => join(pictures, `${name}.png`);

async function take(page: Page, name: string, selector?: string): Promise<void> {
  if (!isWanted(name)) return;
  if (selector === undefined) {
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({ path: pathOf(name) });
  } else {
    const part = page.locator(selector);
    await part.scrollIntoViewIfNeeded();
    await part.screenshot({ path: pathOf(name) });
  }
  console.log(`Took ${pathOf(name)}`);
}

/** The page as others see it: by night, on a phone, on a wall, on paper. */
async function takeElsewhere(browser: Browser, url: string): Promise<void> {
  const places = [
    ['dark', '', DESK, 'dark'],
    ['phone', '', { width: 390, height: 844 }, 'light'],
    ['wall', '#view=wall', { width: 1920, height: 1080 }, 'dark'],
  ] as const;
  for (const [name, hash, viewport, colorScheme] of places) {
    if (!isWanted(name)) continue;
    const { page } = await openPage(browser, `${url}${hash}`, { viewport, colorScheme });
    await page.locator('#schematic [data-condition]').first().waitFor({ timeout });
    await page.locator('#alarms li').first().waitFor({ timeout });
    await page.locator('#focus').scrollIntoViewIfNeeded();
    await page.locator('#focus canvas').first().waitFor({ timeout });
    await take(page, name);
    await page.close();
  }
  if (!isWanted('print')) return;
  const { page } = await openPage(browser, url, { viewport: { width: 900, height: 1200 } });
  await page.locator('#alarms li').first().waitFor({ timeout });
  await page.emulateMedia({ media: 'print' });
  await page.evaluate("dispatchEvent(new Event('beforeprint'))");
  await page.locator('.cards canvas').first().waitFor({ timeout });
  await page.screenshot({ path: pathOf('print') });
  await page.close();
}

/** Twelve lines as a fleet, of which one is worn and one is silent: not of the loop, which has one. */
async function takeFleet(browser: Browser): Promise<void> {
  if (!isWanted('fleet')) return;
  const nowNs = systemClock.nowNs();
  const machine = new GrowingDrag(lineTwin());
  machine.fill(130, nowNs);
  const assets = Array.from({ length: 12 }, (_, i) => {
    const id = `line${i + 1}`;
    return { id, twin: withAliasPrefix(lineTwin(), `/${id}`) };
  });
  for (const [i, { id, twin }] of assets.entries()) {
    const timeNs = nowNs - secondsToNs(id === 'line2' ? 900 : 1);
    for (const { alias } of i === 0 ? [] : [...twin.measured, ...twin.parameters]) {
      machine.put(alias, {
        timeNs,
        quality: 'GOOD',
        value: 1e-3 * (1 + ((i * alias.length) % 9) / 20),
      });
    }
  }
  const server = await startPage({ port: 0, siteWise: machine, assets });
  const { page } = await openPage(browser, server.url, { viewport: { width: 1200, height: 620 } });
  await page.locator('#machines tr').nth(11).waitFor({ timeout });
  await take(page, 'fleet');
  await page.close();
  await server.close();
}

/** Through the loop's life, as a new operator sees it. */
async function takeTour(page: Page, browser: Browser, url: string): Promise<void> {
  await page.locator('.card .range').filter({ hasText: '95 %' }).first().waitFor({ timeout });
  await page.locator('#focus canvas').first().waitFor({ timeout });
  await take(page, 'first-minute');
  await page.locator('#verdict').filter({ hasText: 'alarm' }).waitFor({ timeout });
  await page.locator('#focus canvas').first().waitFor({ timeout });
  await page.evaluate('scrollTo(0, 0)');
  if (isWanted('monitor')) await page.screenshot({ path: packageFile('docs/monitor.png') });
  await page.getByRole('button', { name: 'Show in 3-D' }).click();
  // Names are put in their places with the first picture that is drawn.
  await page.locator('#schematic .names span[style*="translate"]').first().waitFor({ timeout });
  if (isWanted('scene'))
    await page.locator('#schematic .scene').screenshot({ path: packageFile('docs/scene.png') });
  await page.getByRole('button', { name: 'Show flat' }).click();
  await takeElsewhere(browser, url);
  await takeFleet(browser);
  await page
    .locator('#alarms li.alarm')
    .filter({ hasText: 'Slip on' })
    .first()
    .waitFor({ timeout });
  await take(page, 'slip');
  if (isWanted('what-if')) {
    await page.locator('#what-if input').first().focus();
    await page.keyboard.press('Home');
    await page.locator('#what-if [data-renew]').first().click();
    await page
      .locator('#what-if [aria-busy="false"] td.tried')
      .first()
      .filter({ hasText: '(' })
      .waitFor({ timeout });
    await take(page, 'what-if', '#what-if');
    await page.getByRole('button', { name: 'As today' }).click();
  }
  if (isWanted('plan')) {
    await page.getByRole('button', { name: 'Work out a plan' }).click();
    await page.locator('.plan-sentence').waitFor({ timeout });
    await take(page, 'plan', '#plan');
  }
  await page.getByText(/^Over \([1-9]/).click({ timeout });
  await page
    .locator('#events-over')
    .getByText(/Drag of R9/)
    .first()
    .waitFor({ timeout });
  await take(page, 'after-repair');
}

await runCalled(async () => {
  const read = readProgram(program, process.argv.slice(2));
  if (read === undefined) return undefined;
  checkWords(read.given.only, PICTURES);
  only = read.given.only;
  timeout = 1000 * read.given.wait;
  await mkdir(pictures, { recursive: true });
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-screenshot-'));
  const loop = read.given.url === '' ? await startLoop(dataDir) : undefined;
  const browser = await launchChromium();
  try {
    const url = loop?.url ?? read.given.url;
    const { page, misdeeds } = await openPage(browser, url, { viewport: DESK });
    await takeTour(page, browser, url);
    for (const error of misdeeds.errors) console.error(`The page complained: ${error}`);
  } finally {
    await browser.close();
    await loop?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  return 0;
});
