/**
 * `npm run screenshot`: starts the whole loop on fresh data, waits until a worn bearing has raised an
 * alarm, and takes docs/monitor.png of the page and docs/scene.png of the machine in space.
 * `--url <page>` takes them of a loop that runs already.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { compiledEntry, packageFile } from '../../shared/core/index.js';
import { launchChromium, openPage } from './launch.js';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    output: { type: 'string', default: packageFile('docs/monitor.png') },
    scene: { type: 'string', default: packageFile('docs/scene.png') },
    /** Longest wait for the alarm, seconds. */
    wait: { type: 'string', default: '600' },
    dark: { type: 'boolean', default: false },
    width: { type: 'string', default: '1360' },
    height: { type: 'string', default: '1180' },
    /** What the head of the page says when it is time. */
    until: { type: 'string', default: 'alarm' },
  },
});

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

const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-screenshot-'));
const loop = values.url === undefined ? await startLoop(dataDir) : undefined;
const browser = await launchChromium();
try {
  const { page, misdeeds } = await openPage(browser, values.url ?? loop?.url ?? '', {
    viewport: { width: Number(values.width), height: Number(values.height) },
    colorScheme: values.dark ? 'dark' : 'light',
  });
  await page
    .locator('#verdict')
    .filter({ hasText: values.until })
    .waitFor({ timeout: Number(values.wait) * 1000 });
  // A chart draws when it comes into view; wait for those that are.
  await page.locator('#focus canvas').first().waitFor();
  await mkdir(dirname(values.output), { recursive: true });
  await page.screenshot({ path: values.output });
  console.log(`Took ${values.output}`);
  await page.getByRole('button', { name: 'Show in 3-D' }).click();
  // Names are put in their places with the first picture that is drawn.
  await page.locator('#schematic .names span[style*="translate"]').first().waitFor();
  await page.locator('#schematic .scene').screenshot({ path: values.scene });
  console.log(`Took ${values.scene}`);
  for (const error of misdeeds.errors) console.error(`The page complained: ${error}`);
} finally {
  await browser.close();
  await loop?.stop();
  await rm(dataDir, { recursive: true, force: true });
}
