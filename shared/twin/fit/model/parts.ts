import { type FitRecord, sliceOf } from '../record/record.js';
import type { FitPoint, FreeRun } from './fit-model.js';

/** Runs points along a record that has no gaps. */
type RunPart = (
  points: readonly FitPoint[],
  part: FitRecord,
) => Promise<readonly (FreeRun | Error)[]>;

/**
 * Runs points along each part of a record from states of its own. A point that has states for the record's
 * start only is run through: where nothing but a first look is wanted.
 *
 * @param own states of the model; 0 of one that can begin nowhere but at its start
 * @param run of one part; it is asked once for points that are the same there
 */
export async function alongParts(
  points: readonly FitPoint[],
  record: FitRecord,
  own: number,
  run: RunPart,
): Promise<(FreeRun | Error)[]> {
  const { beginnings } = record;
  const count = beginnings.length;
  const partly = (p: FitPoint) => own > 0 && count > 1 && p.states?.length === own * count;
  if (!points.some(partly)) {
    const begun = points.map((p) => (p.states ? { ...p, states: p.states.subarray(0, own) } : p));
    return [...(await run(begun, record))];
  }
  const parts = await Promise.all(
    beginnings.map(async (from, k) => {
      const to = beginnings[k + 1] ?? record.timesS.length;
      const part = sliceOf(record, from, to);
      const mine = points.map((p) => pointIn(p, from, to, k * own, own));
      const keys = mine.map(keyOf);
      const first = new Map(keys.map((key, i) => [key, i] as const).toReversed());
      const asked = [...first.values()];
      const runs = await run(
        asked.map((i) => mine[i]!),
        part,
      );
      const of = new Map([...first.keys()].map((key, i) => [key, runs[i]!]));
      return keys.map((key) => of.get(key)!);
    }),
  );
  return points.map((_, i) => joined(parts.map((runs) => runs[i]!)));
}

/** What a point is for some rows. */
function pointIn(point: FitPoint, from: number, to: number, state: number, own: number): FitPoint {
  const { courses, forces, trial } = point;
  return {
    parameters: point.parameters,
    ...(point.states && { states: point.states.slice(state, state + own) }),
    ...(courses && { courses: courses.map((c) => ({ ...c, values: c.values.slice(from, to) })) }),
    ...(forces && { forces: forces.map((values) => values.slice(from, to)) }),
    ...(trial && { trial: { on: trial.on, values: trial.values.slice(from, to) } }),
  };
}

/** The same for points that give the same run, bit by bit. */
function keyOf({ parameters, states, courses = [], forces = [], trial }: FitPoint): string {
  const bytes = (values: Float64Array) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('latin1');
  return [
    bytes(parameters),
    states === undefined ? '' : bytes(states),
    ...courses.map((c) => `${c.parameter} ${bytes(c.values)}`),
    ...forces.map(bytes),
    trial === undefined ? '' : `${trial.on} ${bytes(trial.values)}`,
  ].join('|');
}

function joined(parts: readonly (FreeRun | Error)[]): FreeRun | Error {
  const failed = parts.find((part) => part instanceof Error);
  if (failed !== undefined) return failed;
  const runs = parts as readonly FreeRun[];
  const all = (of: (run: FreeRun) => Float64Array | undefined): Float64Array | undefined => {
    const tables = runs.flatMap((run) => of(run) ?? []);
    if (tables.length === 0) return undefined;
    const table = new Float64Array(tables.reduce((sum, t) => sum + t.length, 0));
    let at = 0;
    for (const t of tables) {
      table.set(t, at);
      at += t.length;
    }
    return table;
  };
  const [outputs, states, sensors] = [
    all((run) => run.outputs),
    all((run) => run.states),
    all((run) => run.sensors),
  ];
  return {
    outputs: outputs ?? new Float64Array(),
    ...(states && { states }),
    ...(sensors && { sensors }),
  };
}
