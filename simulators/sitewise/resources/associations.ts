import type * as sdk from '@aws-sdk/client-iotsitewise';
import { alreadyExists, conflicting, invalidRequest, notFound } from '../api/faults.js';
import type { Handlers } from '../api/handler.js';
import { paginate } from '../api/pagination.js';
import type { Account, AssetRecord } from './account.js';
import { modelOf, requireActiveAsset, requireAsset, summaryOf } from './asset-records.js';

/** Operations that join assets in hierarchies. */
export function associationHandlers(account: Account): Handlers {
  function requireHierarchy(asset: AssetRecord, hierarchyId: string) {
    const external = hierarchyId.startsWith('externalId:') ? hierarchyId.slice(11) : undefined;
    const hierarchy = modelOf(account, asset).hierarchies.find((h) =>
      external === undefined ? h.id === hierarchyId : h.externalId === external,
    );
    if (hierarchy === undefined) throw notFound('Hierarchy', hierarchyId);
    return hierarchy;
  }
  function ancestors(asset: AssetRecord): AssetRecord[] {
    const found: AssetRecord[] = [];
    let current: AssetRecord | undefined = asset;
    while (current?.parent !== undefined) {
      current = account.asset(current.parent.assetId);
      if (current !== undefined) found.push(current);
    }
    return found;
  }

  return {
    AssociateAssets(input: sdk.AssociateAssetsRequest) {
      const parent = requireActiveAsset(account, input.assetId ?? '');
      const child = requireActiveAsset(account, input.childAssetId ?? '');
      const hierarchy = requireHierarchy(parent, input.hierarchyId ?? '');
      if (hierarchy.childAssetModelId !== child.modelId) {
        throw invalidRequest(
          `Hierarchy ${hierarchy.name} takes assets of model ${hierarchy.childAssetModelId}, not ${child.modelId}.`,
        );
      }
      if (child.parent !== undefined) {
        throw alreadyExists(
          `Asset ${child.id} already has the parent ${child.parent.assetId}.`,
          child.id,
          account.arn('asset', child.id),
        );
      }
      if (parent.id === child.id || ancestors(parent).some((a) => a.id === child.id)) {
        throw invalidRequest('An asset cannot be its own ancestor.');
      }
      account.saveAsset({ ...child, parent: { assetId: parent.id, hierarchyId: hierarchy.id } });
      return {};
    },

    DisassociateAssets(input: sdk.DisassociateAssetsRequest) {
      const parent = requireActiveAsset(account, input.assetId ?? '');
      const child = requireActiveAsset(account, input.childAssetId ?? '');
      const hierarchy = requireHierarchy(parent, input.hierarchyId ?? '');
      if (child.parent?.assetId !== parent.id || child.parent.hierarchyId !== hierarchy.id) {
        throw notFound('Association', `${parent.id}/${hierarchy.id}/${child.id}`);
      }
      account.saveAsset({ ...child, parent: undefined });
      return {};
    },

    ListAssociatedAssets: (input: sdk.ListAssociatedAssetsRequest) => {
      const asset = requireAsset(account, input.assetId ?? '');
      const direction = input.traversalDirection ?? 'CHILD';
      let found: AssetRecord[];
      let hierarchyId: string | undefined;
      if (direction === 'CHILD') {
        if (input.hierarchyId === undefined) {
          throw invalidRequest('Listing children needs a hierarchyId.');
        }
        hierarchyId = requireHierarchy(asset, input.hierarchyId).id;
        found = account
          .allAssets()
          .filter((a) => a.parent?.assetId === asset.id && a.parent.hierarchyId === hierarchyId);
      } else {
        const parent = asset.parent === undefined ? undefined : account.asset(asset.parent.assetId);
        found = parent === undefined ? [] : [parent];
      }
      const scope = `ListAssociatedAssets/${asset.id}/${direction}/${hierarchyId ?? ''}`;
      const { page, ...rest } = paginate(scope, found, (a) => a.id, input);
      return { ...rest, assetSummaries: page.map((a) => summaryOf(account, a)) };
    },

    ListAssetRelationships: (input: sdk.ListAssetRelationshipsRequest) => {
      const asset = requireAsset(account, input.assetId ?? '');
      const path = [asset, ...ancestors(asset)].filter((a) => a.parent !== undefined);
      const scope = `ListAssetRelationships/${asset.id}`;
      const { page, ...rest } = paginate(scope, path, (a) => a.id, input);
      return {
        ...rest,
        assetRelationshipSummaries: page.map((a) => ({
          relationshipType: 'HIERARCHY',
          hierarchyInfo: { parentAssetId: a.parent?.assetId, childAssetId: a.id },
        })),
      };
    },
  };
}

/** @throws ApiFault `ConflictingOperationException` while an asset is in a hierarchy */
export function requireNoAssociations(account: Account, asset: AssetRecord): void {
  const children = account.allAssets().some((a) => a.parent?.assetId === asset.id);
  if (asset.parent !== undefined || children) {
    throw conflicting(
      `Asset ${asset.id} is still associated with other assets.`,
      asset.id,
      account.arn('asset', asset.id),
    );
  }
}
