import { messageOf, TwinError } from '../../core/index.js';
import { absorbedBy, shownErrors, widen, widenAtBounds } from './bands.js';
import { type Coordinate, parameterCount, valueAt } from './coordinates.js';
import { type FitCovariance, fitCovariance } from './covariance.js';
import { type FitContext, fitPointAt, fitProblem } from './fit-problem.js';
import type { FitInputNoise } from './input-noise.js';
import { type LackOfFit, lackOfFit } from './lack-of-fit.js';
import { type LeastSquaresResult, leastSquares } from './least-squares.js';
import { type LeastSquaresProblem, normalEquations, sampleWorth } from './objective.js';
import { addPrior, priorOf } from './prior.js';
import { type FitRecord, residualsOf } from './record.js';
import { fitResidualModel, type ResidualModel } from './residual-model.js';
import { sensitivities } from './sensitivities.js';
import { type StatedEffect, statedEffect, statedParts, type Told } from './stated-errors.js';
import type { FitStart } from './types.js';
import type { Wear } from './wear.js';

/** Difference step of the sensitivities that bands are made of: central, so it may be wide. */
const BAND_DIFFERENCE = 5e-3;
/** Nats of independent samples within which two starts have found the same. */
export const SAME_OPTIMUM = 2;

/** A record fitted: the most probable parameters, how sure they are, and how the search went. */
export interface Fit {
  record: FitRecord;
  coordinates: readonly Coordinate[];
  u: Float64Array;
  /** Free run at the optimum, samples × channels. */
  prediction: Float64Array;
  /** Sensitivities there, a column per coordinate. */
  columns: readonly Float64Array[];
  noiseStd: Float64Array;
  residualModels: readonly ResidualModel[];
  covariance: FitCovariance;
  objective: number;
  starts: FitStart[];
  /** Ends of other starts: as probable, but elsewhere. */
  secondModes: Record<string, number>[];
  /** How far beyond a bound the data want a parameter, in prior deviations. */
  beyondBounds: Record<string, number>;
  /** What residuals say against the model. */
  misfit: LackOfFit;
  /** What errors that the definition states do to the unknowns, which bands hold; of a fit that states none, absent. */
  stated?: StatedEffect;
  /** What steps of the integration do to the unknowns, which bands hold; of final fits of moving machines. */
  integration?: IntegrationShift;
  /** What the stated noise of inputs does, where some is stated. */
  inputNoise?: FitInputNoise;
  /** How parameters wear along the record, where that was looked for. */
  wear?: Wear;
  /** Variance that wrong times add to each unknown, where residuals are as if there were some. */
  wrongTimes?: Float64Array;
}

/** How far the error of integration by steps moves the unknowns, in their units; or why that is unknown. */
export type IntegrationShift = { shift: Float64Array } | { unknown: string };

const named = (coordinates: readonly Coordinate[], u: Float64Array): Record<string, number> =>
  Object.fromEntries(
    coordinates.flatMap((c, j) => (c.kind === 'parameter' ? [[c.name, valueAt(c, u[j]!)]] : [])),
  );

/**
 * Fits a record by output error: several searches, the best one's sensitivities, the residuals'
 * memory, and the covariance that follows.
 *
 * @param from points to search from, in the coordinates' units
 * @throws TwinError `NUMERIC` when no search got anywhere, `CANCELLED`
 */
