import type { Caller, Json } from './script.js';

/** Calls of what the script of thirty leaves out, so that every operation offered is called. */
export async function runMore(call: Caller): Promise<void> {
  const active = async (operation: string, id: object, status: string): Promise<Json> => {
    for (;;) {
      const answer = await call(operation, id as Record<string, unknown>);
      if (answer[status].state === 'ACTIVE') return answer;
    }
  };
  const now = Math.floor(Date.now() / 1000);
  const { assetModelId } = await call('CreateAssetModel', {
    assetModelName: 'Web',
    assetModelDescription: 'A web line',
    assetModelExternalId: 'web-model',
    assetModelProperties: [
      { name: 'v', dataType: 'DOUBLE', unit: 'm/s', type: { measurement: {} }, externalId: 'v-id' },
      {
        name: 'mean',
        dataType: 'DOUBLE',
        type: {
          metric: {
            expression: 'avg(v)',
            variables: [{ name: 'v', value: { propertyId: 'v' } }],
            window: { tumbling: { interval: '5m' } },
          },
        },
      },
    ],
  });
  const model = await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  await call('UpdateAssetModel', {
    assetModelId,
    assetModelName: 'Web',
    assetModelDescription: 'A web line, again',
    assetModelProperties: model.assetModelProperties,
  });
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  const { assetModelCompositeModelId } = await call('CreateAssetModelCompositeModel', {
    assetModelId,
    assetModelCompositeModelName: 'Drive',
    assetModelCompositeModelType: 'CUSTOM',
    assetModelCompositeModelProperties: [
      { name: 'current', dataType: 'DOUBLE', type: { measurement: {} } },
    ],
  });
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  const composite = { assetModelId, assetModelCompositeModelId };
  const described = await call('DescribeAssetModelCompositeModel', composite);
  await call('ListAssetModelCompositeModels', { assetModelId });
  await call('UpdateAssetModelCompositeModel', {
    ...composite,
    assetModelCompositeModelName: 'Drive 2',
    assetModelCompositeModelProperties: described.assetModelCompositeModelProperties,
  });
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  const { assetId } = await call('CreateAsset', {
    assetModelId,
    assetName: 'Web 1',
    assetExternalId: 'web-1',
    assetDescription: 'The first',
    tags: { line: '1' },
  });
  const asset = await active('DescribeAsset', { assetId }, 'assetStatus');
  await call('DescribeAssetCompositeModel', {
    assetId,
    assetCompositeModelId: assetModelCompositeModelId,
  });
  await call('UpdateAsset', { assetId, assetName: 'Web one', assetDescription: 'Renamed' });
  await active('DescribeAsset', { assetId }, 'assetStatus');
  await call('ListAssetProperties', { assetId, filter: 'ALL', maxResults: 10 });
  await call('ListAssets', { assetModelId, filter: 'ALL', maxResults: 10 });
  await call('ListAssetRelationships', { assetId, traversalType: 'PATH_TO_ROOT' });

  const alias = '/web/v';
  const values = [60, 40, 20].map((age) => ({
    value: { doubleValue: age },
    timestamp: { timeInSeconds: now - age, offsetInNanos: 0 },
    quality: 'GOOD',
  }));
  await call('BatchPutAssetPropertyValue', {
    enablePartialEntryProcessing: true,
    entries: [{ entryId: '1', propertyAlias: alias, propertyValues: values }],
  });
  const propertyId: string = asset.assetProperties[0].id;
  await call('AssociateTimeSeriesToAssetProperty', { alias, assetId, propertyId });
  await call('BatchGetAssetPropertyAggregates', {
    entries: [
      {
        entryId: 'a',
        propertyAlias: alias,
        aggregateTypes: ['AVERAGE', 'STANDARD_DEVIATION', 'SUM', 'MINIMUM', 'MAXIMUM', 'COUNT'],
        resolution: '1m',
        startDate: now - 3600,
        endDate: now + 60,
        qualities: ['GOOD'],
        timeOrdering: 'ASCENDING',
      },
      {
        entryId: 'none',
        propertyAlias: '/none',
        aggregateTypes: ['COUNT'],
        resolution: '1d',
        startDate: now - 3600,
        endDate: now,
      },
    ],
  });
  await call('DisassociateTimeSeriesFromAssetProperty', { alias, assetId, propertyId });

  const { gatewayId } = await call('CreateGateway', {
    gatewayName: 'Gateway 1',
    gatewayPlatform: { greengrassV2: { coreDeviceThingName: 'core-1' } },
    gatewayVersion: '3',
    tags: { line: '1' },
  });
  const capabilityNamespace = 'iotsitewise:publisher:3';
  await call('UpdateGatewayCapabilityConfiguration', {
    gatewayId,
    capabilityNamespace,
    capabilityConfiguration: '{}',
  });
  await call('DescribeGatewayCapabilityConfiguration', { gatewayId, capabilityNamespace });
  await call('UpdateGateway', { gatewayId, gatewayName: 'Gateway one' });
  await call('DescribeGateway', { gatewayId });
  await call('ListGateways', { maxResults: 10 });
  await call('DeleteGateway', { gatewayId });

  await call('DescribeStorageConfiguration', {});
  await call('PutStorageConfiguration', {
    storageType: 'SITEWISE_DEFAULT_STORAGE',
    disassociatedDataStorage: 'ENABLED',
    retentionPeriod: { numberOfDays: 90 },
    warmTier: 'ENABLED',
  });
  await call('PutLoggingOptions', { loggingOptions: { level: 'INFO' } });
  await call('DescribeLoggingOptions', {});
  await call('DescribeDefaultEncryptionConfiguration', {});

  const { assetModelId: bearing } = await call('CreateAssetModel', {
    assetModelName: 'Bearing',
    assetModelType: 'COMPONENT_MODEL',
    assetModelProperties: [{ name: 'heat', dataType: 'DOUBLE', type: { measurement: {} } }],
  });
  await active('DescribeAssetModel', { assetModelId: bearing }, 'assetModelStatus');
  const front = await call('CreateAssetModelCompositeModel', {
    assetModelId,
    assetModelCompositeModelName: 'Front bearing',
    assetModelCompositeModelType: 'CUSTOM',
    composedAssetModelId: bearing,
  });
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  await call('ListCompositionRelationships', { assetModelId: bearing, maxResults: 10 });
  await call('ListAssetModelProperties', { assetModelId, filter: 'ALL' });
  const { assetModelId: moving } = await call('CreateAssetModel', {
    assetModelName: 'Moving',
    assetModelType: 'INTERFACE',
    assetModelProperties: [
      { name: 'v', dataType: 'DOUBLE', type: { measurement: {} } },
      { name: 'maker', dataType: 'STRING', type: { attribute: {} } },
    ],
  });
  await active('DescribeAssetModel', { assetModelId: moving }, 'assetModelStatus');
  const applied = { assetModelId, interfaceAssetModelId: moving };
  await call('PutAssetModelInterfaceRelationship', {
    ...applied,
    propertyMappingConfiguration: { matchByPropertyName: true, createMissingProperty: true },
  });
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  await call('DescribeAssetModelInterfaceRelationship', applied);
  await call('ListInterfaceRelationships', { interfaceAssetModelId: moving });
  await call('DeleteAssetModelInterfaceRelationship', applied);
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  await call('DeleteAssetModelCompositeModel', {
    assetModelId,
    assetModelCompositeModelId: front.assetModelCompositeModelId,
  });
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  await call('DeleteAssetModelCompositeModel', composite);
  await active('DescribeAssetModel', { assetModelId }, 'assetModelStatus');
  await call('DeleteAsset', { assetId });
  for (;;) {
    const { assetSummaries } = await call('ListAssets', { assetModelId });
    if (assetSummaries.length === 0) break;
  }
  await call('DeleteAssetModel', { assetModelId });
}

