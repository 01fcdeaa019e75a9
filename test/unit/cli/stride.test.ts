import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import { runCommand } from '../../support/run-command.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-stride-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const folder = packageFile('shared/twins/heated-box');
const data = join(folder, 'export.csv');
const twin = join(dir, 'box.json');
const constant = { lower: 0, dynamics: 'constant' };
writeFileSync(
  twin,
  JSON.stringify({
    name: 'box',
    fmu: join(folder, 'heated-box.fmu'),
    inputs: [
      { variable: 'heaterOn', alias: '/on', column: 'heater_on', interpolation: 'hold' },
      { variable: 'TRoom', alias: '/room', column: 'T_room' },
    ],
    measured: [{ variable: 'TAir', alias: '/box', column: 'T_box' }],
    parameters: [
      { variable: 'GHeater', alias: '/h', prior: { mean: 2, std: 2.62 }, ...constant },
      { variable: 'GBox', alias: '/b', prior: { mean: 0.6, std: 0.786 }, ...constant },
    ],
    simulation: { mode: 'transient', interface: 'cs', stepSizeS: 10, maxTimeS: 110_000 },
  }),
);

async function run(name: string, args: Record<string, unknown>) {
  const { text } = await runCommand(name, { twin, data, json: true, ...args });
  return JSON.parse(text);
}

/** Rows are 10 s apart, and the heater switches in any of them. */
describe.each([6, 13])('the box whose sensor is taken each %i rows', (stride) => {
  const rows = Math.ceil(1080 / stride);

  it.each(['fit', 'calibrate'])('has its heater’s switching between them in %s', async (name) => {
    const output = join(dir, `${name}-${stride}.json`);
    await run(name, { stride, output });
    const { summary, parameters = summary.parameters } = JSON.parse(readFileSync(output, 'utf8'));
    expect(summary.recording).toMatchObject({ rows, used: rows });
    expect(summary.verdict.grade).not.toBe('unusable');
    for (const [variable, truth] of Object.entries({ GHeater: 1.2, GBox: 0.58 })) {
      const { lower95, upper95 } = parameters[variable];
      expect(truth).toBeGreaterThan(lower95);
      expect(truth).toBeLessThan(upper95);
      expect(upper95 - lower95).toBeLessThan(0.1);
    }
  });

  it('is predicted with it by backtest', async () => {
    const { horizons, verdict } = await run('backtest', { stride });
    expect(verdict.grade).not.toBe('unusable');
    const free = horizons.find((h: { samples: unknown }) => h.samples === 'free-run');
    // Noise of 0.08 degC, and sixteenths of a degree.
    expect(free.rmse).toBeLessThan(0.1);
  });
});
