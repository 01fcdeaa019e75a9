import { withFirstValues } from '../filter/first-values.js';
import { updateHealth } from '../filter/innovation-tests.js';
import type { InputNoise } from '../filter/input-noise.js';
import { adaptNoise } from '../filter/noise.js';
import type { FilterSettings } from '../filter/settings.js';
import type { InputSlopes } from '../filter/stated-inputs.js';
import type { FilterStep } from '../filter/step.js';
import { initialRedundancy, updateRedundancy } from '../sensors/redundancy.js';
import type { FilterState, TransientMemory } from '../state/filter-state.js';
import { isFitted } from '../transient/watch.js';
import type { CalibratorState, Sample, Twin } from '../types.js';
import type { HeardChannels } from './heard-channels.js';

/** Samples for which sigma points stay inside the bounds after the model refused one beyond. */
const WITHIN_BOUNDS_RUN = 20;

/** Samples that confirm a change: until then it may turn out to be none. */
const CONFIRMED_AFTER = 5;

/** The belief without a change, until the change is confirmed. */
function keptBefore(
  filtered: FilterStep,
  earlier: FilterState['beforeChange'],
): Pick<FilterState, 'beforeChange'> {
  if (filtered.undone) return {};
  // The belief of before the first of several: what followed may be the same event.
  if (earlier !== undefined && earlier.left > 0) return { beforeChange: earlier };
  const { beforeChange } = filtered;
  return beforeChange === undefined
    ? {}
    : { beforeChange: { ...beforeChange, left: CONFIRMED_AFTER } };
}

/** The same state at a sample's time. */
const movedTo = (state: CalibratorState, { timeS, timeNs }: Sample): CalibratorState => ({
  ...state,
  timeS,
  timeNs: timeNs ?? state.timeNs,
});

/** What a sample came to. */
export interface Found {
  filtered: FilterStep;
  transient: TransientMemory | undefined;
  inputNoise: InputNoise | undefined;
  inputSlopes: InputSlopes | undefined;
  /** The belief without a change, while the change is not confirmed. */
  beforeChange: FilterState['beforeChange'];
  channels: HeardChannels;
}

/** A state after nothing was measured: the machine moves under its inputs, and the bands widen. */
export function stateUnmeasured(
  before: CalibratorState,
  sample: Sample,
  { filtered, transient, channels }: Found,
): CalibratorState {
  const { repeats, faults, heldInputs } = channels;
  return {
    ...movedTo(before, sample),
    filter: {
      ...before.filter,
      ...filtered.posterior,
      bank: undefined,
      repeats,
      faults,
      heldInputs,
      ...(transient && { transient }),
      ...(filtered.stated && { persistent: filtered.stated.parameters }),
    },
  };
}

/** A state after a sample that is left out: time moves on, so that nobody reads it again. */
export function stateWithout(
  before: CalibratorState,
  sample: Sample,
  { filtered, transient, beforeChange, channels }: Found,
): CalibratorState {
  const a = before.filter;
  return {
    ...movedTo(before, sample),
    filter: {
      ...a,
      ...(transient === undefined ? {} : { transient }),
      ...(filtered.stated && { persistent: filtered.stated.parameters }),
      x: filtered.posterior.x,
      S: filtered.posterior.S,
      bank: undefined,
      lines: undefined,
      beforeChange: beforeChange && beforeChange.left > 0 ? beforeChange : undefined,
      ...(filtered.outOfReach
        ? { rejected: channels.measured }
        : { unexplained: a.unexplained + 1 }),
    },
  };
}

/** The noise after a sample: as adapted, or anew while the first estimate rests on few values. */
function noiseAfter(
  definition: Twin['definition'],
  { firstNoise, firstValues, refit }: FilterState,
  measured: Float64Array,
  adapted: Float64Array,
): Pick<FilterState, 'noiseStd' | 'firstNoise' | 'firstValues'> {
  // A fit tells the noise by itself.
  if (firstValues === undefined || firstNoise === undefined || isFitted({ refit }))
    return { noiseStd: adapted, ...(firstNoise === undefined ? {} : { firstNoise }) };
  const { first, noiseStd: anew } = withFirstValues(definition, firstValues, measured);
  const or = (before: Float64Array) =>
    before.map((v, o) => (Number.isNaN(anew[o]!) ? v : anew[o]!));
  return {
    noiseStd: or(adapted),
    firstNoise: or(firstNoise),
    ...(first === undefined ? {} : { firstValues: first }),
  };
}

/** A state after a sample that was assimilated. */
export function stateAfter(
  { definition }: Twin,
  settings: FilterSettings,
  before: CalibratorState,
  sample: Sample,
  found: Found,
): CalibratorState {
  const { filtered, transient, inputNoise, inputSlopes, beforeChange, channels } = found;
  const { repeats, heldInputs, faults, measured } = channels;
  const a = before.filter;
  const m = definition.measured.length;
  const quiet = filtered.gated.length === 0 && !filtered.regimeChange && before.sampleCount > 20;
  const mayRest = transient === undefined && filtered.mode !== 'transient';
  return {
    ...movedTo(before, sample),
    sampleCount: before.sampleCount + 1,
    filter: {
      ...(transient === undefined ? {} : { transient }),
      ...(filtered.stated && { persistent: filtered.stated.parameters }),
      ...(inputNoise === undefined ? {} : { inputNoise }),
      ...(inputSlopes === undefined ? {} : { inputSlopes }),
      ...(a.refit === undefined ? {} : { refit: a.refit }),
      inputs: sample.inputs.slice(),
      x: filtered.posterior.x,
      S: filtered.posterior.S,
      ...(filtered.bank === undefined ? {} : { bank: filtered.bank }),
      ...(filtered.lines === undefined ? {} : { lines: filtered.lines }),
      ...keptBefore(filtered, beforeChange),
      ...noiseAfter(
        definition,
        a,
        measured,
        definition.estimator.adaptNoise && quiet && !isFitted(a)
          ? adaptNoise(definition, a.noiseStd, filtered, before.sampleCount, a.firstNoise)
          : a.noiseStd.slice(),
      ),
      ...(a.integration === undefined ? {} : { integration: a.integration }),
      ...(a.contradictions === undefined ? {} : { contradictions: a.contradictions }),
      suspicion: a.suspicion.map((s, i) => (filtered.gated.includes(i) ? s + 1 : 0)),
      lastValue: sample.measured.map((v, i) => (Number.isFinite(v) ? v : a.lastValue[i]!)),
      repeats,
      heldInputs,
      faults,
      limitRuns: a.limitRuns.slice(),
      ...(mayRest && {
        redundancy: updateRedundancy(
          a.redundancy ?? initialRedundancy(m),
          filtered,
          measured,
          a.noiseStd,
          settings.range,
        ),
      }),
      health: updateHealth(a.health, filtered),
      unexplained: filtered.mismatch || filtered.regimeChange ? a.unexplained + 1 : 0,
      rejected: new Float64Array(m).fill(Number.NaN),
      oneSided: filtered.refusedBeyond ? WITHIN_BOUNDS_RUN : Math.max(0, a.oneSided - 1),
      ...(a.leftOut === undefined ? {} : { leftOut: a.leftOut }),
    },
  };
}
