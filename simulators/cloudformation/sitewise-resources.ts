import {
  type AssetModelProperty,
  type AssetModelPropertyDefinition,
  AssociateAssetsCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  DeleteAssetCommand,
  DeleteAssetModelCommand,
  DescribeAssetCommand,
  DescribeAssetModelCommand,
  DisassociateAssetsCommand,
  type IoTSiteWiseClient,
  type PropertyType,
  UpdateAssetCommand,
  UpdateAssetModelCommand,
  UpdateAssetPropertyCommand,
  waitUntilAssetActive,
  waitUntilAssetModelActive,
  waitUntilAssetModelNotExists,
  waitUntilAssetNotExists,
} from '@aws-sdk/client-iotsitewise';
import { TwinError } from '../../shared/core/index.js';
import type { Made, ResourceType, Wanted } from './resource-types.js';

interface Variable {
  Name: string;
  Value: { PropertyLogicalId?: string; PropertyExternalId?: string; HierarchyLogicalId?: string };
}
interface ModelProperty {
  Name: string;
  DataType: 'DOUBLE' | 'INTEGER' | 'BOOLEAN' | 'STRING';
  Unit?: string;
  LogicalId?: string;
  ExternalId?: string;
  Type: {
    TypeName: string;
    Attribute?: { DefaultValue?: string };
    Transform?: { Expression: string; Variables: Variable[] };
    Metric?: {
      Expression: string;
      Variables: Variable[];
      Window: { Tumbling: { Interval: string; Offset?: string } };
    };
  };
}
interface CompositeModel {
  Name: string;
  Type: string;
  Description?: string;
  CompositeModelProperties?: ModelProperty[];
  ComposedAssetModelId?: string;
  ParentAssetModelCompositeModelExternalId?: string;
}
interface Hierarchy {
  Name: string;
  ChildAssetModelId: string;
  LogicalId?: string;
}
interface AssetProperty {
  Alias?: string;
  LogicalId?: string;
  ExternalId?: string;
  NotificationState?: 'ENABLED' | 'DISABLED';
  Unit?: string;
}
interface AssetHierarchy {
  LogicalId?: string;
  ChildAssetId: string;
}

const WAIT = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
const list = <T>(value: unknown) => (value ?? []) as T[];
const tagsOf = (properties: Record<string, unknown>) =>
  Object.fromEntries(
    list<{ Key: string; Value: string }>(properties.Tags).map((t) => [t.Key, t.Value]),
  );

function typeOf(property: ModelProperty, all: readonly ModelProperty[]): PropertyType {
  const { TypeName, Attribute, Transform, Metric } = property.Type;
  // A variable names its property by a logical id; the stand-in takes the property's name.
  const nameOfProperty = ({ PropertyLogicalId, PropertyExternalId }: Variable['Value']) =>
    all.find((p) =>
      PropertyLogicalId === undefined
        ? p.ExternalId === PropertyExternalId
        : p.LogicalId === PropertyLogicalId,
    )?.Name;
  const variables = (given: readonly Variable[]) =>
    given.map(({ Name, Value }) => ({
      name: Name,
      value: { propertyId: nameOfProperty(Value) ?? Value.PropertyLogicalId ?? '' },
    }));
  if (Transform !== undefined) {
    const { Expression, Variables } = Transform;
    return { transform: { expression: Expression, variables: variables(Variables) } };
  }
  if (Metric !== undefined) {
    const { Interval, Offset } = Metric.Window.Tumbling;
    return {
      metric: {
        expression: Metric.Expression,
        variables: variables(Metric.Variables),
        window: { tumbling: { interval: Interval, ...(Offset && { offset: Offset }) } },
      },
    };
  }
  return TypeName === 'Attribute'
    ? {
        attribute:
          Attribute?.DefaultValue === undefined ? {} : { defaultValue: Attribute.DefaultValue },
      }
    : { measurement: {} };
}

/** A property that keeps the id of the one that it was before. */
function withId(
  definition: AssetModelPropertyDefinition,
  known: readonly AssetModelProperty[] = [],
): AssetModelProperty {
  const same = known.find((k) =>
    definition.externalId === undefined
      ? k.name === definition.name
      : k.externalId === definition.externalId,
  );
  return {
    ...definition,
    name: definition.name ?? '',
    dataType: definition.dataType ?? 'DOUBLE',
    type: definition.type ?? { measurement: {} },
    ...(same?.id === undefined ? {} : { id: same.id }),
  };
}

