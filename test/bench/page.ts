import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Browser, Page } from 'playwright-core';
import { compiledEntry } from '../../shared/core/index.js';
import { chromiumPath, launchChromium, openPage } from '../browser/launch.js';
import { askableTwin, wornState } from '../unit/page/outlook-twin.js';
import { type BenchIo, defineBench } from './common/bench.js';

const HOURS = 720;
const RUNS = 5;
const BROWSERS = 10;
const FLEET = 200;

export const bench = defineBench({
  measures:
    'The operator’s page in Chromium and its server: first useful paint with 30 days of history, frames while a chart is dragged, what-if answers, a fleet’s overview, and memory.',
  options: {},
  run: (_, io) => measurePage(io),
});

async function measurePage(io: BenchIo): Promise<void> {
  if (chromiumPath === undefined) {
    io.print('There is no Chromium here: TWINLOOP_CHROMIUM names one.');
    return;
  }
  const browser = await launchChromium();
  const report = (what: string, values: readonly number[], unit: string) => {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    io.print(
      `${what.padEnd(52)} median ${at(0.5).toFixed(0)} ${unit}, p95 ${at(0.95).toFixed(0)} ${unit}, of ${values.length}`,
    );
  };
  const one = await startServer(1);
  try {
    const paints: number[] = [];
    const spent: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const before = await cpuMs(browser, one);
      const { page } = await openPage(browser, `${one.url}#show=parameter:b9`);
      await page.locator('#focus canvas').first().waitFor();
      paints.push(Number(await page.evaluate('performance.now()')));
      spent.push((await cpuMs(browser, one)) - before);
      await page.close();
    }
    report('first useful paint, 30 days of history', paints, 'ms');
    report('… CPU time of the browser and the server', spent, 'ms');
    const { page } = await openPage(browser, `${one.url}#show=parameter:b9`);
    await page.locator('#what-if input').first().waitFor();
    report('a frame while dragging in a chart', await framesWhileDragging(page), 'ms');
    report('what-if, from the slider to its answer', await whatIfs(page), 'ms');
    const streams = Array.from({ length: BROWSERS }, () => fetch(`${one.url}api/events`));
    const readers = (await Promise.all(streams)).map((s) => s.body?.getReader());
    // As browsers do: read all that comes, here for ten updates.
    await Promise.all(
      readers.map(async (reader) => {
        const decoder = new TextDecoder();
        for (let updates = 0; updates < 10; ) {
          const { value } = (await reader?.read()) ?? {};
          const text = decoder.decode(value as Uint8Array | undefined, { stream: true });
          updates += text.split('event: update').length - 1;
        }
      }),
    );
    io.print(
      `server with ${BROWSERS} more browsers: ${((await one.usage()).rss / 1e6).toFixed(0)} MB`,
    );
    for (const reader of readers) await reader?.cancel();
    await page.close();
  } finally {
    one.stop();
  }
  const fleet = await startServer(FLEET);
  try {
    const paints: number[] = [];
    const spent: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const before = await cpuMs(browser, fleet);
      const { page } = await openPage(browser, fleet.url);
      await page.locator(`#machines tr:nth-child(${FLEET})`).waitFor();
      paints.push(Number(await page.evaluate('performance.now()')));
      spent.push((await cpuMs(browser, fleet)) - before);
      if (i === RUNS - 1) io.print(`browser's heap with ${FLEET} assets: ${await heapMb(page)} MB`);
      await page.close();
    }
    report(`overview of ${FLEET} assets`, paints, 'ms');
    report('… CPU time of the browser and the server', spent, 'ms');
  } finally {
    fleet.stop();
    await browser.close();
  }
}

async function startServer(assets: number) {
  const child: ChildProcess = fork(compiledEntry('test/support/page-server'), [String(assets)], {
    serialization: 'advanced',
  });
  const twin = askableTwin();
  child.send({ twin, state: wornState(twin, HOURS * 3600) });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return {
    url,
    stop: () => child.disconnect(),
    async usage(): Promise<{ rss: number; cpuMs: number }> {
      child.send('usage');
      const [usage] = (await once(child, 'message')) as [{ rss: number; cpuMs: number }];
      return usage;
    },
  };
}

type Server = Awaited<ReturnType<typeof startServer>>;

/** What all processes of the browser and the server have computed: tells more than time on a busy machine. */
async function cpuMs(browser: Browser, server: Server): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const seconds = processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  return 1000 * seconds + (await server.usage()).cpuMs;
}

/** Milliseconds between frames while the pointer drags over the large chart. */
async function framesWhileDragging(page: Page): Promise<number[]> {
  const plot = page.locator('#focus .u-over').first();
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  if (box === null) throw new Error('The chart is not there');
  await page.evaluate(
    '(() => { window.frames_ = []; let last = performance.now(); const tick = (t) => { window.frames_.push(t - last); last = t; window.timer_ = requestAnimationFrame(tick); }; requestAnimationFrame(tick); })()',
  );
  await page.mouse.move(box.x + 0.1 * box.width, box.y + 40);
  await page.mouse.down();
  for (let k = 0; k < 90; k++) {
    await page.mouse.move(box.x + (0.1 + 0.008 * k) * box.width, box.y + 40 + (k % 20));
  }
  const frames = (await page.evaluate(
    '(() => { cancelAnimationFrame(window.timer_); return window.frames_; })()',
  )) as number[];
  await page.mouse.up();
  await page.keyboard.press('Escape');
  return frames.slice(1);
}

async function whatIfs(page: Page): Promise<number[]> {
  const slider = page.locator('#what-if input').first();
  const answer = page.locator('#what-if tbody');
  const took: number[] = [];
  let before = await answer.textContent();
  for (const key of ['Home', 'End', 'Home', 'PageUp', 'End', 'PageDown']) {
    await slider.focus();
    const startMs = performance.now();
    await page.keyboard.press(key);
    const known = before;
    await page.waitForFunction(
      (text) => {
        const doc = (
          globalThis as unknown as {
            document: { querySelector(s: string): { textContent: string } | null };
          }
        ).document;
        return doc.querySelector('#what-if tbody')?.textContent !== text;
      },
      known,
      { polling: 10 },
    );
    took.push(performance.now() - startMs);
    before = await answer.textContent();
  }
  return took;
}

async function heapMb(page: Page): Promise<string> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const { metrics } = await session.send('Performance.getMetrics');
  return ((metrics.find((m) => m.name === 'JSHeapUsedSize')?.value ?? 0) / 1e6).toFixed(1);
}
