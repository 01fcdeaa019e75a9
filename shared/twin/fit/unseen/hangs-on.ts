import { MOVED, movingHangsOn, OFFSET } from '../../report/cross-check.js';
import type { HangsOn } from '../../report/quantities.js';
import type { Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { CERTAIN } from '../residuals/lack-of-fit.js';

/** A sensor's noise as it is stated, or as the fit found it. */
export const sensorNoise = (twin: Twin, fit: Fit, channel: number): number =>
  twin.definition.measured[channel]!.noiseStd ?? fit.residualModels[channel]!.white;

/**
 * What an error of a sensor does to each parameter, in deviations.
 *
 * Where a band is too wide to be moved by one, and memory of the residuals is not beyond chance, these are
 * the deviations that white residuals give: an error that the parameters follow leaves a little of itself,
 * which passes for memory and widens the bands until the error seems to do nothing.
 *
 * @param size of the error, in the sensor's unit
 */
export function movesOf(
  twin: Twin,
  fit: Fit,
  error: { channel: number; shift: Float64Array },
  size: number = OFFSET * sensorNoise(twin, fit, error.channel),
): { name: string; by: number; ofWhite: boolean }[] {
  const n = fit.coordinates.length;
  const { covariance, white } = fit.covariance;
  const remembers = fit.misfit.channels.some(({ memory }) => memory >= CERTAIN);
  return fit.coordinates.flatMap((c, j) => {
    if (c.kind !== 'parameter') return [];
    const by = (C: Float64Array) => (size * Math.abs(error.shift[j]!)) / Math.sqrt(C[j * n + j]!);
    const ofWhite = !remembers && by(covariance) <= MOVED;
    return [{ name: c.name, by: by(ofWhite ? white : covariance), ofWhite }];
  });
}

/**
 * What the quantities of a fit hang on: parameters on sensors whose error would move them, virtual
 * sensors on parameters and all that these hang on.
 */
export function fitHangsOn(twin: Twin, fit: Fit): HangsOn {
  const sensors: Record<string, string[]> = {};
  for (const error of fit.misfit.sensors) {
    const { variable } = twin.definition.measured[error.channel]!;
    for (const { name, by } of movesOf(twin, fit, error)) {
      if (by > MOVED) sensors[name] = [...new Set([...(sensors[name] ?? []), variable])];
    }
  }
  const hidden = Object.entries(movingHangsOn(twin)).map(([name, parameters]) => [
    name,
    [...new Set([...parameters, ...parameters.flatMap((p) => sensors[p] ?? [])])],
  ]);
  return { ...Object.fromEntries(hidden), ...sensors };
}
