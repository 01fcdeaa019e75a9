import { type Handler, type Handlers, READING } from '../api/handler.js';
import type { OperationName } from '../api/schema.js';
import type { Throttle } from '../http/quotas.js';
import type { Account } from './account.js';
import { assetModelHandlers } from './asset-models.js';
import { assetPropertyHandlers } from './asset-properties.js';
import { assetHandlers } from './assets.js';
import { associationHandlers } from './associations.js';
import { bulkImportHandlers } from './bulk-import.js';
import { ClientTokens } from './client-tokens.js';
import { compositeModelHandlers } from './composite-models.js';
import { computationModelHandlers } from './computation-models/index.js';
import { gatewayHandlers } from './gateways.js';
import { interfaceHandlers } from './interfaces.js';
import type { Notify } from './notifications.js';
import { storageConfigurationHandlers } from './storage-configuration.js';
import { tagHandlers } from './tags.js';
import { timeSeriesHandlers } from './time-series.js';
import { valueHandlers } from './values/index.js';

/** Handlers whose changes are stored before they answer, and once for each `clientToken`. */
function stored(account: Account, handlers: Handlers): Handlers {
  const tokens = new ClientTokens(account);
  const entries = Object.entries(handlers) as [OperationName, Handler][];
  return Object.fromEntries(
    entries.map(([name, handler]): [OperationName, Handler] => [
      name,
      READING.test(name)
        ? handler
        : (input, context) => tokens.once(name, input, () => handler(input, context)),
    ]),
  );
}

/** Every operation that the stand-in answers. */
export function allHandlers(
  account: Account,
  throttle: Throttle,
  onValues: (count: number) => void,
  notify?: Notify,
): Handlers {
  return {
    ...stored(account, {
      ...assetModelHandlers(account),
      ...compositeModelHandlers(account),
      ...interfaceHandlers(account),
      ...assetHandlers(account),
      ...assetPropertyHandlers(account),
      ...associationHandlers(account),
      ...timeSeriesHandlers(account),
      ...tagHandlers(account),
      ...gatewayHandlers(account),
      ...computationModelHandlers(account),
      ...bulkImportHandlers(account),
      ...storageConfigurationHandlers(account),
    }),
    // Puts have no token and store their own values.
    ...valueHandlers(account, throttle, onValues, notify),
  };
}
