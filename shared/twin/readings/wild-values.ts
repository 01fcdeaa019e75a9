import type { TwinDefinition } from '../../config/index.js';
import { instantText } from '../report/time-axis.js';
import type { InputsAt, Sample } from '../types.js';
import {
  codesIn,
  drivenAt,
  isFarOutside,
  isNoReading,
  isSentinel,
  LEAST,
  sentinelsIn,
  type Wild,
} from './no-readings.js';

/** Readings so far from all others of their sensor or input that they are faults of the reading, not noise. */
export interface WildValues {
  variable: string;
  values: { timeS: number; value: number }[];
  /** The range of all others. */
  from: number;
  to: number;
}

/** Share of the values that may be wild: what comes more often is a habit. */
export const FEW = 0.01;
/**
 * What is no reading among the values of a sensor: error codes, and lone values, as a broken message or an
 * overflow leaves them. One of them in a fit by squares outweighs all the rest.
 *
 * @param values `NaN` where there is none
 * @returns where they are
 */
export const wildIn = (values: Float64Array, inputs: readonly Float64Array[]): Wild | undefined =>
  withLone(values, inputs, codesIn(values, inputs));

/** The same of an input: a command may be anything but what devices send for none. */
const wildOfInput = (values: Float64Array): Wild | undefined =>
  withLone(values, [], sentinelsIn(values));

function withLone(
  values: Float64Array,
  inputs: readonly Float64Array[],
  codes: Wild | undefined,
): Wild | undefined {
  const coded = new Set(codes?.places);
  const lone = loneIn(
    values.map((v, i) => (coded.has(i) ? Number.NaN : v)),
    inputs,
  );
  if (codes === undefined || lone === undefined) return codes ?? lone;
  return { ...lone, places: [...codes.places, ...lone.places].sort((a, b) => a - b) };
}

/**
 * Lone values that lie ten ranges of all others outside of theirs. What comes twice in a row, or where an
 * input is outside of its own range as well, may be the machine.
 */
function loneIn(values: Float64Array, inputs: readonly Float64Array[]): Wild | undefined {
  const sorted = values.filter(Number.isFinite).sort();
  const n = sorted.length;
  if (n < LEAST) return;
  const most = Math.max(1, Math.floor(FEW * n));
  // The most at both ends that are that far from the rest: fewer would hide behind each other.
  for (let left = most; left > 0; left--) {
    for (let low = 0; low <= left; low++) {
      const [from, to] = [sorted[low]!, sorted[n - 1 - (left - low)]!];
      const isWild = (v: number) => isFarOutside({ from, to }, v);
      if (low > 0 && !isWild(sorted[low - 1]!)) continue;
      if (low < left && !isWild(sorted[n - (left - low)]!)) continue;
      const places = [...values.keys()].filter((i) => isWild(values[i]!));
      const isDriven = drivenAt(inputs, places);
      const wild = places.every((i, k) => isLone(values, i, places[k + 1]) && !isDriven(i));
      return wild ? { places, from, to } : undefined;
    }
  }
  return;
}

/** An input's values with wild ones as missing ones. */
export function withoutWildValues(values: Float64Array): Float64Array {
  const places = new Set(wildOfInput(values)?.places);
  return values.map((v, i) => (places.has(i) ? Number.NaN : v));
}

/** Whether another value lies between a wild one and the next. */
const isLone = (values: Float64Array, i: number, next: number | undefined): boolean =>
  next === undefined || values.subarray(i + 1, next).some(Number.isFinite);

/** Measured variables from which it is told whether most of them are far from all else at once. */
const LEAST_CHANNELS = 3;

/** Whether so many of a machine's measured variables are far off at once that it is the machine: it stands still. */
export const isMachine = (far: number, channels: number): boolean =>
  channels >= LEAST_CHANNELS && 2 * far > channels;

/**
 * The wild values of each channel, but those where most channels are far off at once, unless it is by what devices
 * send for none.
 *
 * @param columns values of each channel; `NaN` where there is none
 */
