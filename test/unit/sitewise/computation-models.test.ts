import * as sdk from '@aws-sdk/client-iotsitewise';
import { beforeEach, expect, test } from 'vitest';
import { clientOf, openSiteWise } from '../../support/sitewise.js';

type Binding = Record<string, sdk.ComputationModelDataBindingValue>;

let client: sdk.IoTSiteWiseClient;
let assetModelId: string;
let assetId: string;
let ids: Record<string, string>;

const measurement = (name: string, dataType: sdk.PropertyDataType) => ({
  name,
  dataType,
  type: { measurement: {} },
});

beforeEach(async () => {
  client = clientOf(await openSiteWise({ activationMs: 0 }));
  const model = await client.send(
    new sdk.CreateAssetModelCommand({
      assetModelName: 'pump',
      assetModelProperties: [
        measurement('flow', 'DOUBLE'),
        measurement('speed', 'INTEGER'),
        measurement('anomaly', 'STRING'),
        { name: 'serial', dataType: 'DOUBLE', type: { attribute: {} } },
      ],
    }),
  );
  assetModelId = model.assetModelId ?? '';
  const asset = await client.send(
    new sdk.CreateAssetCommand({ assetModelId, assetName: 'pump 1' }),
  );
  assetId = asset.assetId ?? '';
  const described = await client.send(new sdk.DescribeAssetModelCommand({ assetModelId }));
  ids = Object.fromEntries((described.assetModelProperties ?? []).map((p) => [p.name, p.id ?? '']));
});

const ofModel = (name: string) => ({
  assetModelProperty: { assetModelId, propertyId: ids[name] },
});
const ofAsset = (name: string) => ({ assetProperty: { assetId, propertyId: ids[name] } });

const variable = (name: string) => `\${${name}}`;

const create = (binding: Binding, name = 'anomalies') =>
  client.send(
    new sdk.CreateComputationModelCommand({
      computationModelName: name,
      computationModelConfiguration: {
        anomalyDetection: {
          inputProperties: variable('inputs'),
          resultProperty: variable('result'),
        },
      },
      computationModelDataBinding: binding,
    }),
  );

const describe = (computationModelId: string) =>
  client.send(new sdk.DescribeComputationModelCommand({ computationModelId }));

async function createActive(binding: Binding, name?: string) {
  const { computationModelId = '' } = await create(binding, name);
  return describe(computationModelId);
}

const byModel = () => ({
  inputs: { list: [ofModel('flow'), ofModel('speed')] },
  result: ofModel('anomaly'),
});

test('a model is kept with its binding, changed under a new version, and gone when deleted', async () => {
  const created = await createActive(byModel());
  const { computationModelId = '' } = created;
  expect(created).toMatchObject({
    computationModelName: 'anomalies',
    computationModelDataBinding: byModel(),
    computationModelVersion: '1',
  });
  expect(created.actionDefinitions?.map((d) => d.actionType)).toEqual([
    'AWS/ANOMALY_DETECTION_TRAINING',
    'AWS/ANOMALY_DETECTION_INFERENCE',
  ]);
  await client.send(
    new sdk.UpdateComputationModelCommand({
      computationModelId,
      computationModelName: 'others',
      computationModelConfiguration: created.computationModelConfiguration,
      computationModelDataBinding: { ...byModel(), inputs: ofModel('flow') },
    }),
  );
  const list = await client.send(new sdk.ListComputationModelsCommand({}));
  expect(list.computationModelSummaries).toMatchObject([
    { id: computationModelId, name: 'others', type: 'ANOMALY_DETECTION', version: '2' },
  ]);
  await client.send(new sdk.DeleteComputationModelCommand({ computationModelId }));
  await expect(describe(computationModelId)).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
});

test.each<[string, () => Binding, RegExp]>([
  ['a variable that is not bound', () => ({ inputs: ofModel('flow') }), /result .* not bound/],
  ['one too many', () => ({ ...byModel(), more: ofModel('flow') }), /more is no variable/],
  ['an attribute as input', () => ({ ...byModel(), inputs: ofModel('serial') }), /serial must be/],
  ['a text as input', () => ({ ...byModel(), inputs: ofModel('anomaly') }), /anomaly must be/],
  [
    'a number as result',
    () => ({ ...byModel(), result: ofModel('flow') }),
    /flow must be .*STRING/,
  ],
  ['no input', () => ({ ...byModel(), inputs: { list: [] } }), /At least one/],
  ['model and asset', () => ({ ...byModel(), result: ofAsset('anomaly') }), /of one asset model/],
  [
    'two in one',
    () => ({ ...byModel(), inputs: { ...ofModel('flow'), ...ofAsset('flow') } }),
    /exactly one of/,
  ],
])('%s is refused', async (_, binding, message) => {
  await expect(create(binding())).rejects.toMatchObject({
    name: 'InvalidRequestException',
    message: expect.stringMatching(message),
  });
});

test('properties that are not there and taken names are refused', async () => {
  await createActive(byModel());
  await expect(create(byModel())).rejects.toMatchObject({ name: 'ResourceAlreadyExistsException' });
  const propertyId = crypto.randomUUID();
  const missing = { assetModelProperty: { assetModelId, propertyId } };
  await expect(create({ ...byModel(), inputs: missing }, 'b')).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: expect.stringContaining(propertyId),
  });
});

