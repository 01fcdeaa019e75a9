import { setMaxListeners } from 'node:events';
import { modelSensors } from '../../config/index.js';
import { durationText, type Logger, messageOf, secondsText, TwinError } from '../../core/index.js';
import { findScalar, inputsAlong, type ModelDescription, stateAccess } from '../../fmi/index.js';
import { disturbedValue } from '../disturbances/index.js';
import type { TwinRuns } from '../model/definition-units.js';
import { toleranceOf } from '../model/integration-error.js';
import { isMovable, openTwinFmu, solverTolerance } from '../model/twin-fmu.js';
import { createTwinModel } from '../model/twin-model.js';
import type { Twin } from '../types.js';
import { inputCourse } from './input-course.js';
import type { FitRecord } from './record.js';

/** Values of parameters and, where the model takes them, of the states at the record's start. */
export interface FitPoint {
  parameters: Float64Array;
  /** Left out: what the model starts with. */
  states?: Float64Array;
  /** Parameters that move along the record: a value per sample each, held to the next. */
  courses?: readonly { parameter: number; values: Float64Array }[];
  /** Per disturbance of the definition: what it adds at each sample. */
  forces?: readonly Float64Array[];
  /** What is added to one of the {@link FitModel.disturbable} at each sample, on trial. */
  trial?: { on: string; values: Float64Array };
}

/** A free run: outputs, and states where they were asked for. */
export interface FreeRun {
  /** Samples × measured variables. */
  outputs: Float64Array;
  /** Samples × states. */
  states?: Float64Array;
  /** Samples × virtual sensors, where they were asked for. */
  sensors?: Float64Array;
}

/** What a run gives beside the measured variables, and how it is made. */
export interface FreeRunOptions {
  keepStates?: boolean;
  /** The virtual sensors, too. */
  keepSensors?: boolean;
  /** At half the step and tolerance, where the model is `refinable`. */
  finer?: boolean;
}

/** The model as a fit sees it: the free run along a record from its start. */
export interface FitModel {
  /** States whose values at the start can be chosen; empty where the FMU offers none. */
  readonly states: readonly string[];
  /** Per parameter: whether it can move along a run; left out where none can. */
  readonly wearable?: readonly boolean[];
  /** Variables that a disturbance of the machine might add to; left out where there are none. */
  readonly disturbable?: readonly string[];
  /** Whether runs can be made at half the step and tolerance of its integration. */
  readonly refinable?: boolean;
  /** Why the start is not searched for, or the search begins where nothing says that the machine was. */
  readonly startDoubt?: string | undefined;
  /**
   * Runs from the record's start along all its samples; a point that fails does not throw.
   *
   * @param record whose inputs drive the run
   */
  run(
    points: readonly FitPoint[],
    record: FitRecord,
    options?: FreeRunOptions,
  ): Promise<readonly (FreeRun | Error)[]>;
  /** States where the search for the start begins: at rest, or the model's own start values. */
  startStates(parameters: Float64Array, record: FitRecord): Promise<Float64Array>;
  close(): Promise<void>;
}

/**
 * Opens a twin's FMU for fits. It needs no declared states; where they are declared and can be set,
 * the start is fitted too.
 *
 * @param options.lanes number of processes; default: one per core
 * @throws TwinError `FMU_INVALID`, `FMU_UNSUPPORTED`, `VARIABLE_UNKNOWN`
 */
export async function createFitModel(
  twin: Twin,
  options: { lanes?: number; logger?: Logger; signal?: AbortSignal } = {},
): Promise<FitModel> {
  if (options.signal !== undefined) setMaxListeners(0, options.signal);
  return twin.definition.simulation.mode === 'steady-state'
    ? steadyFitModel(twin, options)
    : movingFitModel(twin, options);
}

type Options = { lanes?: number; logger?: Logger; signal?: AbortSignal };

/** The values of a run, a row for each of its times, or which of them is no number. */
const finiteOr = (
  values: Float64Array,
  names: readonly string[],
  timesS: Float64Array,
): Float64Array | Error => {
  const bad = values.findIndex((v) => !Number.isFinite(v));
  if (bad < 0) return values;
  const row = Math.floor(bad / names.length);
  const name = names[bad - row * names.length]!;
  const at = durationText(timesS[row]! - timesS[0]!);
  return new TwinError(
    'NUMERIC',
    `The model gave ${values[bad]} as ${name}${row === 0 ? ' at the start of its run' : `, ${at} into its run`}.`,
  );
};

/** Some columns of a row-major table. */
function columnsOf(table: Float64Array, width: number, from: number, to: number): Float64Array {
  const columns = to - from;
  return Float64Array.from(
    { length: columns === 0 ? 0 : (table.length / width) * columns },
    (_, i) => table[Math.floor(i / columns) * width + from + (i % columns)]!,
  );
}

