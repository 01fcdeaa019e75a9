import {
  inputInterpolations,
  isSwitch,
  otherInterpolation,
} from '../../definition/input-interpolation.js';
import type { Fit } from '../fitting/fit.js';
import { runsAlong } from '../least-squares/fit-problem.js';
import type { FitContext } from '../model/fit-context.js';
import type { Scored } from '../unseen/score-test.js';

/** Inputs that between their readings run otherwise than the definition has them, as residuals have it. */
export interface RanOtherwise {
  /** Places in the definition. */
  inputs: number[];
  asked: NonNullable<Scored['asked']>;
  moves: Float64Array;
}

/**
 * Asks whether inputs that are run straight from reading to reading were held, as what a controller writes is, or
 * those that are held ran straight; a switch never does. What the other way does to the outputs is a direction, at a
 * run of the model each. Of several that show, each is taken that explains more beside those taken before.
 *
 * @param moving places of the inputs that are asked
 * @param isAsked whether residuals ask for all of a direction, no more and no less, and beyond chance
 * @param worth by how much the residuals' square must fall for one more
 * @returns undefined where none shows
 */
export async function ranOtherwise(
  context: FitContext,
  fit: Fit,
  moving: readonly number[],
  ask: (direction: Float64Array) => Scored,
  isAsked: (asked: Scored['asked']) => boolean,
  worth: number,
): Promise<RanOtherwise | undefined> {
  const { coordinates, record, prediction, u } = fit;
  const said = inputInterpolations(context.twin.definition);
  const tryOf = async (inputs: number[]): Promise<RanOtherwise | undefined> => {
    const interpolations = said.map((how, i) =>
      inputs.includes(i) ? otherInterpolation(how) : how,
    );
    const [run] = await runsAlong(context, coordinates, record, [u], { interpolations });
    if (run === undefined || run instanceof Error) return undefined;
    const { asked, moves } = ask(run.map((y, k) => y - prediction[k]!));
    return asked !== undefined && isAsked(asked) ? { inputs, asked, moves } : undefined;
  };
  const asked = moving.filter((i) => said[i] !== 'hold' || !isSwitch(record.inputs[i]!));
  let best: RanOtherwise | undefined;
  // What one does may hide what another does, which shows beside it only.
  for (let left = asked; left.length > 0; ) {
    const tried: RanOtherwise[] = [];
    for (const input of left) {
      const found = await tryOf([...(best?.inputs ?? []), input]);
      if (found !== undefined) tried.push(found);
    }
    const [next] = tried.sort((a, b) => b.asked.square - a.asked.square);
    if (next === undefined || next.asked.square <= (best?.asked.square ?? 0) + worth) return best;
    best = next;
    left = asked.filter((i) => !next.inputs.includes(i));
  }
  return best;
}
