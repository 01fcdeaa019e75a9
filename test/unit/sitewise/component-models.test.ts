import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  CreateAssetModelCompositeModelCommand,
  DeleteAssetModelCommand,
  DeleteAssetModelCompositeModelCommand,
  DeleteAssetModelInterfaceRelationshipCommand,
  DescribeAssetCommand,
  DescribeAssetModelCommand,
  DescribeAssetModelCompositeModelCommand,
  DescribeAssetModelInterfaceRelationshipCommand,
  DescribeStorageConfigurationCommand,
  GetAssetPropertyValueCommand,
  type IoTSiteWiseClient,
  ListAssetModelPropertiesCommand,
  ListAssetPropertiesCommand,
  ListCompositionRelationshipsCommand,
  ListInterfaceRelationshipsCommand,
  PutAssetModelInterfaceRelationshipCommand,
  PutStorageConfigurationCommand,
  UpdateAssetModelCommand,
  UpdateAssetModelCompositeModelCommand,
} from '@aws-sdk/client-iotsitewise';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

let siteWise: SiteWise;
let client: IoTSiteWiseClient;
beforeEach(async () => {
  siteWise = await startSiteWise({ activationMs: 0 });
  client = createSiteWiseClient({ ...siteWise });
});
afterEach(async () => {
  client.destroy();
  await siteWise.close();
});

const measurement = (name: string, dataType: 'DOUBLE' | 'STRING' = 'DOUBLE') => ({
  name,
  dataType,
  type: { measurement: {} },
});
const doubled = {
  name: 'doubled',
  dataType: 'DOUBLE' as const,
  type: {
    transform: {
      expression: 'heat * 2',
      variables: [{ name: 'heat', value: { propertyId: 'heat' } }],
    },
  },
};

type Definition = ConstructorParameters<typeof CreateAssetModelCommand>[0];
async function model(
  name: string,
  type: Definition['assetModelType'],
  properties: Definition['assetModelProperties'] = [],
): Promise<string> {
  const { assetModelId = '' } = await client.send(
    new CreateAssetModelCommand({
      assetModelName: name,
      assetModelType: type,
      assetModelProperties: properties,
    }),
  );
  return assetModelId;
}
async function compose(assetModelId: string, name: string, composedAssetModelId: string) {
  const { assetModelCompositeModelId = '' } = await client.send(
    new CreateAssetModelCompositeModelCommand({
      assetModelId,
      assetModelCompositeModelName: name,
      assetModelCompositeModelType: 'CUSTOM',
      composedAssetModelId,
    }),
  );
  return assetModelCompositeModelId;
}
const propertiesOf = async (assetId: string) =>
  (await client.send(new ListAssetPropertiesCommand({ assetId, filter: 'ALL' })))
    .assetPropertySummaries ?? [];
const names = (path: readonly { name?: string | undefined }[] = []) =>
  path.map((p) => p.name).join('/');
const asset = async (assetModelId: string, assetName = 'a1') =>
  (await client.send(new CreateAssetCommand({ assetModelId, assetName }))).assetId ?? '';