/** A twin of states of rest: each sample on its own. */
async function steadyFitModel(twin: Twin, options: Options): Promise<FitModel> {
  const { definition } = twin;
  const model = await createTwinModel(twin, options);
  const m = definition.measured.length;
  const hidden = modelSensors(definition).length;
  const { signal } = options;
  return {
    states: [],
    async run(points, record, { keepSensors = false } = {}) {
      const n = record.timesS.length;
      const outputs: (FreeRun | Error)[] = points.map(() => ({
        outputs: new Float64Array(n * m),
        ...(keepSensors ? { sensors: new Float64Array(n * hidden) } : {}),
      }));
      // Equal inputs rest at equal values: one run for all samples that have them.
      const rowsOf = new Map<string, number[]>();
      for (let row = 0; row < n; row++) {
        const key = record.inputs.map((column) => column[row]).join(' ');
        const rows = rowsOf.get(key);
        if (rows === undefined) rowsOf.set(key, [row]);
        else rows.push(row);
      }
      await Promise.all(
        [...rowsOf.values()].map(async (rows) => {
          const inputs = Float64Array.from(record.inputs, (column) => column[rows[0]!]!);
          const found = await model.evaluate(
            points.map((p) => p.parameters),
            inputs,
            signal,
          );
          found.forEach((value, k) => {
            const run = outputs[k]!;
            if (run instanceof Error) return;
            if (value instanceof Error) outputs[k] = value;
            else {
              for (const row of rows) {
                run.outputs.set(value.subarray(0, m), row * m);
                run.sensors?.set(value.subarray(m, m + hidden), row * hidden);
              }
            }
          });
        }),
      );
      return outputs;
    },
    startStates: async () => new Float64Array(),
    close: () => model.close(),
  };
}

/** A moving machine: one run along the record. */
async function movingFitModel(twin: Twin, options: Options): Promise<FitModel> {
  const { definition } = twin;
  const { simulation } = definition;
  const opened = await openTwinFmu(twin, options);
  const { runs, interpolations, forces: targets, targetsOf } = opened;
  const md = opened.fmu.modelDescription;
  const outputs = definition.measured.map((c) => c.variable);
  const hidden = modelSensors(definition).map((s) => s.variable);
  const access = stateAccess(md, simulation.interface);
  const states = access.obstacle === undefined ? access.states.map((v) => v.name) : [];
  const { signal } = options;
  const named = (point: ArrayLike<number>) =>
    Object.fromEntries(definition.parameters.map((p, i) => [p.variable, point[i]!]));
  const originS = md.defaultExperiment.startTime ?? 0;
  // What may be set only before a run cannot move along it.
  const wearable = definition.parameters.map(({ variable }) => {
    const found = findScalar(md, variable)?.variable;
    return found?.causality === 'input' || found?.variability === 'tunable';
  });
  let startDoubt =
    access.obstacle === undefined
      ? undefined
      : `the start is not fitted but is what the FMU makes of its parameters, as ${access.obstacle}: where the machine began elsewhere, the parameters make up for it`;
  return {
    states,
    wearable,
    refinable: true,
    disturbable: disturbable(twin, md),
    get startDoubt() {
      return startDoubt;
    },
    run(points, record, { keepStates = false, keepSensors = false, finer = false } = {}) {
      const share = finer ? 0.5 : 1;
      const tolerance = finer ? 0.5 * toleranceOf(twin, opened) : simulation.tolerance;
      const t0 = record.timesS[0] ?? 0;
      const timesS = record.timesS.map((t) => originS + (t - t0));
      const given = definition.inputs.map((input, i) => ({
        name: input.variable,
        values: record.inputs[i]!,
      }));
      const course = inputCourse(record);
      const courseS = course.timesS.map((t) => originS + (t - t0));
      /** A table of columns that are given at the samples, the inputs' first. */
      const along = (columns: typeof given, how: Parameters<typeof inputsAlong>[2]) =>
        inputsAlong(
          courseS,
          columns.map(({ name, values }, i) => ({
            name,
            values: i < given.length ? course.inputOf(i, values) : course.heldOf(values),
          })),
          how,
        );
      const inputs = along(given, interpolations);
      const driving = (point: FitPoint) => {
        const { courses = [], forces, trial } = point;
        if (courses.length === 0 && forces === undefined && trial === undefined) return inputs;
        const columns = given.slice();
        const moved = new Map(courses.map(({ parameter, values }) => [parameter, values]));
        const tried = trial === undefined ? [] : targetsOf([{ on: trial.on }]);
        [...targets, ...tried].forEach((target, i) => {
          const added =
            (i < targets.length ? forces?.[i] : trial?.values) ?? new Float64Array(timesS.length);
          if (target.kind === 'input') {
            const { name, values } = columns[target.index]!;
            columns[target.index] = { name, values: values.map((v, row) => v + added[row]!) };
            return;
          }
          const held = point.parameters.slice();
          const course = target.kind === 'parameter' ? moved.get(target.index) : undefined;
          const values = added.map((add, row) => {
            if (course !== undefined && target.kind === 'parameter') {
              held[target.index] = course[row]!;
            }
            return disturbedValue(twin, target, held, add);
          });
          if (target.kind === 'parameter') moved.set(target.index, values);
          else columns.push({ name: target.variable, values });
        });
        for (const [parameter, values] of moved) {
          columns.push({ name: definition.parameters[parameter]!.variable, values });
        }
        return along(
          columns,
          columns.map((_, i) => interpolations[i] ?? 'hold'),
        );
      };
      const told = keepSensors ? [...outputs, ...hidden] : outputs;
      return Promise.all(
        points.map(async (point) => {
          try {
            const result = await runs.trajectory({
              interface: simulation.interface,
              startValues: named(point.parameters),
              ...(point.states === undefined || states.length === 0
                ? {}
                : { states: point.states }),
              inputs: driving(point),
              outputs: told,
              timesS,
              stepSizeS: simulation.stepSizeS * share,
              relativeTolerance: solverTolerance(twin) * share,
              ...(tolerance !== undefined && { tolerance }),
              keepStates: keepStates && states.length > 0,
              ...(signal === undefined ? {} : { signal }),
            });
            const values = finiteOr(result.values, told, timesS);
            if (values instanceof Error) return values;
            const of = (from: number, to: number) =>
              columnsOf(values, outputs.length + hidden.length, from, to);
            return {
              outputs: keepSensors ? of(0, outputs.length) : values,
              ...(keepSensors
                ? { sensors: of(outputs.length, outputs.length + hidden.length) }
                : {}),
              ...(result.states === undefined ? {} : { states: result.states }),
            };
          } catch (error) {
            if (signal?.aborted) throw error;
            return error instanceof Error ? error : new Error(messageOf(error));
          }
        }),
      );
    },
    startStates: (parameters, record) =>
      startStates(twin, runs, states, named(parameters), record, signal, (why) => {
        startDoubt ??= why;
      }),
    close: () => opened.close(),
  };
}

