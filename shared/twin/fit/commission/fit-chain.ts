import { undisturbedStarts } from '../disturbances/undisturbed.js';
import type { Fit, FitStart } from '../fitting/fit.js';
import { findInputNoise } from '../input-noise/found-input-noise.js';
import { withInputNoise } from '../input-noise/input-noise.js';
import type { FitContext } from '../model/fit-context.js';
import { testOn } from '../outputs/held-out.js';
import { beginningOf, endOf } from '../record/gaps.js';
import { type FitRecord, headOf } from '../record/record.js';
import { searchedOn, searchFrom } from '../search/search.js';
import { freeUntold } from '../search/untold.js';
import { type Shape, shapeOf } from '../shape/shape.js';
import { startPoints } from '../unknowns/coordinates.js';
import { fitCoordinates } from '../unknowns/fit-coordinates.js';
import { refitWorn, withWear } from '../wear/wear.js';

/** The fits of a record, each from the one before. */
export interface FitChain {
  /** Of all rows, its parameters wearing where that explains them better. */
  worn: Fit;
  shape: Shape;
  /** The last: with the noise of inputs where there is some. */
  fit: Fit;
  /** The fit without the rows held out, tested on them. */
  tested: Awaited<ReturnType<typeof testOn>> | undefined;
  /** The first of the rows held out; the record's length where none are. */
  train: number;
  /** Searches that the fit of all rows rests on. */
  starts: FitStart[];
}

/** Fewer rows test nothing. */
const LEAST_HELD_OUT = 10;

/**
 * How many rows a fit is made of that is tested on the next. A run begins anew after a gap, where the fit would
 * have to see what it is tested on: where one lies just after them, fewer rows are fitted.
 *
 * @param held rows to hold out
 */
function trainedRows(record: FitRecord, held: number): number {
  const train = record.timesS.length - held;
  const end = endOf(record, train - 1);
  if (end - train >= Math.min(held, LEAST_HELD_OUT)) return train;
  const begin = beginningOf(record, train - 1);
  // Half of a part tells its states, the other tests them.
  const fewer = Math.max(end - held, Math.ceil((begin + end) / 2));
  return end - fewer >= LEAST_HELD_OUT ? fewer : record.timesS.length;
}

/** Fewer samples hold nothing out. */
const LEAST_TO_HOLD_OUT = 40;

/**
 * Fits a record: first the part that is not held out, from several points; then all of it, with wear, the
 * shape of the valley and the inputs' noise.
 *
 * @throws TwinError `NUMERIC` where no point can be fitted from, `CANCELLED`
 */
export async function fitChain(
  context: FitContext,
  record: FitRecord,
  { starts, holdOut, changeS }: { starts: number; holdOut: number; changeS: number | undefined },
): Promise<FitChain> {
  const n = record.timesS.length;
  // A change late in the record would test the fit of what was before it.
  const testable = n >= LEAST_TO_HOLD_OUT && changeS === undefined;
  const train =
    testable && holdOut > 0 ? trainedRows(record, n - Math.round(n * (1 - holdOut))) : n;
  const head = headOf(record, train);
  const coordinates = await fitCoordinates(context, record);
  const from = startPoints(coordinates, starts);
  const warm = await undisturbedStarts(context, coordinates, head, from);
  const first = await freeUntold(context, await searchFrom(context, coordinates, head, warm));
  const test = train < n ? await testOn(context, first, record, train) : undefined;
  // The whole record from where its first part led, and from second modes.
  const whole = train < n ? await searchedOn(context, first, record, true) : first;
  const worn = await withWear(context, await freeUntold(context, whole), changeS);
  const { fit: shaped, shape } = await shapeOf(context, worn);
  const known = worn.wear === undefined ? shaped : { ...shaped, wear: worn.wear };
  const fit = await withInputNoise(context, known, await findInputNoise(context, known));
  const tested =
    test !== undefined && fit.coordinates.some((c) => c.kind === 'wear')
      ? await testOn(context, await refitWorn(context, first, fit, head), record, train)
      : test;
  return { worn, shape, fit, tested, train, starts: whole.starts };
}
