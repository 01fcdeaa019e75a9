import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sdk from '@aws-sdk/client-iotsitewise';
import { expect, it } from 'vitest';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { READING } from '../../../simulators/sitewise/api/handler.js';
import { OPERATIONS } from '../../../simulators/sitewise/api/schema.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';
import { listOperations } from '../../../simulators/sitewise/operations.js';
import { afterTest } from '../../support/sitewise.js';

/** Ids that earlier answers gave. */
type Ids = Record<string, string>;
type Answer = Record<string, string | undefined>;
// biome-ignore lint/suspicious/noExplicitAny: commands of fifteen operations, sent alike
type AnyCommand = any;

interface Step {
  command: (ids: Ids, clientToken: string) => AnyCommand;
  /** The operation is not under test: it prepares the next ones, and has no token. */
  preparing?: true;
  learn?: (answer: Answer, ids: Ids) => void;
}

const measurement = (name: string) => ({
  name,
  dataType: 'DOUBLE' as const,
  type: { measurement: {} },
});

const computationModel = (ids: Ids, computationModelName: string) => ({
  computationModelName,
  computationModelConfiguration: {
    anomalyDetection: { inputProperties: `\${inputs}`, resultProperty: `\${result}` },
  },
  computationModelDataBinding: {
    inputs: { assetModelProperty: { assetModelId: ids.pumpModel, propertyId: ids.flow } },
    result: { assetModelProperty: { assetModelId: ids.pumpModel, propertyId: ids.anomaly } },
  },
});