export async function fitRecordFrom(
  context: FitContext,
  coordinates: readonly Coordinate[],
  record: FitRecord,
  from: readonly Float64Array[],
  polish = false,
): Promise<Fit> {
  const problem = fitProblem(context, coordinates, record);
  const ended = await Promise.all(
    from.map(async (start) => {
      try {
        return await leastSquares(problem, start, polish);
      } catch (error) {
        context.signal?.throwIfAborted();
        return error instanceof Error ? error : new Error(messageOf(error));
      }
    }),
  );
  const found = ended.filter((e): e is LeastSquaresResult => !(e instanceof Error));
  const best = found.toSorted((a, b) => a.objective - b.objective)[0];
  const worth = best === undefined ? 1 : sampleWorth(problem, best.prediction, best.noiseStd);
  const starts: FitStart[] = ended.map((end, k) => ({
    from: named(coordinates, from[k]!),
    ...(end instanceof Error
      ? { passes: 0, converged: false, error: messageOf(end) }
      : {
          to: named(coordinates, end.u),
          nats: worth * (end.objective - best!.objective),
          passes: end.passes,
          converged: end.converged,
          ...(end.refused === undefined
            ? {}
            : {
                refused: {
                  at: named(coordinates, end.refused.u),
                  nats: worth * end.refused.promised,
                  error: messageOf(end.refused.error),
                },
              }),
        }),
  }));
  if (best === undefined) {
    throw new TwinError(
      'NUMERIC',
      `The model fails from every one of ${from.length} starts: ${starts[0]?.error ?? 'none was given'}`,
    );
  }
  const { columns } = await sensitivities(problem, best.u, undefined, BAND_DIFFERENCE);
  const residualModelsOf = (data: Float64Array) =>
    Array.from({ length: record.channels }, (_, c) =>
      fitResidualModel(
        residualsOf({ ...record, data }, best.prediction, c),
        record.timesS,
        problem.noiseFloor[c]!,
        absorbedBy({ ...problem, data }, columns, best, c),
      ),
    );
  const residualModels = residualModelsOf(record.data);
  const prior = priorOf(coordinates);
  const covarianceOf = (models: readonly ResidualModel[]) =>
    fitCovariance(
      problem,
      record.timesS,
      columns,
      best.noiseStd,
      models,
      prior,
      parameterCount(coordinates),
    );
  const plain = covarianceOf(residualModels);
  const told = await statedOf(context, problem, record, best, columns, residualModelsOf, plain);
  const covariance = told === undefined ? plain : covarianceOf(told.residualModels);
  const beyondBounds = widenAtBounds(problem, best, columns, covariance);
  const { data = record.data, residualModels: models = residualModels } = told ?? {};
  const clean = { ...record, data };
  const misfit = misfitOf(context, { ...problem, data }, clean, best, columns, models);
  const lasting = [...shownErrors(context.twin, misfit), ...statedParts(told?.effect)];
  widen(covariance.covariance, coordinates.length, lasting, prior);
  const integration = polish
    ? await integrationShift(context, problem, record, best, columns, covariance)
    : undefined;
  if (integration !== undefined && 'shift' in integration) {
    const parts = [{ shift: integration.shift, variance: 1 }];
    widen(covariance.covariance, coordinates.length, parts, prior);
  }
  const secondModes = found
    .filter(
      (end) =>
        worth * (end.objective - best.objective) < SAME_OPTIMUM &&
        end.u.some(
          (v, j) =>
            coordinates[j]!.kind === 'parameter' &&
            Math.abs(v - best.u[j]!) > 3 * Math.sqrt(covariance.covariance[j * end.u.length + j]!),
        ),
    )
    .map((end) => named(coordinates, end.u));
  return {
    record,
    coordinates,
    u: best.u,
    prediction: best.prediction,
    columns,
    noiseStd: best.noiseStd,
    residualModels,
    covariance,
    objective: best.objective,
    starts,
    secondModes,
    beyondBounds,
    misfit,
    ...(told === undefined ? {} : { stated: told.effect }),
    ...(integration === undefined ? {} : { integration }),
  };
}

/** An error of first order is so many times what half the step changes. */
const OF_HALF = 2;

/**
 * How far the unknowns move with what the model misses because it is integrated by steps: the run at the
 * fit against one at half the step and tolerance. It is the same error in every such run, so that no
 * number of samples averages it away.
 */
async function integrationShift(
  context: FitContext,
  problem: LeastSquaresProblem,
  record: FitRecord,
  { u, noiseStd, prediction }: LeastSquaresResult,
  columns: readonly Float64Array[],
  { white }: FitCovariance,
): Promise<IntegrationShift | undefined> {
  const { model } = context;
  if (model.refinable !== true) return undefined;
  const { coordinates } = problem;
  const point = fitPointAt(coordinates, u, record.timesS);
  const [finer] = await model.run([point], record, { finer: true });
  context.passes++;
  if (finer === undefined || finer instanceof Error) return { unknown: messageOf(finer) };
  const data = problem.data.map((v, i) => (Number.isNaN(v) ? v : finer.outputs[i]!));
  const { gradient } = normalEquations({ ...problem, data }, columns, noiseStd, prediction);
  const n = coordinates.length;
  const shift = gradient.map((_, j) =>
    gradient.reduce((sum, g, k) => sum + OF_HALF * white[j * n + k]! * g, 0),
  );
  return { shift };
}

/** What the residuals say against the model. */
function misfitOf(
  { twin }: FitContext,
  problem: LeastSquaresProblem,
  record: FitRecord,
  best: LeastSquaresResult,
  columns: readonly Float64Array[],
  residualModels: readonly ResidualModel[],
): LackOfFit {
  const { measured, inputs } = twin.definition;
  return lackOfFit(
    problem,
    record,
    best,
    columns,
    residualModels,
    Float64Array.from(measured, (c) => c.noiseStd ?? Number.NaN),
    inputs.map((v) => v.variable),
    measured.map((v) => v.variable),
  );
}

/** What errors that the definition states do to a fit. */
async function statedOf(
  context: FitContext,
  problem: LeastSquaresProblem,
  record: FitRecord,
  { u, noiseStd, prediction }: LeastSquaresResult,
  columns: readonly Float64Array[],
  residualModelsOf: (data: Float64Array) => readonly ResidualModel[],
  { white }: FitCovariance,
): Promise<Told | undefined> {
  const { coordinates } = problem;
  const n = coordinates.length;
  const equations = normalEquations(problem, columns, noiseStd, prediction);
  addPrior(equations, priorOf(coordinates), u);
  const rest = u.map((_, j) =>
    equations.gradient.reduce((sum, g, k) => sum + white[j * n + k]! * g, 0),
  );
  const soFar = { record, prediction, columns, noiseStd, residualModelsOf, white, rest };
  return statedEffect(context.twin, soFar, async (other) => {
    const [run] = await fitProblem(context, coordinates, other).simulate([u]);
    return run;
  });
}

/** The precision of a fit's unknowns under white residuals, priors included, n × n. */
export function informationOf({ covariance, coordinates }: Fit): Float64Array {
  const information = covariance.information.slice();
  addPrior({ information }, priorOf(coordinates));
  return information;
}
