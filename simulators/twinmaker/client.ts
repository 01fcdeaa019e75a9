import { IoTTwinMakerClient } from '@aws-sdk/client-iottwinmaker';
import type { TwinMaker } from './twinmaker.js';

/**
 * The SDK's client for a stand-in for TwinMaker: without `api.` or `data.` before the host, which no
 * local name resolves.
 */
export function createTwinMakerClient({
  endpoint,
  region,
  credentials,
}: Pick<TwinMaker, 'endpoint' | 'region' | 'credentials'>): IoTTwinMakerClient {
  return new IoTTwinMakerClient({ endpoint, region, credentials, disableHostPrefix: true });
}
