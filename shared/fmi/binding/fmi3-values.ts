import { TwinError } from '../../core/index.js';
import type { ModelVariable, ScalarValue, VariableType } from '../description/model-description.js';
import type { CallGate } from './call-gate.js';
import {
  allocate,
  type NativeBuffer,
  type Pointer,
  readBytes,
  readText,
  release,
} from './native.js';

type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;
type NumberArrayConstructor = {
  new (buffer: ArrayBuffer, offset: number, length: number): NumberArray;
  BYTES_PER_ELEMENT: number;
};

/** How the values of each type lie in memory. */
const ARRAYS: Readonly<Partial<Record<VariableType, NumberArrayConstructor>>> = {
  Float32: Float32Array,
  Float64: Float64Array,
  Int8: Int8Array,
  UInt8: Uint8Array,
  Int16: Int16Array,
  UInt16: Uint16Array,
  Int32: Int32Array,
  UInt32: Uint32Array,
  Int64: BigInt64Array,
  UInt64: BigUint64Array,
  Enumeration: BigInt64Array,
  Boolean: Uint8Array,
  Clock: Uint8Array,
};

function withReference<T>(variable: ModelVariable, use: (vr: Pointer) => T): T {
  const vr = allocate(Uint32Array, 1);
  vr.values[0] = variable.valueReference;
  try {
    return use(vr.pointer);
  } finally {
    release(vr);
  }
}

/** All `n` elements of a variable's value. */
export function getFmi3Value(gate: CallGate, variable: ModelVariable, n: number): ScalarValue[] {
  return withReference(variable, (vr) => {
    if (variable.type === 'String' || variable.type === 'Binary') {
      return getTexts(gate, variable.type, vr, n);
    }
    const type = ARRAYS[variable.type] as NumberArrayConstructor;
    const data = allocate(type, n);
    try {
      const name = getterOf(variable.type);
      if (variable.type === 'Clock') {
        gate.call(name, ['void *', 'size_t', 'void *'], vr, 1, data.pointer);
      } else {
        gate.call(name, ['void *', 'size_t', 'void *', 'size_t'], vr, 1, data.pointer, n);
      }
      return Array.from(data.values as ArrayLike<number | bigint>, (value) =>
        variable.type === 'Boolean' || variable.type === 'Clock'
          ? Number(value) !== 0
          : variable.type === 'Enumeration'
            ? Number(value)
            : value,
      );
    } finally {
      release(data);
    }
  });
}

function getTexts(
  gate: CallGate,
  type: 'String' | 'Binary',
  vr: Pointer,
  n: number,
): ScalarValue[] {
  const pointers = allocate(BigUint64Array, n);
  const sizes = allocate(BigUint64Array, n);
  try {
    if (type === 'String') {
      gate.call('GetString', ['void *', 'size_t', 'void *', 'size_t'], vr, 1, pointers.pointer, n);
      return Array.from(pointers.values, (p) => readText(p));
    }
    gate.call(
      'GetBinary',
      ['void *', 'size_t', 'void *', 'void *', 'size_t'],
      vr,
      1,
      sizes.pointer,
      pointers.pointer,
      n,
    );
    return Array.from(pointers.values, (p, i) => readBytes(p, Number(sizes.values[i])));
  } finally {
    release(pointers);
    release(sizes);
  }
}

/** Sets all `n` elements. @throws TwinError `VALUE_INVALID` when there are more or fewer values */
export function setFmi3Value(
  gate: CallGate,
  variable: ModelVariable,
  n: number,
  values: readonly ScalarValue[],
): void {
  if (values.length !== n) {
    throw new TwinError(
      'VALUE_INVALID',
      `${variable.name} has ${n} elements; found ${values.length} values.`,
    );
  }
  withReference(variable, (vr) => {
    if (variable.type === 'String') {
      const texts = values.map(String);
      gate.call('SetString', ['void *', 'size_t', 'str *', 'size_t'], vr, 1, texts, n);
    } else if (variable.type === 'Binary') setBinary(gate, vr, values);
    else {
      const data = allocate(ARRAYS[variable.type] as NumberArrayConstructor, n);
      try {
        values.forEach((value, i) => {
          data.values[i] = (
            data.values instanceof BigInt64Array || data.values instanceof BigUint64Array
              ? BigInt(value as bigint)
              : Number(value)
          ) as never;
        });
        const name = getterOf(variable.type).replace('Get', 'Set');
        if (variable.type === 'Clock') {
          gate.call(name, ['void *', 'size_t', 'void *'], vr, 1, data.pointer);
        } else {
          gate.call(name, ['void *', 'size_t', 'void *', 'size_t'], vr, 1, data.pointer, n);
        }
      } finally {
        release(data as NativeBuffer<unknown>);
      }
    }
  });
}

function setBinary(gate: CallGate, vr: Pointer, values: readonly ScalarValue[]): void {
  const pointers = allocate(BigUint64Array, values.length);
  const sizes = allocate(BigUint64Array, values.length);
  const held: NativeBuffer<unknown>[] = [];
  try {
    values.forEach((value, i) => {
      const bytes = value as Uint8Array;
      const copy = allocate(Uint8Array, bytes.length);
      copy.values.set(bytes);
      held.push(copy);
      pointers.values[i] = copy.pointer;
      sizes.values[i] = BigInt(bytes.length);
    });
    gate.call(
      'SetBinary',
      ['void *', 'size_t', 'void *', 'void *', 'size_t'],
      vr,
      1,
      sizes.pointer,
      pointers.pointer,
      values.length,
    );
  } finally {
    for (const buffer of [...held, pointers, sizes]) release(buffer);
  }
}

/** Enumerations travel as Int64. */
function getterOf(type: VariableType): string {
  return type === 'Enumeration' ? 'GetInt64' : `Get${type}`;
}
