import { type Logger, messageOf } from '../../core/index.js';
import {
  defaultInterface,
  type Fmu,
  type InterfaceType,
  type ModelDescription,
} from '../../fmi/index.js';
import type { StateEvaluation, TransientModel, Twin } from '../types.js';

type Propagate = TransientModel['propagate'];
type Span = Parameters<Propagate>[1];

/** How much a probe moves each state, as a share of its size. */
const MOVED = 0.01;
/** How far two ways to the same point may part, as a share of the move. */
const SAME = 0.02;

/** Whether a model says that it may remember more than its continuous states. */
function mayHaveModes(md: ModelDescription): boolean {
  return (
    md.numberOfEventIndicators > 0 ||
    md.variables.some(
      (v) => v.variability === 'discrete' && (v.causality === 'local' || v.causality === 'output'),
    )
  );
}

/** Whether an FMU gives and takes its whole state as bytes. */
export function offersMemory(md: ModelDescription, type: InterfaceType): boolean {
  const info = type === 'cs' ? md.coSimulation : md.modelExchange;
  return info?.canGetAndSetFmuState === true && info.canSerializeFmuState;
}

/**
 * Finds out whether parameters and continuous states can be written into an FMU's kept state: a moved
 * point, reached by writing, must go on as one that was initialized there. Not every FMU takes
 * parameters after its initialization, and under co-simulation states need not be taken at all.
 *
 * @param moved parameters a little away from the usual ones
 */
async function memoryCanBeWritten(
  propagate: Propagate,
  point: { parameters: Float64Array },
  moved: Float64Array,
  span: Span,
  logger: Logger | undefined,
): Promise<boolean> {
  const sound = (e: StateEvaluation | undefined) => {
    if (e === undefined || e instanceof Error) throw e ?? new Error('no result');
    return e;
  };
  const fresh = { ...span, memory: undefined };
  const at = { ...fresh, toS: span.fromS, inputsTo: span.inputs, between: undefined };
  const run = async (s: Span, p: Parameters<Propagate>[0][number]) =>
    sound((await propagate([p], s))[0]);
  try {
    const begun = await run(at, { parameters: point.parameters, keepMemory: true });
    if (begun.memory === undefined) return false;
    const states = begun.states.map((x) => x + MOVED * (Math.abs(x) || 1));
    const usual = await run(fresh, { parameters: point.parameters, states: begun.states });
    const cold = await run(fresh, { parameters: moved, states });
    // More than once, so that each process that will do so has taken a state of another.
    const warm = await propagate(
      Array.from({ length: 4 }, () => ({ parameters: moved, states })),
      { ...span, memory: begun.memory },
    );
    const close = (a: Float64Array, b: Float64Array, from: Float64Array) =>
      a.every((v, i) => {
        const size = Math.abs(v - from[i]!) + 1e-6 * Math.abs(v) + 1e-12;
        return Math.abs(v - b[i]!) <= SAME * size;
      });
    const good = warm.every((result) => {
      const { states: x, outputs: y } = sound(result);
      return close(cold.states, x, usual.states) && close(cold.outputs, y, usual.outputs);
    });
    if (!good) {
      logger?.info('Modes are not carried', {
        why: 'parameters or states written into a kept state of the FMU do not act',
      });
    }
    return good;
  } catch (error) {
    logger?.info('Modes are not carried', { why: messageOf(error) });
    return false;
  }
}

/** Modes that a model may keep beside its continuous states. */
export interface CarriedModes {
  /** Whether there may be some. */
  readonly mayBe: boolean;
  /** Whether they are carried from sample to sample; tried once, about a point and along a span. */
  areCarried(point: { parameters: Float64Array }, span: Span): Promise<boolean>;
  /** What was found when it was tried; false where it was not. */
  wereCarried(): Promise<boolean>;
}

/** Whether a twin's FMU may have modes, and whether they can be carried in what it remembers. */
export function carriedModes(
  { definition: { parameters, simulation } }: Twin,
  fmu: Fmu,
  propagate: Propagate,
  logger?: Logger,
): CarriedModes {
  const md = fmu.modelDescription;
  const mayBe = mayHaveModes(md);
  const offered = mayBe && offersMemory(md, simulation.interface ?? defaultInterface(fmu));
  let tried: Promise<boolean> | undefined;
  return {
    mayBe,
    areCarried(point, span) {
      if (!offered) return Promise.resolve(false);
      const moved = point.parameters.map((p, i) => {
        const { lower = -Infinity, upper = Infinity, prior } = parameters[i]!;
        const by = 0.1 * prior.std;
        return p + by <= upper || p - by < lower ? p + by : p - by;
      });
      // Where the FMU's time begins, so that a run that goes on from a checkpoint finds the same.
      const fromS = md.defaultExperiment.startTime ?? 0;
      const first = { ...span, fromS, toS: fromS + span.toS - span.fromS };
      tried ??= memoryCanBeWritten(propagate, point, moved, first, logger);
      return tried;
    },
    wereCarried: () => tried ?? Promise.resolve(false),
  };
}
