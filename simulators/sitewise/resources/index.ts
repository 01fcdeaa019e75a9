import type { Handlers } from '../api/handler.js';
import type { Throttle } from '../http/quotas.js';
import type { Account } from './account.js';
import { assetModelHandlers } from './asset-models.js';
import { assetHandlers } from './assets.js';
import { associationHandlers } from './associations.js';
import { compositeModelHandlers } from './composite-models.js';
import { gatewayHandlers } from './gateways.js';
import { storageConfigurationHandlers } from './storage-configuration.js';
import { tagHandlers } from './tags.js';
import { timeSeriesHandlers } from './time-series.js';
import { valueHandlers } from './values/index.js';

/** Every operation that the stand-in answers. */
export function allHandlers(
  account: Account,
  throttle: Throttle,
  onValues: (count: number) => void,
): Handlers {
  return {
    ...assetModelHandlers(account),
    ...compositeModelHandlers(account),
    ...assetHandlers(account),
    ...associationHandlers(account),
    ...timeSeriesHandlers(account),
    ...tagHandlers(account),
    ...gatewayHandlers(account),
    ...storageConfigurationHandlers(account),
    ...valueHandlers(account, throttle, onValues),
  };
}
