import { toTimeInNanos } from '../../shared/core/index.js';
import type { DataType, EdgeSample } from '../outbox/record.js';

/** SiteWise's letters for the type of a value that is not there. */
const NULL_TYPE: Record<DataType, string> = {
  DOUBLE: 'D',
  INTEGER: 'I',
  BOOLEAN: 'B',
  STRING: 'S',
};

/** The key of a value by the type of its property. */
const VALUE_KEY: Record<DataType, string> = {
  DOUBLE: 'doubleValue',
  INTEGER: 'integerValue',
  BOOLEAN: 'booleanValue',
  STRING: 'stringValue',
};

/** A value as SiteWise writes it, by the type of its property, in JSON. */
function variantJson({ value, dataType }: EdgeSample): string {
  if (value === null) return `{"nullValue":{"valueType":"${NULL_TYPE[dataType]}"}}`;
  return `{"${VALUE_KEY[dataType]}":${JSON.stringify(value)}}`;
}

/**
 * The payload of SiteWise Edge's broker: one entry of BatchPutAssetPropertyValue without its
 * `entryId`. Written piece by piece: an object for each value costs more than all of its text.
 *
 * @param samples all of one alias
 * @see https://docs.aws.amazon.com/iot-sitewise/latest/userguide/connect-mqtt-source.html
 */
export function toEdgePayload(alias: string, samples: readonly EdgeSample[]): string {
  let values = '';
  for (const sample of samples) {
    const { timeInSeconds, offsetInNanos } = toTimeInNanos(sample.timeNs);
    values += `${values === '' ? '' : ','}{"value":${variantJson(sample)},"timestamp":{"timeInSeconds":${timeInSeconds},"offsetInNanos":${offsetInNanos}},"quality":"${sample.quality}"}`;
  }
  return `{"propertyAlias":${JSON.stringify(alias)},"propertyValues":[${values}]}`;
}
