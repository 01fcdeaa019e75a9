import { partitionPoint } from '../../core/index.js';
import type { InputTable } from '../solving/signals.js';

/** Whether any column runs from one value to another, rather than jumping. */
export const inputsMove = (table: InputTable): boolean =>
  table.columns.some((_, column) => isMoving(table, column));

function isMoving({ time, columns }: InputTable, column: number): boolean {
  const { values, width } = columns[column]!;
  if (!(values instanceof Float64Array)) return false;
  return values.some((v, at) => {
    const row = Math.floor(at / width);
    return row > 0 && v !== values[at - width] && time[row] !== time[row - 1];
  });
}

const hasJumps = ({ time }: InputTable) => time.some((t, row) => row > 0 && t === time[row - 1]);

/**
 * The inputs as co-simulation is given them, which holds an input over each step: what moves is ahead by
 * half a step, so that each step has what it is in its middle; what jumps does so when it does.
 */
export function centredInputs(table: InputTable, stepSizeS: number): InputTable {
  const byS = stepSizeS / 2;
  const { time, columns } = table;
  if (!inputsMove(table)) return table;
  if (!hasJumps(table)) return { time: time.map((t) => t - byS), columns };
  // Rows at the times of either kind; times that are there twice mark a jump.
  const doubled = new Set(time.filter((t, row) => row > 0 && t === time[row - 1]));
  const rows: { timeS: number; after: boolean }[] = [...new Set([...time, ...earlier(time, byS)])]
    .sort((a, b) => a - b)
    .flatMap((timeS) =>
      doubled.has(timeS)
        ? [
            { timeS, after: false },
            { timeS, after: true },
          ]
        : [{ timeS, after: true }],
    );
  return {
    time: Float64Array.from(rows, (r) => r.timeS),
    columns: columns.map((column, c) => {
      const { name, values, width } = column;
      const moving = isMoving(table, c);
      const at = ({ timeS, after }: (typeof rows)[number], k: number) =>
        moving
          ? between(time, values as Float64Array, width, k, timeS + byS, true)
          : between(time, values as Float64Array, width, k, timeS, after);
      if (!(values instanceof Float64Array)) {
        const heldAt = (row: (typeof rows)[number], k: number) =>
          values[rowBefore(time, row.timeS, row.after) * width + k]!;
        return {
          name,
          width,
          values: rows.flatMap((r) => indices(width).map((k) => heldAt(r, k))),
        };
      }
      return {
        name,
        width,
        values: Float64Array.from(rows.flatMap((r) => indices(width).map((k) => at(r, k)))),
      };
    }),
  };
}

const earlier = (time: Float64Array, byS: number) => time.map((t) => t - byS);
const indices = (n: number) => Array.from({ length: n }, (_, k) => k);

/** The row that holds at a time: of several at a jump the first before it, the last after it. */
function rowBefore(time: Float64Array, timeS: number, after: boolean): number {
  const next = partitionPoint(time.length, (row) =>
    after ? time[row]! <= timeS : time[row]! < timeS,
  );
  if (!after && time[next] === timeS) return next;
  return Math.max(0, next - 1);
}

function between(
  time: Float64Array,
  values: Float64Array,
  width: number,
  k: number,
  timeS: number,
  after: boolean,
): number {
  const row = rowBefore(time, timeS, after);
  const from = values[row * width + k]!;
  const next = row + 1;
  if (next >= time.length || timeS <= time[row]!) return from;
  const span = time[next]! - time[row]!;
  return span > 0
    ? from + ((values[next * width + k]! - from) * (timeS - time[row]!)) / span
    : from;
}
