import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  DescribeAssetCommand,
  UpdateAssetPropertyCommand,
} from '@aws-sdk/client-iotsitewise';
import { createSiteWiseClient } from '../../shared/sitewise/index.js';
import { startSiteWise } from '../../simulators/sitewise/index.js';

/** Values of the pump, a second apart. */
export const SPEEDS = [1, 2, 3, 4, 5];
export const LEVELS = [10, 20, 30];

/** A pump in SiteWise: five speeds, three levels, and who made it. */
export async function startPump() {
  const siteWise = await startSiteWise({ activationMs: 0 });
  const client = createSiteWiseClient({ ...siteWise });
  const measured = (name: string) => ({
    name,
    dataType: 'DOUBLE' as const,
    unit: 'm',
    type: { measurement: {} },
  });
  const { assetModelId = '' } = await client.send(
    new CreateAssetModelCommand({
      assetModelName: 'pump',
      assetModelProperties: [
        measured('speed'),
        measured('level'),
        { name: 'maker', dataType: 'STRING', type: { attribute: { defaultValue: 'Acme' } } },
      ],
    }),
  );
  const { assetId = '' } = await client.send(
    new CreateAssetCommand({ assetModelId, assetName: 'pump1' }),
  );
  const { assetProperties = [] } = await client.send(new DescribeAssetCommand({ assetId }));
  const idOf = (name: string) => assetProperties.find((p) => p.name === name)?.id ?? '';
  await client.send(
    new UpdateAssetPropertyCommand({
      assetId,
      propertyId: idOf('level'),
      propertyAlias: '/pump1/level',
    }),
  );
  const nowS = Math.floor(Date.now() / 1000);
  const put = (name: string, values: number[]) => ({
    entryId: name,
    assetId,
    propertyId: idOf(name),
    propertyValues: values.map((doubleValue, i) => ({
      value: { doubleValue },
      timestamp: { timeInSeconds: nowS - 60 + i, offsetInNanos: 123_456_789 },
    })),
  });
  await client.send(
    new BatchPutAssetPropertyValueCommand({
      entries: [put('speed', SPEEDS), put('level', LEVELS)],
    }),
  );
  return {
    siteWise,
    client,
    assetId,
    assetModelId,
    speedId: idOf('speed'),
    nowS,
    async close() {
      client.destroy();
      await siteWise.close();
    },
  };
}
