import {
  CreateAssetCommand,
  CreateAssetModelCommand,
  ExecuteQueryCommand,
  type IoTSiteWiseClient,
  waitUntilAssetModelActive,
} from '@aws-sdk/client-iotsitewise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

let siteWise: SiteWise;
let client: IoTSiteWiseClient;

beforeAll(async () => {
  siteWise = await startSiteWise({ activationMs: 1 });
  client = createSiteWiseClient({ ...siteWise });
});
afterAll(() => siteWise.close());

const token = () => crypto.randomUUID();

describe('a request with a clientToken', () => {
  it('is carried out once when its answer is lost and the SDK sends it again', async () => {
    siteWise.faults.set([{ operation: 'CreateAssetModel', count: 1, drop: 'after' }]);
    const { assetModelId } = await client.send(
      new CreateAssetModelCommand({ assetModelName: 'lost' }),
    );
    expect(assetModelId).toMatch(/^[0-9a-f-]{36}$/);
    expect(siteWise.counters.operations.CreateAssetModel).toBe(2);
  });

  it('gets its first answer again, also while the first is under way', async () => {
    const clientToken = token();
    const create = () =>
      client.send(new CreateAssetModelCommand({ assetModelName: 'twice', clientToken }));
    const answers = await Promise.all([create(), create()]);
    answers.push(await create());
    expect(new Set(answers.map((a) => a.assetModelId)).size).toBe(1);
  });

  it('with other content conflicts', async () => {
    const clientToken = token();
    await client.send(new CreateAssetModelCommand({ assetModelName: 'one', clientToken }));
    await expect(
      client.send(new CreateAssetModelCommand({ assetModelName: 'two', clientToken })),
    ).rejects.toMatchObject({ name: 'ConflictingOperationException' });
  });

  it('may be tried again after it failed', async () => {
    const clientToken = token();
    const create = (assetModelName: string) =>
      client.send(new CreateAssetModelCommand({ assetModelName, clientToken }));
    await expect(create('one')).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });
    await expect(create('another')).resolves.toMatchObject({
      assetModelStatus: { state: 'CREATING' },
    });
  });
});

it('answers queries with 25 rows a page unless asked for more', async () => {
  const { assetModelId = '' } = await client.send(
    new CreateAssetModelCommand({
      assetModelName: 'wide',
      assetModelProperties: Array.from({ length: 40 }, (_, i) => ({
        name: `p${i}`,
        dataType: 'DOUBLE' as const,
        type: { measurement: {} },
      })),
    }),
  );
  await waitUntilAssetModelActive({ client, maxWaitTime: 10, minDelay: 1 }, { assetModelId });
  const { assetId } = await client.send(
    new CreateAssetCommand({ assetModelId, assetName: 'wide' }),
  );
  const queryStatement = `SELECT property_name FROM asset_property WHERE asset_id = '${assetId}'`;
  const first = await client.send(new ExecuteQueryCommand({ queryStatement }));
  expect(first.rows).toHaveLength(25);
  const rest = await client.send(
    new ExecuteQueryCommand({ queryStatement, nextToken: first.nextToken }),
  );
  expect(rest.rows).toHaveLength(15);
  expect(rest.nextToken).toBeUndefined();
  const all = await client.send(new ExecuteQueryCommand({ queryStatement, maxResults: 40 }));
  expect(all.rows).toHaveLength(40);
});