/** Calls of computation models and their actions. */
export async function runComputationModels(call: Caller): Promise<void> {
  const measurement = { type: { measurement: {} } };
  const { assetModelId } = await call('CreateAssetModel', {
    assetModelName: 'Watched pump',
    assetModelProperties: [
      { ...measurement, name: 'flow', dataType: 'DOUBLE' },
      { ...measurement, name: 'anomaly', dataType: 'STRING' },
    ],
  });
  let model: Json;
  do model = await call('DescribeAssetModel', { assetModelId });
  while (model.assetModelStatus.state !== 'ACTIVE');
  const bound = (i: number) => ({
    assetModelProperty: { assetModelId, propertyId: model.assetModelProperties[i].id },
  });
  const { assetId } = await call('CreateAsset', { assetModelId, assetName: 'Watched pump 1' });
  const definition = {
    computationModelName: 'Pump anomalies',
    computationModelDescription: 'Flow against anomalies',
    computationModelConfiguration: {
      anomalyDetection: { inputProperties: `\${flows}`, resultProperty: `\${anomaly}` },
    },
    computationModelDataBinding: { flows: { list: [bound(0)] }, anomaly: bound(1) },
  };
  const { computationModelId } = await call('CreateComputationModel', definition);
  const described = async (): Promise<Json> => {
    for (;;) {
      const answer = await call('DescribeComputationModel', {
        computationModelId,
        computationModelVersion: 'LATEST',
      });
      if (answer.computationModelStatus.state === 'ACTIVE') return answer;
    }
  };
  await described();
  await call('UpdateComputationModel', { computationModelId, ...definition });
  const { actionDefinitions } = await described();
  await call('ListComputationModels', {
    computationModelType: 'ANOMALY_DETECTION',
    maxResults: 10,
  });
  for (const dataBindingValueFilter of [
    { assetModel: { assetModelId } },
    { asset: { assetId } },
    { assetProperty: { assetId, propertyId: bound(0).assetModelProperty.propertyId } },
    bound(0),
  ]) {
    await call('ListComputationModelDataBindingUsages', { dataBindingValueFilter, maxResults: 10 });
  }
  const { actionId } = await call('ExecuteAction', {
    targetResource: { computationModelId },
    actionDefinitionId: actionDefinitions[0].actionDefinitionId,
    actionPayload: { stringValue: '{"exportDataStartTime":1,"exportDataEndTime":2}' },
    resolveTo: { assetId },
  });
  await call('DescribeAction', { actionId });
  const target = {
    targetResourceType: 'COMPUTATION_MODEL',
    targetResourceId: computationModelId,
    resolveToResourceType: 'ASSET',
    resolveToResourceId: assetId,
    maxResults: 10,
  };
  await call('ListActions', target);
  const { executionSummaries } = await call('ListExecutions', {
    ...target,
    actionType: 'AWS/ANOMALY_DETECTION_TRAINING',
  });
  await call('DescribeExecution', { executionId: executionSummaries[0].executionId });
  await call('ListComputationModelResolveToResources', { computationModelId, maxResults: 10 });
  await call('DescribeComputationModelExecutionSummary', {
    computationModelId,
    resolveToResourceType: 'ASSET',
    resolveToResourceId: assetId,
  });
  await call('DeleteComputationModel', { computationModelId });
}
