import type { Closeable } from '../../../shared/core/index.js';
import type {
  AssumedInput,
  CalibratorState,
  Forecast,
  Plan,
  Twin,
  TwinModel,
} from '../../../shared/twin/index.js';

/** What a twin is asked from: the state that its last calibration left, and its inputs as they are. */
export interface Present {
  twin: Twin;
  state: CalibratorState;
  /** Newest values of inputs that follow a stream, by variable. */
  live: Readonly<Record<string, number>>;
}

/** A question: what is assumed to be otherwise. */
export interface Question {
  inputs?: Readonly<Record<string, number>> | undefined;
  renewed?: readonly string[] | undefined;
}

/** What will happen. */
export interface Course {
  forecast: Forecast;
  /** All inputs as they are, and which of them nobody said. */
  today: Record<string, number>;
  assumed: AssumedInput[];
}

/** Asks twins: in this process, or in one beside it. */
export interface Asker extends Closeable {
  /** @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID`, or as the model does */
  course(
    present: Present,
    question: Question,
    ahead: { horizonS: number; points: number; courses: number },
    signal?: AbortSignal,
  ): Promise<Course>;
  /** @throws TwinError `CONFIG_INVALID` without `decisions`, or as the model does */
  plan(present: Present, signal?: AbortSignal): Promise<Plan>;
}

/** Asks in this process. @param modelOf opens a twin's model, or gives it again */
export function createAsker(modelOf: (twin: Twin) => Promise<TwinModel>): Asker {
  const presentOf = async ({ twin, state, live }: Present) => {
    // Loaded when a twin is asked: many pages only show.
    const engine = await import('../../../shared/twin/index.js');
    const { inputs: today, assumed } = await engine.assumeInputs(twin, live, state);
    return { engine, today, assumed, model: await modelOf(twin) };
  };
  const optional = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });
  return {
    async course(present, question, { horizonS, points, courses }, signal) {
      const { engine, today, assumed, model } = await presentOf(present);
      const forecast = await engine.forecast({
        twin: present.twin,
        model,
        state: present.state,
        horizonS,
        points,
        paths: courses,
        inputs: { ...today, ...question.inputs },
        renewed: question.renewed ?? [],
        effort: 'quick',
        ...optional(signal),
      });
      return { forecast, today, assumed };
    },
    async plan(present, signal) {
      const { engine, today, model } = await presentOf(present);
      const { twin, state } = present;
      return engine.plan({ twin, model, state, inputs: today, ...optional(signal) });
    },
    close: async () => {},
  };
}
