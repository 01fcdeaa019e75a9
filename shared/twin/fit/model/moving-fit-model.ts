import { modelSensors } from '../../../config/index.js';
import { durationText, secondsText, TwinError } from '../../../core/index.js';
import { findScalar, inputsAlong, type ModelDescription, stateAccess } from '../../../fmi/index.js';
import type { TwinRuns } from '../../model/definition-units.js';
import { toleranceOf } from '../../model/integration-error.js';
import { orError } from '../../model/rest-runs.js';
import { isMovable, namedParameters, openTwinFmu, solverTolerance } from '../../model/twin-fmu.js';
import type { Twin } from '../../types.js';
import type { FitRecord } from '../record/record.js';
import type { FitModel, FitPoint, FreeRun, FreeRunOptions, ModelOptions } from './fit-model.js';
import { alongParts } from './parts.js';
import { runInputs } from './run-inputs.js';

/** A moving machine: one run along the record. */
export async function movingFitModel(twin: Twin, options: ModelOptions): Promise<FitModel> {
  const { definition } = twin;
  const { simulation } = definition;
  const opened = await openTwinFmu(twin, options);
  const { runs } = opened;
  const md = opened.fmu.modelDescription;
  const outputs = definition.measured.map((c) => c.variable);
  const hidden = modelSensors(definition).map((s) => s.variable);
  const access = stateAccess(md, simulation.interface);
  const states = access.obstacle === undefined ? access.states.map((v) => v.name) : [];
  const { signal } = options;
  const originS = md.defaultExperiment.startTime ?? 0;
  // What may be set only before a run cannot move along it.
  const wearable = definition.parameters.map(({ variable }) => {
    const found = findScalar(md, variable)?.variable;
    return found?.causality === 'input' || found?.variability === 'tunable';
  });
  let restDoubt: string | undefined;
  const startDoubt =
    access.obstacle === undefined
      ? undefined
      : `the start is not fitted but is what the FMU makes of its parameters, as ${access.obstacle}: where the machine began elsewhere, the parameters make up for it`;
  /** Runs along a record without gaps; `t0S`: its time at the FMU's own start. */
  const runPart = (
    points: readonly FitPoint[],
    record: FitRecord,
    t0S: number,
    { keepStates = false, keepSensors = false, finer = false, interpolations }: FreeRunOptions = {},
  ): Promise<(FreeRun | Error)[]> => {
    const share = finer ? 0.5 : 1;
    const tolerance = finer ? 0.5 * toleranceOf(twin, opened) : simulation.tolerance;
    const timesS = record.timesS.map((t) => originS + (t - t0S));
    const how =
      interpolations === undefined
        ? {}
        : { interpolations: opened.interpolationsAs(interpolations) };
    const inputsOf = runInputs(twin, { ...opened, ...how }, record, originS, t0S);
    const told = keepSensors ? [...outputs, ...hidden] : outputs;
    const freeRun = async (point: FitPoint): Promise<FreeRun | Error> => {
      const result = await runs.trajectory({
        interface: simulation.interface,
        startValues: namedParameters(twin, point.parameters),
        ...(point.states === undefined || states.length === 0 ? {} : { states: point.states }),
        inputs: inputsOf(point),
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
      const width = outputs.length + hidden.length;
      return {
        outputs: keepSensors ? columnsOf(values, width, 0, outputs.length) : values,
        ...(keepSensors ? { sensors: columnsOf(values, width, outputs.length, width) } : {}),
        ...(result.states === undefined ? {} : { states: result.states }),
      };
    };
    return Promise.all(points.map((point) => orError(() => freeRun(point), signal)));
  };
  return {
    states,
    wearable,
    refinable: true,
    disturbable: disturbable(twin, md),
    startDoubt,
    get restDoubt() {
      return restDoubt;
    },
    run(points, record, options) {
      const t0S = record.timesS[0] ?? 0;
      return alongParts(points, record, states.length, (mine, part) =>
        runPart(mine, part, t0S, options),
      );
    },
    startStates: (parameters, record) =>
      startStates(twin, runs, states, namedParameters(twin, parameters), record, signal, (why) => {
        restDoubt ??= why;
      }),
    close: () => opened.close(),
  };
}

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
