import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startEdge } from '../../edge-component/index.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { packageFile, silentLogger, systemClock } from '../../shared/core/index.js';
import { loadTwin } from '../../shared/twin/index.js';
import { startTestBroker, temporaryFolder, until } from '../support/edge.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const twinFile = packageFile('shared/twins/web-line/twin.json');

describe.skipIf(!existsSync(twinFile))('virtual sensors on the gateway', () => {
  it('are computed from a delivered calibration, with bounds, and UNCERTAIN when it is old', async () => {
    const broker = await startTestBroker();
    cleanups.push(() => broker.close());
    const { definition } = await loadTwin(twinFile);
    const run = async (ageS: number) => {
      const folder = await temporaryFolder();
      cleanups.push(folder.remove);
      const timeNs = systemClock.nowNs() - BigInt(ageS) * 1_000_000_000n;
      const parameters = Object.fromEntries(
        definition.parameters.map((p, i) => [
          p.variable,
          { mean: p.prior.mean, std: i === 0 ? p.prior.std / 10 : 0 },
        ]),
      );
      await writeFile(
        join(folder.path, 'calibration.json'),
        JSON.stringify({ steps: [{ timeNs: timeNs.toString(), parameters }] }),
      );
      const inputs = definition.inputs.filter(
        (i) => i.alias !== undefined && i.value === undefined,
      );
      const defaults: Record<string, number> = {
        lineSpeed: 1,
        unwindTension: 100,
        pistonPressure: 150_000,
      };
      await writeFile(
        join(folder.path, 'inputs.csv'),
        [
          ['t', ...inputs.map((i) => i.variable)].join(','),
          ...[0, 1].map((t) => [t, ...inputs.map((i) => defaults[i.variable] ?? 1)].join(',')),
        ].join('\n'),
      );
      const config = parseConfig(
        edgeSchema,
        {
          dataDir: 'data',
          sources:
            inputs.length === 0
              ? []
              : [
                  {
                    name: 'inputs',
                    type: 'csv',
                    file: 'inputs.csv',
                    signals: inputs.map((i) => ({ column: i.variable, alias: i.alias })),
                  },
                ],
          virtualSensors: {
            twin: twinFile,
            calibration: { file: 'calibration.json', maxAgeS: 3600 },
            everyS: 0.5,
          },
          publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
          status: { port: 0 },
        },
        'test',
      );
      const edge = await startEdge(config, {
        baseDir: folder.path,
        configSource: 'test',
        logger: silentLogger,
      });
      cleanups.push(() => edge.close());
      return edge;
    };
    const sensor = definition.virtualSensors[0]?.alias ?? '';
    const of = (suffix: string) =>
      broker.values.filter((v) => v.alias === `${sensor}_edge${suffix}`);
    const fresh = await run(60);
    await until('a value with bounds', () => of('_upper').length > 0, 60_000);
    const [mean, lower, upper] = ['', '_lower', '_upper'].map((s) => of(s)[0]);
    expect(mean?.quality).toBe('GOOD');
    expect(Number(lower?.value)).toBeLessThanOrEqual(Number(mean?.value));
    expect(Number(upper?.value)).toBeGreaterThanOrEqual(Number(mean?.value));
    expect(Number.isFinite(mean?.value)).toBe(true);
    expect(fresh.status().virtualSensors?.stale).toBe(false);
    await fresh.close();
    const before = broker.values.length;
    const stale = await run(7200);
    await until(
      'a value',
      () => broker.values.slice(before).some((v) => v.alias.endsWith('_edge')),
      60_000,
    );
    const late = broker.values.slice(before).find((v) => v.alias === `${sensor}_edge`);
    expect(late?.quality).toBe('UNCERTAIN');
    expect(late?.value).toBeCloseTo(Number(mean?.value), 3);
    expect(stale.status().virtualSensors?.stale).toBe(true);
  }, 120_000);
});
