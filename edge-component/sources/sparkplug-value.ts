import type { SignalConfig } from '../../shared/config/index.js';
import type { Quality } from '../../shared/core/index.js';
import { SPARKPLUG_TYPES, type SparkplugMetric } from './sparkplug-payload.js';

/** What a metric says: a value, or why there is none, in a word that is counted by. */
export interface MetricReading {
  quality: Quality;
  value: number | bigint | boolean | string | null;
  reason?: string;
}

/** Codes of the property `Quality` (Sparkplug B specification, 6.4.13). */
const GOOD = 192;
const STALE = 500;

/** In which field a type's value is. */
const FIELDS: Readonly<Record<string, string>> = {
  ...{ Int8: 'intValue', Int16: 'intValue', Int32: 'intValue' },
  ...{ UInt8: 'intValue', UInt16: 'intValue', UInt32: 'intValue' },
  ...{ Int64: 'longValue', UInt64: 'longValue', DateTime: 'longValue' },
  ...{ Float: 'floatValue', Double: 'doubleValue', Boolean: 'booleanValue' },
  ...{ String: 'stringValue', Text: 'stringValue', UUID: 'stringValue' },
};

/**
 * Reads a metric by the type that its birth gave it, never by the field that it comes in.
 *
 * @param type number of the type, of the birth
 */
export function readMetric(
  metric: SparkplugMetric,
  type: number,
  wanted: SignalConfig['dataType'],
): MetricReading {
  const quality = qualityOf(metric);
  if (quality !== GOOD && quality !== STALE) return none(`sparkplug-quality-${quality}`);
  const read = typedValue(metric, SPARKPLUG_TYPES[type] ?? `type-${type}`, wanted);
  if (quality === GOOD || read.quality === 'BAD') return read;
  return { ...read, quality: 'UNCERTAIN', reason: 'stale' };
}

function qualityOf({ properties }: SparkplugMetric): number {
  const at = properties?.keys?.indexOf('Quality') ?? -1;
  return properties?.values?.[at]?.intValue ?? GOOD;
}

function typedValue(
  metric: SparkplugMetric,
  type: string,
  wanted: SignalConfig['dataType'],
): MetricReading {
  if (metric.isNull === true) return none('null');
  const field = FIELDS[type];
  if (field === undefined) return none(`type-${type}`);
  if (metric.value === undefined) return none('no-value');
  if (metric.value !== field) return none(`${type}-as-${metric.value}`);
  const { intValue = 0 } = metric;
  const long = () => BigInt(metric.longValue ?? 0);
  switch (type) {
    case 'Int8':
      return good((intValue << 24) >> 24);
    case 'Int16':
      return good((intValue << 16) >> 16);
    case 'Int32':
      return good(intValue | 0);
    case 'UInt8':
    case 'UInt16':
    case 'UInt32':
      return good(intValue >>> 0);
    case 'Int64':
      return good(BigInt.asIntN(64, long()));
    case 'UInt64':
      return good(BigInt.asUintN(64, long()));
    case 'DateTime': {
      // Milliseconds since 1970: a text, where one is wanted.
      const ms = Number(BigInt.asIntN(64, long()));
      if (wanted !== 'STRING') return none(`DateTime-is-no-${wanted}`);
      if (Math.abs(ms) > 8.64e15) return none('no-date');
      return good(new Date(ms).toISOString());
    }
    case 'Float':
      return good(metric.floatValue ?? 0);
    case 'Double':
      return good(metric.doubleValue ?? 0);
    case 'Boolean':
      return good(metric.booleanValue ?? false);
    default:
      return good(metric.stringValue ?? '');
  }
}

function good(value: number | bigint | boolean | string): MetricReading {
  return { quality: 'GOOD', value };
}

function none(reason: string): MetricReading {
  return { quality: 'BAD', value: null, reason };
}
