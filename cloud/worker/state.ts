export {
  type AssetState,
  assetStateKey as stateKey,
  decodeAssetState,
  encodeAssetState,
  noPending,
  type PendingResults,
} from '../../shared/twin/index.js';
