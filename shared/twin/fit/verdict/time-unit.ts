import { TwinError } from '../../../core/index.js';
import type { Finding } from '../../report/verdict.js';
import { type Fit, fitRecordFrom } from '../fitting/fit.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { assess } from '../least-squares/objective.js';
import type { FitContext } from '../model/fit-context.js';
import type { FitRecord } from '../record/record.js';
import { CERTAIN, misfitScore } from '../residuals/lack-of-fit.js';
import { type Coordinate, parameterCount } from '../unknowns/coordinates.js';
import { fromPrior, priorOf } from '../unknowns/prior.js';

/** Seconds that a model may mean by one of its own, or that times of a record may be mistaken by. */
const UNITS: readonly { perUnit: number; model: string; record: string }[] = [
  { perUnit: 60, model: 'minutes', record: '60 times too long' },
  { perUnit: 3600, model: 'hours', record: '3600 times too long' },
  { perUnit: 1000, model: 'kiloseconds', record: 'milliseconds taken for seconds' },
  { perUnit: 1 / 60, model: 'sixtieths of a second', record: 'minutes taken for seconds' },
  { perUnit: 1 / 1000, model: 'milliseconds', record: 'seconds taken for milliseconds' },
];
/** Prior deviations from which a parameter is where nobody expected it. */
const SURPRISE = 3;
/** Nats that another unit must gain, what is known of the parameters as it was stated. */
const LEAST_GAIN = 6;

/** The record as if its times were counted in another unit. */
export function inUnit(record: FitRecord, perUnit: number): FitRecord {
  const firstS = record.timesS[0]!;
  const scaled = (t: number) => firstS + (t - firstS) / perUnit;
  return {
    ...record,
    timesS: record.timesS.map(scaled),
    between: record.between.map((b) => ({ ...b, timeS: scaled(b.timeS) })),
  };
}

/** The objective with the priors as they were stated, however much they were doubted. */
const asStated = ({ objective, coordinates, u }: Fit): number =>
  coordinates.reduce(
    (sum, { kind, doubt }, j) =>
      kind === 'parameter' ? sum + ((doubt ** 2 - 1) * u[j]! ** 2) / 2 : sum,
    objective,
  );

/** Whether the fit fails: what the model lacks is nearly all that the record holds. */
const isLost = ({ misfit, covariance, coordinates }: Fit): boolean =>
  misfit.channels.some((c) => misfitScore(c) >= CERTAIN) &&
  covariance.nEff <= parameterCount(coordinates);

/** Whether a parameter is where nobody expected it. */
const isSurprising = ({ coordinates, u }: Fit): boolean => {
  const off = fromPrior(priorOf(coordinates), u);
  return coordinates.some(
    ({ kind, doubt }, j) => kind === 'parameter' && doubt * Math.abs(off[j]!) > SURPRISE,
  );
};

/** The objective at the priors, had the record been counted in some unit; none where the model fails. */
async function atPriors(
  context: FitContext,
  coordinates: readonly Coordinate[],
  record: FitRecord,
): Promise<number> {
  const problem = fitProblem(context, coordinates, record);
  const u = new Float64Array(coordinates.length);
  const [run] = await problem.simulate([u]);
  return run instanceof Float64Array ? assess(problem, u, run).objective : Number.POSITIVE_INFINITY;
}

/** What a search from the priors gains over a fit, the record counted in another unit. */
async function gainIn(
  context: FitContext,
  fit: Fit,
  coordinates: readonly Coordinate[],
  record: FitRecord,
): Promise<number> {
  try {
    const from = [new Float64Array(coordinates.length)];
    return asStated(fit) - asStated(await fitRecordFrom(context, coordinates, record, from));
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof TwinError) || error.code !== 'NUMERIC') throw error;
    return 0;
  }
}

/**
 * Asks, where a fit fails or sends parameters far from what was known of them, whether the model counts time
 * in another unit than seconds: then all its rates are off by one factor. A run at the priors for each unit,
 * and a search in each that is better there than seconds.
 */
export async function timeUnitFindings(context: FitContext, fit: Fit): Promise<Finding[]> {
  if (context.twin.definition.simulation.mode !== 'transient') return [];
  if (!isLost(fit) && !isSurprising(fit)) return [];
  const coordinates = fit.coordinates.filter(({ kind }) => kind !== 'wear');
  const inSeconds = await atPriors(context, coordinates, fit.record);
  let found: { unit: (typeof UNITS)[number]; gain: number } | undefined;
  for (const unit of UNITS) {
    const record = inUnit(fit.record, unit.perUnit);
    // Priors may be far enough off for a wrong unit to look best: each that is better is searched.
    if (!((await atPriors(context, coordinates, record)) < inSeconds)) continue;
    const gain = await gainIn(context, fit, coordinates, record);
    if (gain > (found?.gain ?? LEAST_GAIN)) found = { unit, gain };
  }
  if (found === undefined) return [];
  const { unit, gain } = found;
  const { perUnit } = unit;
  const factor = perUnit > 1 ? `divided by ${perUnit}` : `multiplied by ${Math.round(1 / perUnit)}`;
  return [
    {
      grade: 'care',
      reason: `with times ${factor} the model explains the record better, by ${gain.toPrecision(2)} nats: an FMU counts seconds, and this one looks written in ${unit.model}, or the record’s times are ${unit.record}; export the model in seconds, or name the record’s unit by --time-format`,
    },
  ];
}