/** AWS::IoTSiteWise::AssetModel. An update keeps the ids of properties, and so their values. */
export function assetModelType(client: IoTSiteWiseClient): ResourceType {
  const contentOf = (wanted: Wanted) => {
    const { properties } = wanted;
    const own = list<ModelProperty>(properties.AssetModelProperties);
    const composites = list<CompositeModel>(properties.AssetModelCompositeModels);
    for (const c of composites) {
      if (c.ComposedAssetModelId ?? c.ParentAssetModelCompositeModelExternalId) {
        throw new TwinError(
          'FILE_INVALID',
          `${wanted.stack}/${wanted.logicalId} has the composite model ${c.Name} within another, or of a component: this rehearsal makes those with properties of their own only.`,
        );
      }
    }
    const all = [...own, ...composites.flatMap((c) => c.CompositeModelProperties ?? [])];
    const toDefinition = (p: ModelProperty): AssetModelPropertyDefinition => ({
      name: p.Name,
      dataType: p.DataType,
      unit: p.Unit,
      externalId: p.ExternalId,
      type: typeOf(p, all),
    });
    return {
      assetModelName: String(properties.AssetModelName),
      assetModelDescription: properties.AssetModelDescription as string | undefined,
      assetModelProperties: own.map(toDefinition),
      assetModelCompositeModels: composites.map((c) => ({
        name: c.Name,
        type: c.Type,
        description: c.Description,
        properties: (c.CompositeModelProperties ?? []).map(toDefinition),
      })),
      assetModelHierarchies: list<Hierarchy>(properties.AssetModelHierarchies).map((h) => ({
        name: h.Name,
        childAssetModelId: h.ChildAssetModelId,
      })),
    };
  };
  const madeOf = (wanted: Wanted, id: string, arn: string): Made => ({
    id,
    attributes: {
      AssetModelId: id,
      AssetModelArn: arn,
      // How assets name this model's properties and hierarchies.
      logicalIds: Object.fromEntries(
        [
          ...list<ModelProperty>(wanted.properties.AssetModelProperties),
          ...list<CompositeModel>(wanted.properties.AssetModelCompositeModels).flatMap(
            (c) => c.CompositeModelProperties ?? [],
          ),
        ].map((p) => [p.LogicalId ?? p.ExternalId ?? p.Name, p.Name]),
      ),
    },
  });
  return {
    async create(wanted) {
      const { assetModelId = '', assetModelArn = '' } = await client.send(
        new CreateAssetModelCommand({
          ...contentOf(wanted),
          assetModelExternalId: wanted.properties.AssetModelExternalId as string | undefined,
          tags: tagsOf(wanted.properties),
        }),
      );
      await waitUntilAssetModelActive({ client, ...WAIT }, { assetModelId });
      return madeOf(wanted, assetModelId, assetModelArn);
    },
    async update(made, wanted, before) {
      if (wanted.properties.AssetModelExternalId !== before.AssetModelExternalId) return undefined;
      const known = await client.send(new DescribeAssetModelCommand({ assetModelId: made.id }));
      const content = contentOf(wanted);
      await client.send(
        new UpdateAssetModelCommand({
          assetModelId: made.id,
          assetModelName: content.assetModelName,
          assetModelDescription: content.assetModelDescription,
          assetModelProperties: content.assetModelProperties.map((p) =>
            withId(p, known.assetModelProperties),
          ),
          assetModelCompositeModels: content.assetModelCompositeModels.map((c) => {
            const same = known.assetModelCompositeModels?.find((k) => k.name === c.name);
            return {
              ...c,
              ...(same?.id === undefined ? {} : { id: same.id }),
              properties: c.properties.map((p) => withId(p, same?.properties)),
            };
          }),
          assetModelHierarchies: content.assetModelHierarchies.map((h) => ({
            ...h,
            id: known.assetModelHierarchies?.find((k) => k.name === h.name)?.id,
          })),
        }),
      );
      await waitUntilAssetModelActive({ client, ...WAIT }, { assetModelId: made.id });
      return madeOf(wanted, made.id, String(made.attributes.AssetModelArn));
    },
    async delete(made) {
      await client.send(new DeleteAssetModelCommand({ assetModelId: made.id }));
      await waitUntilAssetModelNotExists({ client, ...WAIT }, { assetModelId: made.id });
    },
  };
}