/** Every operation with a token, in an order in which each finds what it needs. */
const STEPS: readonly Step[] = [
  {
    command: (_, clientToken) =>
      new sdk.CreateAssetModelCommand({
        assetModelName: 'child',
        assetModelProperties: [measurement('speed')],
        clientToken,
      }),
    learn: (a, ids) => (ids.childModel = a.assetModelId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.CreateAssetModelCommand({
        assetModelName: 'parent',
        assetModelHierarchies: [{ name: 'parts', childAssetModelId: ids.childModel }],
        clientToken,
      }),
    learn: (a, ids) => (ids.parentModel = a.assetModelId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.CreateAssetModelCompositeModelCommand({
        assetModelId: ids.childModel,
        assetModelCompositeModelName: 'bearing',
        assetModelCompositeModelType: 'bearing',
        assetModelCompositeModelProperties: [measurement('heat')],
        clientToken,
      }),
    learn: (a, ids) => (ids.composite = a.assetModelCompositeModelId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.UpdateAssetModelCompositeModelCommand({
        assetModelId: ids.childModel,
        assetModelCompositeModelId: ids.composite,
        assetModelCompositeModelName: 'front bearing',
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.DeleteAssetModelCompositeModelCommand({
        assetModelId: ids.childModel,
        assetModelCompositeModelId: ids.composite,
        clientToken,
      }),
  },
  {
    command: (_, clientToken) =>
      new sdk.CreateAssetModelCommand({
        assetModelName: 'turning',
        assetModelType: 'INTERFACE',
        assetModelProperties: [measurement('speed')],
        clientToken,
      }),
    learn: (a, ids) => (ids.interface = a.assetModelId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.PutAssetModelInterfaceRelationshipCommand({
        assetModelId: ids.childModel,
        interfaceAssetModelId: ids.interface,
        propertyMappingConfiguration: { matchByPropertyName: true },
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.DeleteAssetModelInterfaceRelationshipCommand({
        assetModelId: ids.childModel,
        interfaceAssetModelId: ids.interface,
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.CreateAssetCommand({
        assetModelId: ids.childModel,
        assetName: 'roller',
        clientToken,
      }),
    learn: (a, ids) => (ids.child = a.assetId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.CreateAssetCommand({ assetModelId: ids.parentModel, assetName: 'line', clientToken }),
    learn: (a, ids) => (ids.parent = a.assetId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.UpdateAssetCommand({ assetId: ids.child, assetName: 'roller 1', clientToken }),
  },
  {
    preparing: true,
    command: (ids) => new sdk.DescribeAssetCommand({ assetId: ids.child }),
    learn: (a, ids) => {
      const { assetProperties } = a as unknown as sdk.DescribeAssetResponse;
      ids.property = assetProperties?.[0]?.id ?? '';
    },
  },
  {
    preparing: true,
    command: (ids) => new sdk.DescribeAssetCommand({ assetId: ids.parent }),
    learn: (a, ids) => {
      const { assetHierarchies } = a as unknown as sdk.DescribeAssetResponse;
      ids.hierarchy = assetHierarchies?.[0]?.id ?? '';
    },
  },
  {
    command: (ids, clientToken) =>
      new sdk.UpdateAssetPropertyCommand({
        assetId: ids.child,
        propertyId: ids.property,
        propertyUnit: 'rad/s',
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.AssociateAssetsCommand({
        assetId: ids.parent,
        hierarchyId: ids.hierarchy,
        childAssetId: ids.child,
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.DisassociateAssetsCommand({
        assetId: ids.parent,
        hierarchyId: ids.hierarchy,
        childAssetId: ids.child,
        clientToken,
      }),
  },
  {
    preparing: true,
    command: () =>
      new sdk.BatchPutAssetPropertyValueCommand({
        entries: [
          {
            entryId: '1',
            propertyAlias: '/free',
            propertyValues: [
              {
                value: { doubleValue: 1 },
                timestamp: { timeInSeconds: Math.floor(Date.now() / 1000) },
              },
            ],
          },
        ],
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.AssociateTimeSeriesToAssetPropertyCommand({
        alias: '/free',
        assetId: ids.child,
        propertyId: ids.property,
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.DisassociateTimeSeriesFromAssetPropertyCommand({
        alias: '/free',
        assetId: ids.child,
        propertyId: ids.property,
        clientToken,
      }),
  },
  {
    command: (_, clientToken) => new sdk.DeleteTimeSeriesCommand({ alias: '/free', clientToken }),
  },
  {
    command: (ids, clientToken) => new sdk.DeleteAssetCommand({ assetId: ids.parent, clientToken }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.UpdateAssetModelCommand({
        assetModelId: ids.parentModel,
        assetModelName: 'parent, renamed',
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.DeleteAssetModelCommand({ assetModelId: ids.parentModel, clientToken }),
  },
  {
    command: (_, clientToken) =>
      new sdk.CreateAssetModelCommand({
        assetModelName: 'pump',
        assetModelProperties: [
          measurement('flow'),
          { ...measurement('anomaly'), dataType: 'STRING' },
        ],
        clientToken,
      }),
    learn: (a, ids) => (ids.pumpModel = a.assetModelId ?? ''),
  },
  {
    preparing: true,
    command: (ids) => new sdk.DescribeAssetModelCommand({ assetModelId: ids.pumpModel }),
    learn: (a, ids) => {
      const { assetModelProperties } = a as unknown as sdk.DescribeAssetModelResponse;
      for (const { name, id } of assetModelProperties ?? []) ids[name ?? ''] = id ?? '';
    },
  },
  {
    command: (ids, clientToken) =>
      new sdk.CreateAssetCommand({ assetModelId: ids.pumpModel, assetName: 'pump 1', clientToken }),
    learn: (a, ids) => (ids.pump = a.assetId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.CreateComputationModelCommand({ ...computationModel(ids, 'a'), clientToken }),
    learn: (a, ids) => (ids.computationModel = a.computationModelId ?? ''),
  },
  {
    command: (ids, clientToken) =>
      new sdk.UpdateComputationModelCommand({
        computationModelId: ids.computationModel,
        ...computationModel(ids, 'b'),
        clientToken,
      }),
  },
  {
    preparing: true,
    command: (ids) =>
      new sdk.DescribeComputationModelCommand({ computationModelId: ids.computationModel }),
    learn: (a, ids) => {
      const { actionDefinitions } = a as unknown as sdk.DescribeComputationModelResponse;
      ids.training = actionDefinitions?.[0]?.actionDefinitionId ?? '';
    },
  },
  {
    command: (ids, clientToken) =>
      new sdk.ExecuteActionCommand({
        targetResource: { computationModelId: ids.computationModel },
        actionDefinitionId: ids.training,
        actionPayload: { stringValue: '{"exportDataStartTime":1,"exportDataEndTime":2}' },
        resolveTo: { assetId: ids.pump },
        clientToken,
      }),
  },
  {
    command: (ids, clientToken) =>
      new sdk.DeleteComputationModelCommand({
        computationModelId: ids.computationModel,
        clientToken,
      }),
  },
];

const nameOf = (command: object) => command.constructor.name.replace(/Command$/, '');

it('answers again what was carried out before its answer was lost, also after a restart: every operation with a clientToken', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-lost-'));
  afterTest(() => rm(dataDir, { recursive: true, force: true }));
  let siteWise: SiteWise | undefined;
  afterTest(() => siteWise?.close());
  const open = async () => {
    siteWise = await startSiteWise({ activationMs: 0, dataDir });
    return siteWise;
  };
  const send = async (running: SiteWise, command: AnyCommand): Promise<Answer> => {
    const client = createSiteWiseClient({ ...running, maxAttempts: 1 });
    try {
      const { $metadata: _, ...answer } = (await client.send(command)) as unknown as Answer;
      return answer;
    } finally {
      client.destroy();
    }
  };
  const ids: Ids = {};
  const tested = new Set<string>();
  for (const { command, preparing, learn } of STEPS) {
    const clientToken = crypto.randomUUID();
    let running = await open();
    if (preparing) {
      const answer = await send(running, command(ids, clientToken));
      learn?.(answer, ids);
    } else {
      const operation = nameOf(command(ids, clientToken));
      tested.add(operation);
      running.faults.set([{ operation, count: 1, drop: 'after' }]);
      // The connection breaks; the service refused nothing.
      await expect(send(running, command(ids, clientToken)), operation).rejects.not.toHaveProperty(
        '$fault',
      );
      const again = await send(running, command(ids, clientToken));
      await running.close();
      running = await open();
      const later = await send(running, command(ids, clientToken));
      expect(later, operation).toEqual(again);
      learn?.(later, ids);
    }
    await running.close();
  }
  const offered = new Set(listOperations().flatMap((o) => (o.implemented ? [o.name] : [])));
  const withToken = [...OPERATIONS.values()]
    .filter((o) => o.input.members.some((m) => m.name === 'clientToken'))
    .filter((o) => offered.has(o.name) && !READING.test(o.name))
    .map((o) => o.name);
  expect([...tested].sort()).toEqual(withToken.sort());
}, 60_000);
