// Starts a built bundle as a gateway would: unpacked where nothing else of Twinloop is, from the built
// recipe, under the stand-in nucleus. Values must get through to SiteWise by both publishers, a twin
// must be evaluated, and every kind of source must load. Called by build-component.mjs --check.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { unzipSync } from 'fflate';

const LIMIT_MS = 60_000;

// The AWS SDK reminds of the end of Node 20 at every start.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

async function unpack(zipFile, folder) {
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(zipFile)))) {
    if (name.endsWith('/')) continue;
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}

async function until(what, condition, output) {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`The bundle does not work: waited in vain for ${what}.\n${output()}`);
    }
    await sleep(100);
  }
}

/** A device that is not there: its library is loaded and finds nobody. */
function absentSources() {
  const backoff = { minMs: 200, maxMs: 500 };
  return [
    {
      name: 'opcua',
      type: 'opcua',
      endpointUrl: 'opc.tcp://127.0.0.1:9',
      signals: [{ nodeId: 'ns=1;s=a', alias: '/absent/opcua' }],
      backoff,
    },
    {
      name: 'modbus',
      type: 'modbus',
      host: '127.0.0.1',
      port: 9,
      signals: [{ address: 0, alias: '/absent/modbus' }],
      backoff,
    },
    {
      name: 'mqtt',
      type: 'mqtt',
      url: 'mqtt://127.0.0.1:9',
      signals: [{ topic: 'a', alias: '/absent/mqtt' }],
      backoff,
    },
    {
      name: 'sparkplug',
      type: 'sparkplug',
      url: 'mqtt://127.0.0.1:9',
      group: 'g',
      signals: [{ node: 'n', metric: 'a', alias: '/absent/sparkplug' }],
      backoff,
    },
  ];
}

/**
 * @param root the repository, built
 * @param zipFile the bundle for this machine
 * @param recipe the built recipe
 */
export async function checkBundle({ root, zipFile, recipe, bundleName }) {
  const load = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
  const { startNucleus } = await load('simulators/greengrass/index.js');
  const { startSiteWise } = await load('simulators/sitewise/index.js');
  const { startSiteWiseEdge } = await load('simulators/sitewise-edge/index.js');
  const { createSiteWiseClient, createSiteWiseReader } = await load('shared/sitewise/index.js');
  const scratch = mkdtempSync(join(tmpdir(), 'twinloop-check-'));
  const closeables = [];
  let said = '';
  try {
    await unpack(zipFile, join(scratch, 'bundle'));
    const twin = join(root, 'shared/twins/web-line/twin.json');
    const { inputs, parameters, virtualSensors } = JSON.parse(readFileSync(twin, 'utf8'));
    const followed = inputs.filter((i) => i.alias !== undefined && i.value === undefined);
    const rows = Array.from({ length: 3000 }, (_, r) =>
      [r / 20, r, ...followed.map(() => 1)].join(','),
    );
    const header = ['t', 'x', ...followed.map((i) => i.variable)].join(',');
    writeFileSync(join(scratch, 'r.csv'), `${header}\n${rows.join('\n')}\n`);
    writeFileSync(
      join(scratch, 'calibration.json'),
      JSON.stringify({
        timeNs: String(BigInt(Date.now()) * 1_000_000n),
        parameters: Object.fromEntries(
          parameters.map((p) => [p.variable, { mean: p.prior.mean, std: 0 }]),
        ),
      }),
    );
    const siteWise = await startSiteWise();
    closeables.push(siteWise);
    const { endpoint, region, credentials } = siteWise;
    const access = { endpoint, region, credentials };
    const gateway = await startSiteWiseEdge({ siteWise: access, maxWaitMs: 100 });
    closeables.push(gateway);
    const nucleus = await startNucleus({
      recipe,
      rootDir: join(scratch, 'greengrass'),
      artifacts: { [bundleName]: join(scratch, 'bundle') },
      credentials,
      region,
      configuration: {
        edge: {
          sources: [
            {
              name: 'replay',
              type: 'csv',
              file: join(scratch, 'r.csv'),
              repeat: true,
              clockToleranceS: 3600,
              signals: [
                { column: 'x', alias: '/check/x' },
                ...followed.map((i) => ({ column: i.variable, alias: i.alias })),
              ],
            },
            ...absentSources(),
          ],
          virtualSensors: {
            twin,
            calibration: { file: join(scratch, 'calibration.json') },
            everyS: 1,
          },
          publisher: { type: 'sitewise-edge', url: gateway.mqttUrl },
          status: { port: 0, everyS: 1 },
        },
      },
      onOutput: (text) => {
        said = (said + text).slice(-8000);
      },
    });
    closeables.push(nucleus);
    let status;
    nucleus.subscribe('twinloop/edge/status', (message) => {
      status = message;
    });
    const client = createSiteWiseClient(access);
    const reader = createSiteWiseReader({ client });
    const newest = async (alias) => (await reader.latest([alias])).get(alias)?.timeNs ?? 0n;
    const output = () => `${JSON.stringify(status, null, 2)}\n${said}`;
    await until('RUNNING', () => nucleus.state === 'RUNNING', output);
    await until('values by MQTT', async () => (await newest('/check/x')) > 0n, output);
    const sensor = `${virtualSensors[0].alias}_edge`;
    await until('a virtual sensor', async () => (await newest(sensor)) > 0n, output);
    await until(
      'sources that find nobody',
      () => status?.sources.filter((s) => s.state === 'down').length === 3,
      output,
    );
    for (const { name, lastError } of status.sources) {
      if (/module|import|require/i.test(lastError ?? '')) throw new Error(`${name}: ${lastError}`);
    }
    nucleus.updateConfiguration({ edge: { publisher: { type: 'sitewise', endpoint } } });
    await until('the other publisher', () => status?.publisher.type === 'sitewise', output);
    const before = await newest('/check/x');
    await until('values by the API', async () => (await newest('/check/x')) > before, output);
    client.destroy();
  } finally {
    for (const closeable of closeables.reverse()) await closeable.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}
