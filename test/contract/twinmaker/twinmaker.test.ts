import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateEntityCommand,
  CreateWorkspaceCommand,
  GetEntityCommand,
  GetPropertyValueHistoryCommand,
  paginateGetPropertyValueHistory,
} from '@aws-sdk/client-iottwinmaker';
import { afterEach, expect, test } from 'vitest';
import { packageFile } from '../../../shared/core/index.js';
import {
  createTwinMakerClient,
  offeredOperations,
  startTwinMaker,
} from '../../../simulators/twinmaker/index.js';
import { outputOf } from '../../support/child-output.js';
import { startPump } from '../../support/pump.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const ROLE = 'arn:aws:iam::123456789012:role/reader';

/** TwinMaker over a pump in SiteWise, which only some roles can read. */
async function start(dataDir?: string) {
  const pump = await startPump();
  closers.push(() => pump.close());
  const roles = new Set([ROLE]);
  const open = () =>
    startTwinMaker({
      credentials: pump.siteWise.credentials,
      siteWiseAs: (role = '') => (roles.has(role) ? pump.client : undefined),
      activationMs: 0,
      ...(dataDir === undefined ? {} : { dataDir }),
    });
  return { open, roles, ...pump };
}

test.skipIf(process.env.TWINLOOP_BOTO3_PYTHON === undefined)(
  'botocore’s model of the service has nothing against the stand-in [needs boto3: TWINLOOP_BOTO3_PYTHON]',
  async () => {
    const { open, assetId, assetModelId } = await start();
    const twinMaker = await open();
    closers.push(() => twinMaker.close());
    const { credentials, endpoint, region } = twinMaker;
    const child = spawn(
      process.env.TWINLOOP_BOTO3_PYTHON ?? '',
      [packageFile('test/contract/twinmaker/judge.py'), endpoint, assetId, assetModelId],
      {
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
          AWS_DEFAULT_REGION: region,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_CONFIG_FILE: '/nonexistent',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    closers.push(() => child.kill());
    const { stdout, stderr } = await outputOf(child);
    expect(stderr).toBe('');
    const report = JSON.parse(stdout);
    expect(report.problems).toEqual([]);
    expect(report.operations).toEqual(offeredOperations());
    expect(report.refusals).toBeGreaterThan(100);
  },
  60_000,
);

test('the AWS SDK reads a history to the nanosecond, page by page, also after a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-twinmaker-'));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const { open, assetId, assetModelId, nowS } = await start(dataDir);
  const first = await open();
  const before = createTwinMakerClient(first);
  await before.send(new CreateWorkspaceCommand({ workspaceId: 'plant', role: ROLE }));
  const value = (stringValue: string) => ({ value: { stringValue } });
  await before.send(
    new CreateEntityCommand({
      workspaceId: 'plant',
      entityId: 'pump1',
      entityName: 'Pump',
      components: {
        twin: {
          componentTypeId: 'com.amazon.iotsitewise.connector',
          properties: {
            sitewiseAssetId: value(assetId),
            sitewiseAssetModelId: value(assetModelId),
          },
        },
      },
    }),
  );
  before.destroy();
  await first.close();
  const second = await open();
  closers.push(() => second.close());
  const client = createTwinMakerClient(second);
  closers.push(() => client.destroy());
  const entity = await client.send(
    new GetEntityCommand({ workspaceId: 'plant', entityId: 'pump1' }),
  );
  expect(entity.status?.state).toBe('ACTIVE');
  const times: (string | undefined)[] = [];
  for await (const page of paginateGetPropertyValueHistory(
    { client, pageSize: 2 },
    {
      workspaceId: 'plant',
      entityId: 'pump1',
      componentName: 'twin',
      selectedProperties: ['speed'],
      startTime: new Date((nowS - 100) * 1000).toISOString(),
      endTime: new Date(nowS * 1000).toISOString(),
    },
  )) {
    for (const { values } of page.propertyValues ?? []) {
      times.push(...(values ?? []).map((v) => v.time));
    }
  }
  const at = (i: number) => new Date((nowS - 60 + i) * 1000).toISOString().slice(0, 19);
  expect(times).toEqual([0, 1, 2, 3, 4].map((i) => `${at(i)}.123456789Z`));
});

test('what SiteWise refuses the workspace’s role is an entity’s error, and a connector’s failure', async () => {
  const { open, roles, assetId, assetModelId } = await start();
  const twinMaker = await open();
  closers.push(() => twinMaker.close());
  const client = createTwinMakerClient(twinMaker);
  closers.push(() => client.destroy());
  await client.send(new CreateWorkspaceCommand({ workspaceId: 'plant', role: ROLE }));
  const create = (entityId: string, id: string) =>
    client.send(
      new CreateEntityCommand({
        workspaceId: 'plant',
        entityId,
        entityName: 'Pump',
        components: {
          twin: {
            componentTypeId: 'com.amazon.iotsitewise.connector',
            properties: {
              sitewiseAssetId: { value: { stringValue: id } },
              sitewiseAssetModelId: { value: { stringValue: assetModelId } },
            },
          },
        },
      }),
    );
  await create('broken', '11111111-2222-3333-4444-555555555555');
  const broken = await client.send(
    new GetEntityCommand({ workspaceId: 'plant', entityId: 'broken' }),
  );
  expect(broken.status).toMatchObject({
    state: 'ERROR',
    error: { message: expect.stringContaining('was not found') },
  });
  await create('pump1', assetId);
  const read = () =>
    client.send(
      new GetPropertyValueHistoryCommand({
        workspaceId: 'plant',
        entityId: 'pump1',
        componentName: 'twin',
        selectedProperties: ['speed'],
        startTime: '2020-01-01T00:00:00Z',
        endTime: '2100-01-01T00:00:00Z',
      }),
    );
  expect((await read()).propertyValues?.[0]?.values).toHaveLength(5);
  roles.clear();
  await expect(read()).rejects.toMatchObject({
    name: 'ConnectorFailureException',
    message: expect.stringContaining(ROLE),
  });
});
