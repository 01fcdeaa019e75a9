import { invalidRequest, notFound } from '../../api/faults.js';
import { type Account, type AssetRecord, allProperties, type ModelProperty } from '../account.js';

/** How a data request names a stream. */
export interface StreamKey {
  assetId?: string | undefined;
  propertyId?: string | undefined;
  propertyAlias?: string | undefined;
}

/** What a data request is about: a property, a series, or both. */
export interface Stream {
  /** Number in the value store; undefined while nothing was ever written. */
  series: number | undefined;
  dataType: string;
  asset: AssetRecord | undefined;
  property: ModelProperty | undefined;
}

/** @throws ApiFault `InvalidRequestException` unless exactly one way to name the stream is used */
export function checkStreamKey(key: StreamKey): void {
  const byAlias = key.propertyAlias !== undefined;
  const byIds = key.assetId !== undefined && key.propertyId !== undefined;
  const someId = key.assetId !== undefined || key.propertyId !== undefined;
  if (byAlias ? someId : !byIds) {
    throw invalidRequest('Give either propertyAlias, or both assetId and propertyId.');
  }
}

/** The stream, or undefined where there is none by that name. */
export function findStream(account: Account, key: StreamKey): Stream | undefined {
  let { assetId, propertyId } = key;
  let series =
    key.propertyAlias === undefined ? undefined : account.seriesByAlias(key.propertyAlias);
  if (key.propertyAlias !== undefined) {
    if (series === undefined) return undefined;
    ({ assetId, propertyId } = series);
    if (assetId === undefined || propertyId === undefined) {
      return {
        series: series.number,
        dataType: series.dataType,
        asset: undefined,
        property: undefined,
      };
    }
  }
  const asset = account.asset(assetId ?? '');
  const model = asset === undefined ? undefined : account.model(asset.modelId);
  if (asset === undefined || model === undefined) return undefined;
  const property = allProperties(model).find((p) => p.id === propertyId);
  if (property === undefined) return undefined;
  series ??= account.seriesByProperty(asset.id, property.id);
  return { series: series?.number, dataType: property.dataType ?? 'DOUBLE', asset, property };
}

/** @throws ApiFault `InvalidRequestException`, `ResourceNotFoundException` */
export function requireStream(account: Account, key: StreamKey): Stream {
  checkStreamKey(key);
  const stream = findStream(account, key);
  if (stream === undefined) {
    throw notFound('Property', key.propertyAlias ?? `${key.assetId}/${key.propertyId}`);
  }
  return stream;
}
