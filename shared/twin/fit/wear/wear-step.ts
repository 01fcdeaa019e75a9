import type { Fit } from '../fitting/fit.js';
import type { FitContext } from '../model/fit-context.js';
import { fitBefore } from './before-change.js';
import { likeliestChange, likeliestChangeWithin, type StraightFit } from './likeliest-change.js';
import { STEP_KIND, type WearPrior } from './wear-course.js';
import { frameOf, isExplained, MOST_LASTING, searched } from './wear-search.js';

/** Looks for the time of a step, each about the fit with the one before. */
const LOOKS = 3;
/** Rows to each side of a step's time that are looked at once it is known about. */
const CLOSE = 3;
/** Nats that another time must gain to be worth another fit. */
const LEAST_CLOSER = 3;
/**
 * Correlation of neighbouring residuals that a step which is to explain an event may leave: almost anything
 * is explained by some step, a little.
 */
export const MOST_LASTING_OF_STEP = 0.25;

/**
 * Where courses explain nothing: a step at a time that nobody has told, where it explains the residuals.
 * The model is made straight about constants first, far from such a step: its time is looked for
 * again about the fit with it.
 */
export const steppedSomewhere = (
  context: FitContext,
  start: Fit,
  priors: readonly WearPrior[],
  taken: Float64Array,
): Promise<Fit | undefined> =>
  steppedWhere(context, start, {
    about: start,
    most: MOST_LASTING,
    look: (about) => likeliestChange(context, about, { priors, taken }),
  });

/**
 * A step about the time at which something happened: what the machine was before it is fitted first, and
 * run on, as a fit of the whole record is far from both before and after.
 */
export async function steppedAbout(
  context: FitContext,
  start: Fit,
  priors: readonly WearPrior[],
  aboutS: number,
): Promise<Fit | undefined> {
  const { timesS } = start.record;
  const row = timesS.findIndex((t) => t > aboutS);
  const last = timesS.length - 2;
  if (row < 1 || row > last) return undefined;
  let rows: readonly [number, number] = [Math.max(1, 2 * row - timesS.length), last];
  return steppedWhere(context, start, {
    about: await fitBefore(context, start, row),
    most: MOST_LASTING_OF_STEP,
    async look(about) {
      const changeS = await likeliestChangeWithin(context, about, priors, rows, LEAST_CLOSER);
      // The fit with that step is off by a few rows at most, between the times of a wide look.
      if (changeS !== undefined) rows = rowsAbout(timesS, changeS);
      return changeS;
    },
  });
}

/** The fit with a step that explains the record, its time looked for about one fit after the other. */
async function steppedWhere(
  context: FitContext,
  start: Fit,
  by: {
    /** Where the first look is from. */
    about: StraightFit | undefined;
    /** What it may leave, see {@link isExplained}. */
    most: number;
    look(about: StraightFit): Promise<number | undefined>;
  },
): Promise<Fit | undefined> {
  let { about } = by;
  for (let look = 0; look < LOOKS && about !== undefined; look++) {
    const changeS = await by.look(about);
    const frame = changeS === undefined ? undefined : frameOf(context, start, changeS);
    if (frame?.changeS === undefined) return undefined;
    const { worn } = await searched(context, start, frame);
    if (worn !== undefined && isExplained(worn, by.most))
      return timed(context, start, frame.priors, worn);
    about = worn;
  }
  return undefined;
}

/** The rows closest to a time. */
function rowsAbout(timesS: Float64Array, aboutS: number): readonly [number, number] {
  const row = timesS.findIndex((t) => t >= aboutS);
  return [Math.max(1, row - CLOSE), Math.min(timesS.length - 2, row + CLOSE)];
}

/** The fit with a step's time, where it has one, moved to where its neighbours explain the record better. */
export async function timed(
  context: FitContext,
  start: Fit,
  priors: readonly WearPrior[],
  worn: Fit,
): Promise<Fit> {
  const { timesS } = worn.record;
  let best = worn;
  for (let look = 0; look < LOOKS; look++) {
    const { changeS: at, kinds = [] } = best.wear ?? {};
    const stepped = priors.filter(({ parameter }) => kinds[parameter] === STEP_KIND.name);
    if (at === undefined || stepped.length === 0) return best;
    const rows = rowsAbout(timesS, at);
    const changeS = await likeliestChangeWithin(context, best, stepped, rows, LEAST_CLOSER);
    if (changeS === undefined || changeS === at) return best;
    const frame = frameOf(context, start, changeS);
    if (frame?.changeS === undefined) return best;
    const { worn: moved } = await searched(context, start, frame);
    if (moved === undefined || !isExplained(moved) || moved.objective >= best.objective)
      return best;
    best = moved;
  }
  return best;
}
