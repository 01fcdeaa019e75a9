import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { EdgeStatus } from '../../edge-component/status/status.js';
import { packageFile } from '../../shared/core/index.js';
import { createSiteWiseClient, createSiteWiseReader } from '../../shared/sitewise/index.js';
import {
  type Nucleus,
  type NucleusOptions,
  startNucleus,
} from '../../simulators/greengrass/index.js';
import { startSiteWise } from '../../simulators/sitewise/index.js';
import { startTestBroker, temporaryFolder, until } from '../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const BUNDLES = Object.fromEntries(
  ['x64', 'arm64'].map((arch) => [`twinloop-edge-linux-${arch}`, packageFile('dist')]),
);

/** A replay of a hundred rows and more, so that something flows. */
async function recording(folder: string): Promise<string> {
  const file = join(folder, 'recording.csv');
  const rows = Array.from({ length: 2000 }, (_, i) => `${i / 20},${i}`);
  await writeFile(file, ['t,x', ...rows].join('\n'));
  return file;
}

function csvSource(file: string, alias: string, name = 'replay') {
  return { name, type: 'csv', file, signals: [{ column: 'x', alias }] };
}

async function start(
  flavor: 'classic' | 'lite',
  edge: Record<string, unknown>,
  options: Pick<NucleusOptions, 'credentials' | 'region'> = {},
): Promise<{ nucleus: Nucleus; output: () => string }> {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  let output = '';
  const nucleus = await startNucleus({
    recipe: packageFile('recipes/com.twinloop.Edge.yaml'),
    rootDir: folder.path,
    artifacts: BUNDLES,
    flavor,
    ...options,
    configuration: { edge },
    restartDelayMs: 50,
    onOutput: (text) => {
      output += text;
    },
  });
  cleanups.push(() => nucleus.close());
  return { nucleus, output: () => output };
}

describe.each(['classic', 'lite'] as const)(
  'under the stand-in nucleus (%s)',
  { timeout: 90_000 },
  (flavor) => {
    it('runs from its recipe, takes a new configuration while running, obeys commands', async () => {
      const broker = await startTestBroker();
      cleanups.push(() => broker.close());
      const folder = await temporaryFolder();
      cleanups.push(folder.remove);
      const file = await recording(folder.path);
      const { nucleus } = await start(flavor, {
        sources: [csvSource(file, '/a')],
        publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
        status: { port: 0, everyS: 3600 },
      });
      const seen: EdgeStatus[] = [];
      nucleus.subscribe('twinloop/edge/status', (m) => seen.push(m as EdgeStatus));
      await nucleus.reached('RUNNING');
      await until('values of /a', () => broker.values.some((v) => v.alias === '/a'));

      const before = broker.values.length;
      nucleus.updateConfiguration({ edge: { sources: [csvSource(file, '/b', 'second')] } });
      await until('values of /b', () => broker.values.some((v) => v.alias === '/b'));
      expect(broker.values.length).toBeGreaterThan(before);
      // What was read before the change arrived whole: no gap, no repetition.
      const a = broker.values.filter((v) => v.alias === '/a').map((v) => v.value);
      expect(a).toEqual(a.map((_, i) => i));

      nucleus.publish('twinloop/edge/commands', { command: 'pause', id: 7 });
      await until('paused', () =>
        seen.some((s) => s.component.state === 'paused' && (s as { id?: unknown }).id === 7),
      );
      nucleus.publish('twinloop/edge/commands', { command: 'resume' });
      await until('running again', () => seen.at(-1)?.component.state === 'running');

      // A configuration that is wrong is told, and the last one stays.
      nucleus.updateConfiguration({ edge: { sources: [{ name: 'x', type: 'nonsense' }] } });
      await until('the fault is told', () =>
        seen.some((s) => JSON.stringify(s).includes('sources[0].type')),
      );
      const count = broker.values.length;
      await until('values still come', () => broker.values.length > count);

      // A nucleus that restarts hangs up; the component comes back to it.
      nucleus.dropConnections();
      const told = seen.length;
      await until('commands work again', () => {
        nucleus.publish('twinloop/edge/commands', { command: 'snapshot' });
        return seen.length > told;
      });
      expect(nucleus.starts).toBe(1);
      await nucleus.close();
      expect(nucleus.state).toBe('FINISHED');
    });
  },
);

describe('a deployment that cannot work', { timeout: 90_000 }, () => {
  it('is told as ERRORED, with every mistake and its path, and ends BROKEN', async () => {
    const { nucleus, output } = await start('classic', {
      sources: [{ name: 'x', type: 'opcua', endpointUrl: 'http://plc', signals: [] }],
      status: { port: 'many' },
    });
    await nucleus.reached('BROKEN');
    expect(nucleus.starts).toBe(3);
    expect(output()).toContain('sources[0].endpointUrl');
    expect(output()).toContain('sources[0].signals');
    expect(output()).toContain('status.port');
  });
});

