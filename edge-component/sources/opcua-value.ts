import {
  DataType,
  type DataValue,
  type QualifiedName,
  type StatusCode,
  type Variant,
  VariantArrayType,
} from 'node-opcua-client';
import type { SignalConfig } from '../../shared/config/index.js';
import type { Quality } from '../../shared/core/index.js';
import type { RawSample } from '../pipeline/signal-pipeline.js';

/** A value that a stream can have, or why there is none, in a word that is counted by. */
export type PlainValue =
  | { value: number | bigint | boolean | string; reason?: undefined }
  | { value: null; reason: string };

type Held = Pick<Variant, 'dataType' | 'arrayType' | 'value'> & {
  dimensions?: readonly number[] | null;
};

/** Types whose value is a number, a truth value or a text as it is. */
const PLAIN: ReadonlySet<DataType> = new Set([
  DataType.Boolean,
  DataType.SByte,
  DataType.Byte,
  DataType.Int16,
  DataType.UInt16,
  DataType.Int32,
  DataType.UInt32,
  DataType.Float,
  DataType.Double,
  DataType.String,
  DataType.Guid,
]);

/**
 * What a variant holds, by its own type and never by its looks: the stack gives a 64-bit integer as two
 * words, which a list of two numbers is as well.
 *
 * @param wanted type of the stream: what is no number has a text only where a text is wanted
 * @param element index in each dimension, where the variant holds an array
 */
export function plainValue(
  variant: Held,
  wanted: SignalConfig['dataType'],
  element?: readonly number[],
): PlainValue {
  const { arrayType, dataType } = variant;
  if (arrayType === VariantArrayType.Scalar) {
    return element === undefined ? scalar(dataType, variant.value, wanted) : none('no-array');
  }
  if (element === undefined) return none('array-without-index-range');
  const held = variant.value as ArrayLike<unknown> | null;
  const length = held?.length ?? 0;
  const sizes = arrayType === VariantArrayType.Matrix ? (variant.dimensions ?? []) : [length];
  const at = indexOf(element, sizes);
  if (at === undefined || at >= length) return none('no-such-element');
  return scalar(dataType, held?.[at], wanted);
}

/** Place of an element in row-major order; undefined where there is no such element. */
function indexOf(element: readonly number[], sizes: readonly number[]): number | undefined {
  if (element.length !== sizes.length) return undefined;
  let at = 0;
  for (const [d, i] of element.entries()) {
    const size = sizes[d] ?? 0;
    if (i >= size) return undefined;
    at = at * size + i;
  }
  return at;
}

function scalar(dataType: DataType, value: unknown, wanted: SignalConfig['dataType']): PlainValue {
  if (dataType === DataType.Null || value === null || value === undefined) {
    return none('no-value');
  }
  if (dataType === DataType.Int64 || dataType === DataType.UInt64) {
    const [high, low] = value as [number, number];
    const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return { value: dataType === DataType.Int64 ? BigInt.asIntN(64, bits) : bits };
  }
  if (dataType === DataType.Variant) {
    return plainValue(value as Held, wanted);
  }
  if (PLAIN.has(dataType)) return { value: value as number | boolean | string };
  // A status code is a number with a name.
  if (dataType === DataType.StatusCode) {
    const status = value as StatusCode;
    return { value: wanted === 'STRING' ? status.name : status.value };
  }
  const text = textOf(dataType, value);
  if (text === undefined) return none(`type-${DataType[dataType]}`);
  return wanted === 'STRING' || dataType === DataType.LocalizedText
    ? { value: text }
    : none(`${DataType[dataType]}-is-no-${wanted}`);
}

/** Types that have a text. A LocalizedText is a text in the first place, and may hold a number as any other. */
function textOf(dataType: DataType, value: unknown): string | undefined {
  switch (dataType) {
    case DataType.DateTime:
      return (value as Date).toISOString();
    case DataType.ByteString:
      return (value as Buffer).toString('base64');
    case DataType.XmlElement:
      return typeof value === 'string' ? value : undefined;
    case DataType.LocalizedText:
      return (value as { text?: string | null }).text ?? '';
    case DataType.QualifiedName:
      return (value as QualifiedName).toString();
    case DataType.NodeId:
    case DataType.ExpandedNodeId:
      return String(value);
    default:
      return undefined;
  }
}

function none(reason: string): PlainValue {
  return { value: null, reason };
}

/** OPC UA's severity is in the two highest bits of the status: good, uncertain, bad. */
function qualityOf(status: StatusCode): Quality {
  const severity = status.value >>> 30;
  return severity === 0 ? 'GOOD' : severity === 1 ? 'UNCERTAIN' : 'BAD';
}

/** The device's time of a value, to the nanosecond; undefined where it gives none. */
export function timeOf(value: DataValue): bigint | undefined {
  const bySource = value.sourceTimestamp !== null && value.sourceTimestamp !== undefined;
  const time = bySource ? value.sourceTimestamp : value.serverTimestamp;
  if (time === null || time === undefined) return undefined;
  const picoseconds = bySource ? value.sourcePicoseconds : value.serverPicoseconds;
  return BigInt(time.getTime()) * 1_000_000n + BigInt(Math.floor(picoseconds / 1000));
}

/** InfoType DataValue with the overflow bit, OPC UA Part 4, 7.39.1: values before this one were lost. */
export function hasOverflow(value: DataValue): boolean {
  return (value.statusCode.value & 0x480) === 0x480;
}

/** One reading of a signal; whatever is not GOOD says why. */
export function toRawSample(
  index: number,
  value: DataValue,
  signal: Pick<SignalConfig, 'dataType'> & { indexRange?: string | undefined },
): RawSample {
  const quality = qualityOf(value.statusCode);
  const sample: RawSample = { signal: index, timeNs: timeOf(value), quality, value: null };
  if (quality !== 'GOOD') sample.reason = value.statusCode.name;
  if (quality === 'BAD') return sample;
  const element = signal.indexRange?.split(',').map(Number);
  const plain = plainValue(value.value, signal.dataType, element);
  if (plain.reason === undefined) return { ...sample, value: plain.value };
  return { ...sample, quality: 'BAD', reason: plain.reason };
}
