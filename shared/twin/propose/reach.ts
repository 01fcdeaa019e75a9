import { createTwinModel } from '../model/twin-model.js';
import type { Twin } from '../types.js';

/** Prior deviations that a parameter is moved by, alone, to see whether the model bears it. */
const FAR = 2;
/** How often a move that failed is halved. */
const HALVINGS = 5;
/** Share of the way to a bound that is tried: at the bound itself a model may well divide by 0. */
const TO_BOUND = 0.9;
/** Wall time that one run may take, seconds: what is slower is as good as failed. */
const RUN_S = 3;
/** Wall time that all rounds may take before no further one is begun, milliseconds. */
const ALL_MS = 20_000;

/** Runs that take less than this together are timed again so often. */
const QUICK_MS = 2000;
const TIMED = 3;

/** How far a parameter may go. */
export interface Reach {
  variable: string;
  /** The last value that the model bore on a side on which it failed further out. */
  lower?: number;
  upper?: number;
  /** What was seen, in words. */
  because: string;
}

/** What the model bears around its start values, and how long a run takes. */
export interface Reaches {
  /** Parameters that the model failed for within their range. */
  narrowed: Reach[];
  /** How far each measured variable goes within them, in the definition's order. */
  moves: number[];
  /** Mean wall time of a run, milliseconds, with as many at once as there are processes. */
  runMs: number;
  /** Whether time ran out before every side was found. */
  unfinished: boolean;
}

interface Side {
  index: number;
  sign: 1 | -1;
  distance: number;
  failure?: string;
  held: boolean;
}

/**
 * Finds for each parameter of a machine at rest how far it may go alone for the model to run: bounds of
 * an FMU say what it takes, not what it can integrate. Runs are bounded in time and count.
 *
 * @param inputs in the definition's order
 * @returns undefined where the model does not run at the start values
 */
export async function findReaches(
  twin: Twin,
  inputs: Float64Array,
  options: { lanes?: number; signal?: AbortSignal; onRound?: (text: string) => void } = {},
): Promise<Reaches | undefined> {
  const { parameters, simulation } = twin.definition;
  const timeoutS = Math.min(RUN_S, simulation.timeoutS);
  const hasty: Twin = {
    ...twin,
    definition: { ...twin.definition, simulation: { ...simulation, timeoutS } },
  };
  const model = await createTwinModel(hasty, options);
  try {
    const mean = Float64Array.from(parameters, (p) => p.prior.mean);
    const [centre] = await model.evaluate([mean], inputs, options.signal);
    if (centre === undefined || centre instanceof Error) return undefined;
    const sides = parameters.flatMap(({ prior, lower, upper }, index): Side[] => {
      const far = (room: number) => Math.min(FAR * prior.std, TO_BOUND * room);
      const above = far((upper ?? Number.POSITIVE_INFINITY) - prior.mean);
      const below = far(prior.mean - (lower ?? Number.NEGATIVE_INFINITY));
      return [
        { index, sign: 1, distance: above, held: false },
        { index, sign: -1, distance: below, held: false },
      ];
    });
    const pointOf = ({ index, sign, distance }: Side) => {
      const point = mean.slice();
      point[index] = mean[index]! + sign * distance;
      return point;
    };
    let pending = sides.filter((s) => s.distance > 0);
    const startedMs = performance.now();
    let runMs = Number.POSITIVE_INFINITY;
    const moves = twin.definition.measured.map(() => 0);
    for (let round = 0; round <= HALVINGS && pending.length > 0; round++) {
      if (performance.now() - startedMs > ALL_MS) break;
      if (round > 0) {
        options.onRound?.(
          `The model fails at ${pending.length} of ${sides.length} values tried: looking nearer`,
        );
        for (const side of pending) side.distance /= 2;
      }
      const points = pending.map(pointOf);
      const results = await model.evaluate(points, inputs, options.signal);
      if (round === 0) runMs = (performance.now() - startedMs) / points.length;
      pending.forEach((side, k) => {
        const result = results[k];
        if (result instanceof Error) {
          const at = short(points[k]![side.index]!);
          side.failure ??= `${at}: ${result.message.split('\n')[0]}`;
        } else if (result !== undefined) {
          side.held = true;
          moves.forEach((most, c) => {
            moves[c] = Math.max(most, Math.abs(result[c]! - centre[c]!));
          });
        }
      });
      pending = pending.filter((s) => !s.held);
    }
    // What is quick is timed again: the first runs wake the processes.
    const points = sides.filter((s) => s.held).map(pointOf);
    for (let k = 0; k < TIMED && points.length > 0 && runMs * points.length < QUICK_MS; k++) {
      const fromMs = performance.now();
      await model.evaluate(points, inputs, options.signal);
      runMs = Math.min(runMs, (performance.now() - fromMs) / points.length);
    }
    return { narrowed: narrowed(twin, sides), moves, runMs, unfinished: pending.length > 0 };
  } finally {
    await model.close();
  }
}

const short = (value: number) => Number(value.toPrecision(3));

/** What the sides say of each parameter; one that bears no move at all keeps its bounds. */
function narrowed({ definition }: Twin, sides: readonly Side[]): Reach[] {
  return definition.parameters.flatMap(({ variable, prior }, index): Reach[] => {
    const of = sides.filter((s) => s.index === index && s.failure !== undefined && s.held);
    if (of.length === 0) return [];
    const bound = (sign: 1 | -1) => {
      const side = of.find((s) => s.sign === sign);
      return side === undefined ? undefined : short(prior.mean + sign * side.distance);
    };
    const [lower, upper] = [bound(-1), bound(1)];
    return [
      {
        variable,
        ...(lower === undefined ? {} : { lower }),
        ...(upper === undefined ? {} : { upper }),
        because: of.map((s) => `the model fails at ${s.failure}`).join('; '),
      },
    ];
  });
}
