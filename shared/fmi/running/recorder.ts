import type { Float64Block, FmuInstance } from '../binding/instance.js';
import type { ModelVariable, ScalarValue, VariableType } from '../description/model-description.js';
import type { RecordedVariable } from './recorded-variables.js';

/** One recorded variable; rows of `width` elements. */
export interface ResultColumn {
  name: string;
  type: VariableType;
  unit?: string;
  /** The unit that its display is meant to be in, where there is one. */
  displayUnit?: string;
  width: number;
  /** Numbers (truth values as 0 and 1) as doubles; 64-bit integers, texts and bytes as they are. */
  values: Float64Array | readonly (bigint | string | Uint8Array)[];
}

const isPlain = (type: VariableType) =>
  type !== 'Int64' && type !== 'UInt64' && type !== 'String' && type !== 'Binary';

interface Column {
  numbers: number[];
  others: ScalarValue[];
  width: number;
}

/** Takes down variables at chosen times. */
export class Recorder {
  readonly #time: number[] = [];
  readonly #variables: readonly RecordedVariable[];
  readonly #columns: Column[];
  readonly #block: Float64Block | undefined;
  /** Position in the block of each scalar Float64 variable, else -1. */
  readonly #slots: number[];
  readonly #instance: FmuInstance;

  constructor(instance: FmuInstance, variables: readonly RecordedVariable[]) {
    this.#instance = instance;
    this.#variables = variables;
    this.#columns = variables.map(() => ({ numbers: [], others: [], width: 1 }));
    const reals: ModelVariable[] = [];
    this.#slots = variables.map((v) =>
      v.type === 'Float64' && v.dimensions.length === 0 ? reals.push(v) - 1 : -1,
    );
    if (reals.length > 0) this.#block = instance.float64Block(reals);
  }

  get rowCount(): number {
    return this.#time.length;
  }

  get lastTime(): number {
    return this.#time.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Adds a row with the values of now. */
  sample(timeS: number): void {
    this.#block?.get();
    this.#time.push(timeS);
    this.#variables.forEach((variable, i) => {
      const column = this.#columns[i] as Column;
      const slot = this.#slots[i] as number;
      if (slot >= 0) {
        column.numbers.push(this.#block?.values[slot] as number);
        return;
      }
      const { element } = variable;
      const all = this.#instance.getValue(variable);
      const values = element === undefined ? all : [all[element] as ScalarValue];
      column.width = values.length;
      if (isPlain(variable.type)) for (const v of values) column.numbers.push(Number(v));
      else for (const v of values) column.others.push(v);
    });
  }

  /** Replaces the last row by the values of now. */
  resample(timeS: number): void {
    if (this.#time.length > 0) {
      this.#time.pop();
      for (const column of this.#columns) {
        if (column.numbers.length > 0) column.numbers.length -= column.width;
        if (column.others.length > 0) column.others.length -= column.width;
      }
    }
    this.sample(timeS);
  }

  result(): { time: Float64Array; columns: ResultColumn[] } {
    return {
      time: Float64Array.from(this.#time),
      columns: this.#variables.map((variable, i) => {
        const column = this.#columns[i] as Column;
        return {
          name: variable.name,
          type: variable.type,
          ...(variable.unit !== undefined && { unit: variable.unit }),
          ...(variable.displayUnit !== undefined && { displayUnit: variable.displayUnit }),
          width: column.width,
          values: isPlain(variable.type)
            ? Float64Array.from(column.numbers)
            : (column.others as (bigint | string | Uint8Array)[]),
        };
      }),
    };
  }

  release(): void {
    this.#block?.release();
  }
}

/**
 * A result as CSV with FMPy's conventions: quoted names, time first, array elements separated by
 * spaces. Truth values are written as 0 and 1, bytes as hexadecimal digits.
 */
export function formatResultCsv(result: {
  time: Float64Array;
  columns: readonly ResultColumn[];
}): string {
  const quoteName = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const cell = (v: number | bigint | string | Uint8Array | undefined, type: VariableType) => {
    if (v instanceof Uint8Array) return Buffer.from(v).toString('hex');
    if (typeof v === 'string') return /[",\r\n]/.test(v) ? quoteName(v) : v;
    if (type === 'Float64' || type === 'Float32') return formatFloat(v as number);
    return String(v);
  };
  const lines = [['time', ...result.columns.map((c) => c.name)].map(quoteName).join(',')];
  for (let row = 0; row < result.time.length; row++) {
    const cells = [formatFloat(result.time[row] as number)];
    for (const { values, width, type } of result.columns) {
      if (width === 1) cells.push(cell(values[row], type));
      else {
        const parts: string[] = [];
        for (let k = 0; k < width; k++) parts.push(cell(values[row * width + k], type));
        cells.push(parts.join(' '));
      }
    }
    lines.push(cells.join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** Doubles as Python writes them: always recognisable as such, shortest digits that read back. */
function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = String(value);
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text;
}
