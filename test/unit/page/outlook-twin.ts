import { packageFile } from '../../../shared/core/index.js';
import {
  type CalibratorState,
  createCalibrator,
  type Twin,
  type TwinModel,
} from '../../../shared/twin/index.js';
import { lineTwin } from './growing-drag.js';

/** The line's definition with the example's FMU: what a page can ask. */
export function askableTwin(definition = lineTwin()): Twin {
  return {
    definition,
    fmuPath: packageFile('shared/twins/web-line/web-line.fmu'),
    hash: 'askable-line',
  };
}

const NO_MODEL: TwinModel = { outputs: [], evaluate: async () => [], close: async () => {} };

/** As a calibration left it: R9 has worn to 0.07 and goes on by 0.03 a day; all else is healthy. */
export function wornState(twin: Twin, timeS: number): CalibratorState {
  const state = createCalibrator({ twin, model: NO_MODEL }).initialState();
  const n = twin.definition.parameters.length;
  const b9 = twin.definition.parameters.findIndex((p) => p.variable === 'b9');
  const x = state.filter.x.slice();
  x[b9] = 0.07;
  // Trends are kept per wear horizon, 12 days.
  x[n + b9] = 0.03 * 12;
  const S = state.filter.S.map((v) => v / 5);
  const timeNs = BigInt(Math.round(timeS * 1000)) * 1_000_000n;
  return { ...state, timeS, timeNs, sampleCount: 100, filter: { ...state.filter, x, S } };
}
