import { expect } from 'vitest';

/** Calls an operation of the API with its input as JSON; dates are epoch seconds. */
export type Caller = (operation: string, input: Record<string, unknown>) => Promise<Json>;
// biome-ignore lint/suspicious/noExplicitAny: answers of some thirty operations, read by their JSON
export type Json = any;

/** Asks again until an answer is as wanted: states are eventual. */
async function until(ask: () => Promise<Json>, done: (answer: Json) => boolean): Promise<Json> {
  for (let tries = 0; ; tries++) {
    const answer = await ask();
    if (done(answer) || tries > 50) return answer;
  }
}

/**
 * A script of some thirty calls as users make them; every client has to get through it unchanged.
 *
 * @param modern false for a client from before external ids and ExecuteQuery (2023)
 */
export async function runScript(call: Caller, modern = true): Promise<number> {
  let calls = 0;
  const ask: Caller = (operation, input) => {
    calls++;
    return call(operation, input);
  };
  const fails = async (operation: string, input: Record<string, unknown>, code: string) => {
    calls++;
    await expect(call(operation, input)).rejects.toThrow(code);
  };
  const now = Math.floor(Date.now() / 1000);
  const property = (name: string, extra: object) => ({ name, dataType: 'DOUBLE', ...extra });

  expect((await ask('ListAssetModels', { maxResults: 1 })).assetModelSummaries).toEqual([]);
  const rollers = await ask('CreateAssetModel', {
    assetModelName: 'Roller',
    ...(modern ? { assetModelExternalId: 'roller-model' } : {}),
    assetModelProperties: [
      property('w', { unit: 'rad/s', type: { measurement: {} } }),
      property('radius', { unit: 'm', type: { attribute: { defaultValue: '0.05' } } }),
      property('speed', {
        unit: 'm/s',
        type: {
          transform: {
            expression: 'w * r',
            variables: [
              { name: 'w', value: { propertyId: 'w' } },
              { name: 'r', value: { propertyId: 'radius' } },
            ],
          },
        },
      }),
    ],
    tags: { line: '1' },
  });
  const modelId: string = rollers.assetModelId;
  const active = (what: string, id: Record<string, unknown>, status: string) =>
    until(
      () => ask(what, id),
      (a) => a[status].state === 'ACTIVE',
    );
  await active('DescribeAssetModel', { assetModelId: modelId }, 'assetModelStatus');
  const line = await ask('CreateAssetModel', {
    assetModelName: 'Line',
    assetModelHierarchies: [
      { name: 'rollers', childAssetModelId: modern ? 'externalId:roller-model' : modelId },
    ],
  });
  const lineModel = await active(
    'DescribeAssetModel',
    { assetModelId: line.assetModelId },
    'assetModelStatus',
  );
  const properties = (await ask('ListAssetModelProperties', { assetModelId: modelId }))
    .assetModelPropertySummaries;
  expect(properties.map((p: Json) => p.name)).toEqual(['w', 'radius', 'speed']);

  const roller = await ask('CreateAsset', {
    assetModelId: modelId,
    assetName: 'Roller 1',
    ...(modern ? { assetExternalId: 'roller-1' } : {}),
  });
  const assetId: string = roller.assetId;
  const parent = await ask('CreateAsset', {
    assetModelId: line.assetModelId,
    assetName: 'Line 1',
  });
  const rollerId = modern ? 'externalId:roller-1' : assetId;
  const asset = await active('DescribeAsset', { assetId: rollerId }, 'assetStatus');
  await active('DescribeAsset', { assetId: parent.assetId }, 'assetStatus');
  const idOf = (name: string): string =>
    asset.assetProperties.find((p: Json) => p.name === name).id;
  await ask('UpdateAssetProperty', {
    assetId,
    propertyId: idOf('w'),
    propertyAlias: '/line1/roller1/w',
    propertyNotificationState: 'DISABLED',
  });
  const described = await ask('DescribeAssetProperty', { assetId, propertyId: idOf('w') });
  expect(described.assetProperty.alias).toBe('/line1/roller1/w');

  const hierarchyId: string = lineModel.assetModelHierarchies[0].id;
  await ask('AssociateAssets', { assetId: parent.assetId, hierarchyId, childAssetId: assetId });
  const children = await ask('ListAssociatedAssets', { assetId: parent.assetId, hierarchyId });
  expect(children.assetSummaries.map((a: Json) => a.id)).toEqual([assetId]);
  await fails('DeleteAsset', { assetId }, 'ConflictingOperationException');

  const entry = (entryId: string, alias: string, seconds: number[]) => ({
    entryId,
    propertyAlias: alias,
    propertyValues: seconds.map((s, i) => ({
      value: { doubleValue: i + 0.5 },
      timestamp: { timeInSeconds: s, offsetInNanos: 7 },
      quality: 'GOOD',
    })),
  });
  const put = await ask('BatchPutAssetPropertyValue', {
    entries: [
      entry('good', '/line1/roller1/w', [now - 60, now - 50, now - 40, now - 30]),
      entry('loose', '/line1/loose', [now - 5]),
      entry('old', '/line1/roller1/w', [now - 30 * 86_400]),
    ],
  });
  expect(put.errorEntries.map((e: Json) => [e.entryId, e.errors[0].errorCode])).toEqual([
    ['old', 'TimestampOutOfRangeException'],
  ]);
  const latest = await ask('GetAssetPropertyValue', { propertyAlias: '/line1/roller1/w' });
  expect(latest.propertyValue.value.doubleValue).toBe(3.5);
  expect(latest.propertyValue.timestamp.offsetInNanos).toBe(7);
  const speed = await ask('GetAssetPropertyValue', { assetId, propertyId: idOf('speed') });
  expect(speed.propertyValue.value.doubleValue).toBeCloseTo(0.175, 12);
  const range = { startDate: now - 3600, endDate: now };
  const pages: number[] = [];
  let nextToken: string | undefined;
  do {
    const page: Json = await ask('GetAssetPropertyValueHistory', {
      propertyAlias: '/line1/roller1/w',
      maxResults: 3,
      ...range,
      ...(nextToken === undefined ? {} : { nextToken }),
    });
    pages.push(page.assetPropertyValueHistory.length);
    ({ nextToken } = page);
  } while (nextToken);
  expect(pages).toEqual([3, 1]);
  const batch = await ask('BatchGetAssetPropertyValueHistory', {
    entries: [
      { entryId: 'a', propertyAlias: '/line1/roller1/w', timeOrdering: 'DESCENDING', ...range },
      { entryId: 'b', propertyAlias: '/line1/nowhere' },
    ],
  });
  expect(batch.successEntries[0].assetPropertyValueHistory[0].value.doubleValue).toBe(3.5);
  expect(batch.errorEntries[0].errorCode).toBe('ResourceNotFoundException');
  const newest = await ask('BatchGetAssetPropertyValue', {
    entries: [{ entryId: 'a', propertyAlias: '/line1/loose' }],
  });
  expect(newest.successEntries[0].assetPropertyValue.value.doubleValue).toBe(0.5);
  const aggregates = await ask('GetAssetPropertyAggregates', {
    propertyAlias: '/line1/roller1/w',
    aggregateTypes: ['COUNT', 'MAXIMUM'],
    resolution: '1m',
    startDate: now - 3600,
    endDate: now + 120,
  });
  const counts = aggregates.aggregatedValues.map((v: Json) => v.value.count);
  expect(counts.reduce((a: number, b: number) => a + b, 0)).toBe(4);
  const between = await ask('GetInterpolatedAssetPropertyValues', {
    propertyAlias: '/line1/roller1/w',
    startTimeInSeconds: now - 55,
    endTimeInSeconds: now - 45,
    quality: 'GOOD',
    intervalInSeconds: 10,
    intervalWindowInSeconds: 20,
    type: 'LINEAR_INTERPOLATION',
  });
  const [interpolated] = between.interpolatedAssetPropertyValues;
  expect(interpolated.value.doubleValue).toBeCloseTo(1, 6);
  if (modern) {
    const rows = await ask('ExecuteQuery', {
      queryStatement:
        "SELECT a.asset_name, r.double_value FROM asset a JOIN asset_property p ON p.asset_id = a.asset_id JOIN raw_time_series r ON r.property_id = p.property_id AND r.asset_id = a.asset_id WHERE p.property_alias = '/line1/roller1/w' ORDER BY r.event_timestamp DESC LIMIT 1",
    });
    expect(rows.rows[0].data.map((d: Json) => d.scalarValue)).toEqual(['Roller 1', '3.5']);
  }

  const loose = await ask('ListTimeSeries', { timeSeriesType: 'DISASSOCIATED' });
  expect(loose.TimeSeriesSummaries.map((t: Json) => t.alias)).toEqual(['/line1/loose']);
  const series = await ask('DescribeTimeSeries', { alias: '/line1/roller1/w' });
  expect(series.assetId).toBe(assetId);
  await ask('DeleteTimeSeries', { alias: '/line1/loose' });

  const arn: string = rollers.assetModelArn;
  await ask('TagResource', { resourceArn: arn, tags: { owner: 'plant' } });
  await ask('UntagResource', { resourceArn: arn, tagKeys: ['line'] });
  expect((await ask('ListTagsForResource', { resourceArn: arn })).tags).toEqual({ owner: 'plant' });

  await fails(
    'DescribeAsset',
    { assetId: '11111111-2222-3333-4444-555555555555' },
    'ResourceNotFoundException',
  );
  await fails('CreateAssetModel', { assetModelName: 'Roller' }, 'ResourceAlreadyExistsException');
  await ask('DisassociateAssets', { assetId: parent.assetId, hierarchyId, childAssetId: assetId });
  await ask('DeleteAsset', { assetId });
  await ask('DeleteAsset', { assetId: parent.assetId });
  expect((await ask('ListAssets', { filter: 'TOP_LEVEL' })).assetSummaries.length).toBeLessThan(3);
  return calls;
}
