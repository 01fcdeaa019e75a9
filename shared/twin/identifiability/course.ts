import { TwinError } from '../../core/index.js';
import type { Evaluation, StateEvaluation, Twin, TwinModel } from '../types.js';

/** Each sample of a course comes so much later than the one before. */
const RATIO = 1.3;
/** A course is this many communication steps long at most. */
const MAX_STEPS = 2000;
/** Share of its value by which an input steps where the machine starts at rest. */
const STEP = 0.1;

/** A course of a moving machine as what is observed, instead of one state of rest. */
export interface Course {
  /** All outputs at the first sample, then all at the next. */
  model: TwinModel;
  samples: number;
  spanS: number;
  /** What sets the machine going, for people. */
  start: string;
}

/**
 * The course that a twin in transient mode is judged by: from the FMU's start values, or from rest with
 * a step of its inputs by a tenth; few samples, dense at first, so that fast and slow parts show alike. The
 * start is taken as known.
 *
 * @throws TwinError `INTERNAL` for a model without states
 */
export function courseOf(twin: Twin, model: TwinModel): Course {
  const { transient } = model;
  if (transient === undefined) throw new TwinError('INTERNAL', 'The model has no states.');
  const { inputs: named, simulation } = twin.definition;
  const { stepSizeS } = simulation;
  const spanS = Math.min(simulation.maxTimeS, MAX_STEPS * stepSizeS);
  // Whole steps: some FMUs take no others.
  const steps = new Set<number>();
  for (let t = stepSizeS; t < spanS; t *= RATIO) steps.add(Math.round(t / stepSizeS));
  steps.add(Math.round(spanS / stepSizeS));
  const times = [...steps].map((n) => n * stepSizeS);
  const driven = named.some((input) => input.value === undefined);
  const fromRest = twin.definition.transient.initialState === 'settled' && driven;

  const evaluate: TwinModel['evaluate'] = async (points, inputs, signal) => {
    const during = fromRest
      ? inputs.map((v, i) =>
          named[i]!.value === undefined && named[i]!.interpolation !== 'hold'
            ? v * (1 + STEP) + (v === 0 ? STEP : 0)
            : v,
        )
      : inputs;
    const rest = fromRest ? await transient.settle(points, inputs, signal) : [];
    let ends: (StateEvaluation | undefined)[] = points.map((_, i) => rest[i]);
    const outputs: Evaluation[] = ends.map((e) => (e instanceof Error ? e : new Float64Array()));
    let fromS = transient.startTimeS;
    for (const time of times) {
      const toS = transient.startTimeS + time;
      const going = points.flatMap((_, i) => (outputs[i] instanceof Error ? [] : [i]));
      const found = await transient.propagate(
        going.map((i) => {
          const before = ends[i];
          return {
            parameters: points[i]!,
            ...(before === undefined || before instanceof Error ? {} : { states: before.states }),
          };
        }),
        { fromS, toS, inputs: during, inputsTo: during },
        signal,
      );
      ends = points.map(() => undefined);
      going.forEach((i, k) => {
        const end = found[k]!;
        ends[i] = end;
        outputs[i] =
          end instanceof Error
            ? end
            : Float64Array.of(...(outputs[i] as Float64Array), ...end.outputs);
      });
      fromS = toS;
    }
    return outputs;
  };
  return {
    model: { outputs: model.outputs, evaluate, close: async () => {} },
    samples: times.length,
    spanS: times.at(-1)!,
    start: fromRest
      ? 'from rest, after a step of the inputs by a tenth'
      : "from the FMU's start values",
  };
}
