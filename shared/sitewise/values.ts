import type { AssetPropertyValue, Variant } from '@aws-sdk/client-iotsitewise';
import { fromTimeInNanos, type Tqv, type TqvValue, toTimeInNanos } from '../core/index.js';

/** The data types of SiteWise's streams that a sample can carry. */
export type StreamDataType = 'DOUBLE' | 'INTEGER' | 'BOOLEAN' | 'STRING';

const NULL_TYPES = { DOUBLE: 'D', INTEGER: 'I', BOOLEAN: 'B', STRING: 'S' } as const;

function toVariant(value: TqvValue, dataType: StreamDataType | undefined): Variant {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) break;
      return dataType === 'INTEGER' ? { integerValue: value } : { doubleValue: value };
    case 'boolean':
      return { booleanValue: value };
    case 'string':
      return { stringValue: value };
  }
  return { nullValue: { valueType: NULL_TYPES[dataType ?? 'DOUBLE'] } };
}

/**
 * A sample as SiteWise takes it. What is not a number (`null`, NaN, an infinity) travels as a null
 * value, which SiteWise takes with BAD or UNCERTAIN quality only: GOOD turns into BAD then.
 */
export function toAssetPropertyValue(sample: Tqv, dataType?: StreamDataType): AssetPropertyValue {
  const value = toVariant(sample.value, dataType);
  const quality =
    value.nullValue !== undefined && sample.quality === 'GOOD' ? 'BAD' : sample.quality;
  return { value, timestamp: toTimeInNanos(sample.timeNs), quality };
}

/** What SiteWise returned, as a sample. */
export function fromAssetPropertyValue(value: AssetPropertyValue): Tqv {
  const v = value.value ?? {};
  return {
    timeNs: fromTimeInNanos(value.timestamp ?? { timeInSeconds: 0 }),
    quality: value.quality ?? 'GOOD',
    value: v.doubleValue ?? v.integerValue ?? v.booleanValue ?? v.stringValue ?? null,
  };
}
