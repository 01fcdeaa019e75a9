import type { Twin } from '../../types.js';
import type { FitContext } from '../model/fit-context.js';
import type { FitPoint, FreeRunOptions } from '../model/fit-model.js';
import { type FitRecord, rangeOf } from '../record/record.js';
import { type Coordinate, coursesAt, forcesAlong, valueAt } from '../unknowns/coordinates.js';
import type { LeastSquaresProblem } from './objective.js';

/** What the model is run with at a point of a fit. */
export function fitPointAt(
  coordinates: readonly Coordinate[],
  u: Float64Array,
  timesS: Float64Array,
): FitPoint {
  const of = (kind: Coordinate['kind']) =>
    Float64Array.from(coordinates.flatMap((c, j) => (c.kind === kind ? [valueAt(c, u[j]!)] : [])));
  const states = of('start-state');
  const courses = coursesAt(coordinates, u, timesS);
  const forces = forcesAlong(coordinates, u, timesS);
  return {
    parameters: of('parameter'),
    ...(states.length === 0 ? {} : { states }),
    ...(courses.length === 0 ? {} : { courses }),
    ...(forces.length === 0 ? {} : { forces }),
  };
}

/**
 * Share of a channel's range below which what a model misses is not asked for: less than a converter of 16 bits
 * resolves, and as much as two simulators differ by that integrate the same equations.
 */
const NEGLIGIBLE = 1e-5;

/** What a channel may be missed by without a word, in its unit. */
export const negligible = (record: FitRecord, channel: number): number =>
  NEGLIGIBLE * (rangeOf(record, channel) || 0);

/** The least white noise of each channel: what is stated, what its resolution makes, the model's own digits. */
export function whiteFloor(twin: Twin, record: FitRecord): Float64Array {
  return Float64Array.from(twin.definition.measured, (channel, c) => {
    const range = rangeOf(record, c) || 0;
    return Math.max(channel.noiseStd ?? 0, record.resolution[c]! / Math.sqrt(12), 1e-6 * range);
  });
}

/** Outputs of free runs along a record, at points of a fit, and counted; of one that fails, why. */
export async function runsAlong(
  context: FitContext,
  coordinates: readonly Coordinate[],
  record: FitRecord,
  points: readonly Float64Array[],
  options?: FreeRunOptions,
): Promise<(Float64Array | Error)[]> {
  context.signal?.throwIfAborted();
  const runs = await context.model.run(
    points.map((u) => fitPointAt(coordinates, u, record.timesS)),
    record,
    options,
  );
  context.passes += points.length;
  context.onPass?.(context.passes);
  return runs.map((run) => (run instanceof Error ? run : run.outputs));
}

/** A record as a problem of least squares. */
export function fitProblem(
  context: FitContext,
  coordinates: readonly Coordinate[],
  record: FitRecord,
): LeastSquaresProblem {
  const white = whiteFloor(context.twin, record);
  return {
    coordinates,
    data: record.data,
    channels: record.channels,
    whiteFloor: white,
    noiseFloor: white.map((v, c) => Math.max(v, negligible(record, c))),
    simulate: (points) => runsAlong(context, coordinates, record, points),
  };
}
