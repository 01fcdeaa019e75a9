import type { StateEvaluation, TransientModel, Twin } from '../types.js';

/** At rest when this share of the largest deviation is left. */
const SHARE_LEFT = 0.01;
/** Deviations below this share of an output's value are neither seen nor told from the solver's. */
const NEGLIGIBLE = 1e-5;
/** Each time looked at is so much later than the one before. */
const RATIO = 1.4;
/** So many times in a row must be at rest: ten times as long as the first of them. */
const QUIET = 7;
/** Share of its value by which an input that follows a stream is moved. */
const INPUT_JUMP = 0.02;

type Model = Pick<TransientModel, 'settle' | 'propagate' | 'startTimeS'>;

/**
 * How long a model takes to come to rest: after a jump of its parameters by one prior standard
 * deviation, after one of its inputs, and from its start values. At rest is where no output is
 * further from its end than 1 % of the way it went, or than its sensor's noise.
 *
 * @param inputs under which it rests
 * @returns seconds; `simulation.maxTimeS` where it does not come to rest
 */
export async function settlingTimeS(
  twin: Twin,
  model: Model,
  inputs: Float64Array,
  signal?: AbortSignal,
): Promise<number> {
  const { parameters, inputs: named, measured, virtualSensors, simulation } = twin.definition;
  const { startTimeS } = model;
  const prior = Float64Array.from(parameters, (p) => p.prior.mean);
  const moved = Float64Array.from(parameters, ({ prior: { mean, std }, lower, upper }) => {
    const up = Math.min(upper ?? Number.POSITIVE_INFINITY, mean + std);
    return up > mean ? up : Math.max(lower ?? Number.NEGATIVE_INFINITY, mean - std);
  });
  const turned = inputs.map((value, i) =>
    named[i]!.value === undefined ? value * (1 + INPUT_JUMP) : value,
  );
  const atRest = async (point: Float64Array, at: Float64Array) => {
    const [found] = await model.settle([point], at, signal);
    return found instanceof Error ? undefined : found;
  };
  // Largest value of each output so far: what is zero at rest has a size all the same.
  const size = new Float64Array(measured.length + virtualSensors.length);
  const see = (found: StateEvaluation) => {
    if (found instanceof Error) return;
    for (const [o, value] of found.outputs.entries()) size[o] = Math.max(size[o]!, Math.abs(value));
  };
  const negligible = (o: number) => Math.max(NEGLIGIBLE * size[o]!, measured[o]?.noiseStd ?? 0);
  const rest = await atRest(prior, inputs);
  if (rest === undefined) return simulation.maxTimeS;
  const times: number[] = [];
  const first = Math.min(simulation.stepSizeS, simulation.maxTimeS) / 16;
  for (let t = first; t < simulation.maxTimeS; t *= RATIO) times.push(t);
  times.push(simulation.maxTimeS);

  let longest = times[0]!;
  for (const way of [
    { parameters: prior, inputs, states: undefined },
    { parameters: moved, inputs, states: rest.states },
    ...(named.some((input) => input.value === undefined)
      ? [{ parameters: prior, inputs: turned, states: rest.states }]
      : []),
  ]) {
    const end = await atRest(way.parameters, way.inputs);
    if (end === undefined) return simulation.maxTimeS;
    const point = {
      parameters: way.parameters,
      ...(way.states === undefined ? {} : { states: way.states }),
    };
    const at = async (t: number) => {
      const span = { fromS: startTimeS, toS: startTimeS + t };
      const held = { inputs: way.inputs, inputsTo: way.inputs };
      return (await model.propagate([point], { ...span, ...held }, signal))[0]!;
    };
    const course: StateEvaluation[] = [];
    let restFrom = 0;
    while (course.length < times.length && course.length < restFrom + QUIET) {
      const next = times.slice(course.length, course.length + QUIET);
      course.push(...(await Promise.all(next.map(at))));
      for (const found of course) see(found);
      restFrom = lastMoving(course, end.outputs, negligible) + 1;
    }
    if (restFrom >= times.length) return simulation.maxTimeS;
    longest = Math.max(longest, times[restFrom]!);
  }
  return longest;
}

/** Index of the last of the times at which an output is still on its way; -1 without one. */
function lastMoving(
  course: readonly StateEvaluation[],
  end: Float64Array,
  negligible: (o: number) => number,
): number {
  let last = -1;
  end.forEach((value, o) => {
    const deviation = course.map((at) =>
      at instanceof Error ? Number.POSITIVE_INFINITY : Math.abs(at.outputs[o]! - value),
    );
    const finite = deviation.filter(Number.isFinite);
    const limit = Math.max(SHARE_LEFT * Math.max(...finite, 0), negligible(o));
    last = Math.max(
      last,
      deviation.findLastIndex((d) => d > limit),
    );
  });
  return last;
}
