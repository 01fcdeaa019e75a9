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
  const plain = plainValue({ dataType, arrayType, value });
  expect(toTypedValue(plain, 'DOUBLE', 1, 0)).toBe(expected);
});
