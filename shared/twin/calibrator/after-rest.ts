import type { TwinDefinition } from '../../config/index.js';
import {
  inputsAlongParameters,
  type PersistentError,
  persistentError,
} from '../filter/persistent-error.js';
import { updateReadings } from '../filter/readings.js';
import type { FilterSettings } from '../filter/settings.js';
import { updateSources } from '../filter/sources.js';
import { misreadInputs, statedErrorStd } from '../filter/stated-inputs.js';
import { structuralVariance } from '../sensors/redundancy.js';
import { type WatchedSample, watchSensors } from '../sensors/sensor-watch.js';
import type { FilterState } from '../state/filter-state.js';

/**
 * What a sample of rest leaves beside the belief: which sensors are left out, what errors that last
 * do to the parameters, and where their uncertainty comes from.
 *
 * @param before the state before the sample, `after` with its belief
 * @param inputs of the sample, all of the definition's
 */
export function afterRest(
  before: FilterState,
  after: FilterState,
  sample: WatchedSample,
  settings: FilterSettings,
  { measured, inputs: inputDefinitions }: TwinDefinition,
  inputs: Float64Array,
): { state: FilterState; persistent: PersistentError | undefined } {
  const { filtered, prior } = sample;
  const { noiseStd } = after;
  const n = settings.range.length;
  const sensors = watchSensors(after, sample, settings);
  const { redundancy } = sensors;
  const lin = filtered.linearisation;
  const misread = misreadInputs(inputDefinitions).map((i) =>
    statedErrorStd(inputDefinitions[i]!, inputs[i]!),
  );
  const inputSlope = after.inputSlopes?.slope ?? new Float64Array();
  const persistent = persistentError(
    lin,
    filtered.active.filter((o) => !filtered.gated.includes(o)),
    noiseStd,
    settings.range,
    redundancy === undefined ? 0 : structuralVariance(redundancy, noiseStd.length),
    Float64Array.from(measured, (channel, o) => statedErrorStd(channel, lin.mean[o]!)),
    // An input at 0 is off by no share of itself.
    inputSlope.map((v, e) =>
      misread[e % misread.length] === 0 ? 0 : v * misread[e % misread.length]!,
    ),
  );
  const diagonal = (P: Float64Array) => Array.from({ length: n }, (_, i) => P[i * n + i]!);
  const state: FilterState = {
    ...after,
    ...sensors,
    readings: updateReadings(before.readings, sample, noiseStd, settings),
    sources: updateSources(before.sources, before, prior, filtered, noiseStd, n),
    ...(persistent && {
      persistent: Float64Array.of(
        ...diagonal(persistent.model),
        ...diagonal(persistent.offsets),
        ...(persistent.inputs === undefined ? [] : inputsAlongParameters(persistent.inputs, n)),
      ),
    }),
  };
  return { state, persistent };
}
