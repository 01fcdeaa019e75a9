import { toTimeInNanos } from '../../shared/core/index.js';
import type { DataType, EdgeSample } from '../outbox/record.js';

/** SiteWise's letters for the type of a value that is not there. */
const NULL_TYPE: Record<DataType, string> = {
  DOUBLE: 'D',
  INTEGER: 'I',
  BOOLEAN: 'B',
  STRING: 'S',
};

/** A value as SiteWise writes it, by the type of its property. */
export function toVariant(sample: EdgeSample): Record<string, unknown> {
  const { value, dataType } = sample;
  if (value === null) return { nullValue: { valueType: NULL_TYPE[dataType] } };
  switch (dataType) {
    case 'DOUBLE':
      return { doubleValue: value };
    case 'INTEGER':
      return { integerValue: value };
    case 'BOOLEAN':
      return { booleanValue: value };
    case 'STRING':
      return { stringValue: value };
  }
}

/**
 * The payload of SiteWise Edge's broker: one entry of BatchPutAssetPropertyValue without its
 * `entryId`.
 *
 * @param samples all of one alias
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/connect-mqtt-source.html
 */
export function toEdgePayload(alias: string, samples: readonly EdgeSample[]): string {
  return JSON.stringify({
    propertyAlias: alias,
    propertyValues: samples.map((sample) => ({
      value: toVariant(sample),
      timestamp: toTimeInNanos(sample.timeNs),
      quality: sample.quality,
    })),
  });
}
