import type { StoredValue } from '../store/block.js';
import type { AssetRecord, ModelProperty } from './account.js';
import type { Stream } from './values/stream.js';
import { valueText } from './values/wire.js';

/** Tells of new values of a property. */
export type Notify = (topic: string, payload: string) => void;

/** Where new values of a property are told, once that is ENABLED. */
export const notificationTopic = (asset: AssetRecord, property: { id: string }) =>
  `$aws/sitewise/asset-models/${asset.modelId}/assets/${asset.id}/properties/${property.id}`;

/** Tells of stored values, a message for each property of which that is wanted. */
export function notifyOf(
  stored: readonly { value: StoredValue; stream: Stream | undefined }[],
  notify: Notify,
): void {
  const told = new Map<string, { asset: AssetRecord; property: ModelProperty; values: string[] }>();
  for (const { value, stream } of stored) {
    const { asset, property } = stream ?? {};
    if (asset === undefined || property === undefined) continue;
    if (asset.settings[property.id]?.notification !== 'ENABLED') continue;
    const topic = notificationTopic(asset, property);
    const message = told.get(topic) ?? { asset, property, values: [] };
    message.values.push(valueText(value));
    told.set(topic, message);
  }
  for (const [topic, { asset, property, values }] of told) {
    notify(
      topic,
      `{"type":"PropertyValueUpdate","payload":{"assetId":"${asset.id}","propertyId":"${property.id}","values":[${values.join(',')}]}}`,
    );
  }
}