/** AWS::IoTSiteWise::Asset with its aliases and children. */
export function assetType(client: IoTSiteWiseClient): ResourceType {
  /** Gives properties their aliases; those that are as they were cost nothing. */
  async function settle(assetId: string, wanted: Wanted): Promise<void> {
    const asset = await client.send(new DescribeAssetCommand({ assetId }));
    const properties = [
      ...(asset.assetProperties ?? []),
      ...(asset.assetCompositeModels ?? []).flatMap((c) => c.properties ?? []),
    ];
    const given = list<AssetProperty>(wanted.properties.AssetProperties);
    for (const { LogicalId, ExternalId, Alias, NotificationState, Unit } of given) {
      const property = properties.find(
        (p) => p.externalId === (ExternalId ?? LogicalId) || p.name === LogicalId,
      );
      if (property === undefined) {
        throw new TwinError(
          'FILE_INVALID',
          `${wanted.stack}/${wanted.logicalId} has a property ${ExternalId ?? LogicalId} that its model has not.`,
        );
      }
      if (property.alias === Alias && NotificationState === undefined && Unit === undefined)
        continue;
      await client.send(
        new UpdateAssetPropertyCommand({
          assetId,
          propertyId: property.id,
          propertyAlias: Alias,
          propertyNotificationState: NotificationState,
          propertyUnit: Unit,
        }),
      );
    }
  }
  /** Hierarchies go by their order in the model: templates name them by logical ids of their own. */
  async function associate(assetId: string, wanted: Wanted, on: boolean): Promise<void> {
    const children = list<AssetHierarchy>(wanted.properties.AssetHierarchies);
    if (children.length === 0) return;
    const { assetHierarchies = [] } = await client.send(new DescribeAssetCommand({ assetId }));
    for (const { LogicalId, ChildAssetId: childAssetId } of children) {
      const hierarchy =
        assetHierarchies.find((h) => h.name === LogicalId) ??
        (assetHierarchies.length === 1 ? assetHierarchies[0] : undefined);
      if (hierarchy?.id === undefined) {
        throw new TwinError(
          'FILE_INVALID',
          `${wanted.stack}/${wanted.logicalId} puts ${childAssetId} into the hierarchy ${LogicalId}, which its model has not.`,
        );
      }
      const input = { assetId, hierarchyId: hierarchy.id, childAssetId };
      if (on) await client.send(new AssociateAssetsCommand(input));
      else await client.send(new DisassociateAssetsCommand(input));
    }
  }
  return {
    async create(wanted) {
      const { properties } = wanted;
      const { assetId = '', assetArn = '' } = await client.send(
        new CreateAssetCommand({
          assetName: String(properties.AssetName),
          assetModelId: String(properties.AssetModelId),
          assetExternalId: properties.AssetExternalId as string | undefined,
          assetDescription: properties.AssetDescription as string | undefined,
          tags: tagsOf(properties),
        }),
      );
      const made = {
        id: assetId,
        attributes: { AssetId: assetId, AssetArn: assetArn, Arn: assetArn },
      };
      await waitUntilAssetActive({ client, ...WAIT }, { assetId });
      try {
        await settle(assetId, wanted);
        await associate(assetId, wanted, true);
      } catch (error) {
        await client.send(new DeleteAssetCommand({ assetId }));
        throw error;
      }
      return made;
    },
    async update(made, wanted, before) {
      const fixed = ['AssetModelId', 'AssetExternalId'] as const;
      if (fixed.some((name) => wanted.properties[name] !== before[name])) return undefined;
      await client.send(
        new UpdateAssetCommand({
          assetId: made.id,
          assetName: String(wanted.properties.AssetName),
          assetDescription: wanted.properties.AssetDescription as string | undefined,
        }),
      );
      await waitUntilAssetActive({ client, ...WAIT }, { assetId: made.id });
      await associate(made.id, { ...wanted, properties: before }, false);
      await settle(made.id, wanted);
      await associate(made.id, wanted, true);
      return made;
    },
    async delete(made) {
      await client.send(new DeleteAssetCommand({ assetId: made.id }));
      await waitUntilAssetNotExists({ client, ...WAIT }, { assetId: made.id });
    },
  };
}
