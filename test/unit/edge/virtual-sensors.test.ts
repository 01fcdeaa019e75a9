import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { EdgeSample } from '../../../edge-component/outbox/record.js';
import { VirtualSensors } from '../../../edge-component/virtual-sensors/virtual-sensors.js';
import { packageFile, silentLogger, systemClock } from '../../../shared/core/index.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const source = packageFile('shared/twins/web-line/twin.json');
const definition = JSON.parse(readFileSync(source, 'utf8')) as {
  fmu: string;
  parameters: { variable: string; prior: { mean: number } }[];
  simulation: { maxTimeS: number; mode?: string };
};

/** Evaluates once with a calibration, and says what was published, or why nothing was. */
async function evaluate(
  known: Record<string, { mean: number; std: number }>,
  simulation: Partial<typeof definition.simulation> = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-edge-virtual-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const twin = join(folder, 'twin.json');
  await writeFile(
    twin,
    JSON.stringify({
      ...definition,
      fmu: packageFile('shared/twins/web-line/web-line.fmu'),
      simulation: { ...definition.simulation, ...simulation },
    }),
  );
  const parameters = Object.fromEntries(
    definition.parameters.map((p) => [p.variable, { mean: p.prior.mean, std: 0 }]),
  );
  await writeFile(
    join(folder, 'calibration.json'),
    JSON.stringify({
      timeNs: String(systemClock.nowNs()),
      parameters: { ...parameters, ...known },
    }),
  );
  const published: EdgeSample[] = [];
  const sensors = new VirtualSensors({
    config: {
      twin,
      calibration: { file: 'calibration.json', refreshS: 60, maxAgeS: 86_400 },
      everyS: 1000,
      suffix: '_edge',
    },
    baseDir: folder,
    append: async (samples) => void published.push(...samples),
    clock: systemClock,
    logger: silentLogger,
  });
  cleanups.push(() => sensors.close());
  sensors.start();
  await vi.waitFor(
    () => expect(sensors.status.evaluations + sensors.status.failures).toBeGreaterThan(0),
    { timeout: 25_000 },
  );
  return { published, error: sensors.status.lastError };
}

it('publishes nothing as GOOD that did not come to rest', async () => {
  const { published, error } = await evaluate({}, { maxTimeS: 5.5 });
  expect(published).toEqual([]);
  expect(error).toMatch(/did not come to rest/);
});

it('is never GOOD for a machine that moves: what is computed is where it comes to rest', async () => {
  const { published } = await evaluate({}, { mode: 'auto' });
  expect(published.length).toBeGreaterThan(0);
  expect(new Set(published.map((s) => `${s.quality} ${s.reason}`))).toEqual(
    new Set(['UNCERTAIN may-move']),
  );
});

it('has bands at a bound that are as wide as beside it', async () => {
  const halfBands = async (mean: number) => {
    const { published } = await evaluate({ b3: { mean, std: 1e-3 } });
    expect(published.every((s) => s.quality === 'GOOD')).toBe(true);
    const endOf = (suffix: string) =>
      Number(published.find((s) => s.alias === `/line1/span4/tension_edge${suffix}`)?.value);
    return endOf('_upper') - endOf('');
  };
  const atBound = await halfBands(0);
  expect(atBound / (await halfBands(0.004))).toBeCloseTo(1, 1);
  // One roller's drag of 0.001 takes 0.4 N at 20 rad/s on a radius of 50 mm.
  expect(atBound).toBeCloseTo(1.96 * 0.4, 1);
});

it('says which inputs it waits for, and is UNCERTAIN with the reason while the last value of one is not GOOD', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinloop-edge-virtual-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const { inputs } = JSON.parse(readFileSync(source, 'utf8')) as { inputs: { variable: string }[] };
  const [followed] = inputs;
  await writeFile(
    join(folder, 'twin.json'),
    JSON.stringify({
      ...definition,
      fmu: packageFile('shared/twins/web-line/web-line.fmu'),
      inputs: inputs.map((input) =>
        input === followed ? { variable: input.variable, alias: '/in' } : input,
      ),
    }),
  );
  const timeNs = String(systemClock.nowNs());
  await writeFile(join(folder, 'calibration.json'), JSON.stringify({ timeNs, parameters: {} }));
  const published: EdgeSample[] = [];
  const sensors = new VirtualSensors({
    config: {
      twin: 'twin.json',
      calibration: { file: 'calibration.json', refreshS: 60, maxAgeS: 86_400 },
      ...{ everyS: 0.05, suffix: '_edge' },
    },
    baseDir: folder,
    append: async (samples) => void published.push(...samples),
    ...{ clock: systemClock, logger: silentLogger },
  });
  cleanups.push(() => sensors.close());
  sensors.start();
  await vi.waitFor(() => expect(sensors.status.waitingFor).toEqual(['/in']), 25_000);
  expect(sensors.status.evaluations).toBe(0);
  const { value } = JSON.parse(JSON.stringify(followed)) as { value?: number };
  const from = { alias: '/in', timeNs: 0n, dataType: 'DOUBLE' as const };
  const good: EdgeSample = { ...from, quality: 'GOOD', value: value ?? 1 };
  for (const [sample, expected] of [
    [good, { quality: 'GOOD' }],
    [
      { ...good, quality: 'UNCERTAIN', reason: 'gateway-clock' },
      { quality: 'UNCERTAIN', reason: 'input-uncertain' },
    ],
    [
      { ...good, quality: 'BAD', value: null },
      { quality: 'UNCERTAIN', reason: 'input-bad' },
    ],
    [good, { quality: 'GOOD' }],
  ] as const) {
    sensors.observe([sample]);
    await vi.waitFor(
      () =>
        expect([
          published.at(-1)?.quality,
          published.at(-1)?.reason,
          sensors.status.uncertain,
        ]).toEqual([
          expected.quality,
          'reason' in expected ? expected.reason : undefined,
          'reason' in expected ? expected.reason : undefined,
        ]),
      25_000,
    );
  }
  expect(sensors.status).toMatchObject({ failures: 0, stale: false });
  expect(sensors.status.waitingFor).toBeUndefined();
}, 60_000);
