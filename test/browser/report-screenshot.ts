/**
 * `npm run screenshot:report`: makes a twin of the heat exchanger's example by `twinloop new` and takes
 * docs/report.png of the report that it ends in.
 */
import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compiledEntry, packageFile } from '../../shared/core/index.js';
import { readProgram, runCalled } from '../study/common/options.js';
import { launchChromium } from './launch.js';

await runCalled(async () => {
  const program = {
    name: 'screenshot:report',
    measures:
      'Takes docs/report.png of the report that `twinloop new` makes of the heat exchanger.',
    options: {},
  };
  if (readProgram(program, process.argv.slice(2)) === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-report-'));
  const browser = await launchChromium();
  try {
    // The report shows the names that it was called with.
    for (const file of ['heat-exchanger.fmu', 'export.csv']) {
      await copyFile(packageFile(`shared/twins/heat-exchanger/${file}`), join(folder, file));
    }
    const made = spawnSync(
      process.execPath,
      [
        ...[compiledEntry('cli'), 'new', 'heat-exchanger.fmu'],
        ...['--data', 'export.csv', '--output', 'twin.yaml', '--yes'],
      ],
      { cwd: folder, stdio: 'inherit' },
    );
    if (made.status !== 0) throw new Error(`twinloop new ended with exit code ${made.status}`);
    const page = await browser.newPage({ viewport: { width: 900, height: 1000 } });
    await page.goto(pathToFileURL(join(folder, 'twin.html')).href);
    await page.locator('svg').first().waitFor();
    const path = packageFile('docs/report.png');
    await page.screenshot({ path, fullPage: true });
    console.log(`Took ${path}`);
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
  return 0;
});
