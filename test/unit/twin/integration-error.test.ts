import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createRng } from '../../../shared/core/index.js';
import { loadTwin } from '../../../shared/twin/definition/twin.js';
import { commission, createFitModel } from '../../../shared/twin/fit/index.js';
import {
  errorOfKept,
  integrationErrorReasons,
  keptError,
  withIntegrationError,
} from '../../../shared/twin/model/integration-error.js';
import { createTwinModel } from '../../../shared/twin/model/twin-model.js';
import { probeBounds } from '../../../shared/twin/model/twin-proof.js';
import type { Sample, Twin } from '../../../shared/twin/types.js';
import { buildFmu, hasCompiler } from '../fmi/fixture-fmus.js';

const dir = mkdtempSync(join(tmpdir(), 'twinloop-integration-error-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A lag whose solver goes too far by a hundred times its tolerance. */
async function twinOf(tolerance: number, lower = 0.1) {
  const fmu = buildFmu('decay', 2, (xml) => xml, ['-O1', '-DTOLERANCE_MATTERS']);
  const path = join(dir, `twin-${tolerance}-${lower}.json`);
  writeFileSync(
    path,
    JSON.stringify({
      name: 'lag',
      fmu,
      inputs: [{ variable: 'u', alias: '/u' }],
      measured: [{ variable: 'y', alias: '/y', noiseStd: 1e-3, unit: 'K' }],
      parameters: [{ variable: 'k', alias: '/k', lower, upper: 3, prior: { mean: 1, std: 0.3 } }],
      virtualSensors: [],
      simulation: { mode: 'transient', interface: 'cs', stepSizeS: 0.1, tolerance },
    }),
  );
  return loadTwin(path);
}

const samples: Sample[] = Array.from({ length: 30 }, (_, k) => ({
  timeS: k * 0.1,
  timeNs: BigInt(k) * 100_000_000n,
  row: k,
  inputs: Float64Array.of(0),
  measured: Float64Array.of(0),
}));

/** In the processes that the twin's other runs use. */
async function measured(twin: Twin) {
  const model = await createTwinModel(twin, { lanes: 1 });
  try {
    return (await model.integrationError?.(samples)) ?? expect.fail('it is not measured');
  } finally {
    await model.close();
  }
}

describe.skipIf(!hasCompiler)('the error of integration', () => {
  it('is what half the tolerance changes, joins the noise, and is told where it matters', async () => {
    const coarse = await twinOf(1e-3);
    const error = await measured(coarse);
    // x = exp(-k (1 + 100 tol) t): the halves differ by 0.05 t exp(-t), whose rms over 2.9 s is 0.0142.
    expect(error.std.y).toBeGreaterThan(0.012);
    expect(error.std.y).toBeLessThan(0.016);
    const noise = withIntegrationError(coarse, error).definition.measured[0]?.noiseStd;
    expect(noise).toBeCloseTo(Math.hypot(1e-3, error.std.y ?? 0), 12);
    // At rest it is the same in each sample: no noise, but an offset that no number of them averages away.
    const { definition } = coarse;
    const resting = {
      ...coarse,
      definition: {
        ...definition,
        simulation: { ...definition.simulation, mode: 'steady-state' as const },
      },
    };
    expect(withIntegrationError(resting, error).definition.measured[0]).toMatchObject({
      noiseStd: 1e-3,
      offsetStd: error.std.y,
    });
    expect(integrationErrorReasons(coarse, error).join()).toMatch(
      /y: integration at tolerance 0.001/,
    );

    const fine = await twinOf(1e-6);
    const little = await measured(fine);
    expect(little.std.y).toBeLessThan(1e-4);
    expect(integrationErrorReasons(fine, little)).toEqual([]);
  });

  it('is in the bands of a fit of a moving machine, however many samples there are, and is told', async () => {
    const rng = createRng(4);
    const seen = Array.from({ length: 60 }, (_, k) => ({
      ...samples[0]!,
      timeS: k * 0.1,
      row: k,
      // Its own k is 1; the model goes too far by a hundred times its tolerance.
      measured: Float64Array.of(Math.exp(-0.1 * k) + 1e-3 * rng.normal()),
    }));
    const fitted = async (tolerance: number) => {
      const found = await twinOf(tolerance);
      const { definition } = found;
      const transient = { ...definition.transient, initialState: 'start-values' as const };
      const twin = { ...found, definition: { ...definition, transient } };
      const model = await createFitModel(twin, { lanes: 1 });
      try {
        const { output } = await commission(twin, model, seen);
        return { k: output.parameters.k!, reasons: output.verdict.reasons.join('; ') };
      } finally {
        await model.close();
      }
    };
    const coarse = await fitted(1e-3);
    expect(coarse.k.mean, coarse.reasons).toBeLessThan(0.95);
    expect(coarse.k.upper95).toBeGreaterThan(1);
    expect(coarse.reasons).toMatch(/bands of k are mostly the error of integration/);
    const fine = await fitted(1e-7);
    expect(fine.k.upper95 - fine.k.lower95).toBeLessThan(0.05);
    expect(fine.k.lower95).toBeLessThan(1);
    expect(fine.k.upper95).toBeGreaterThan(1);
    expect(fine.reasons).not.toMatch(/integration/);
  }, 60_000);

  it('goes through a state as it was measured, and as unknown where it was', async () => {
    const twin = await twinOf(1e-3);
    const error = { std: { y: 0.014 }, tolerance: 1e-3 };
    expect(errorOfKept(twin, keptError(twin, error))).toEqual(error);
    const unknown = { std: {}, tolerance: 1e-3, unknown: 'a run failed' };
    expect(errorOfKept(twin, keptError(twin, unknown)).unknown).toBeDefined();
    expect(
      withIntegrationError(twin, errorOfKept(twin, keptError(twin, unknown))).definition.measured,
    ).toEqual(twin.definition.measured);
  });

  it('bounds of the definition are tried, each alone', async () => {
    for (const [lower, name] of [
      [0.1, "bears the definition's bounds"],
      [-1e6, 'bears k = -1000000'],
    ] as const) {
      const twin = await twinOf(1e-6, lower);
      const model = await createTwinModel(twin, { lanes: 1 });
      try {
        const [proof] = await probeBounds(twin, model, Float64Array.of(0.7));
        expect(proof?.name).toBe(name);
      } finally {
        await model.close();
      }
    }
  });
});
