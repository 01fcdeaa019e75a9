import { TwinError } from '../../../core/index.js';
import type { Twin } from '../../types.js';
import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import type { FitContext } from '../model/fit-context.js';
import type { FitRecord } from '../record/record.js';
import { coursesAt } from '../unknowns/coordinates.js';
import { moves, rateAt, WEAR_KINDS } from './wear-course.js';
import { baseOf, type Frame } from './wear-hypotheses.js';
import { frameOf, isExplained, searched, wearOf } from './wear-search.js';
import { steppedAbout, steppedSomewhere, timed } from './wear-step.js';

/** How a parameter moved along a record. */
export interface WearCourse {
  /** The hypothesis it was fitted under: times the speed of its wear horizon, or `jump`. */
  kind: string;
  /** What it was, at times of the record. */
  course: { timeS: number; value: number }[];
  /** Its rate at the record's end, per second. */
  ratePerS: { mean: number; std: number };
}

/**
 * A fit of a record in which parameters may wear: hypotheses of how fast each moves compete by the
 * evidence of the model made straight about the fit; what they speak for is fitted anew, the
 * parameters being those at the record's end; and bands hold what the hypotheses leave open.
 *
 * @param fit of the record, its parameters constant or with the courses of an earlier look
 * @see MacKay, Bayesian interpolation, Neural Computation 4 (1992); Blom & Bar-Shalom 1988
 */
export async function withWear(context: FitContext, start: Fit, changeS?: number): Promise<Fit> {
  const frame = frameOf(context, start, changeS);
  if (frame === undefined) return start;
  try {
    const { worn, taken } = await searched(context, start, frame);
    // What the model lacks beside would be taken for wear.
    if (worn !== undefined && isExplained(worn))
      return await timed(context, start, frame.priors, worn);
    const about =
      changeS === undefined ? undefined : await steppedAbout(context, start, frame.priors, changeS);
    if (about !== undefined) return about;
    // A declared disturbance takes up what a step would.
    const disturbed = start.coordinates.some((c) => c.kind === 'force');
    const stepped =
      isExplained(start) || disturbed
        ? undefined
        : await steppedSomewhere(context, start, frame.priors, taken);
    return stepped ?? untold(context, start, frame);
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    // A model that bears no course is fitted by constants, as before.
    return start;
  }
}

/** A fit of constants whose residuals do not tell of wear: it goes on as the definition says. */
function untold({ twin }: FitContext, fit: Fit, { priors }: Frame): Fit {
  const count = twin.definition.parameters.length;
  const rateStd = new Float64Array(count);
  for (const { parameter, rateStd: std } of priors) {
    rateStd[parameter] = rateAt(fit.coordinates[parameter]!, fit.u[parameter]!, std);
  }
  const kinds = new Array<string>(count).fill(WEAR_KINDS[0]!.name);
  return { ...fit, wear: { kinds, rateStd, trendScale: new Float64Array(count).fill(1), gain: 0 } };
}

/** The fit of another record of the same machine under the hypotheses of a first. */
export async function refitWorn(
  context: FitContext,
  start: Fit,
  like: Fit,
  record: FitRecord,
): Promise<Fit> {
  const frame = frameOf(context, { ...start, record }, like.wear?.changeS);
  if (frame === undefined || like.wear === undefined) return start;
  const kinds = frame.priors.map(
    ({ parameter }) =>
      frame.allowed.find((k) => k.name === like.wear!.kinds[parameter]) ?? WEAR_KINDS[0]!,
  );
  if (!kinds.some(moves)) return start;
  const coordinates = [...baseOf(start.coordinates), ...wearOf(context, frame, kinds)];
  const u = new Float64Array(coordinates.length);
  u.set(start.u.subarray(0, Math.min(start.u.length, baseOf(start.coordinates).length)));
  return fitRecordFrom(context, coordinates, record, [u]);
}

/** Times at which a course is told. */
const TOLD = 9;

/** What each parameter was along the record, where it moved. */
export function wearOutput(twin: Twin, fit: Fit): Record<string, WearCourse> {
  const { coordinates, u, record, wear, covariance } = fit;
  const n = coordinates.length;
  const firstS = record.timesS[0]!;
  const spanS = record.timesS.at(-1)! - firstS;
  const timesS = Float64Array.from({ length: TOLD }, (_, k) => firstS + (spanS * k) / (TOLD - 1));
  return Object.fromEntries(
    coursesAt(coordinates, u, timesS).map(({ parameter, values }) => {
      const rate = coordinates.findIndex(
        (c) => c.course?.parameter === parameter && c.course.rate > 0,
      );
      const perUnit = rateAt(
        coordinates[parameter]!,
        u[parameter]!,
        coordinates[rate]!.course!.rate,
      );
      return [
        twin.definition.parameters[parameter]!.variable,
        {
          kind: wear?.kinds[parameter] ?? '',
          course: Array.from(values, (value, k) => ({ timeS: timesS[k]!, value })),
          ratePerS: {
            mean: u[rate]! * perUnit,
            std: Math.sqrt(covariance.covariance[rate * n + rate]!) * perUnit,
          },
        },
      ];
    }),
  );
}
