// A line of two machines as one twin: its model is a system of FMUs, its record made of closed forms.
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng } from '../../../shared/core/index.js';
import { commission, createFitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';
import { buildSsp, connection, decay, ssd } from '../fmi/system-fixtures.js';

const TRUTH = { 'a.k': 0.5, 'b.k': 0.2 };

function lineTwin(stepSizeS = 0.25): Twin {
  const path = buildSsp(
    ssd(
      `<ssd:Connectors><ssd:Connector name="feed" kind="input"><ssc:Real/></ssd:Connector></ssd:Connectors><ssd:Elements>${decay('a')}${decay('b')}</ssd:Elements><ssd:Connections>${connection('feed', 'a.u')}${connection('a.y', 'b.u')}</ssd:Connections>`,
    ),
    { 'decay.fmu': buildFmu('decay', 2) },
  );
  // In a fleet's store models have the names of FMUs: what it is must show by what it holds.
  const fmuPath = join(dirname(path), 'model.fmu');
  copyFileSync(path, fmuPath);
  const parameter = (variable: string, mean: number) => ({
    variable,
    alias: `/${variable}`,
    lower: 0.01,
    upper: 10,
    prior: { mean, std: mean / 2 },
  });
  const definition = twinSchema.parse({
    name: 'line',
    fmu: fmuPath,
    inputs: [{ variable: 'feed', alias: '/u' }],
    measured: [
      { variable: 'a.y', alias: '/y1', noiseStd: 0.02 },
      { variable: 'b.y', alias: '/y2', noiseStd: 0.02 },
    ],
    parameters: [parameter('a.k', 0.8), parameter('b.k', 0.35)],
    virtualSensors: [],
    simulation: { mode: 'transient', interface: 'cs', stepSizeS, maxTimeS: 600 },
    transient: { initialState: 'start-values', inputInterpolation: 'hold' },
  });
  return { definition, fmuPath, hash: 'line' };
}

/** The exact course of two lags in a row under an input that steps, with noise. */
function record(rows: number): Sample[] {
  const { 'a.k': a, 'b.k': b } = TRUTH;
  const random = createRng(11);
  let [x1, x2] = [1, 1];
  return Array.from({ length: rows }, (_, k) => {
    const u = [5, 1, 7, 3][Math.floor(k / 15) % 4] as number;
    const measured = Float64Array.of(x1 + 0.02 * random.normal(), x2 + 0.02 * random.normal());
    const [e, f] = [Math.exp(-a), Math.exp(-b)];
    const way = x1 - u;
    x2 = u + (x2 - u) * f + way * (b / (b - a)) * (e - f);
    x1 = u + way * e;
    return { timeS: k, row: k, inputs: Float64Array.of(u), measured };
  });
}

describe.skipIf(!hasCompiler)('a twin of a system of FMUs', () => {
  it('is fitted: both machines’ constants are found back', async () => {
    const twin = lineTwin(0.05);
    const model = await createFitModel(twin);
    try {
      const { output } = await commission(twin, model, record(60));
      for (const [name, value] of Object.entries(TRUTH)) {
        const { lower95, upper95 } = output.parameters[name]!;
        expect(lower95, name).toBeLessThan(value);
        expect(upper95, name).toBeGreaterThan(value);
        expect(upper95 - lower95, name).toBeLessThan(0.1 * value);
      }
    } finally {
      await model.close();
    }
  });
});
