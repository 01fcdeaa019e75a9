import { twinSchema } from '../../shared/config/index.js';
import { resultColumn, simulate } from '../../shared/fmi/index.js';
import type { Twin } from '../../shared/twin/index.js';
import { buildFmu } from '../unit/fmi/fixture-fmus.js';

/** Where the true oscillator begins, and its damping. */
const TRUTH = { mu: 2, x0: 1.5, x1: 0.5 };

/**
 * A twin of van der Pol's oscillator: x0 is measured, x1 and the damping mu are not.
 *
 * @param simulation beside the mode
 */
export function oscillatorTwin(
  version: 2 | 3,
  noiseStd: number,
  simulation: Readonly<Record<string, unknown>>,
): Twin {
  const fmuPath = buildFmu('vdp', version);
  const definition = twinSchema.parse({
    name: 'oscillator',
    fmu: fmuPath,
    measured: [{ variable: 'x0', alias: '/x0', noiseStd }],
    parameters: [
      {
        variable: 'mu',
        alias: '/mu',
        lower: 0,
        upper: 5,
        prior: { mean: 1, std: 0.5 },
        dynamics: 'constant',
      },
    ],
    virtualSensors: [{ variable: 'x1', alias: '/x1' }],
    simulation: { mode: 'transient', ...simulation },
    transient: { initialState: 'start-values', initialStateStd: 0.5 },
  });
  return { definition, fmuPath, hash: 'oscillator' };
}

/** The course of the oscillator with mu = 2, five samples a second. */
export async function oscillation(
  stopTimeS: number,
): Promise<{ time: Float64Array; x0: Float64Array; x1: Float64Array }> {
  const truth = await simulate(buildFmu('vdp', 2), {
    interface: 'me',
    startValues: TRUTH,
    stopTimeS,
    outputIntervalS: 0.2,
    tolerance: 1e-9,
  });
  return { time: truth.time, x0: resultColumn(truth, 'x0'), x1: resultColumn(truth, 'x1') };
}
