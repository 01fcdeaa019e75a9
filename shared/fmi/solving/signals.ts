import { messageOf, partitionPoint, TwinError } from '../../core/index.js';
import type { Float64Block, FmuInstance } from '../binding/instance.js';
import { sizeOf } from '../description/dimensions.js';
import {
  findVariable,
  type ModelDescription,
  type ModelVariable,
  type ScalarValue,
} from '../description/model-description.js';
import { scalarOf } from '../description/scalars.js';
import { coerceScalar } from '../description/start-values.js';

import { words } from '../description/xml-attributes.js';
import { sameTime } from './same-time.js';

/**
 * Input signals over time. Equal times in a row mark a step: the first row is before it, the second
 * after. Continuous inputs are interpolated linearly, all others keep their value until the next row.
 */
export interface InputTable {
  /** Seconds, never falling. */
  time: Float64Array;
  columns: readonly {
    /** Name of an input (or tunable parameter). */
    name: string;
    /**
     * One element per row; rows of `width` elements for an array. 64-bit integers, texts and bytes
     * as they are: doubles do not hold them.
     */
    values: Float64Array | readonly (bigint | string | Uint8Array)[];
    width: number;
  }[];
}

/** Sorts out quotes as spreadsheets and FMPy write them. */
const clean = (cell: string) =>
  cell
    .trim()
    .replace(/^"(.*)"$/s, '$1')
    .replaceAll('""', '"');

/** Cells of a line; commas inside quotes belong to a name such as `a[1,2]`. */
function cellsOf(line: string): string[] {
  const cells: string[] = [];
  const pattern = /\s*("(?:[^"]|"")*"|[^,]*)\s*(,|$)/y;
  for (let more = true; more; ) {
    const match = pattern.exec(line);
    if (match === null) break;
    cells.push(clean(match[1] ?? ''));
    more = match[2] === ',';
  }
  return cells;
}

/**
 * Reads an input file with FMPy's conventions: the first column is the time, each other column the
 * variable of its header; array elements in one cell, separated by spaces.
 *
 * @param md whose variables the columns are: cells of 64-bit integers, texts and bytes (pairs of
 *   hexadecimal digits) are read as such
 * @throws TwinError `FILE_INVALID` with the line
 */
export function parseInputCsv(text: string, source: string, md?: ModelDescription): InputTable {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  while (lines.length > 0 && lines[lines.length - 1]?.trim() === '') lines.pop();
  const fail = (line: number, what: string) =>
    new TwinError('FILE_INVALID', `${source}:${line + 1}: ${what}`);
  const names = cellsOf(lines[0] ?? '');
  if (lines.length < 2 || names.length < 2) {
    throw fail(0, 'expected a header "time",… and at least one row of numbers.');
  }
  const rows = lines.length - 1;
  const first = cellsOf(lines[1] ?? '');
  const variables = names.map((name, c) =>
    c === 0 || md === undefined ? undefined : findVariable(md, name),
  );
  const wholeCell = variables.map((v) => v?.type === 'String' || v?.type === 'Binary');
  const widths = names.map((_, c) =>
    wholeCell[c] ? 1 : Math.max(1, words(first[c] ?? '').length),
  );
  const data = widths.map((width) => new Float64Array(rows * width));
  const others = variables.map((v) =>
    v !== undefined && !isPlain(v) ? ([] as (bigint | string | Uint8Array)[]) : undefined,
  );
  for (let row = 0; row < rows; row++) {
    const cells = cellsOf(lines[row + 1] ?? '');
    if (cells.length !== names.length) {
      throw fail(row + 1, `found ${cells.length} cells, expected ${names.length}.`);
    }
    cells.forEach((cell, c) => {
      const exact = others[c];
      const parts = wholeCell[c] ? [cell] : words(cell);
      const width = widths[c] as number;
      if (parts.length !== width) {
        throw fail(row + 1, `${names[c]}: found ${parts.length} values, expected ${width}.`);
      }
      parts.forEach((part, k) => {
        if (exact !== undefined) {
          try {
            exact.push(coerceScalar(variables[c] as ModelVariable, part) as bigint);
          } catch (error) {
            throw fail(row + 1, messageOf(error));
          }
          return;
        }
        const lower = part.toLowerCase();
        const value = lower === 'true' ? 1 : lower === 'false' ? 0 : Number(part);
        if (!Number.isFinite(value)) {
          throw fail(row + 1, `${names[c]}: ${JSON.stringify(part.slice(0, 40))} is no number.`);
        }
        (data[c] as Float64Array)[row * width + k] = value;
      });
    });
  }
  const [time = new Float64Array()] = data;
  for (let row = 1; row < rows; row++) {
    if ((time[row] as number) < (time[row - 1] as number)) {
      throw fail(row + 1, `time ${time[row]} comes after ${time[row - 1]}; times must not fall.`);
    }
  }
  return {
    time,
    columns: names.slice(1).map((name, c) => ({
      name,
      values: others[c + 1] ?? (data[c + 1] as Float64Array),
      width: widths[c + 1] as number,
    })),
  };
}

