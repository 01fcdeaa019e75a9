import { messageOf, TwinError } from '../../../core/index.js';
import { matVec } from '../../../kalman/index.js';
import { residualModelsAt, shownErrors, widen, widenByStepLeft } from '../bands/bands.js';
import { type FitCovariance, fitCovariance } from '../bands/covariance.js';
import { type IntegrationShift, integrationShift } from '../bands/integration-shift.js';
import { fitProblem } from '../least-squares/fit-problem.js';
import { type LeastSquaresResult, leastSquares } from '../least-squares/least-squares.js';
import {
  type LeastSquaresProblem,
  posteriorEquations,
  sampleWorth,
} from '../least-squares/objective.js';
import { sensitivities } from '../least-squares/sensitivities.js';
import type { FitContext } from '../model/fit-context.js';
import type { FitRecord } from '../record/record.js';
import { type LackOfFit, lackOfFit } from '../residuals/lack-of-fit.js';
import type { ResidualModel } from '../residuals/residual-model.js';
import { type StatedEffect, statedEffect, statedParts } from '../stated/stated-effect.js';
import { type Coordinate, isDisturbed, parameterCount, valueAt } from '../unknowns/coordinates.js';
import { priorOf } from '../unknowns/prior.js';
import type { FitInputNoise, Wear } from './added.js';

/** One search, from one start. */
export interface FitStart {
  /** Parameters where it began, by name. */
  from: Record<string, number>;
  /** Where it ended; left out where the model failed. */
  to?: Record<string, number>;
  /** Minus the log posterior above the best's, in nats of independent samples. */
  nats?: number;
  passes: number;
  converged: boolean;
  /** Why it failed. */
  error?: string;
  /** Where it wanted to go on and the model failed, for how many nats, and why; left out where none stopped it. */
  refused?: { at: Record<string, number>; nats: number; error: string };
}

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
  const ended = await searchesFrom(context, problem, from, polish);
  const found = ended.filter((e): e is LeastSquaresResult => !(e instanceof Error));
  const best = bestOf(found, ended);
  const worth = sampleWorth(problem, best.prediction, best.noiseStd);
  const { columns } = await sensitivities(problem, best.u, undefined, BAND_DIFFERENCE);
  const residualModelsOf = (data: Float64Array) =>
    residualModelsAt({ ...problem, data }, record.timesS, columns, best);
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
  const n = coordinates.length;
  // A search ends a little before its optimum, and at a bound.
  const left = matVec(plain.white, posteriorEquations(problem, columns, best).gradient, n, n);
  const told = await statedEffect(
    context.twin,
    { ...best, record, columns, residualModelsOf, white: plain.white, rest: left },
    async (other) => {
      const [run] = await fitProblem(context, coordinates, other).simulate([best.u]);
      return run;
    },
  );
  const covariance = told === undefined ? plain : covarianceOf(told.residualModels);
  // The many unknowns of disturbances end in flat valleys, where a whole step promises much and gives nothing.
  const underway = !best.converged && (best.refused !== undefined || !isDisturbed(coordinates));
  const { covariance: C } = covariance;
  const beyondBounds = widenByStepLeft(coordinates, best.u, left, underway, C);
  const { data = record.data, residualModels: models = residualModels } = told ?? {};
  const clean = { ...record, data };
  const misfit = misfitOf(context, { ...problem, data }, clean, best, columns, models);
  const lasting = [...shownErrors(context.twin, misfit), ...statedParts(told?.effect)];
  widen(covariance.covariance, n, lasting, prior);
  const integration = polish
    ? await integrationShift(context, coordinates, { ...best, record, columns, covariance })
    : undefined;
  if (integration !== undefined && 'shift' in integration) {
    const parts = [{ shift: integration.shift, variance: 1 }];
    widen(covariance.covariance, n, parts, prior);
  }
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
    starts: ended.map((end, k) => startOf(coordinates, from[k]!, end, best, worth)),
    secondModes: secondModesOf(coordinates, found, best, worth, covariance),
    beyondBounds,
    misfit,
    ...(told === undefined ? {} : { stated: told.effect }),
    ...(integration === undefined ? {} : { integration }),
  };
}

/** Where a search from each point ends; an error where the model failed. */
function searchesFrom(
  { signal }: FitContext,
  problem: LeastSquaresProblem,
  from: readonly Float64Array[],
  polish: boolean,
): Promise<(LeastSquaresResult | Error)[]> {
  return Promise.all(
    from.map(async (start) => {
      try {
        return await leastSquares(problem, start, polish);
      } catch (error) {
        signal?.throwIfAborted();
        return error instanceof Error ? error : new Error(messageOf(error));
      }
    }),
  );
}

/** @throws TwinError `NUMERIC` where no search got anywhere */
function bestOf(
  found: readonly LeastSquaresResult[],
  ended: readonly (LeastSquaresResult | Error)[],
): LeastSquaresResult {
  const best = found.toSorted((a, b) => a.objective - b.objective)[0];
  if (best !== undefined) return best;
  const why = ended[0] === undefined ? 'none was given' : messageOf(ended[0]);
  throw new TwinError(
    'NUMERIC',
    `The model fails from every one of ${ended.length} starts: ${why}`,
  );
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

/** How a search went, beside the best. */
function startOf(
  coordinates: readonly Coordinate[],
  from: Float64Array,
  end: LeastSquaresResult | Error,
  best: LeastSquaresResult,
  worth: number,
): FitStart {
  if (end instanceof Error) {
    return {
      from: named(coordinates, from),
      passes: 0,
      converged: false,
      error: messageOf(end),
    };
  }
  const { u, objective, passes, converged, refused } = end;
  return {
    from: named(coordinates, from),
    to: named(coordinates, u),
    nats: worth * (objective - best.objective),
    passes,
    converged,
    ...(refused === undefined
      ? {}
      : {
          refused: {
            at: named(coordinates, refused.u),
            nats: worth * refused.promised,
            error: messageOf(refused.error),
          },
        }),
  };
}

/** Ends of searches as probable as the best one, but outside its bands. */
function secondModesOf(
  coordinates: readonly Coordinate[],
  found: readonly LeastSquaresResult[],
  best: LeastSquaresResult,
  worth: number,
  { covariance }: FitCovariance,
): Record<string, number>[] {
  const n = coordinates.length;
  const isElsewhere = (u: Float64Array) =>
    coordinates.some(
      ({ kind }, j) =>
        kind === 'parameter' &&
        Math.abs(u[j]! - best.u[j]!) > 3 * Math.sqrt(covariance[j * n + j]!),
    );
  return found
    .filter(
      ({ u, objective }) => worth * (objective - best.objective) < SAME_OPTIMUM && isElsewhere(u),
    )
    .map(({ u }) => named(coordinates, u));
}
