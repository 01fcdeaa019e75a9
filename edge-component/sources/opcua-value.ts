import { DataType, type Variant, VariantArrayType } from 'node-opcua-client';

/** What a variant holds, by its own type: the stack gives 64-bit integers as two words. */
export function plainValue({
  dataType,
  arrayType,
  value,
}: Pick<Variant, 'dataType' | 'arrayType' | 'value'>): unknown {
  if (arrayType !== VariantArrayType.Scalar || !Array.isArray(value)) return value;
  const [high, low] = value as [number, number];
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  if (dataType === DataType.Int64) return BigInt.asIntN(64, bits);
  return dataType === DataType.UInt64 ? bits : value;
}
