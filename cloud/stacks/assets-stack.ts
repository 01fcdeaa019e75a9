import { Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { CfnAsset, CfnAssetModel } from 'aws-cdk-lib/aws-iotsitewise';
import type { Construct } from 'constructs';
import {
  type FleetAsset,
  type FleetConfig,
  type TwinDefinition,
  type TwinStream,
  twinStreams,
  withAliasPrefix,
} from '../../shared/config/index.js';

/** CloudFormation takes 500 resources a stack; a model and outputs need some of them. */
export const ASSETS_PER_STACK = 400;
/** Tag that policies scope by. */
export const FLEET_TAG = 'twinloop:fleet';

/** A property's external id: what its name has that SiteWise takes, and never a single letter. */
export function propertyExternalId(name: string): string {
  return `p-${name.replaceAll(/[^A-Za-z0-9_.:-]/g, '-')}`.replace(/[-_.:]+$/, '');
}

/** SiteWise models, one per twin. */
export class ModelsStack extends Stack {
  readonly models = new Map<string, CfnAssetModel>();

  constructor(
    scope: Construct,
    id: string,
    props: StackProps & { fleet: FleetConfig; twins: ReadonlyMap<string, TwinDefinition> },
  ) {
    super(scope, id, props);
    for (const [name, twin] of props.twins) {
      const model = new CfnAssetModel(this, `Model-${name}`, {
        assetModelName: `${props.fleet.name}-${name}`,
        assetModelExternalId: `${props.fleet.name}:${name}`,
        assetModelDescription: `Twin ${twin.name}`,
        assetModelProperties: twinStreams(twin).map((s) => ({
          name: s.name,
          logicalId: propertyExternalId(s.name),
          externalId: propertyExternalId(s.name),
          dataType: s.dataType,
          ...(s.unit === '' ? {} : { unit: s.unit }),
          type: { typeName: 'Measurement' },
        })),
      });
      this.models.set(name, model);
    }
    Tags.of(this).add(FLEET_TAG, props.fleet.name);
  }
}

/** SiteWise assets with their aliases; a big fleet takes several of these stacks. */
export class AssetsStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      fleet: FleetConfig;
      assets: readonly FleetAsset[];
      twins: ReadonlyMap<string, TwinDefinition>;
      models: ReadonlyMap<string, CfnAssetModel>;
    },
  ) {
    super(scope, id, props);
    for (const asset of props.assets) {
      const twin = props.twins.get(asset.twin) as TwinDefinition;
      const own = asset.aliasPrefix === undefined ? twin : withAliasPrefix(twin, asset.aliasPrefix);
      new CfnAsset(this, `Asset-${asset.id}`, {
        assetName: asset.id,
        assetExternalId: asset.id,
        assetModelId: (props.models.get(asset.twin) as CfnAssetModel).attrAssetModelId,
        assetProperties: twinStreams(own).map((s: TwinStream) => ({
          logicalId: propertyExternalId(s.name),
          externalId: propertyExternalId(s.name),
          alias: s.alias,
        })),
      });
    }
    Tags.of(this).add(FLEET_TAG, props.fleet.name);
  }
}
