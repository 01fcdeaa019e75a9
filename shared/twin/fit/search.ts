import { createRng, TwinError } from '../../core/index.js';
import { type Coordinate, clampU, valueAt } from './coordinates.js';
import { type Fit, type FitContext, fitRecordFrom, SAME_OPTIMUM } from './fit.js';
import { sampleWorth } from './least-squares.js';
import { type FitRecord, headOf } from './record.js';

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

/** Widths of a start's prior from which it is moved to where the data want it. */
const FAR_START = 1.5;
/** Times that it may be. */
const MOST_MOVES = 3;

/**
 * Where the data want a start state far from where the model would rest, its prior is moved there and
 * widened: nobody said that the machine was at rest.
 */
export async function freeStarts(context: FitContext, found: Fit): Promise<Fit> {
  let fit = found;
  for (let k = 0; k < MOST_MOVES; k++) {
    const far = (c: Coordinate, j: number) =>
      c.kind === 'start-state' && Math.abs(fit.u[j]!) > FAR_START;
    if (!fit.coordinates.some(far)) return fit;
    const coordinates = fit.coordinates.map((c, j) =>
      far(c, j)
        ? { ...c, centre: valueAt(c, fit.u[j]!), scale: c.scale * (1 + Math.abs(fit.u[j]!)) }
        : c,
    );
    const u = fit.u.map((v, j) => (far(fit.coordinates[j]!, j) ? 0 : v));
    const { starts } = fit;
    fit = { ...(await fitRecordFrom(context, coordinates, fit.record, [u], true)), starts };
  }
  return fit;
}
