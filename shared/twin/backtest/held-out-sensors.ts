import { type Fit, fitRecordFrom } from '../fit/fitting/fit.js';
import type { FitContext } from '../fit/model/fit-context.js';
import { freeRunOf, predictionStd } from '../fit/outputs/held-out.js';
import { withoutChannels } from '../fit/record/dead-channels.js';
import { type FitRecord, residualsOf } from '../fit/record/record.js';
import { withPulled } from '../fit/shape/pulled.js';
import type { HeldOutSensor } from './types.js';

/** Each sensor predicted by a fit that has not seen it. */
export async function heldOutSensors(
  context: FitContext,
  record: FitRecord,
  whole: Fit,
  dead: ReadonlySet<number>,
): Promise<HeldOutSensor[]> {
  const { measured } = context.twin.definition;
  const live = measured.flatMap((_, c) => (dead.has(c) ? [] : [c]));
  if (live.length < 2) return [];
  const found: HeldOutSensor[] = [];
  for (const c of live) {
    const blind = withoutChannels(record, new Set([c]));
    const fit = withPulled(await fitRecordFrom(context, whole.coordinates, blind, [whole.u]));
    const run = await freeRunOf(context, fit, record);
    // Its own noise is not known to that fit: it is what the fit of all sensors found.
    const judged: Fit = { ...fit, residualModels: whole.residualModels };
    const std = predictionStd(judged, run, record.channels);
    const residuals = residualsOf(record, run.prediction, c);
    let inside = 0;
    let squares = 0;
    const values: number[] = [];
    residuals.forEach((e, row) => {
      if (Number.isNaN(e)) return;
      values.push(record.data[row * record.channels + c]!);
      squares += e * e;
      if (Math.abs(e) <= 1.96 * std[row * record.channels + c]!) inside++;
    });
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    found.push({
      channel: measured[c]!.variable,
      coverage95: inside / values.length,
      rmse: Math.sqrt(squares / values.length),
      std: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length),
    });
  }
  return found;
}
