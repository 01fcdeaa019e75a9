import type { TwinDefinition } from '../../../config/index.js';
import { upperMedian } from '../../../core/index.js';
import { inputInterpolations } from '../../definition/input-interpolation.js';
import { withCarriedInputs } from '../../readings/carried-inputs.js';
import { withoutRepeatedRows } from '../../readings/repeated-rows.js';
import { undrivenRows } from '../../readings/undriven-rows.js';
import { withoutWild } from '../../readings/wild-values.js';
import type { Sample, Twin } from '../../types.js';
import { resolutionOf, roughNoise } from './channel-values.js';
import { beginningsOf } from './gaps.js';
import { railsOf } from './rails.js';
import { type FitRecord, type InputsAfter, SILENT } from './record.js';

/**
 * Arranges samples for a fit. Inputs that are missing keep their last value, or lie between their neighbours where
 * they run as straight lines, but for long (of states of rest, at once) the samples are left out; samples whose
 * time does not rise are left out and counted; samples at a rail become missing values, with a margin of three
 * times the noise, as do lone ones far from all others. Where rows or inputs are missing for long, what drives a
 * moving machine is not known: its run begins anew after them.
 */
export function fitRecord(
  { definition }: Pick<Twin, 'definition'>,
  samples: readonly Sample[],
): FitRecord {
  const steady = definition.simulation.mode === 'steady-state';
  const { kept, skipped, begun } = keptSamples(definition, samples);
  const between = inputsBetween(kept);
  const timesS = Float64Array.from(kept, (sample) => sample.timeS);
  const inputs = definition.inputs.map((_, i) =>
    Float64Array.from(kept, ({ inputs }) => inputs[i]!),
  );
  const values = measuredValues(definition, kept);
  const isDriven = !steady && definition.inputs.some((input) => input.value === undefined);
  const known = new Set(between.map(({ row }) => row));
  return {
    timesS,
    inputs,
    between,
    beginnings: isDriven
      ? beginningsOf(timesS, {
          begun,
          isKnown: (row) => known.has(row),
          hasChanged: shownChanges(definition, inputs, values),
          maxGapS: definition.transient.maxGapS,
        })
      : [0],
    ...values.measured,
    rows: kept.map(({ row }) => row),
    skipped,
  };
}

/**
 * The samples that a fit takes, and why it takes no others.
 *
 * @returns `begun`: rows before which some were left out that nobody knows the inputs of
 */
function keptSamples(
  definition: TwinDefinition,
  samples: readonly Sample[],
): { kept: Sample[]; skipped: Record<string, number>; begun: ReadonlySet<number> } {
  const steady = definition.simulation.mode === 'steady-state';
  const skipped: Record<string, number> = {};
  const skip = (reason: string) => {
    skipped[reason] = (skipped[reason] ?? 0) + 1;
  };
  const kept: Sample[] = [];
  let lastS = Number.NEGATIVE_INFINITY;
  const begun = new Set<number>();
  const tame = withoutRepeatedRows(definition, withoutWild(definition, samples));
  const undriven = steady ? new Set<number>() : undrivenRows(definition, tame);
  for (const [at, sample] of withCarriedInputs(definition, tame).entries()) {
    if (!Number.isFinite(sample.timeS)) skip('time-unreadable');
    else if (sample.timeS <= lastS) skip('time-not-rising');
    else if (undriven.has(at)) {
      skip('input-missing');
      begun.add(kept.length);
    } else if (sample.inputs.some((v) => !Number.isFinite(v))) skip('input-missing');
    else {
      kept.push(sample);
      lastS = sample.timeS;
    }
  }
  const silent = kept.filter(({ measured }) => !measured.some(Number.isFinite)).length;
  if (silent > 0) skipped[SILENT] = silent;
  return { kept, skipped, begun };
}

/** What inputs were between samples, where these tell. */
function inputsBetween(kept: readonly Sample[]): InputsAfter[] {
  return kept.flatMap((sample, k) => {
    const before = kept[k - 1];
    if (before === undefined) return [];
    return (sample.between ?? [])
      .filter(({ timeS }) => timeS > before.timeS)
      .map(({ timeS, inputs }) => ({
        row: k - 1,
        timeS,
        by: inputs.map((v, i) => v - before.inputs[i]!),
      }));
  });
}

/** What sensors read, but at their rails, how finely, and with what noise. */
function measuredValues(
  { measured, simulation }: TwinDefinition,
  kept: readonly Sample[],
): { measured: Pick<FitRecord, 'data' | 'channels' | 'resolution' | 'rails'>; noise: number[] } {
  const channels = measured.length;
  const noise: number[] = [];
  const data = new Float64Array(kept.length * channels);
  const resolution = new Float64Array(channels);
  const rails = measured.flatMap((channel, c) => {
    const values = Float64Array.from(kept, (sample) => {
      const v = sample.measured[c]!;
      return Number.isFinite(v) ? v : Number.NaN;
    });
    resolution[c] = resolutionOf(values);
    const std = channel.noiseStd ?? roughNoise(values);
    noise.push(std);
    const found = railsOf(channel, values, std, simulation.mode !== 'steady-state');
    for (const row of found.rows) values[row] = Number.NaN;
    values.forEach((v, row) => {
      data[row * channels + c] = v;
    });
    return found.rails;
  });
  return { measured: { data, channels, resolution, rails }, noise };
}

/**
 * Whether a held input has changed between a row and the next, of a machine whose sensors show that within a row:
 * of one that hardly moves in a row it does not matter when in a missing one an input changed.
 */
function shownChanges(
  definition: TwinDefinition,
  inputs: readonly Float64Array[],
  values: ReturnType<typeof measuredValues>,
): (row: number) => boolean {
  const how = inputInterpolations(definition);
  const held = inputs.filter((_, i) => how[i] === 'hold');
  const hasChanged = (row: number) => held.some((column) => column[row] !== column[row + 1]);
  const rows = values.measured.data.length / values.measured.channels;
  const changes = Array.from({ length: rows }, (_, row) => row).filter(hasChanged);
  return followsAtOnce(values, changes) ? hasChanged : () => false;
}

/** A move of a sensor in a row is seen from so many deviations of its noise on … */
const SEEN = 5;
/** … in the median of so many rows at least. */
const FEWEST_CHANGES = 3;

/**
 * Whether a sensor moves within the row after a held input has changed by more than its noise.
 *
 * @param changes rows after which an input is another
 */
function followsAtOnce(
  { measured: { data, channels, resolution }, noise }: ReturnType<typeof measuredValues>,
  changes: readonly number[],
): boolean {
  return noise.some((std, c) => {
    const moves = changes
      .map((row) => Math.abs(data[(row + 2) * channels + c]! - data[(row + 1) * channels + c]!))
      .filter(Number.isFinite);
    const seen = SEEN * Math.max(std, resolution[c]!);
    return moves.length >= FEWEST_CHANGES && upperMedian(moves) > seen;
  });
}
