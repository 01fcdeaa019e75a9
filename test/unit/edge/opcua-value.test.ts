import { DataType, VariantArrayType } from 'node-opcua-client';
import { expect, it } from 'vitest';
import { toTypedValue } from '../../../edge-component/pipeline/typed-value.js';
import { plainValue } from '../../../edge-component/sources/opcua-value.js';

const { Scalar, Array: List } = VariantArrayType;

it.each([
  ['Int64 −42', DataType.Int64, Scalar, [0xffff_ffff, 0xffff_ffd6], -42],
  ['Int64, the lowest', DataType.Int64, Scalar, [0x8000_0000, 0], -(2 ** 63)],
  ['UInt64 beyond 2³²', DataType.UInt64, Scalar, [1, 2], 4_294_967_298],
  ['an array of two Int32', DataType.Int32, List, [1, 2], null],
  ['Double', DataType.Double, Scalar, 1.5, 1.5],
] as const)('reads %s by its type', (_what, dataType, arrayType, value, expected) => {
  const plain = plainValue({ dataType, arrayType, value }, 'DOUBLE').value;
  expect(toTypedValue(plain, 'DOUBLE', 1, 0)).toBe(expected);
});

it.each([
  ['an array', DataType.Double, List, [1, 2], undefined, 'array-without-index-range'],
  ['an element beyond', DataType.Double, List, [1, 2], [2], 'no-such-element'],
  ['an element of a scalar', DataType.Double, Scalar, 1, [0], 'no-array'],
  [
    'a time as a number',
    DataType.DateTime,
    Scalar,
    new Date(0),
    undefined,
    'DateTime-is-no-DOUBLE',
  ],
  ['a structure', DataType.ExtensionObject, Scalar, {}, undefined, 'type-ExtensionObject'],
  ['nothing', DataType.Null, Scalar, undefined, undefined, 'no-value'],
] as const)('says why %s is no value', (_what, dataType, arrayType, value, element, reason) => {
  const plain = plainValue({ dataType, arrayType, value }, 'DOUBLE', element);
  expect(plain.value).toBeNull();
  expect(plain.reason).toBe(reason);
});

it('finds the element of a matrix in row-major order, 64-bit integers among them', () => {
  const matrix = {
    dataType: DataType.Int64,
    arrayType: VariantArrayType.Matrix,
    dimensions: [2, 2],
    value: [
      [0, 1],
      [0, 2],
      [0xffff_ffff, 0xffff_fffd],
      [0, 4],
    ],
  };
  expect(plainValue(matrix, 'DOUBLE', [1, 0]).value).toBe(-3n);
  expect(plainValue(matrix, 'DOUBLE', [0, 2]).value).toBeNull();
});