export function wildPlaces(
  columns: readonly Float64Array[],
  inputs: readonly Float64Array[],
): ReturnType<typeof wildIn>[] {
  const found = columns.map((values) => wildIn(values, inputs));
  const far = new Map<number, number>();
  for (const place of found.flatMap((f) => f?.places ?? []))
    far.set(place, (far.get(place) ?? 0) + 1);
  return found.map((f, c) => {
    const places =
      f?.places.filter(
        (i) => isNoReading(columns[c]![i]!) || !isMachine(far.get(i)!, columns.length),
      ) ?? [];
    return f !== undefined && places.length > 0 ? { ...f, places } : undefined;
  });
}

/** Samples in which a machine may follow an input. */
export const FOLLOWS_WITHIN = 5;
/** Largest change of before by which one shows that it does. */
export const FOLLOWS = 1.5;

/** Whether a measured variable changes after a place as it never did before. */
const isFollowed = (measured: readonly Float64Array[], place: number): boolean =>
  measured.some((values) => {
    const most = (from: number, to: number) => {
      let [change, count, last] = [0, 0, Number.NaN];
      for (let i = Math.max(0, from - 1); i < Math.min(to, values.length); i++) {
        const v = values[i]!;
        if (!Number.isFinite(v)) continue;
        if (i >= from && Number.isFinite(last)) {
          change = Math.max(change, Math.abs(v - last));
          count++;
        }
        last = v;
      }
      return { change, count };
    };
    const end = place + FOLLOWS_WITHIN + 1;
    const before = most(0, place);
    const usual = before.count >= LEAST ? before : most(end, values.length);
    return most(place, end).change > FOLLOWS * usual.change;
  });

/**
 * The wild values of each input: what devices send for none; or error codes and lone values far outside of all
 * others, followed by no measured variable. A blow or a pulse is, and where several inputs go at once it is the machine.
 *
 * @param rowOf the row of what was measured at or after a place of the inputs
 */
export function wildInputPlaces(
  inputs: readonly Float64Array[],
  measured: readonly Float64Array[],
  rowOf = (place: number): number => place,
): ReturnType<typeof wildIn>[] {
  const found = inputs.map(wildOfInput);
  return found.map((f, k) => {
    if (f === undefined || !(f.to > f.from)) return undefined;
    const places = f.places.filter(
      (i) =>
        isSentinel(inputs[k]![i]!) ||
        (!found.some((other, o) => o !== k && other?.places.includes(i)) &&
          !isFollowed(measured, rowOf(i))),
    );
    return places.length > 0 ? { ...f, places } : undefined;
  });
}

/** Inputs at an instant of a recording: at a sample, or between two. */
interface Instant {
  timeS: number;
  inputs: Float64Array;
  /** Place of the sample, or of the next. */
  row: number;
  /** Absent at a sample. */
  between?: InputsAt;
}

const instantsOf = (samples: readonly Sample[]): Instant[] =>
  samples.flatMap(({ timeS, inputs, between = [] }, row) => [
    ...between.map((at): Instant => ({ ...at, row, between: at })),
    { timeS, inputs, row },
  ]);

/** An input's readings: between samples it is told again wherever another changes. */
function readingsOf(instants: readonly Instant[], input: number): Float64Array {
  let last = Number.NaN;
  return Float64Array.from(instants, ({ inputs, between }, k) => {
    const value = inputs[input]!;
    const isTold = between === undefined && instants[k - 1]?.between === undefined;
    if (value === last && !isTold) return Number.NaN;
    if (Number.isFinite(value)) last = value;
    return value;
  });
}

/** Where an input holds what it was told at a place: the same value elsewhere may be the machine's. */
function heldFrom(instants: readonly Instant[], input: number, place: number): Instant[] {
  const told = instants[place]!.inputs[input]!;
  const held: Instant[] = [];
  for (let k = place; k < instants.length; k++) {
    const value = instants[k]!.inputs[input]!;
    // What runs straight through the change of another has no value there.
    if (value === told) held.push(instants[k]!);
    else if (!Number.isNaN(value)) break;
  }
  return held;
}

/** The wild readings of an input. */
interface WildInput {
  readings: { timeS: number; value: number }[];
  from: number;
  to: number;
  /** Where it holds one of them: rows of samples, and instants between. */
  rows: ReadonlySet<number>;
  between: ReadonlySet<InputsAt>;
}