describe('component models', () => {
  it('give a model their properties, with those of the components that they have', async () => {
    const sensor = await model('sensor', 'COMPONENT_MODEL', [measurement('heat'), doubled]);
    const bearing = await model('bearing', 'COMPONENT_MODEL', [measurement('wear')]);
    await compose(bearing, 'probe', sensor);
    const line = await model('line', 'ASSET_MODEL', [measurement('v')]);
    const front = await compose(line, 'front', bearing);
    await compose(line, 'back', bearing);
    const assetId = await asset(line);

    const all = await propertiesOf(assetId);
    expect(all.map((p) => names(p.path)).toSorted()).toEqual([
      'a1/back/probe/doubled',
      'a1/back/probe/heat',
      'a1/back/wear',
      'a1/front/probe/doubled',
      'a1/front/probe/heat',
      'a1/front/wear',
      'a1/v',
    ]);
    expect(new Set(all.map((p) => p.id)).size).toBe(7);
    const base = await client.send(new ListAssetPropertiesCommand({ assetId }));
    expect(base.assetPropertySummaries?.map((p) => names(p.path))).toEqual(['a1/v']);
    const described = await client.send(new DescribeAssetCommand({ assetId }));
    expect(described.assetProperties).toHaveLength(1);
    expect(described.assetCompositeModels?.map((c) => [c.name, c.properties?.length])).toEqual([
      ['front', 1],
      ['probe', 2],
      ['back', 1],
      ['probe', 2],
    ]);
    const inModel = await client.send(
      new ListAssetModelPropertiesCommand({ assetModelId: line, filter: 'ALL' }),
    );
    expect(inModel.assetModelPropertySummaries?.map((p) => names(p.path))).toContain(
      'line/front/probe/heat',
    );
    const composite = await client.send(
      new DescribeAssetModelCompositeModelCommand({
        assetModelId: line,
        assetModelCompositeModelId: front,
      }),
    );
    expect(composite.compositionDetails?.compositionRelationship).toEqual([{ id: bearing }]);
    const uses = await client.send(
      new ListCompositionRelationshipsCommand({ assetModelId: bearing }),
    );
    expect(uses.compositionRelationshipSummaries).toHaveLength(2);
    expect(uses.compositionRelationshipSummaries).toContainEqual({
      assetModelId: line,
      assetModelCompositeModelId: front,
      assetModelCompositeModelType: 'CUSTOM',
    });

    // A transform of the component reads the property beside it, not its namesake elsewhere.
    const idOf = (path: string) => all.find((p) => names(p.path) === path)?.id ?? '';
    const timestamp = { timeInSeconds: Math.floor(Date.now() / 1000) - 5, offsetInNanos: 0 };
    await client.send(
      new BatchPutAssetPropertyValueCommand({
        entries: ['front', 'back'].map((name, i) => ({
          entryId: name,
          assetId,
          propertyId: idOf(`a1/${name}/probe/heat`),
          propertyValues: [{ value: { doubleValue: 10 * (i + 1) }, timestamp }],
        })),
      }),
    );
    const value = async (path: string) =>
      (await client.send(new GetAssetPropertyValueCommand({ assetId, propertyId: idOf(path) })))
        .propertyValue?.value?.doubleValue;
    expect(await value('a1/front/probe/doubled')).toBe(20);
    expect(await value('a1/back/probe/doubled')).toBe(40);
  });

  it('carry their changes into what is made of them, where values stay', async () => {
    const sensor = await model('sensor', 'COMPONENT_MODEL', [measurement('heat')]);
    const bearing = await model('bearing', 'COMPONENT_MODEL');
    await compose(bearing, 'probe', sensor);
    const line = await model('line', 'ASSET_MODEL');
    await compose(line, 'front', bearing);
    const assetId = await asset(line);
    const before = await propertiesOf(assetId);
    const { assetModelProperties = [] } = await client.send(
      new DescribeAssetModelCommand({ assetModelId: sensor }),
    );
    await client.send(
      new UpdateAssetModelCommand({
        assetModelId: sensor,
        assetModelName: 'sensor',
        assetModelProperties: [
          ...assetModelProperties,
          measurement('noise') as (typeof assetModelProperties)[number],
        ],
      }),
    );
    const after = await propertiesOf(assetId);
    expect(after.map((p) => names(p.path))).toEqual([
      'a1/front/probe/heat',
      'a1/front/probe/noise',
    ]);
    expect(after[0]?.id).toBe(before[0]?.id);
  });

  it('are refused where they do not fit', async () => {
    const sensor = await model('sensor', 'COMPONENT_MODEL', [measurement('heat')]);
    const line = await model('line', 'ASSET_MODEL');
    await expect(compose(line, 'x', line)).rejects.toThrow(/ASSET_MODEL/);
    await expect(compose(sensor, 'x', sensor)).rejects.toThrow(/hold itself/);
    await expect(asset(sensor)).rejects.toThrow(/COMPONENT_MODEL/);
    const front = await compose(line, 'front', sensor);
    await expect(
      client.send(
        new UpdateAssetModelCompositeModelCommand({
          assetModelId: line,
          assetModelCompositeModelId: front,
          assetModelCompositeModelName: 'front',
          assetModelCompositeModelProperties: [
            { ...measurement('more'), id: '11111111-1111-4111-8111-111111111111' },
          ],
        }),
      ),
    ).rejects.toThrow(/added and changed there/);
    await expect(
      client.send(new DeleteAssetModelCommand({ assetModelId: sensor })),
    ).rejects.toMatchObject({ name: 'ConflictingOperationException' });
    await client.send(
      new DeleteAssetModelCompositeModelCommand({
        assetModelId: line,
        assetModelCompositeModelId: front,
      }),
    );
    await client.send(new DeleteAssetModelCommand({ assetModelId: sensor }));
  });
});

