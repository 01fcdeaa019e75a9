import { createRng } from '../../core/index.js';
import type { Fit } from '../fit/fitting/fit.js';
import type { FitContext } from '../fit/model/fit-context.js';
import { freeRunOf } from '../fit/outputs/held-out.js';
import { type FitRecord, headOf } from '../fit/record/record.js';
import { searchedOn, searchFrom } from '../fit/search/search.js';
import { freeUntold } from '../fit/search/untold.js';
import { withPulled } from '../fit/shape/pulled.js';
import { startPoints } from '../fit/unknowns/coordinates.js';
import { fitCoordinates } from '../fit/unknowns/fit-coordinates.js';
import { withWear } from '../fit/wear/wear.js';
import { HorizonScores } from './horizon-scores.js';
import type { BacktestOptions } from './options.js';
import { HORIZONS, originsOf } from './origins.js';
import { splitHalf } from './split-half.js';
import type { BacktestOutput, HorizonScore, Pit, SplitHalf } from './types.js';

/** What the tests on one record gave. */
export interface Tested {
  horizons: HorizonScore[];
  pit: Record<string, Record<string, Pit>>;
  splitHalf: SplitHalf;
  origins: number[];
  /** Of the whole record. */
  fit: Fit;
}

/** All tests that a record alone allows. */
export async function testRecord(
  context: FitContext,
  record: FitRecord,
  options: BacktestOptions,
): Promise<Tested> {
  const { horizons = HORIZONS, starts = 4 } = options;
  const n = record.timesS.length;
  const names = context.twin.definition.measured.map((c) => c.variable);
  const origins = originsOf(n, options.folds);
  const coordinates = await fitCoordinates(context, record);
  const scores = new HorizonScores(names, horizons);
  let before: Fit | undefined;
  for (const [f, origin] of origins.entries()) {
    const part = headOf(record, origin);
    // As a fit does: its searches from several starts, once, and on from where they led.
    const found =
      before === undefined
        ? await searchFrom(context, coordinates, part, startPoints(coordinates, starts))
        : await searchedOn(context, before, part);
    before = await freeUntold(context, found);
    // What wears goes on as it has, as a fit has it.
    const fit = withPulled(await withWear(context, before));
    const end = origins[f + 1] ?? n;
    const run = await freeRunOf(context, fit, headOf(record, end));
    scores.add(fit, run, headOf(record, end), origin, end);
  }
  const whole = await searchedOn(context, before!, record, true);
  const fit = withPulled(await withWear(context, whole));
  return { ...scores.told(), splitHalf: await splitHalf(context, record, fit), origins, fit };
}

/** The same tests on a record that the fitted twin makes, its fitted noise drawn from a seed. */
export async function ownRecordTested(
  context: FitContext,
  record: FitRecord,
  fit: Fit,
  options: BacktestOptions,
  seed: number,
): Promise<BacktestOutput['yardstick']> {
  const rng = createRng(seed);
  const data = fit.prediction.slice();
  for (let c = 0; c < record.channels; c++) {
    const { white, ou } = fit.residualModels[c]!;
    let d = ou.std * rng.normal();
    record.timesS.forEach((t, row) => {
      if (row > 0) {
        const a = Math.exp(-(t - record.timesS[row - 1]!) / ou.timeConstantS);
        d = a * d + ou.std * Math.sqrt(1 - a * a) * rng.normal();
      }
      data[row * record.channels + c]! += d + white * rng.normal();
    });
  }
  // Missing where the record itself is.
  record.data.forEach((v, i) => {
    if (Number.isNaN(v)) data[i] = Number.NaN;
  });
  const { horizons, splitHalf: halves } = await testRecord(context, { ...record, data }, options);
  return { horizons, splitHalf: halves };
}
