import { forcesOf } from '../../disturbances/index.js';
import type { Twin } from '../../types.js';
import type { Fit } from '../fitting/fit.js';
import { fitPointAt } from '../least-squares/fit-problem.js';
import type { FitModel } from '../model/fit-model.js';
import { rangeOf } from '../record/record.js';
import { forcesAlong } from '../unknowns/coordinates.js';

/** Difference step for the states at the record's end, on the coordinates' scale. */
const DIFFERENCE = 5e-3;

/** States at a record's end. */
export interface EndStates {
  mean: Float64Array;
  /** Sensitivities, states × unknowns. */
  slope: Float64Array;
  /** Standard deviation of what else makes them unsure. */
  extra: Float64Array;
}

/** The states at a record's end, and behind them what disturbs them, in the order of the moving model's states. */
export async function endStatesOf(twin: Twin, model: FitModel, fit: Fit): Promise<EndStates> {
  return withForcesAtEnd(twin, fit, await endStates(model, fit));
}

/** States at the record's end with their sensitivities, and what else makes them unsure. */
async function endStates(model: FitModel, fit: Fit): Promise<EndStates> {
  const { record, coordinates, u } = fit;
  const ns = model.states.length;
  const pointAt = (at: Float64Array) => fitPointAt(coordinates, at, record.timesS);
  const moved = (j: number, sign: number) => {
    const at = u.slice();
    const c = coordinates[j]!;
    at[j]! += (sign * DIFFERENCE) / (c.transform === 'log' ? c.scale : 1);
    return at;
  };
  const points = [u, ...coordinates.flatMap((_, j) => [moved(j, 1), moved(j, -1)])];
  const runs = await model.run(points.map(pointAt), record, { keepStates: true });
  const [middle] = runs;
  if (middle === undefined || middle instanceof Error) throw middle;
  const ended = (run: (typeof runs)[number] | undefined) =>
    run === undefined || run instanceof Error ? undefined : run.states!.slice(-ns);
  const mean = ended(middle)!;
  const slope = new Float64Array(ns * coordinates.length);
  for (let j = 0; j < coordinates.length; j++) {
    const ahead = ended(runs[1 + 2 * j]) ?? mean;
    const behind = ended(runs[2 + 2 * j]) ?? mean;
    const h = points[1 + 2 * j]![j]! - points[2 + 2 * j]![j]!;
    for (let s = 0; s < ns; s++) slope[s * coordinates.length + j] = (ahead[s]! - behind[s]!) / h;
  }
  // A disturbance that is as large against the outputs' range as against the states'.
  let share = 0;
  for (let c = 0; c < record.channels; c++) {
    const range = rangeOf(record, c);
    if (range > 0) share = Math.max(share, fit.residualModels[c]!.ou.std / range);
  }
  const extra = mean.map((_, s) => {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = s; i < middle.states!.length; i += ns) {
      low = Math.min(low, middle.states![i]!);
      high = Math.max(high, middle.states![i]!);
    }
    return share * (high - low);
  });
  return { mean, slope, extra };
}

/** The same with the disturbances as they are there, in the order of the moving model's states. */
function withForcesAtEnd(twin: Twin, { record, coordinates, u }: Fit, ends: EndStates): EndStates {
  const forces = forcesOf(twin.definition);
  if (forces.length === 0) return ends;
  const q = coordinates.length;
  const atEnd = Float64Array.of(record.timesS.at(-1)!);
  const mean = forcesAlong(coordinates, u, atEnd).map(([f]) => f!);
  const slope = new Float64Array(forces.length * q);
  const left = forces.map(({ std }) => std * std);
  coordinates.forEach(({ force }, k) => {
    if (force === undefined) return;
    const value = force.at(atEnd[0]!);
    slope[force.force * q + k] = value;
    left[force.force]! -= value * value;
  });
  return {
    mean: Float64Array.of(...ends.mean, ...mean),
    slope: Float64Array.of(...ends.slope, ...slope),
    extra: Float64Array.of(...ends.extra, ...left.map((v) => Math.sqrt(Math.max(0, v)))),
  };
}
