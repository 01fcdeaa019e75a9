import { TwinError } from '../../core/index.js';
import type { ModelVariable, ScalarValue, VariableType } from '../description/model-description.js';
import type { CallGate } from './call-gate.js';
import { allocate, readText, release } from './native.js';

const ARRAYS = { double: Float64Array, int: Int32Array, char: Int8Array };

/** How a value lies in the FMU's memory. */
type Element = 'double' | 'int' | 'char' | 'str';

/**
 * Values of single variables, as FMI 1.0 and 2.0 give and take them: one function for each type. Of a
 * negated alias, which only 1.0 has, they are the variable's own.
 */
export class ScalarValues {
  readonly #gate: CallGate;
  readonly #version: string;
  readonly #access: Readonly<Partial<Record<VariableType, [suffix: string, element: Element]>>>;

  /** @param booleans what the version's booleans are in C */
  constructor(gate: CallGate, version: '1.0' | '2.0', booleans: 'char' | 'int') {
    this.#gate = gate;
    this.#version = version;
    this.#access = {
      Float64: ['Real', 'double'],
      Int32: ['Integer', 'int'],
      Enumeration: ['Integer', 'int'],
      Boolean: ['Boolean', booleans],
      String: ['String', 'str'],
    };
  }

  /** @throws FmiCallError; TwinError `INTERNAL` for a type that the version has not */
  get(variable: ModelVariable): ScalarValue[] {
    const [suffix, element] = this.#accessOf(variable);
    const vr = allocate(Uint32Array, 1);
    vr.values[0] = variable.valueReference;
    const out = allocate(BigUint64Array, 1);
    try {
      this.#gate.call(`Get${suffix}`, ['void *', 'size_t', 'void *'], vr.pointer, 1, out.pointer);
      if (element === 'str') return [readText(out.values[0] as bigint)];
      const value = new ARRAYS[element](out.memory, 0, 1)[0] as number;
      const negated = variable.negated === true;
      if (variable.type === 'Boolean') return [(value !== 0) !== negated];
      return [negated ? -value : value];
    } finally {
      release(vr);
      release(out);
    }
  }

  /** @throws FmiCallError; TwinError `VALUE_INVALID` unless there is one value */
  set(variable: ModelVariable, values: readonly ScalarValue[]): void {
    const [suffix, element] = this.#accessOf(variable);
    const [value] = values;
    if (values.length !== 1 || value === undefined) {
      throw new TwinError(
        'VALUE_INVALID',
        `${variable.name} is a scalar; found ${values.length} values.`,
      );
    }
    const vr = allocate(Uint32Array, 1);
    vr.values[0] = variable.valueReference;
    const data = allocate(BigUint64Array, 1);
    try {
      if (element === 'str') {
        this.#gate.call('SetString', ['void *', 'size_t', 'str *'], vr.pointer, 1, [String(value)]);
        return;
      }
      const negated = variable.negated === true;
      const number =
        variable.type === 'Boolean'
          ? Number((Number(value) !== 0) !== negated)
          : (negated ? -1 : 1) * Number(value);
      new ARRAYS[element](data.memory, 0, 1)[0] = number;
      this.#gate.call(`Set${suffix}`, ['void *', 'size_t', 'void *'], vr.pointer, 1, data.pointer);
    } finally {
      release(vr);
      release(data);
    }
  }

  /** First derivatives of real inputs, for the steps that follow. */
  setInputDerivatives(variables: readonly ModelVariable[], derivatives: Float64Array): void {
    if (variables.length === 0) return;
    this.#gate.call(
      'SetRealInputDerivatives',
      ['uint32_t *', 'size_t', 'int *', 'double *'],
      Uint32Array.from(variables, (v) => v.valueReference),
      variables.length,
      new Int32Array(variables.length).fill(1),
      derivatives.map((d, i) => (variables[i]?.negated === true ? -d : d)),
    );
  }

  #accessOf({ type }: ModelVariable): [suffix: string, element: Element] {
    const found = this.#access[type];
    if (found === undefined) {
      throw new TwinError('INTERNAL', `FMI ${this.#version} has no variables of type ${type}.`);
    }
    return found;
  }
}
