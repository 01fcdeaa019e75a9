import { createRng, TwinError } from '../../../core/index.js';
import { type Fit, fitRecordFrom, SAME_OPTIMUM } from '../fitting/fit.js';
import { sampleWorth } from '../least-squares/objective.js';
import type { FitContext } from '../model/fit-context.js';
import { type FitRecord, headOf } from '../record/record.js';
import { type Coordinate, clampU, isDisturbed, startPoints, uOf } from '../unknowns/coordinates.js';

/** Shares of a record that a search climbs over where the whole has many optima. */
const CLIMB = [1 / 8, 1 / 5, 1 / 3, 1 / 2, 3 / 4] as const;
/** Starts that are drawn from the prior beside the given ones, for its first part. */
const DRAWN_STARTS = 8;
/** Fewer samples are not divided. */
const LEAST_TO_CLIMB = 80;

/**
 * A fit from several starts; where they end apart, also one that is led there over growing parts of
 * the record. A model that switches or swings by itself has an optimum for each number of periods
 * that fits into the record: few into its beginning.
 */
export async function searchFrom(
  context: FitContext,
  coordinates: readonly Coordinate[],
  record: FitRecord,
  from: readonly Float64Array[],
): Promise<Fit> {
  const fit = await fitRecordFrom(context, coordinates, record, from);
  const rows = record.timesS.length;
  // On a ridge a search may end underway, and still where the others are.
  const together = fit.starts.filter((s) => s.nats !== undefined && s.nats <= SAME_OPTIMUM);
  // With a disturbance free to follow the data few optima are left, and a climb costs hundreds of runs.
  const disturbed = isDisturbed(coordinates);
  if (disturbed && fit.starts.some((s) => s.converged && s.nats! <= SAME_OPTIMUM)) return fit;
  if (rows < LEAST_TO_CLIMB || from.length < 2 || together.length > from.length / 2) return fit;
  const rng = createRng(1);
  const drawn = Array.from({ length: DRAWN_STARTS }, () =>
    Float64Array.from(coordinates, (c) => clampU(c, c.kind === 'parameter' ? rng.normal() : 0)),
  );
  let points: readonly Float64Array[] = [...from, ...drawn];
  try {
    for (const share of CLIMB) {
      const part = headOf(record, Math.round(share * rows));
      points = [(await fitRecordFrom(context, coordinates, part, points)).u];
    }
    const led = await fitRecordFrom(context, coordinates, record, points);
    if (led.objective >= fit.objective) return fit;
    const lost =
      sampleWorth({ data: record.data, channels: record.channels }, led.prediction, led.noiseStd) *
      (fit.objective - led.objective);
    const before = fit.starts.map((s) =>
      s.nats === undefined ? s : { ...s, nats: s.nats + lost },
    );
    return { ...led, starts: [...before, ...led.starts] };
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    return fit; // Parts of the record carry no fit: what the whole gave stands.
  }
}

/** Prior deviations from which a band is the prior's: the record has not told the parameter. */
const UNTOLD = 0.7;
/** Share of that band below which more of the record tells it. */
const NEWLY_TOLD = 0.5;

/**
 * A fit of more of a record, searched on from where a fit of its first part ended. What is told of searches is
 * what the first ones found; one that had not converged may have now.
 *
 * Of a parameter that the first part does not tell, that its searches ended together says nothing: where more of the
 * record tells it, the whole is searched from several of its values, and what is told of searches is of these.
 *
 * @param polish as {@link fitRecordFrom}
 */
export async function searchedOn(
  context: FitContext,
  first: Fit,
  record: FitRecord,
  polish = false,
): Promise<Fit> {
  const from = [first.u, ...(polish ? secondPoints(first) : [])];
  const fit = await fitRecordFrom(context, first.coordinates, record, from, polish);
  const points = newlyToldPoints(first, fit);
  if (points.length > 0) {
    // To polish each search would cost hundreds of runs, and that of the first part is polished already.
    const again = await fitRecordFrom(context, first.coordinates, record, [...from, ...points]);
    const { starts } = again;
    const worth = sampleWorth(record, again.prediction, again.noiseStd);
    if (worth * (fit.objective - again.objective) <= SAME_OPTIMUM) return { ...fit, starts };
    if (!polish) return again;
    return {
      ...(await fitRecordFrom(context, first.coordinates, record, [again.u], true)),
      starts,
    };
  }
  const reached = fit.starts.filter((s) => s.nats !== undefined && s.nats <= SAME_OPTIMUM);
  const converged = reached.some((s) => s.converged);
  const refused = reached.find((s) => s.refused !== undefined)?.refused;
  const starts = first.starts.map((s) => {
    if (s.nats === undefined || s.nats > SAME_OPTIMUM) return s;
    if (converged) return { ...s, converged };
    return refused === undefined ? s : { ...s, refused };
  });
  return { ...fit, starts };
}

/** Where a first fit ended, but for several values of parameters that only a fit of more tells; none where there are none. */
function newlyToldPoints(first: Fit, more: Fit): Float64Array[] {
  const { coordinates, u } = first;
  if (isDisturbed(coordinates) || first.starts.length < 2) return [];
  // Where a search has ended wrong, memory of its residuals widens the band to the prior's, and hides that there is news.
  const bandOf = ({ covariance: { white } }: Fit, j: number) =>
    Math.sqrt(white[j * coordinates.length + j]!);
  const newlyTold = coordinates.flatMap(({ kind }, j) => {
    const before = bandOf(first, j);
    const isOne = kind === 'parameter' && before >= UNTOLD;
    return isOne && bandOf(more, j) < NEWLY_TOLD * before ? [j] : [];
  });
  if (newlyTold.length === 0) return [];
  const spread = newlyTold.map((j) => coordinates[j]!);
  return startPoints(spread, first.starts.length).map((values) => {
    const point = u.slice();
    newlyTold.forEach((j, k) => {
      point[j] = values[k]!;
    });
    return point;
  });
}

function secondPoints({ secondModes, coordinates, u }: Fit): Float64Array[] {
  return secondModes.map((mode) =>
    Float64Array.from(coordinates, (c, j) => {
      const value = mode[c.name];
      return value === undefined ? u[j]! : uOf(c, value);
    }),
  );
}
