import { Z95 } from '../../../kalman/index.js';
import type { Finding } from '../../report/verdict.js';
import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import type { FitContext } from '../model/fit-context.js';
import type { FitRecord } from '../record/record.js';
import { type Coordinate, isDisturbed, valueAt } from '../unknowns/coordinates.js';

/** Starts of a fit with disturbances: each costs a model run per shape of their courses, again and again. */
const DISTURBED_STARTS = 2;

const isForce = (c: Coordinate) => c.kind === 'force';

/**
 * Where a fit with disturbances begins: where fits without them end, which cost a tenth of it, and at the
 * first of the given points, so that two searches from afar bear each other out. Without disturbances: as given.
 */
export async function undisturbedStarts(
  context: FitContext,
  coordinates: readonly Coordinate[],
  record: FitRecord,
  from: readonly Float64Array[],
): Promise<readonly Float64Array[]> {
  if (!isDisturbed(coordinates)) return from;
  const plain = await fitRecordFrom(
    context,
    coordinates.filter((c) => !isForce(c)),
    record,
    from.map((u) => u.filter((_, j) => !isForce(coordinates[j]!))),
  );
  return [withForces(coordinates, plain.u), ...from].slice(0, DISTURBED_STARTS);
}

function withForces(coordinates: readonly Coordinate[], u: Float64Array): Float64Array {
  let k = 0;
  return Float64Array.from(coordinates, (c) => (isForce(c) ? 0 : u[k++]!));
}

/**
 * Parameters that are elsewhere, outside of their bands, when the declared disturbances are left out: what
 * they are hangs on the disturbance, whose size and time constant somebody has stated.
 */
export async function disturbanceFindings(context: FitContext, fit: Fit): Promise<Finding[]> {
  const { coordinates, u, covariance } = fit;
  if (!isDisturbed(coordinates)) return [];
  const kept = coordinates.filter((c) => !isForce(c));
  const from = u.filter((_, j) => !isForce(coordinates[j]!));
  const plain = await fitRecordFrom(context, kept, fit.record, [from], true);
  const n = coordinates.length;
  return coordinates.flatMap((c, j) => {
    if (c.kind !== 'parameter') return [];
    // Parameters come first in both.
    const apart = Math.abs(u[j]! - plain.u[j]!);
    if (apart <= Z95 * Math.sqrt(covariance.covariance[j * n + j]!)) return [];
    const text = (at: number) => valueAt(c, at).toPrecision(3);
    return [
      {
        grade: 'care' as const,
        reason: `${c.name} hangs on the declared disturbance: ${text(u[j]!)} with it, ${text(plain.u[j]!)} without, which is outside of its band`,
        about: [c.name],
      },
    ];
  });
}
