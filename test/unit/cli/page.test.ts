import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { pageCommand } from '../../../cli/page.js';
import type { FleetSummary } from '../../../cloud/page/browser/protocol.js';
import { type Closeable, closeAll, packageFile, silentLogger } from '../../../shared/core/index.js';
import { startSiteWise } from '../../../simulators/sitewise/index.js';

const opened: Closeable[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  return closeAll(opened.splice(0));
});

const twin = packageFile('shared/twins/web-line/twin.json');

it('serves the page of a fleet in SiteWise until it is stopped', async () => {
  const siteWise = await startSiteWise({});
  opened.push(siteWise);
  vi.stubEnv('AWS_ACCESS_KEY_ID', siteWise.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', siteWise.credentials.secretAccessKey);
  const stop = new AbortController();
  const stdout = new PassThrough();
  const running = pageCommand.run(
    { twin, asset: ['line1'], endpoint: siteWise.endpoint, port: 0, history: 1, json: true },
    {
      stdout,
      stderr: new PassThrough(),
      logger: silentLogger,
      signal: stop.signal,
      env: process.env,
    },
  );
  const [printed] = (await stdout.take(1).toArray()) as [Buffer];
  const { url, assets } = JSON.parse(printed.toString()) as { url: string; assets: number };
  expect(assets).toBe(1);
  // One machine has a page of its own; a fleet of one is a fleet all the same for who asks.
  await vi.waitFor(async () => {
    const fleet = (await (await fetch(`${url}api/fleet`)).json()) as FleetSummary;
    expect(fleet.fault).toBeUndefined();
    expect(fleet).toMatchObject({ of: 1, assets: [{ id: 'line1', alarms: 0 }] });
  }, 15_000);
  expect(await (await fetch(url)).text()).toContain('data-machines="1"');
  stop.abort();
  expect(await running).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

it('names an asset that the fleet does not have', async () => {
  await expect(
    pageCommand.run(
      { fleet: packageFile('cloud/deploy/fleet.json'), asset: ['none'], port: 0, history: 1 },
      {
        stdout: new PassThrough(),
        stderr: new PassThrough(),
        logger: silentLogger,
        signal: new AbortController().signal,
        env: { AWS_REGION: 'eu-west-1' },
      },
    ),
  ).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('none') });
});