type InputValues = InputTable['columns'][number]['values'];

function isPlain({ type }: ModelVariable): boolean {
  return type !== 'Int64' && type !== 'UInt64' && type !== 'String' && type !== 'Binary';
}

function differ(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) !== 0 : a !== b;
}

/** Sets a model's inputs as time goes on. */
export class InputSignals {
  readonly #table: InputTable;
  readonly #continuous: { values: Float64Array; at: number }[] = [];
  readonly #block: Float64Block | undefined;
  /** The variables of the block. */
  readonly #smooth: readonly ModelVariable[];
  readonly #others: { variable: ModelVariable; values: InputValues; width: number }[] = [];
  /** Columns of single elements, by their array. */
  readonly #arrays = new Map<ModelVariable, { element: number; values: Float64Array }[]>();
  readonly #instance: FmuInstance;
  readonly #events: number[];
  readonly #slackS: number;

  /**
   * @param slackS how far the times that are asked for may lie from those of the table and still mean
   *   them; default: what rounding does
   * @throws TwinError `VARIABLE_UNKNOWN`, `VALUE_INVALID` for a column that is no input
   */
  constructor(md: ModelDescription, instance: FmuInstance, table: InputTable, slackS = 0) {
    this.#table = table;
    this.#slackS = slackS;
    this.#instance = instance;
    const continuous: ModelVariable[] = [];
    const events = new Set<number>();
    const { time } = table;
    for (const { name, values, width } of table.columns) {
      const own = findVariable(md, name);
      const { variable, element } =
        own === undefined ? scalarOf(md, name) : { variable: own, element: undefined };
      if (variable.causality !== 'input' && variable.variability !== 'tunable') {
        throw new TwinError(
          'VALUE_INVALID',
          `The input file has a column "${name}", which is no input of ${md.modelName} but ${variable.causality}. Remove it, or name an input.`,
        );
      }
      const size = element === undefined ? sizeOf(md, variable) : 1;
      if (variable.dimensions.every((d) => 'start' in d) && size !== width) {
        throw new TwinError(
          'VALUE_INVALID',
          `The input file's column "${name}" has ${width} values per cell, expected ${size}.`,
        );
      }
      const smooth = variable.variability === 'continuous';
      if (smooth && variable.type === 'Float64' && variable.dimensions.length === 0) {
        this.#continuous.push({ values: values as Float64Array, at: continuous.length });
        continuous.push(variable);
      } else if (element !== undefined) {
        const column = { element, values: values as Float64Array };
        const others = this.#arrays.get(variable);
        if (others === undefined) this.#arrays.set(variable, [column]);
        else others.push(column);
      } else this.#others.push({ variable, values, width });
      if (!smooth) {
        for (let row = 1; row < time.length; row++) {
          for (let k = 0; k < width; k++) {
            if (differ(values[row * width + k], values[(row - 1) * width + k])) {
              events.add(time[row] as number);
            }
          }
        }
      }
    }
    for (let row = 1; row < time.length; row++) {
      if (time[row] === time[row - 1]) events.add(time[row] as number);
    }
    this.#events = [...events].sort((a, b) => a - b);
    this.#smooth = continuous;
    if (continuous.length > 0) this.#block = instance.float64Block(continuous);
  }