describe('a configuration that is too long for one packet', { timeout: 90_000 }, () => {
  const signals = Array.from({ length: 200 }, (_, i) => ({
    address: i,
    alias: `/hall/press/${i}/hydraulic-pressure`,
  }));
  const long = {
    sources: [{ name: 'plc', type: 'modbus', host: '127.0.0.1', port: 9, signals }],
    status: { port: 0 },
  };

  it('is taken from the classic nucleus', async () => {
    const { nucleus } = await start('classic', long);
    await nucleus.reached('RUNNING');
    expect(nucleus.starts).toBe(1);
  });

  it('is taken from a file, also under nucleus lite, and read again when it is told to', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const broker = await startTestBroker();
    cleanups.push(() => broker.close());
    const configFile = join(folder.path, 'edge.json');
    const replay = csvSource('recording.csv', '/from-the-file');
    await recording(folder.path);
    const config = {
      ...long,
      sources: [...long.sources, replay],
      publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
    };
    await writeFile(configFile, JSON.stringify(config));
    const { nucleus } = await start('lite', { configFile });
    await nucleus.reached('RUNNING');
    const arrived = (alias: string) => broker.values.some((v) => v.alias === alias);
    await until('values', () => arrived('/from-the-file'));
    const again = {
      ...config,
      sources: [{ ...replay, signals: [{ column: 'x', alias: '/again' }] }],
    };
    await writeFile(configFile, JSON.stringify(again));
    nucleus.publish('twinloop/edge/commands', { command: 'reload' });
    await until('values under the new name', () => arrived('/again'));
    expect(nucleus.starts).toBe(1);
  });

  it('cannot be had from nucleus lite, and the log says why', async () => {
    const { nucleus, output } = await start('lite', long);
    await nucleus.reached('ERRORED');
    await until('the reason is told', () => output().includes('longer than 10,000 bytes'));
  });
});

describe('the SiteWise API under the token exchange service', { timeout: 90_000 }, () => {
  const credentials = {
    accessKeyId: 'ASIAGATEWAY00000001',
    secretAccessKey: 'secret-of-the-role',
    sessionToken: 'session-of-the-role',
  };

  it('gets every value, signed with the role that the nucleus hands out', async () => {
    const siteWise = await startSiteWise({ credentials, region: 'eu-west-1' });
    cleanups.push(() => siteWise.close());
    const { endpoint, region } = siteWise;
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const file = await recording(folder.path);
    const { nucleus } = await start(
      'classic',
      {
        sources: [{ ...csvSource(file, '/a'), timeScale: 50 }],
        // Neither keys nor a region: both come from the nucleus.
        publisher: { type: 'sitewise', endpoint },
        status: { port: 0 },
      },
      { credentials, region },
    );
    await nucleus.reached('RUNNING');
    const client = createSiteWiseClient({ endpoint, region, credentials });
    cleanups.push(async () => client.destroy());
    const reader = createSiteWiseReader({ client });
    const values = async () => {
      const untilNs = BigInt(Date.now() + 60_000) * 1_000_000n;
      const afterNs = untilNs - 3_600_000_000_000n;
      const found = await reader.history({ aliases: ['/a'], missing: 'empty', afterNs, untilNs });
      return (found.get('/a') ?? []).map((v) => v.value);
    };
    await until('all values arrive', async () => (await values()).length === 2000);
    expect(await values()).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  });

  it('says so when the role may not write: the values are kept', async () => {
    const siteWise = await startSiteWise({ credentials });
    cleanups.push(() => siteWise.close());
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const file = await recording(folder.path);
    const { nucleus } = await start(
      'classic',
      {
        sources: [{ ...csvSource(file, '/a'), timeScale: 1000 }],
        publisher: { type: 'sitewise', endpoint: siteWise.endpoint },
        status: { port: 0 },
      },
      { credentials: { ...credentials, sessionToken: 'expired' }, region: siteWise.region },
    );
    await nucleus.reached('RUNNING');
    const seen: EdgeStatus[] = [];
    nucleus.subscribe('twinloop/edge/status', (m) => seen.push(m as EdgeStatus));
    await until('the refusal is told', () => {
      nucleus.publish('twinloop/edge/commands', { command: 'snapshot' });
      const last = seen.at(-1);
      return last?.publisher.lastError !== undefined && last.queueDepth === 2000;
    });
    expect(seen.at(-1)).toMatchObject({ healthy: false, published: 0, dropped: 0 });
    expect(seen.at(-1)?.publisher.lastError).toMatch(/token|signature|denied|credential/i);
  });
});
