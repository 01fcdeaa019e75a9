import type { Handlers } from '../../api/handler.js';
import type { Throttle } from '../../http/quotas.js';
import type { Account } from '../account.js';
import type { Notify } from '../notifications.js';
import { createExecuteQuery } from '../query/execute.js';
import { createAggregates, createBatchAggregates, createInterpolated } from './aggregates.js';
import { createBatchHistory, createHistory } from './history.js';
import { createBatchLatest, createLatest } from './latest.js';
import { createPut } from './put.js';

/** Operations on values. */
export function valueHandlers(
  account: Account,
  throttle: Throttle,
  onValues: (count: number) => void,
  notify: Notify | undefined,
): Handlers {
  return {
    BatchPutAssetPropertyValue: createPut(account, throttle, onValues, notify),
    GetAssetPropertyValue: createLatest(account),
    BatchGetAssetPropertyValue: createBatchLatest(account),
    GetAssetPropertyAggregates: createAggregates(account),
    BatchGetAssetPropertyAggregates: createBatchAggregates(account),
    GetInterpolatedAssetPropertyValues: createInterpolated(account),
    ExecuteQuery: createExecuteQuery(account),
    GetAssetPropertyValueHistory: createHistory(account),
    BatchGetAssetPropertyValueHistory: createBatchHistory(account),
  };
}
