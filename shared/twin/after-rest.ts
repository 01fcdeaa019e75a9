import { type WatchedSample, watchSensors } from './faulty-sensors.js';
import { type PersistentError, persistentError } from './filter/persistent-error.js';
import { updateReadings } from './filter/readings.js';
import type { FilterSettings } from './filter/settings.js';
import { updateSources } from './filter/sources.js';
import { structuralVariance } from './report/redundancy.js';
import type { FilterState } from './state/filter-state.js';

/**
 * What a sample of rest leaves beside the belief: which sensors are left out, what errors that last
 * do to the parameters, and where their uncertainty comes from.
 *
 * @param before the state before the sample, `after` with its belief
 * @param offsetStd stated offset per channel, in its unit; 0 where there is none
 */
export function afterRest(
  before: FilterState,
  after: FilterState,
  sample: WatchedSample,
  settings: FilterSettings,
  offsetStd: Float64Array,
): { state: FilterState; persistent: PersistentError | undefined } {
  const { filtered, prior } = sample;
  const { noiseStd } = after;
  const n = settings.range.length;
  const sensors = watchSensors(after, sample, settings);
  const { redundancy } = sensors;
  const persistent = persistentError(
    filtered.linearisation,
    filtered.active.filter((o) => !filtered.gated.includes(o)),
    noiseStd,
    settings.range,
    redundancy === undefined ? 0 : structuralVariance(redundancy, noiseStd.length),
    offsetStd,
  );
  const diagonal = (P: Float64Array) => Array.from({ length: n }, (_, i) => P[i * n + i]!);
  const state: FilterState = {
    ...after,
    ...sensors,
    readings: updateReadings(before.readings, sample, noiseStd, settings),
    sources: updateSources(before.sources, before, prior, filtered, noiseStd, n),
    ...(persistent && {
      persistent: Float64Array.of(...diagonal(persistent.model), ...diagonal(persistent.offsets)),
    }),
  };
  return { state, persistent };
}
