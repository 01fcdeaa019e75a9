import { KIND, QUALITY_NAMES, type StoredValue } from '../../store/block.js';

const NULL_CODES: Readonly<Record<number, string>> = {
  [KIND.nullDouble]: 'D',
  [KIND.nullInteger]: 'I',
  [KIND.nullBoolean]: 'B',
  [KIND.nullString]: 'S',
  [KIND.nullUnknown]: 'U',
};

function variantText(kind: number, number: number, text: string | undefined): string {
  switch (kind) {
    case KIND.double:
      return Number.isFinite(number) ? `{"doubleValue":${number}}` : `{"doubleValue":"${number}"}`;
    case KIND.integer:
      return `{"integerValue":${number}}`;
    case KIND.boolean:
      return `{"booleanValue":${number === 1}}`;
    case KIND.string:
      return `{"stringValue":${JSON.stringify(text ?? '')}}`;
    default:
      return `{"nullValue":{"valueType":"${NULL_CODES[kind]}"}}`;
  }
}

/** A value as JSON text: much faster than by way of an object, for pages of thousands. */
export function valueText(value: StoredValue): string {
  return `{"value":${variantText(value.kind, value.number, value.text)},"timestamp":{"timeInSeconds":${value.seconds},"offsetInNanos":${value.nanos}},"quality":"${QUALITY_NAMES[value.quality]}"}`;
}