/**
 * What something unknown may act on: the streamed inputs, and inputs and tunable parameters of the FMU
 * that the definition leaves at zero, where nothing but what is unknown can be added.
 */
function disturbable({ definition }: Twin, md: ModelDescription): string[] {
  const taken = new Set([
    ...definition.disturbances.map(({ on }) => on),
    ...definition.parameters.map((p) => p.variable),
    ...definition.inputs.flatMap((i) => (i.value === undefined ? [] : [i.variable])),
  ]);
  const streamed = definition.inputs.filter((i) => i.value === undefined).map((i) => i.variable);
  const others = md.variables.flatMap((v) =>
    v.dimensions.length === 0 && v.start?.every((value) => Number(value) === 0) ? [v.name] : [],
  );
  return [...new Set([...others, ...streamed])].filter((name) => {
    const scalar = findScalar(md, name);
    return !taken.has(name) && scalar !== undefined && isMovable(scalar);
  });
}

/** States at rest under the record's first inputs; where the model never rests, its start values. */
async function startStates(
  twin: Twin,
  runs: TwinRuns,
  states: readonly string[],
  startValues: Record<string, number>,
  record: FitRecord,
  signal: AbortSignal | undefined,
  doubt: (why: string) => void,
): Promise<Float64Array> {
  const { simulation, transient, inputs, measured } = twin.definition;
  const { timesS } = record;
  const maxTimeS = Math.max(simulation.maxTimeS, timesS.at(-1)! - timesS[0]!);
  const first = Object.fromEntries(inputs.map((v, i) => [v.variable, record.inputs[i]![0] ?? 0]));
  if (transient.initialState === 'settled') {
    try {
      const rest = await runs.settle({
        startValues,
        inputs: first,
        outputs: measured.map((c) => c.variable),
        along: states,
        interface: simulation.interface,
        stepSizeS: simulation.stepSizeS,
        maxTimeS,
        relativeTolerance: simulation.relativeTolerance,
        ...(simulation.tolerance !== undefined && { tolerance: simulation.tolerance }),
        ...(signal === undefined ? {} : { signal }),
      });
      const found = rest.values.slice(measured.length);
      if (found.every(Number.isFinite)) return found;
    } catch (error) {
      if (signal?.aborted) throw error;
      // A machine that never rests starts where its model does; the search moves it from there.
      doubt(
        `the model comes to no rest within ${secondsText(maxTimeS)} under the first inputs, so the search for the start begins at its start values: raise simulation.maxTimeS, or say transient.initialState "start-values" where the machine never rests`,
      );
    }
  }
  const { states: found } = await runs.trajectory({
    interface: simulation.interface,
    startValues,
    inputs: inputsAlong(
      Float64Array.of(0),
      inputs.map((v, i) => ({
        name: v.variable,
        values: Float64Array.of(record.inputs[i]![0] ?? 0),
      })),
      'linear',
    ),
    outputs: [],
    keepStates: true,
    timesS: Float64Array.of(0),
    ...(signal === undefined ? {} : { signal }),
  });
  return found ?? new Float64Array();
}