test('usages of a property, an asset and a model are found', async () => {
  const a = await createActive(byModel(), 'a');
  const b = await createActive({ ...byModel(), inputs: ofModel('flow') }, 'b');
  const c = await createActive({ inputs: ofAsset('flow'), result: ofAsset('anomaly') }, 'c');
  const usages = async (dataBindingValueFilter: sdk.DataBindingValueFilter) => {
    const { dataBindingUsageSummaries: found = [] } = await client.send(
      new sdk.ListComputationModelDataBindingUsagesCommand({ dataBindingValueFilter }),
    );
    return found.map((u) => [u.matchedDataBinding?.value, u.computationModelIds]);
  };
  const of = (...models: { computationModelId?: string | undefined }[]) =>
    models.map((m) => m.computationModelId);
  expect(await usages(ofModel('flow'))).toEqual([[ofModel('flow'), of(a, b)]]);
  expect(await usages(ofModel('speed'))).toEqual([[ofModel('speed'), of(a)]]);
  expect(await usages({ assetModel: { assetModelId } })).toHaveLength(3);
  expect((await usages({ asset: { assetId } })).map(([, models]) => models)).toEqual([
    of(c),
    of(c),
  ]);
  expect(await usages({ asset: { assetId: crypto.randomUUID() } })).toEqual([]);
  await expect(usages({})).rejects.toMatchObject({ name: 'InvalidRequestException' });
});

test('a training is kept as an execution that failed and says that nothing was trained', async () => {
  const { computationModelId, actionDefinitions = [] } = await createActive(byModel());
  const [training, inference] = actionDefinitions;
  const execute = (
    definition: sdk.ActionDefinition | undefined,
    payload: object | string,
    resolveTo: sdk.ResolveTo | null = { assetId },
  ) =>
    client.send(
      new sdk.ExecuteActionCommand({
        targetResource: { computationModelId },
        actionDefinitionId: definition?.actionDefinitionId,
        actionPayload: {
          stringValue: typeof payload === 'string' ? payload : JSON.stringify(payload),
        },
        ...(resolveTo && { resolveTo }),
      }),
    );
  const span = { exportDataStartTime: 1_717_225_200, exportDataEndTime: 1_722_789_360 };
  const { actionId } = await execute(training, span);
  await execute(inference, { inferenceMode: 'STOP' });
  const target = {
    targetResourceType: 'COMPUTATION_MODEL' as const,
    targetResourceId: computationModelId,
  };
  const { executionSummaries = [] } = await client.send(new sdk.ListExecutionsCommand(target));
  const states = Object.fromEntries(
    executionSummaries.map((e) => [e.actionType, e.executionStatus?.state]),
  );
  expect(states).toEqual({
    'AWS/ANOMALY_DETECTION_TRAINING': 'FAILED',
    'AWS/ANOMALY_DETECTION_INFERENCE': 'COMPLETED',
  });
  const failed = executionSummaries.find((e) => e.executionStatus?.state === 'FAILED');
  const execution = await client.send(
    new sdk.DescribeExecutionCommand({ executionId: failed?.executionId }),
  );
  expect(execution.executionResult?.failureReason).toMatch(/trains no models/);
  expect(await client.send(new sdk.DescribeActionCommand({ actionId }))).toMatchObject({
    actionPayload: { stringValue: JSON.stringify(span) },
    resolveTo: { assetId },
  });
  const { actionSummaries } = await client.send(new sdk.ListActionsCommand(target));
  expect(actionSummaries).toHaveLength(2);
  const resolved = await client.send(
    new sdk.ListComputationModelResolveToResourcesCommand({ computationModelId }),
  );
  expect(resolved.computationModelResolveToResourceSummaries).toEqual([{ resolveTo: { assetId } }]);
  const refused = [
    execute(training, { ...span, exportDataEndTime: 1 }),
    execute(training, 'no JSON'),
    execute(training, span, null),
    execute(inference, { inferenceMode: 'START' }),
    execute(inference, { inferenceMode: 'START', dataUploadFrequency: 'PT7M' }),
  ];
  for (const request of refused) {
    await expect(request).rejects.toMatchObject({ name: 'InvalidRequestException' });
  }
  await expect(
    execute({ ...training, actionDefinitionId: crypto.randomUUID() } as sdk.ActionDefinition, span),
  ).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('results, written in the service’s form, are read back as they were', async () => {
  await createActive(byModel());
  // The form of https://docs.aws.amazon.com/iot-sitewise/latest/userguide/reviewing-inference-results.html
  const stringValue = JSON.stringify({
    timestamp: '2025-02-10T22:42:00.000000',
    prediction: 1,
    prediction_reason: 'ANOMALY_DETECTED',
    anomaly_score: 0.72385,
    diagnostics: [{ name: `${assetId}\\${ids.flow}`, value: 0.53528 }],
  });
  const place = { assetId, propertyId: ids.anomaly };
  const timestamp = { timeInSeconds: Math.floor(Date.now() / 1000) - 60, offsetInNanos: 0 };
  const put = await client.send(
    new sdk.BatchPutAssetPropertyValueCommand({
      entries: [
        { entryId: 'a', ...place, propertyValues: [{ value: { stringValue }, timestamp }] },
      ],
    }),
  );
  expect(put.errorEntries).toEqual([]);
  const latest = await client.send(new sdk.GetAssetPropertyValueCommand(place));
  expect(latest.propertyValue).toMatchObject({ value: { stringValue }, timestamp });
  const batch = await client.send(
    new sdk.BatchGetAssetPropertyValueCommand({ entries: [{ entryId: 'a', ...place }] }),
  );
  expect(batch.successEntries?.[0]?.assetPropertyValue?.value).toEqual({ stringValue });
  const history = await client.send(new sdk.GetAssetPropertyValueHistoryCommand(place));
  expect(history.assetPropertyValueHistory?.map((v) => v.value)).toEqual([{ stringValue }]);
});
