import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { packageFile } from '../../shared/core/index.js';
import { startSiteWise } from '../../simulators/sitewise/index.js';
import { outputOf } from '../support/child-output.js';

const bin = process.env.TWINLOOP_SITEWISE_MCP;
const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test.skipIf(bin === undefined)(
  'awslabs’ MCP server for SiteWise works with the stand-in, unmodified [needs it: TWINLOOP_SITEWISE_MCP]',
  async () => {
    const siteWise = await startSiteWise({ activationMs: 5 });
    closers.push(() => siteWise.close());
    const child = spawn(
      join(bin ?? '', 'python'),
      [
        packageFile('test/judges/sitewise_mcp.py'),
        join(bin ?? '', 'awslabs.aws-iot-sitewise-mcp-server'),
        siteWise.endpoint,
      ],
      {
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: siteWise.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: siteWise.credentials.secretAccessKey,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    closers.push(() => child.kill());
    const { code, stdout, stderr } = await outputOf(child);
    expect(code, stderr).toBe(0);
    const { tools, called, refused } = JSON.parse(stdout);
    expect(tools).toBeGreaterThan(70);
    expect(called.length).toBeGreaterThan(25);
    for (const text of Object.values(refused))
      expect(text).toContain('not offered by this stand-in');
  },
  120_000,
);
