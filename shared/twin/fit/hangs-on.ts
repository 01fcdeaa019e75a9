import { MOVED, movingHangsOn, OFFSET } from '../report/cross-check.js';
import type { HangsOn } from '../report/quantities.js';
import type { Twin } from '../types.js';
import type { Fit } from './fit.js';

/** A sensor's noise as it is stated, or as the fit found it. */
export const sensorNoise = (twin: Twin, fit: Fit, channel: number): number =>
  twin.definition.measured[channel]!.noiseStd ?? fit.residualModels[channel]!.white;

/** What an offset of a sensor, of {@link OFFSET} times its noise, does to each parameter, in deviations. */
export function movesOf(
  twin: Twin,
  fit: Fit,
  error: { channel: number; shift: Float64Array },
): { name: string; by: number }[] {
  const n = fit.coordinates.length;
  const offset = OFFSET * sensorNoise(twin, fit, error.channel);
  return fit.coordinates.flatMap((c, j) => {
    if (c.kind !== 'parameter') return [];
    const std = Math.sqrt(fit.covariance.covariance[j * n + j]!);
    return [{ name: c.name, by: (offset * Math.abs(error.shift[j]!)) / std }];
  });
}

/**
 * What the quantities of a fit hang on: parameters on sensors whose offset would move them, virtual
 * sensors on parameters and all that these hang on.
 */
export function fitHangsOn(twin: Twin, fit: Fit): HangsOn {
  const sensors: Record<string, string[]> = {};
  for (const error of fit.misfit.sensors) {
    if (error.kind !== 'offset') continue;
    for (const { name, by } of movesOf(twin, fit, error)) {
      if (by <= MOVED) continue;
      sensors[name] = [...(sensors[name] ?? []), twin.definition.measured[error.channel]!.variable];
    }
  }
  const hidden = Object.entries(movingHangsOn(twin)).map(([name, parameters]) => [
    name,
    [...new Set([...parameters, ...parameters.flatMap((p) => sensors[p] ?? [])])],
  ]);
  return { ...Object.fromEntries(hidden), ...sensors };
}
