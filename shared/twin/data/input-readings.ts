import type { TwinDefinition } from '../../config/index.js';
import { type TimeMap, type Tqv, toMachineTimeS, wallTime } from '../../core/index.js';
import { inputInterpolations } from '../definition/input-interpolation.js';
import type { InputsAt } from '../types.js';

/** A value that an input was given, and when. */
export interface InputReading {
  timeNs: bigint;
  value: number;
}

/** What inputs are at a sample, and were since the one before. */
export interface SampledInputs {
  /** One value per input of the definition; `NaN` before its first. */
  inputs: Float64Array;
  /** In order; none of a machine at rest, and before the first sample. */
  between: InputsAt[];
  /** The newest reading that the sample took of each stream, by alias. */
  held: Record<string, InputReading>;
}

export interface InputReadingsOptions {
  definition: TwinDefinition;
  /** Readings by alias, in any order. */
  streams: ReadonlyMap<string, readonly Tqv[]>;
  timeMap: TimeMap;
  /** A reading so near to a sample is of the same scan. */
  toleranceNs: bigint;
  /** The newest sample before those that are asked for. */
  sampledNs?: bigint | undefined;
  /** What that sample took; default: what the streams say. */
  held?: Readonly<Record<string, InputReading>> | undefined;
}

/** One input on its way through its readings. */
interface Course {
  alias: string | undefined;
  isStraight: boolean;
  /** Usable ones, in order of time. */
  readings: readonly InputReading[];
  /** Place of the first that no sample took. */
  next: number;
  value: number;
  /** The newest that was taken. */
  last: InputReading | undefined;
}

/** A reading this share of a window (of half the interval between samples) from a sample is of its scan. */
const SCAN_SHARE = 10n;

/** How near to a sample a reading of an input is of the same scan. */
export const scanToleranceNs = (windowNs: bigint): bigint => windowNs / SCAN_SHARE;

/** A gap of more than so many of the shortest between readings: nothing was sent, as nothing changed. */
const SILENT_GAPS = 1.5;

function readingsOf(stream: readonly Tqv[], after: InputReading | undefined): InputReading[] {
  return (
    stream
      .flatMap(({ timeNs, quality, value }) =>
        quality === 'GOOD' && typeof value === 'number' && Number.isFinite(value)
          ? [{ timeNs, value }]
          : [],
      )
      .filter(({ timeNs }) => after === undefined || timeNs > after.timeNs)
      .sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0))
      // As with what is measured, the first of a timestamp counts.
      .filter(({ timeNs }, k, all) => timeNs !== all[k - 1]?.timeNs)
  );
}

/**
 * Takes readings up to a sample. The clocks of one scan stand some milliseconds apart: where an input has
 * one reading near the sample, just before or after it, it is the sample's. Where it has more there, each
 * stays in its place: they are a pulse.
 *
 * @returns those before the sample that are not its own
 */
function take(course: Course, timeNs: bigint, toleranceNs: bigint): InputReading[] {
  const { readings, isStraight } = course;
  const telling: InputReading[] = [];
  let { value } = course;
  for (let k = course.next; readings[k] && readings[k]!.timeNs <= timeNs + toleranceNs; k++) {
    const reading = readings[k]!;
    // A value that is held and repeated tells nothing new.
    if (isStraight || reading.value !== value) telling.push(reading);
    value = reading.value;
  }
  const near = telling.filter((r) => r.timeNs >= timeNs - toleranceNs);
  const own = near.length === 1 ? near[0] : undefined;
  const kept = new Set(near);
  for (; course.next < readings.length; course.next++) {
    const reading = readings[course.next]!;
    const isOfScan =
      reading === own || (reading.timeNs <= timeNs + toleranceNs && !kept.has(reading));
    if (reading.timeNs > timeNs && !isOfScan) break;
    course.last = reading;
    course.value = reading.value;
  }
  return telling.filter((r) => r !== own && r.timeNs < timeNs);
}

/**
 * Where an input that runs straight between its readings bends. A stream that is sent on change is silent
 * while its value stays: a line into a reading is no longer than the shortest time between two of them.
 * One reading alone tells no such time, and the line runs from sample to sample.
 *
 * @param from what it was at the sample before, and whether it was read there
 * @param to the same at this one
 */
