import type { AssetPropertyValue } from '@aws-sdk/client-iotsitewise';

/** What a component publishes: one put entry without its `entryId`. */
export interface EdgeMessage {
  propertyAlias?: string;
  assetId?: string;
  propertyId?: string;
  propertyValues: AssetPropertyValue[];
}

/**
 * Reads a published payload.
 *
 * @returns the message, or what is wrong with it
 */
export function parsePayload(payload: Uint8Array): EdgeMessage | string {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return 'the payload is not JSON';
  }
  if (typeof value !== 'object' || value === null) return 'the payload is no JSON object';
  const message = value as Record<string, unknown>;
  const byAlias = typeof message.propertyAlias === 'string' && message.propertyAlias !== '';
  const byIds = typeof message.assetId === 'string' && typeof message.propertyId === 'string';
  if (byAlias === byIds) return 'it needs either propertyAlias, or assetId and propertyId';
  const { propertyValues } = message;
  if (!Array.isArray(propertyValues) || propertyValues.length === 0) {
    return 'propertyValues is not a list with values in it';
  }
  for (const v of propertyValues as Record<string, unknown>[]) {
    const time = v?.timestamp as Record<string, unknown> | undefined;
    if (typeof time?.timeInSeconds !== 'number' || typeof v.value !== 'object') {
      return 'each of propertyValues needs a value and a timestamp with timeInSeconds';
    }
  }
  return message as unknown as EdgeMessage;
}

/** What names a stream: values of one stream go into one entry. */
export function streamKey(message: EdgeMessage): string {
  return message.propertyAlias ?? `${message.assetId}\n${message.propertyId}`;
}

/** Whether an MQTT topic matches a filter with `+` and `#`. */
export function topicMatches(filter: string, topic: string): boolean {
  const f = filter.split('/');
  const t = topic.split('/');
  for (let i = 0; i < f.length; i++) {
    if (f[i] === '#') return i === f.length - 1;
    if (i >= t.length || (f[i] !== '+' && f[i] !== t[i])) return false;
  }
  return f.length === t.length;
}