function wildInputsIn(
  inputs: number,
  samples: readonly Sample[],
  read: readonly Float64Array[],
): (WildInput | undefined)[] {
  const instants = instantsOf(samples);
  const columns = Array.from({ length: inputs }, (_, i) => readingsOf(instants, i));
  return wildInputPlaces(columns, read, (place) => instants[place]!.row).map((found, i) => {
    if (found === undefined) return undefined;
    const { places, from, to } = found;
    const held = places.flatMap((place) => heldFrom(instants, i, place));
    return {
      ...{ from, to },
      readings: places.map((k) => ({ timeS: instants[k]!.timeS, value: columns[i]![k]! })),
      rows: new Set(held.flatMap(({ row, between }) => (between === undefined ? [row] : []))),
      between: new Set(held.flatMap(({ between }) => between ?? [])),
    };
  });
}

/** Wild values of a recording: by input, and places of them by measured variable. */
function wildOf({ measured, inputs }: TwinDefinition, samples: readonly Sample[]) {
  const read = measured.map((_, c) => Float64Array.from(samples, (s) => s.measured[c]!));
  const ofInputs = wildInputsIn(inputs.length, samples, read);
  const held = inputs.flatMap((_, i) => {
    let last = Number.NaN;
    const column = Float64Array.from(samples, ({ inputs }, row) => {
      if (Number.isFinite(inputs[i]!) && !ofInputs[i]?.rows.has(row)) last = inputs[i]!;
      return last;
    });
    if (samples.every(({ between }) => between === undefined)) return [column];
    const ends = [Math.min, Math.max].map((end) =>
      column.map((v, row) =>
        (samples[row]!.between ?? []).reduce(
          (most, at) =>
            Number.isNaN(at.inputs[i]!) || ofInputs[i]?.between.has(at)
              ? most
              : end(most, at.inputs[i]!),
          v,
        ),
      ),
    );
    return [column, ...ends];
  });
  return { ofInputs, ofMeasured: wildPlaces(read, held) };
}

/** The wild values of each measured variable and input of a recording that has some. */
export function wildValues(definition: TwinDefinition, samples: readonly Sample[]): WildValues[] {
  const { ofInputs, ofMeasured } = wildOf(definition, samples);
  return [
    ...definition.measured.flatMap(({ variable }, c) => {
      const found = ofMeasured[c];
      if (found === undefined) return [];
      const values = found.places.map((i) => ({
        timeS: samples[i]!.timeS,
        value: samples[i]!.measured[c]!,
      }));
      return [{ variable, values, from: found.from, to: found.to }];
    }),
    ...definition.inputs.flatMap(({ variable }, i) => {
      const found = ofInputs[i];
      return found === undefined
        ? []
        : [{ variable, values: found.readings, from: found.from, to: found.to }];
    }),
  ];
}

/** The same samples with wild values as missing ones. */
export function withoutWild(
  definition: TwinDefinition,
  samples: readonly Sample[],
): readonly Sample[] {
  const { ofInputs, ofMeasured } = wildOf(definition, samples);
  if ([...ofInputs, ...ofMeasured].every((f) => f === undefined)) return samples;
  const without = (values: Float64Array, isWild: (c: number) => boolean | undefined) =>
    values.map((v, c) => (isWild(c) ? Number.NaN : v));
  return samples.map((sample, row) => ({
    ...sample,
    inputs: without(sample.inputs, (i) => ofInputs[i]?.rows.has(row)),
    measured: without(sample.measured, (c) => ofMeasured[c]?.places.includes(row)),
    ...(sample.between && {
      between: sample.between.map((at) => ({
        ...at,
        inputs: without(at.inputs, (i) => ofInputs[i]?.between.has(at)),
      })),
    }),
  }));
}

/** What is to be said of wild values. */
export function wildText({ variable, values, from, to }: WildValues): string {
  const [first, ...more] = values;
  const setAside =
    more.length > 0
      ? `and ${more.length} more were set aside as outliers`
      : 'was set aside as an outlier';
  return `${variable}: ${first!.value} at ${instantText(first!.timeS)} ${setAside}: all others lie between ${from.toPrecision(4)} and ${to.toPrecision(4)}`;
}