  #same(a: number, b: number): boolean {
    return sameTime(a, b) || Math.abs(a - b) <= this.#slackS;
  }

  /** The first time after `t` at which an input jumps; Infinity when none does. */
  nextEvent(t: number): number {
    // A held input has an event at each of thousands of samples.
    const next = partitionPoint(this.#events.length, (k) => {
      const event = this.#events[k] as number;
      return event <= t || this.#same(event, t);
    });
    return this.#events[next] ?? Number.POSITIVE_INFINITY;
  }

  /** The first row's time after `t`: a continuous input may bend there. */
  nextRow(t: number): number {
    const { time } = this.#table;
    let row = this.#rowAfter(t);
    while (row < time.length && this.#same(time[row] as number, t)) row++;
    return time[row] ?? Number.POSITIVE_INFINITY;
  }

  /** Index of the first row later than `t`. */
  #rowAfter(t: number): number {
    const { time } = this.#table;
    return partitionPoint(time.length, (row) => (time[row] as number) <= t);
  }

  /** Two rows and the share of the way from one to the other; before a step or after it. */
  #locate(t: number, afterEvent: boolean): { row: number; next: number; share: number } {
    const { time } = this.#table;
    const last = time.length - 1;
    let next = this.#rowAfter(t);
    if (!afterEvent) {
      // At a step, stay before it: the first of the rows with this time ends the interval.
      while (next > 0 && this.#same(time[next - 1] as number, t)) next--;
    } else while (next <= last && this.#same(time[next] as number, t)) next++;
    if (next === 0) return { row: 0, next: 0, share: 0 };
    if (next > last) return { row: last, next: last, share: 0 };
    const row = next - 1;
    const t0 = time[row] as number;
    const t1 = time[next] as number;
    return { row, next, share: t1 > t0 ? (t - t0) / (t1 - t0) : 0 };
  }

  /**
   * Sets the inputs of a time.
   *
   * @param afterEvent whether the right-hand values hold where an input jumps at `t`
   * @param discrete set discrete inputs too; only allowed in initialization, event and step mode
   */
  apply(t: number, afterEvent: boolean, discrete: boolean): void {
    const { row, next, share } = this.#locate(t, afterEvent);
    const mix = (values: Float64Array, width: number, k: number) => {
      const a = values[row * width + k] as number;
      return share === 0 ? a : a + ((values[next * width + k] as number) - a) * share;
    };
    if (this.#block !== undefined) {
      for (const { values, at } of this.#continuous) this.#block.values[at] = mix(values, 1, 0);
      this.#block.set();
    }
    for (const { variable, values, width } of this.#others) {
      const smooth = variable.variability === 'continuous';
      if (!smooth && !discrete) continue;
      const elements: ScalarValue[] = [];
      for (let k = 0; k < width; k++) {
        const value = smooth
          ? mix(values as Float64Array, width, k)
          : (values[row * width + k] as ScalarValue);
        elements.push(coerceScalar(variable, value));
      }
      this.#instance.setValue(variable, elements);
    }
    for (const [variable, columns] of this.#arrays) {
      const smooth = variable.variability === 'continuous';
      if (!smooth && !discrete) continue;
      const elements = this.#instance.getValue(variable);
      for (const { element, values } of columns) {
        elements[element] = coerceScalar(variable, smooth ? mix(values, 1, 0) : values[row]);
      }
      this.#instance.setValue(variable, elements);
    }
  }

  /** Tells the FMU how its continuous inputs run on from a time, for the step that begins there. */
  applyDerivatives(t: number): void {
    const { row, next } = this.#locate(t, true);
    const { time } = this.#table;
    const spanS = (time[next] as number) - (time[row] as number);
    this.#instance.setInputDerivatives(
      this.#smooth,
      Float64Array.from(this.#continuous, ({ values }) =>
        spanS > 0 ? ((values[next] as number) - (values[row] as number)) / spanS : 0,
      ),
    );
  }

  release(): void {
    this.#block?.release();
  }
}
