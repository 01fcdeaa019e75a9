import { Stack, type StackProps } from 'aws-cdk-lib';
import type { CfnAsset, CfnAssetModel } from 'aws-cdk-lib/aws-iotsitewise';
import { CfnEntity } from 'aws-cdk-lib/aws-iottwinmaker';
import type { Construct } from 'constructs';
import type { FleetAsset } from '../../../shared/config/index.js';
import { TWIN_COMPONENT } from '../../scene/build-scene.js';

/** The component type through which TwinMaker reads an asset's properties, by their names. */
const SITEWISE_CONNECTOR = 'com.amazon.iotsitewise.connector';

/** TwinMaker entities of assets, bound to them so that a scene's tags have values. */
export class EntitiesStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      workspaceId: string;
      assets: readonly FleetAsset[];
      siteWiseAssets: ReadonlyMap<string, CfnAsset>;
      models: ReadonlyMap<string, CfnAssetModel>;
    },
  ) {
    super(scope, id, props);
    for (const asset of props.assets) {
      const siteWiseAsset = props.siteWiseAssets.get(asset.id) as CfnAsset;
      const model = props.models.get(asset.twin) as CfnAssetModel;
      new CfnEntity(this, `Entity-${asset.id}`, {
        workspaceId: props.workspaceId,
        entityId: asset.id,
        entityName: asset.id,
        tags: { asset: asset.id },
        components: {
          [TWIN_COMPONENT]: {
            componentName: TWIN_COMPONENT,
            componentTypeId: SITEWISE_CONNECTOR,
            properties: {
              sitewiseAssetId: { value: { stringValue: siteWiseAsset.attrAssetId } },
              sitewiseAssetModelId: { value: { stringValue: model.attrAssetModelId } },
            },
          },
        },
      });
    }
  }
}