function bendsOf(
  readings: readonly InputReading[],
  from: InputReading & { isRead: boolean },
  to: InputReading & { isRead: boolean },
): InputReading[] {
  const times = [
    ...(from.isRead ? [from.timeNs] : []),
    ...readings.map((r) => r.timeNs),
    ...(to.isRead ? [to.timeNs] : []),
  ];
  if (readings.length === 0 || times.length < 2) return [];
  // Not `Math.min(...)`: there may be more readings than a call takes arguments.
  const leastNs = times.reduce(
    (least, t, k) => (k === 0 ? least : Math.min(least, Number(t - times[k - 1]!))),
    Number.POSITIVE_INFINITY,
  );
  const bends: InputReading[] = [];
  let before: InputReading = from;
  for (const reading of [...readings, to]) {
    const isSilent = Number(reading.timeNs - before.timeNs) > SILENT_GAPS * leastNs;
    if (isSilent) bends.push({ timeNs: reading.timeNs - BigInt(leastNs), value: before.value });
    if (reading !== to) bends.push(reading);
    before = reading;
  }
  // What lies within a level tells nothing.
  const all = [from, ...bends, to];
  return bends.filter(({ value }, k) => value !== all[k]!.value || value !== all[k + 2]!.value);
}

/**
 * What inputs are at samples, which are asked for in order of time, with what they were in between: held
 * inputs where they change, straight ones where they bend.
 */
export function inputReadings(options: InputReadingsOptions): (timeNs: bigint) => SampledInputs {
  const { definition, streams, timeMap, toleranceNs, held } = options;
  const isMoving = definition.simulation.mode !== 'steady-state';
  const how = inputInterpolations(definition);
  const courses = definition.inputs.map(({ alias, value }, i): Course => {
    const isStreamed = value === undefined && alias !== undefined;
    const last = isStreamed ? held?.[alias] : undefined;
    return {
      alias: isStreamed ? alias : undefined,
      isStraight: isMoving && how[i] === 'linear',
      readings: isStreamed ? readingsOf(streams.get(alias) ?? [], last) : [],
      next: 0,
      value: value ?? last?.value ?? Number.NaN,
      last,
    };
  });
  let { sampledNs } = options;
  if (sampledNs !== undefined && held === undefined) {
    for (const course of courses) take(course, sampledNs, toleranceNs);
  }

  return (timeNs) => {
    const fromNs = sampledNs;
    const from = courses.map(({ value, last }) => ({
      value,
      isRead: fromNs !== undefined && last !== undefined && last.timeNs >= fromNs - toleranceNs,
    }));
    const changes = courses.map((course, i) => {
      const readings = take(course, timeNs, toleranceNs);
      if (!isMoving || fromNs === undefined) return [];
      if (!course.isStraight) return readings;
      const { value, last } = course;
      const isRead =
        last !== undefined && last.timeNs >= timeNs - toleranceNs && !readings.includes(last);
      return bendsOf(readings, { ...from[i]!, timeNs: fromNs }, { timeNs, value: value, isRead });
    });
    sampledNs = timeNs;
    const inputs = Float64Array.from(courses, ({ value }) => value);
    const read = courses.flatMap(({ alias, last }) =>
      alias === undefined || last === undefined ? [] : [[alias, last] as const],
    );
    return { inputs, between: between(changes), held: Object.fromEntries(read) };

    /** The instants of all changes; what runs straight through one is `NaN` there. */
    function between(changes: readonly (readonly InputReading[])[]): InputsAt[] {
      // Before its first value an input drives nothing.
      if (from.some(({ value }) => Number.isNaN(value))) return [];
      const times = [...new Set(changes.flatMap((of) => of.map((r) => r.timeNs)))].sort((a, b) =>
        a < b ? -1 : 1,
      );
      const places = changes.map(() => 0);
      const values = from.map(({ value }) => value);
      return times.map((atNs) => {
        const at = Float64Array.from(courses, ({ isStraight, alias }, i) => {
          const change = changes[i]![places[i]!];
          if (change?.timeNs === atNs) {
            values[i] = change.value;
            places[i]!++;
          } else if (isStraight && alias !== undefined) return Number.NaN;
          return values[i]!;
        });
        return { timeS: toMachineTimeS(timeMap, atNs), inputs: at };
      });
    }
  };
}

/**
 * Whether a sample would take other readings from after its time now: some of its scan have come since.
 *
 * @param streams from before the sample until its scan is over
 * @param sample its time, and what it took
 */
export function lacksInputs(
  options: Pick<InputReadingsOptions, 'definition' | 'streams' | 'toleranceNs'>,
  sample: { timeNs: bigint; held: Readonly<Record<string, InputReading>> },
): boolean {
  const now = inputReadings({ ...options, timeMap: wallTime })(sample.timeNs).held;
  return Object.entries(now).some(([alias, { timeNs }]) => {
    const takenNs = sample.held[alias]?.timeNs ?? 0n;
    return timeNs !== takenNs && (timeNs > sample.timeNs || takenNs > sample.timeNs);
  });
}
