import { type Fit, fitRecordFrom } from '../fit/fitting/fit.js';
import type { FitContext } from '../fit/model/fit-context.js';
import { type FitRecord, sliceOf } from '../fit/record/record.js';
import { freeUntold } from '../fit/search/untold.js';
import { withPulled } from '../fit/shape/pulled.js';
import {
  parameterCoordinates,
  parameterCount,
  startPoints,
  valueAt,
} from '../fit/unknowns/coordinates.js';
import { fitCoordinates } from '../fit/unknowns/fit-coordinates.js';
import { refitWorn } from '../fit/wear/wear.js';
import type { SplitHalf } from './types.js';

/** Share of what a parameter does in the first half of a record below which it does nothing in the second. */
const DIED_OUT = 1e-3;

/** Whether a parameter says where the record begins, as an FMU's start value does: of each part it is another. */
function isOfStart({ columns, record }: Fit, j: number): boolean {
  const half = (record.timesS.length >> 1) * record.channels;
  const first = Math.hypot(...columns[j]!.subarray(0, half));
  const second = Math.hypot(...columns[j]!.subarray(half));
  return first > 0 && second < DIED_OUT * first;
}

/** Whether a parameter moves along a fit's record: at the ends of the halves it is another. */
const hasCourse = ({ coordinates }: Fit, parameter: number): boolean =>
  coordinates.some(({ course }) => course?.parameter === parameter);

/** Fits of the record's halves, compared parameter by parameter. */
export async function splitHalf(
  context: FitContext,
  record: FitRecord,
  whole: Fit,
): Promise<SplitHalf> {
  const n = record.timesS.length;
  const half = n >> 1;
  const parts = [sliceOf(record, 0, half), sliceOf(record, half, n)];
  const fits: Fit[] = [];
  for (const part of parts) {
    const coordinates = await fitCoordinates(context, part);
    const parameters = parameterCount(coordinates);
    // The halves begin with the priors as they were stated.
    const near = Float64Array.from(coordinates, (_, j) =>
      j < parameters ? whole.u[j]! * whole.coordinates[j]!.doubt : 0,
    );
    const points = [near, ...startPoints(coordinates, 2)];
    const found = await fitRecordFrom(context, coordinates, part, points);
    // As the whole record tells: of half of it, wear may be chance.
    const free = await freeUntold(context, found);
    fits.push(withPulled(await refitWorn(context, free, whole, part)));
  }
  const parameters: SplitHalf['parameters'] = {};
  const ofStart: string[] = [];
  const wearing: string[] = [];
  parameterCoordinates(context.twin).forEach((c, j) => {
    if (hasCourse(whole, j)) {
      wearing.push(c.name);
      return;
    }
    if (isOfStart(whole, j)) {
      ofStart.push(c.name);
      return;
    }
    // In deviations of the priors as they were stated.
    const us = fits.map((fit) => fit.u[j]! * fit.coordinates[j]!.doubt);
    const sds = fits.map(
      (fit) =>
        fit.coordinates[j]!.doubt *
        Math.sqrt(fit.covariance.covariance[j * fit.coordinates.length + j]!),
    );
    const z = Math.abs(us[0]! - us[1]!) / Math.hypot(sds[0]!, sds[1]!);
    const agree = z <= 1.96;
    const means = us.map((u) => valueAt(c, u));
    const stds = sds.map((sd, k) => (c.transform === 'log' ? means[k]! : 1) * c.scale * sd);
    parameters[c.name] = { means, stds, z, agree };
  });
  const compared = Object.values(parameters);
  const agreeing = compared.filter(({ agree }) => agree).length;
  return {
    agree: compared.length === 0 ? null : agreeing / compared.length,
    pairs: 1,
    parameters,
    ...(ofStart.length > 0 && { ofStart }),
    ...(wearing.length > 0 && { wearing }),
  };
}
