// A Grafana server reads what `twinloop dashboard --provisioning` writes, and answers each panel from the
// stand-in. GRAFANA_BIN names its program (`grafana`), in the bin folder of its installation, and
// GF_PATHS_PLUGINS a folder with the SiteWise plugin; without both the test is skipped.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATASOURCE_UID, provisioningFiles } from '../../cloud/dashboards/provisioning.js';
import {
  loadConfig,
  type TwinDefinition,
  twinSchema,
  twinStreams,
} from '../../shared/config/index.js';
import { packageFile, secondsToNs, systemClock } from '../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseWriter,
  ensureAsset,
} from '../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../simulators/sitewise/index.js';
import { until } from '../support/edge.js';

const program = process.env.GRAFANA_BIN;
const plugins = process.env.GF_PATHS_PLUGINS;
const ready = program !== undefined && plugins !== undefined;
const reason = ready ? '' : ' (skipped: set GRAFANA_BIN and GF_PATHS_PLUGINS)';
const EXTERNAL_ID = 'plant:web-line';

interface Target {
  refId: string;
  queryType: string;
  propertyAliases: string[];
}
interface Panel {
  type: string;
  title: string;
  targets?: Target[];
  panels?: Panel[];
}
interface Dashboard {
  panels: Panel[];
  templating: { list: { name: string; query: unknown }[] };
}
interface Result {
  error?: string;
  frames?: { schema: { fields: { name: string }[] }; data: { values: unknown[][] } }[];
}

let twin: TwinDefinition;
let siteWise: SiteWise;
let server: ChildProcess;
let folder: string;
let url: string;
let log = '';

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function ask<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // 207: some queries of several failed; each tells its own error.
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

async function query(queries: readonly object[]): Promise<Record<string, Result>> {
  const to = Date.now();
  const { results } = await ask<{ results: Record<string, Result> }>('/api/ds/query', {
    from: String(to - 6 * 3_600_000),
    to: String(to),
    queries: queries.map((q) => ({
      ...q,
      datasource: { uid: DATASOURCE_UID },
      intervalMs: 60_000,
      maxDataPoints: 400,
    })),
  });
  return results;
}

beforeAll(async () => {
  if (!ready) return;
  twin = await loadConfig(twinSchema, packageFile('shared/twins/web-line/twin.json'), 'twin');
  folder = await mkdtemp(join(tmpdir(), 'twinloop-grafana-'));
  siteWise = await startSiteWise({ activationMs: 0, tls: true });
  const client = createSiteWiseClient({ ...siteWise });
  const streams = twinStreams(twin);
  await ensureAsset(client, {
    model: { externalId: EXTERNAL_ID, name: 'web line' },
    asset: { externalId: 'line1', name: 'line1' },
    streams: streams.map(({ alias, name, dataType }) => ({ alias, name, dataType })),
    pollMs: 1,
  });
  const nowS = Math.floor(Date.now() / 1000);
  const written = await createSiteWiseWriter({ client, clock: systemClock }).write(
    streams.flatMap(({ alias, dataType }) =>
      [3600, 1800, 60].map((agoS) => ({
        alias,
        timeNs: secondsToNs(nowS - agoS),
        quality: 'GOOD' as const,
        value: dataType === 'STRING' ? '[]' : 1,
      })),
    ),
  );
  expect(written.rejected).toEqual([]);
  client.destroy();

  const files = provisioningFiles(twin, {
    assets: [{ id: 'line1', aliasPrefix: '/line1' }],
    assetModel: `externalId:${EXTERNAL_ID}`,
    calibrationMinutes: 20,
    staleMinutes: 60,
  });
  // Where the container has them.
  const certificate = join(folder, 'certificate.pem');
  await writeFile(certificate, siteWise.ca ?? '');
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    const here = content
      .replaceAll('/etc/twinloop/certificate.pem', certificate)
      .replaceAll('/var/lib/grafana/dashboards', join(folder, 'dashboards'));
    await writeFile(join(folder, path), here);
  }
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  server = spawn(program, ['server', '--homepath', dirname(dirname(program))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      GF_SERVER_HTTP_ADDR: '127.0.0.1',
      GF_SERVER_HTTP_PORT: String(port),
      GF_PATHS_DATA: join(folder, 'data'),
      GF_PATHS_LOGS: join(folder, 'logs'),
      GF_PATHS_PLUGINS: plugins,
      GF_PATHS_PROVISIONING: join(folder, 'provisioning'),
      GF_ANALYTICS_REPORTING_ENABLED: 'false',
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
      GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: 'false',
      GF_PLUGINS_PREINSTALL_DISABLED: 'true',
      TWINLOOP_SITEWISE_ENDPOINT: siteWise.endpoint,
      TWINLOOP_SITEWISE_ACCESS_KEY_ID: siteWise.credentials.accessKeyId,
      TWINLOOP_SITEWISE_SECRET_ACCESS_KEY: siteWise.credentials.secretAccessKey,
    },
  });
  for (const stream of [server.stdout, server.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-20_000);
    });
  }
  await until(
    'Grafana to answer',
    async () => {
      if (server.exitCode !== null) throw new Error(`Grafana ended: ${log}`);
      return ask<{ database: string }>('/api/health').then(
        (health) => health.database === 'ok',
        () => false,
      );
    },
    60_000,
  );
}, 120_000);

afterAll(async () => {
  if (!ready) return;
  server?.kill('SIGTERM');
  await siteWise?.close();
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!ready)(`a Grafana server${reason}`, () => {
  const read = async () =>
    (await ask<{ dashboard: Dashboard }>('/api/dashboards/uid/twinloop-web-line')).dashboard;

  it('has the dashboard, the alert rules and a data source that works', async () => {
    expect((await read()).panels.length).toBeGreaterThan(5);
    const rules = await ask<object[]>('/api/v1/provisioning/alert-rules');
    expect(rules.length).toBeGreaterThan(10);
    const health = await ask<{ status: string }>(`/api/datasources/uid/${DATASOURCE_UID}/health`);
    expect(health.status).toBe('OK');
  });

  it('lists the asset for its variable', async () => {
    const { templating } = await read();
    const variable = templating.list.find((v) => v.name === 'asset');
    const { asset } = await query([{ ...(variable?.query as object), refId: 'asset' }]);
    expect(asset?.error).toBeUndefined();
    const [frame] = asset?.frames ?? [];
    const at = frame?.schema.fields.findIndex((f) => f.name === 'name') ?? -1;
    expect(frame?.data.values[at]).toEqual(['line1']);
  });

  it('answers every query of every panel with a frame for each series', async () => {
    const { panels } = await read();
    for (const panel of panels.flatMap((p) => (p.type === 'row' ? (p.panels ?? []) : [p]))) {
      const targets = (panel.targets ?? []).map((t) => ({
        ...t,
        propertyAliases: t.propertyAliases.map((a) => a.replace(`\${asset:text}`, 'line1')),
      }));
      const results = await query(targets);
      for (const { refId, propertyAliases } of targets) {
        const { error, frames = [] } = results[refId] ?? {};
        expect(error, `${panel.title} ${refId}`).toBeUndefined();
        expect(frames, `${panel.title} ${refId}`).toHaveLength(propertyAliases.length);
      }
    }
  }, 60_000);
});