describe('interfaces', () => {
  const apply = (
    assetModelId: string,
    interfaceAssetModelId: string,
    propertyMappingConfiguration: object,
  ) =>
    client.send(
      new PutAssetModelInterfaceRelationshipCommand({
        assetModelId,
        interfaceAssetModelId,
        propertyMappingConfiguration,
      }),
    );

  it('are answered by properties of their name, by chosen ones, and by ones made for them', async () => {
    const moving = await model('moving', 'INTERFACE', [
      measurement('speed'),
      measurement('load'),
      measurement('maker', 'STRING'),
    ]);
    const line = await model('line', 'ASSET_MODEL', [measurement('speed'), measurement('tension')]);
    const { assetModelProperties: asked = [] } = await client.send(
      new DescribeAssetModelCommand({ assetModelId: moving }),
    );
    const { assetModelProperties: own = [] } = await client.send(
      new DescribeAssetModelCommand({ assetModelId: line }),
    );
    await expect(apply(line, moving, { matchByPropertyName: true })).rejects.toThrow(/load, maker/);
    const overrides = [
      { assetModelPropertyId: own[1]?.id, interfaceAssetModelPropertyId: asked[1]?.id },
    ];
    await apply(line, moving, {
      matchByPropertyName: true,
      createMissingProperty: true,
      overrides,
    });
    const after = await client.send(new DescribeAssetModelCommand({ assetModelId: line }));
    expect(after.interfaceDetails).toEqual([{ id: moving }]);
    expect(after.assetModelProperties?.map((p) => p.name)).toEqual(['speed', 'tension', 'maker']);
    const relation = await client.send(
      new DescribeAssetModelInterfaceRelationshipCommand({
        assetModelId: line,
        interfaceAssetModelId: moving,
      }),
    );
    expect(relation.propertyMappings).toEqual(
      [own[0], own[1], after.assetModelProperties?.[2]].map((p, i) => ({
        assetModelPropertyId: p?.id,
        interfaceAssetModelPropertyId: asked[i]?.id,
      })),
    );
    const listed = await client.send(
      new ListInterfaceRelationshipsCommand({ interfaceAssetModelId: moving }),
    );
    expect(listed.interfaceRelationshipSummaries).toEqual([{ id: line }]);
    const { assetModelPropertySummaries } = await client.send(
      new ListAssetModelPropertiesCommand({ assetModelId: line }),
    );
    expect(assetModelPropertySummaries?.[1]?.interfaceSummaries).toEqual([
      { interfaceAssetModelId: moving, interfaceAssetModelPropertyId: asked[1]?.id },
    ]);

    // What the interface asks for stays as long as it is applied.
    await expect(
      client.send(
        new UpdateAssetModelCommand({
          assetModelId: line,
          assetModelName: 'line',
          assetModelProperties: own.slice(0, 1),
        }),
      ),
    ).rejects.toThrow(/load of type DOUBLE/);
    await expect(
      client.send(new DeleteAssetModelCommand({ assetModelId: moving })),
    ).rejects.toMatchObject({ name: 'ConflictingOperationException' });
    await client.send(
      new DeleteAssetModelInterfaceRelationshipCommand({
        assetModelId: line,
        interfaceAssetModelId: moving,
      }),
    );
    await client.send(new DeleteAssetModelCommand({ assetModelId: moving }));
  });

  it('have no assets, and ask for what has the right type', async () => {
    const moving = await model('moving', 'INTERFACE', [measurement('speed')]);
    await expect(asset(moving)).rejects.toThrow(/INTERFACE/);
    const line = await model('line', 'ASSET_MODEL', [measurement('speed', 'STRING')]);
    await expect(apply(line, moving, { matchByPropertyName: true })).rejects.toThrow(
      /of type STRING/,
    );
    await expect(apply(moving, line, { matchByPropertyName: true })).rejects.toThrow(/interface/);
  });
});

describe('storage tiers', () => {
  const put = (input: ConstructorParameters<typeof PutStorageConfigurationCommand>[0]) =>
    client.send(new PutStorageConfigurationCommand(input));
  const cold = {
    customerManagedS3Storage: {
      s3ResourceArn: 'arn:aws:s3:::cold',
      roleArn: 'arn:aws:iam::123456789012:role/cold',
    },
  };

  it('are taken as the service takes them, and described as they are', async () => {
    await put({
      storageType: 'SITEWISE_DEFAULT_STORAGE',
      warmTier: 'ENABLED',
      retentionPeriod: { numberOfDays: 30, unlimited: false },
    });
    const warm = await client.send(new DescribeStorageConfigurationCommand({}));
    expect(warm).toMatchObject({ warmTier: 'ENABLED', retentionPeriod: { numberOfDays: 30 } });
    const all = {
      storageType: 'MULTI_LAYER_STORAGE' as const,
      multiLayerStorage: cold,
      warmTier: 'ENABLED' as const,
      warmTierRetentionPeriod: { numberOfDays: 365 },
    };
    expect(await put(all)).toMatchObject({ ...all, configurationStatus: { state: 'ACTIVE' } });
    expect(await client.send(new DescribeStorageConfigurationCommand({}))).toMatchObject(all);
  });

  it('are refused where the service refuses them', async () => {
    const invalid = { name: 'InvalidRequestException' };
    await expect(put({ storageType: 'MULTI_LAYER_STORAGE' })).rejects.toMatchObject(invalid);
    await expect(
      put({ storageType: 'SITEWISE_DEFAULT_STORAGE', multiLayerStorage: cold }),
    ).rejects.toMatchObject(invalid);
    await expect(
      put({
        storageType: 'SITEWISE_DEFAULT_STORAGE',
        warmTier: 'ENABLED',
        warmTierRetentionPeriod: { numberOfDays: 90 },
      }),
    ).rejects.toMatchObject(invalid);
    await expect(
      put({
        storageType: 'SITEWISE_DEFAULT_STORAGE',
        retentionPeriod: { numberOfDays: 30, unlimited: true },
      }),
    ).rejects.toMatchObject(invalid);
  });
});
