import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { runCommand } from '../../support/run-command.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-unnamed-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** x' = -k x from the FMU's own start. */
const K = 0.7;
const data = join(dir, 'decay.csv');
const twin = join(dir, 'decay.json');

it.skipIf(!hasCompiler)(
  'fits what wears with an FMU that names no states, and reports it without a forecast',
  async () => {
    const rng = createRng(4);
    const row = (k: number) => `${k},${Math.exp(-K * 0.05 * k) + 0.01 * rng.normal()}`;
    writeFileSync(
      data,
      `time [s],x\n${Array.from({ length: 200 }, (_, k) => row(k).replace(/^\d+/, `${0.05 * k}`)).join('\n')}\n`,
    );
    const unnamed = (xml: string) =>
      xml.replace(/ derivative="\d+"/g, '').replace(/<ContinuousStateDerivative [^>]*>/g, '');
    const definition = {
      name: 'decay',
      fmu: buildFmu('decay', 3, unnamed),
      inputs: [{ variable: 'u', alias: '/u', value: 0 }],
      measured: [{ variable: 'x', alias: '/x', noiseStd: 0.01 }],
      parameters: [
        { variable: 'k', alias: '/k', lower: 0, prior: { mean: 1, std: 0.5 }, wearHorizonS: 1000 },
      ],
      simulation: { mode: 'transient', interface: 'me', stepSizeS: 0.05, maxTimeS: 100 },
      transient: { initialState: 'start-values' },
    };
    writeFileSync(twin, JSON.stringify(definition));
    const report = join(dir, 'decay.html');
    const { code, text } = await runCommand('fit', { twin, data, report, json: true });
    expect(code).toBe(0);
    const { lower95, upper95 } = JSON.parse(text).parameters.k;
    expect(lower95).toBeLessThan(K);
    expect(upper95).toBeGreaterThan(K);
    expect(readFileSync(report, 'utf8')).toMatch(
      /There is none: Runs can.*t begin from given states/,
    );
    // A state was asked for: that there can be none is an error.
    const state = join(dir, 'states');
    await expect(runCommand('fit', { twin, data, state })).rejects.toThrow(/names no continuous/);
    expect(existsSync(join(state, 'state'))).toBe(false);
  },
);
