import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runWorker } from '../../cloud/index.js';
import { calibrationEngine } from '../../cloud/worker/calibration-engine.js';
import { fleetSchema } from '../../shared/config/index.js';
import {
  decodeTimeMap,
  packageFile,
  secondsToNs,
  silentLogger,
  systemClock,
} from '../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
} from '../../shared/sitewise/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { type SiteWise, startSiteWise } from '../../simulators/sitewise/index.js';
import { runCommand } from '../support/run-command.js';
import { memoryStore } from '../support/worker-fakes.js';

// A box whose heater switches between the readings of its sensor: rows are 10 s apart, of which the
// sensor is in SiteWise each 13th, so that most of a heater's run lies between two of them.
const STRIDE = 13;
const folder = packageFile('shared/twins/heated-box');
const data = join(folder, 'export.csv');
const TRUTH = { GHeater: 1.2, GBox: 0.58 };

let dir: string;
let siteWise: SiteWise;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'twinloop-pulses-'));
  siteWise = await startSiteWise({ activationMs: 2 });
  vi.stubEnv('AWS_ACCESS_KEY_ID', siteWise.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', siteWise.credentials.secretAccessKey);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await siteWise.close();
  await rm(dir, { recursive: true });
});

/** A twin file whose streams have names of their own. */
async function twinFile(
  name: string,
  more: object = { calibration: { refit: false } },
): Promise<string> {
  const file = join(dir, `${name}.json`);
  await writeFile(
    file,
    JSON.stringify({
      name,
      fmu: join(folder, 'heated-box.fmu'),
      inputs: [
        { variable: 'heaterOn', alias: `/${name}/on`, column: 'heater_on', interpolation: 'hold' },
        { variable: 'TRoom', alias: `/${name}/room`, column: 'T_room' },
      ],
      measured: [{ variable: 'TAir', alias: `/${name}/T`, column: 'T_box', noiseStd: 0.1 }],
      parameters: Object.keys(TRUTH).map((variable, i) => ({
        variable,
        alias: `/${name}/${variable}`,
        lower: 0,
        dynamics: 'constant',
        prior: { mean: [2, 0.6][i], std: [2.62, 0.786][i] },
      })),
      simulation: { mode: 'transient', interface: 'cs', stepSizeS: 10, maxTimeS: 110_000 },
      ...more,
    }),
  );
  return file;
}

/** Feeds the recording, and runs the worker at each of some shares of it. */
async function byWorker(twinPath: string, stride: number, shares: readonly number[]) {
  const timeMapFile = `${twinPath}.map.json`;
  const { endpoint } = siteWise;
  const fed = await runCommand('feed', {
    ...{ twin: twinPath, data, stride, create: true, endpoint, json: true },
    ...{ timeMap: timeMapFile, progress: `${twinPath}.feed.json` },
  });
  const { rejected, firstTime, lastTime } = JSON.parse(fed.text);
  expect([fed.code, rejected]).toEqual([0, 0]);
  const [first, last] = [firstTime, lastTime].map((t) => Date.parse(t) / 1000) as [number, number];
  const client = createSiteWiseClient({ ...siteWise });
  const twin = await loadTwin(twinPath);
  const fleet = fleetSchema.parse({
    name: 'f',
    twins: { box: './twin.json' },
    assets: [{ id: twin.definition.name, twin: 'box' }],
    calibration: { settleS: 0, lookbackS: 6 * 86_400 },
  });
  const store = memoryStore();
  try {
    const reports = [];
    for (const share of shares) {
      const atNs = secondsToNs(first + share * (last - first));
      const { assets } = await runWorker(
        {
          index: 0,
          timeMap: decodeTimeMap(await readFile(timeMapFile, 'utf8'), timeMapFile),
        },
        {
          source: { fleet, twin: async () => twin, close: async () => {} },
          ...{ store, engine: calibrationEngine, logger: silentLogger },
          reader: createSiteWiseReader({ client }),
          writer: createSiteWiseWriter({ client, logger: silentLogger }),
          discover: async () => {},
          clock: { ...systemClock, nowNs: () => atNs },
          uptimeS: () => 1,
        },
        new AbortController().signal,
      );
      expect(assets[0]!.error).toBeUndefined();
      reports.push(assets[0]!);
    }
    return reports;
  } finally {
    client.destroy();
  }
}

/** What `calibrate` makes of the same readings. */
async function byCalibrate(twin: string) {
  const output = `${twin}.out.json`;
  await runCommand('calibrate', { twin, data, stride: STRIDE, output });
  return JSON.parse(await readFile(output, 'utf8')).summary.parameters;
}

const expectSame = (
  found: Record<string, { mean: number; std: number }>,
  wanted: Record<string, { mean: number; std: number }>,
  share = 0.02,
) => {
  for (const name of Object.keys(TRUTH)) {
    const { mean, std } = wanted[name]!;
    expect(Math.abs(found[name]!.mean - mean)).toBeLessThan(share * std);
    expect(found[name]!.std / std).toBeCloseTo(1, 2);
  }
};

describe('a heater that switches between readings of its sensor', () => {
  test('drives the model of the worker as that of calibrate, in one run or in many', async () => {
    const wanted = await byCalibrate(await twinFile('wanted'));
    const [once] = await byWorker(await twinFile('once'), STRIDE, [1.1]);
    expect(once!.steps).toBe(Math.ceil(1080 / STRIDE));
    expectSame(once!.parameters!, wanted);
    const many = await byWorker(await twinFile('many'), STRIDE, [0.2, 0.333, 0.55, 0.56, 0.8, 1.1]);
    expectSame(many.at(-1)!.parameters!, once!.parameters!, 1e-6);
  }, 120_000);

  test('drives it as well where the sample period passes over readings', async () => {
    const more = { calibration: { refit: false }, estimator: { samplePeriodS: 10 * STRIDE } };
    const wanted = await byCalibrate(await twinFile('wanted-all'));
    const [once] = await byWorker(await twinFile('thinned', more), 1, [1.1]);
    expect(once!.steps).toBe(Math.ceil(1080 / STRIDE));
    expect(once!.thinned).toBe(1080 - once!.steps);
    expectSame(once!.parameters!, wanted);
    const many = await byWorker(await twinFile('thinned-many', more), 1, [0.31, 0.57, 0.6, 1.1]);
    expectSame(many.at(-1)!.parameters!, once!.parameters!, 1e-6);
  }, 120_000);

  test('drives the fits of its constants', async () => {
    const [run] = await byWorker(await twinFile('fitted', {}), STRIDE, [1.1]);
    expect(run!.fit).toBeDefined();
    for (const [name, truth] of Object.entries(TRUTH)) {
      const { lower95, upper95 } = run!.parameters![name]!;
      expect(truth).toBeGreaterThan(lower95);
      expect(truth).toBeLessThan(upper95);
      expect(upper95 - lower95).toBeLessThan(0.1);
    }
  }, 120_000);
});
