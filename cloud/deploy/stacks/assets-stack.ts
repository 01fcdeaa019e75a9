import { Annotations, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { CfnAsset, CfnAssetModel } from 'aws-cdk-lib/aws-iotsitewise';
import type { Construct } from 'constructs';
import {
  assetStreams,
  type FleetAsset,
  type FleetConfig,
  FORECAST_COMPOSITE,
  forecastStreams,
  type TwinDefinition,
  type TwinStream,
  twinStreams,
  withAliasPrefix,
} from '../../../shared/config/index.js';

/** What SiteWise takes in a model, and again in each of its composite models, unless the account's quota was raised. */
const PROPERTIES_PER_MODEL = 200;
/** CloudFormation takes 200 outputs a stack, and what others need to know of an asset is one. */
const OUTPUTS_PER_STACK = 200;
/** It takes templates of 1 MB; some of it is left for what is neither an asset nor a stream. */
const TEMPLATE_BYTES = 900_000;
/** What an alias and two ids take, on top of the alias itself. */
const STREAM_BYTES = 120;

/** How many assets one stack can hold, by the size of its template. */
export function assetsPerStack(
  twins: ReadonlyMap<string, TwinDefinition>,
  assets: readonly FleetAsset[],
): number {
  const prefix = Math.max(...assets.map((a) => a.aliasPrefix?.length ?? 0));
  const sizes = [...twins.values()].map((twin) =>
    assetStreams(twin).reduce((sum, s) => sum + STREAM_BYTES + prefix + s.alias.length, 0),
  );
  const fit = Math.floor(TEMPLATE_BYTES / Math.max(...sizes));
  return Math.max(1, Math.min(OUTPUTS_PER_STACK, fit));
}
/** Tag that policies scope by. */
export const FLEET_TAG = 'twinloop:fleet';

/** A property's external id: what its name has that SiteWise takes, and never a single letter. */
function propertyExternalId(name: string): string {
  return `p-${name.replaceAll(/[^A-Za-z0-9_.:-]/g, '-')}`.replace(/[-_.:]+$/, '');
}

function toProperty({ name, dataType, unit }: TwinStream) {
  return {
    name,
    logicalId: propertyExternalId(name),
    externalId: propertyExternalId(name),
    dataType,
    ...(unit === '' ? {} : { unit }),
    type: { typeName: 'Measurement' },
  };
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
      const [streams, forecast] = [twinStreams(twin), forecastStreams(twin)];
      for (const [what, count] of [
        ['streams', streams.length],
        ['forecast streams', forecast.length],
      ] as const) {
        if (count <= PROPERTIES_PER_MODEL) continue;
        Annotations.of(this).addWarningV2(
          'twinloop:propertiesPerModel',
          `Twin ${name} has ${count} ${what}, and SiteWise takes ${PROPERTIES_PER_MODEL} properties a model unless your account's quota is higher: the deployment may be refused. Publish fewer parameters and virtual sensors, divide the machine into two twins, or have the quota raised.`,
        );
      }
      const model = new CfnAssetModel(this, `Model-${name}`, {
        assetModelName: `${props.fleet.name}-${name}`,
        assetModelExternalId: `${props.fleet.name}:${name}`,
        assetModelDescription: `Twin ${twin.name}`,
        assetModelProperties: streams.map(toProperty),
        ...(forecast.length === 0
          ? {}
          : {
              assetModelCompositeModels: [
                {
                  name: FORECAST_COMPOSITE,
                  type: 'CUSTOM',
                  compositeModelProperties: forecast.map(toProperty),
                },
              ],
            }),
      });
      this.models.set(name, model);
    }
    Tags.of(this).add(FLEET_TAG, props.fleet.name);
  }
}

/** SiteWise assets with their aliases; a big fleet takes several of these stacks. */
export class AssetsStack extends Stack {
  /** By the asset's id. */
  readonly assets = new Map<string, CfnAsset>();

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
    super(scope, id, { ...props, suppressTemplateIndentation: true });
    for (const asset of props.assets) {
      const twin = props.twins.get(asset.twin) as TwinDefinition;
      const own = asset.aliasPrefix === undefined ? twin : withAliasPrefix(twin, asset.aliasPrefix);
      const resource = new CfnAsset(this, `Asset-${asset.id}`, {
        assetName: asset.id,
        assetExternalId: asset.id,
        assetModelId: (props.models.get(asset.twin) as CfnAssetModel).attrAssetModelId,
        assetProperties: assetStreams(own).map((s: TwinStream) => ({
          logicalId: propertyExternalId(s.name),
          externalId: propertyExternalId(s.name),
          alias: s.alias,
        })),
      });
      this.assets.set(asset.id, resource);
    }
    Tags.of(this).add(FLEET_TAG, props.fleet.name);
  }
}
