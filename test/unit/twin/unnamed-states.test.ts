import { describe, expect, it } from 'vitest';
import { twinSchema } from '../../../shared/config/index.js';
import { createRng, silentLogger } from '../../../shared/core/index.js';
import { commission, createFitModel } from '../../../shared/twin/fit/index.js';
import type { Sample, Twin } from '../../../shared/twin/index.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const K = 0.7;

/** x' = -k x from the FMU's own start, with noise: exact. */
function record(): Sample[] {
  const rng = createRng(4);
  return Array.from({ length: 200 }, (_, row) => {
    const timeS = 0.05 * row;
    const measured = Float64Array.of(Math.exp(-K * timeS) + 0.01 * rng.normal());
    return { timeS, row, inputs: Float64Array.of(0), measured };
  });
}

async function verdictOf(edit: (xml: string) => string) {
  const fmuPath = buildFmu('decay', 3, edit);
  const definition = twinSchema.parse({
    name: 'decay',
    fmu: fmuPath,
    inputs: [{ variable: 'u', alias: '/u', value: 0 }],
    measured: [{ variable: 'x', alias: '/x', noiseStd: 0.01 }],
    parameters: [{ variable: 'k', alias: '/k', prior: { mean: 1, std: 0.5 } }],
    simulation: { mode: 'transient', interface: 'me', stepSizeS: 0.05, maxTimeS: 100 },
    transient: { initialState: 'start-values' },
  });
  const twin: Twin = { definition, fmuPath, hash: 'decay' };
  const model = await createFitModel(twin, { lanes: 1, logger: silentLogger });
  try {
    const { output } = await commission(twin, model, record());
    const { lower95, upper95 } = output.parameters.k!;
    expect(lower95).toBeLessThan(K);
    expect(upper95).toBeGreaterThan(K);
    return output.verdict;
  } finally {
    await model.close();
  }
}

describe.skipIf(!hasCompiler)('a fit with an FMU whose states cannot be set', () => {
  it('says in its verdict that the start is taken for known, and why', async () => {
    expect((await verdictOf((xml) => xml)).grade).toBe('good');
    const unusable = (xml: string) => xml.replace(/ derivative="\d+"/g, '');
    const unnamed = (xml: string) =>
      unusable(xml).replace(/<ContinuousStateDerivative [^>]*>/g, '');
    for (const [edit, why] of [
      [unusable, /does not say which variables its derivatives "der\(x\)" belong to/],
      [unnamed, /names no continuous states/],
    ] as const) {
      const { grade, reasons } = await verdictOf(edit);
      expect(grade).toBe('care');
      expect(reasons.join()).toMatch(/the start is not fitted/);
      expect(reasons.join()).toMatch(why);
    }
  });
});
