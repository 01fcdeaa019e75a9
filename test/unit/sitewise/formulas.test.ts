import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  DescribeAssetCommand,
  ExecuteQueryCommand,
  GetAssetPropertyAggregatesCommand,
  GetAssetPropertyValueHistoryCommand,
  GetInterpolatedAssetPropertyValuesCommand,
} from '@aws-sdk/client-iotsitewise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSiteWiseClient } from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';
import {
  checkFormula,
  evaluateFormula,
} from '../../../simulators/sitewise/resources/formulas/evaluate.js';
import { parseFormula } from '../../../simulators/sitewise/resources/formulas/parse.js';

test.each([
  ['1 + 2 * 3', 7],
  ['-2 ^ 2', -4],
  ['2 ^ 3 ^ 2', 512],
  ['(1 + 2) * 3 % 4', 1],
  ['if(x > 3, x, 0 - x)', 4],
  ['x >= 4 and not (y < 1)', 1],
  ['max(x, y, 7)', 7],
  ['sqrt(pow(x, 2))', 4],
  ['eq(s, "on")', 1],
  ["s + '!'", 'on!'],
  ['x / 0', undefined],
  ['missing + 1', undefined],
])('%s is %s', (text, result) => {
  const formula = parseFormula(text);
  checkFormula(formula, false);
  const values: Record<string, number | string> = { x: 4, y: 2, s: 'on' };
  expect(evaluateFormula(formula, { value: (name) => values[name] })).toBe(result);
});

test.each(['1 +', 'f(1)', 'avg(x)', 'abs()', '(1', '1 2', '§', '('.repeat(500)])(
  '"%s" is refused',
  (text) => {
    expect(() => checkFormula(parseFormula(text), false)).toThrow(/\w/);
  },
);

let siteWise: SiteWise;
let client: ReturnType<typeof createSiteWiseClient>;
const ids = new Map<string, string>();
let assetId = '';
/** The beginning of an hour, two hours ago. */
const base = Math.floor(Date.now() / 3_600_000) * 3600 - 7200;
const dates = { startDate: new Date((base - 3600) * 1000), endDate: new Date() };

beforeAll(async () => {
  siteWise = await startSiteWise({ activationMs: 0 });
  client = createSiteWiseClient({ ...siteWise });
  const variable = (name: string) => ({ name, value: { propertyId: name } });
  const { assetModelId } = await client.send(
    new CreateAssetModelCommand({
      assetModelName: 'M',
      assetModelProperties: [
        { name: 'a', dataType: 'DOUBLE', type: { measurement: {} } },
        { name: 'b', dataType: 'DOUBLE', type: { measurement: {} } },
        {
          name: 't',
          dataType: 'DOUBLE',
          type: { transform: { expression: 'a + b', variables: [variable('a'), variable('b')] } },
        },
        {
          name: 'm',
          dataType: 'DOUBLE',
          type: {
            metric: {
              expression: 'max(a) - min(a)',
              variables: [variable('a')],
              window: { tumbling: { interval: '1h' } },
            },
          },
        },
      ],
    }),
  );
  const asset = await client.send(new CreateAssetCommand({ assetModelId, assetName: 'A' }));
  assetId = asset.assetId ?? '';
  const { assetProperties } = await client.send(new DescribeAssetCommand({ assetId }));
  for (const p of assetProperties ?? []) ids.set(p.name ?? '', p.id ?? '');
  const put = (name: string, points: [number, number][]) => ({
    entryId: name,
    assetId,
    propertyId: ids.get(name),
    propertyValues: points.map(([s, v]) => ({
      value: { doubleValue: v },
      timestamp: { timeInSeconds: base + s },
    })),
  });
  const points: [number, number][] = [0, 600, 1200, 3600, 4200].map((s) => [s, s / 100]);
  const { errorEntries } = await client.send(
    new BatchPutAssetPropertyValueCommand({ entries: [put('a', points), put('b', [[900, 1000]])] }),
  );
  expect(errorEntries).toEqual([]);
});
afterAll(async () => {
  client.destroy();
  await siteWise.close();
});

async function history(name: string): Promise<[number, number | undefined][]> {
  const { assetPropertyValueHistory } = await client.send(
    new GetAssetPropertyValueHistoryCommand({ assetId, propertyId: ids.get(name), ...dates }),
  );
  return (assetPropertyValueHistory ?? []).map((v) => [
    Number(v.timestamp?.timeInSeconds) - base,
    v.value?.doubleValue,
  ]);
}

test('a transform has a value when an input has one, once all have had one', async () => {
  expect(await history('t')).toEqual([
    [900, 1006],
    [1200, 1012],
    [3600, 1036],
    [4200, 1042],
  ]);
});

test('a metric has a value at the end of each window that has passed', async () => {
  expect(await history('m')).toEqual([
    [3600, 12],
    [7200, 6],
  ]);
});

test('aggregates are of whole intervals and carry their end', async () => {
  const { aggregatedValues } = await client.send(
    new GetAssetPropertyAggregatesCommand({
      assetId,
      propertyId: ids.get('a'),
      aggregateTypes: ['AVERAGE', 'COUNT', 'STANDARD_DEVIATION'],
      resolution: '1h',
      startDate: dates.startDate,
      endDate: new Date((base + 7200) * 1000),
    }),
  );
  const found = (aggregatedValues ?? []).map((v) => [
    Number(v.timestamp) / 1000 - base,
    v.value?.count,
    v.value?.average,
  ]);
  expect(found).toEqual([
    [3600, 3, 6],
    [7200, 2, 39],
  ]);
  expect(aggregatedValues?.[0]?.value?.standardDeviation).toBeCloseTo(Math.sqrt(24), 12);
});

test('interpolation: linear between neighbours, or the last value carried forward', async () => {
  const ask = async (type: string) => {
    const { interpolatedAssetPropertyValues } = await client.send(
      new GetInterpolatedAssetPropertyValuesCommand({
        assetId,
        propertyId: ids.get('a'),
        startTimeInSeconds: base,
        endTimeInSeconds: base + 900,
        quality: 'GOOD',
        intervalInSeconds: 300,
        intervalWindowInSeconds: 700,
        type,
      }),
    );
    return interpolatedAssetPropertyValues?.map((v) => v.value?.doubleValue);
  };
  expect(await ask('LINEAR_INTERPOLATION')).toEqual([0, 3, 6, 9]);
  expect(await ask('LOCF_INTERPOLATION')).toEqual([0, 0, 6, 6]);
  await expect(ask('SPLINE')).rejects.toMatchObject({ name: 'InvalidRequestException' });
});

const query = (queryStatement: string) => client.send(new ExecuteQueryCommand({ queryStatement }));

test('queries join, narrow, group and order', async () => {
  const { rows, columns } = await query(
    `SELECT p.property_name, COUNT(*) AS n, AVG(r.double_value) AS mean
     FROM asset a JOIN asset_property p ON p.asset_id = a.asset_id
     JOIN raw_time_series r ON r.asset_id = p.asset_id AND r.property_id = p.property_id
     WHERE a.asset_name LIKE 'A%' AND p.property_type = 'measurement'
     GROUP BY p.property_name ORDER BY n DESC`,
  );
  expect(columns?.map((c) => c.name)).toEqual(['property_name', 'n', 'mean']);
  expect(rows?.map((r) => r.data?.map((d) => d.scalarValue))).toEqual([
    ['a', '5', '19.2'],
    ['b', '1', '1000'],
  ]);
  const busy = await query(
    `SELECT property_id, COUNT(*) AS n FROM raw_time_series GROUP BY property_id
     HAVING COUNT(*) > 1 AND MAX(double_value) IN (42, 43) AND property_id IS NOT NULL`,
  );
  expect(busy.rows?.map((r) => r.data?.map((d) => d.scalarValue))).toEqual([[ids.get('a'), '5']]);
  const since = `TIMESTAMP '${new Date((base + 1200) * 1000).toISOString()}'`;
  const late = await query(
    `SELECT double_value FROM raw_time_series WHERE property_id = '${ids.get('a')}' AND event_timestamp > ${since} LIMIT 5`,
  );
  expect(late.rows?.map((r) => r.data?.[0]?.scalarValue)).toEqual(['36', '42']);
});

const rowsOf = async (statement: string) =>
  (await query(statement)).rows?.map((r) => r.data?.map((d) => d.scalarValue ?? null));

test('times are ISO texts, and compare with plain texts', async () => {
  const at = (s: number) => new Date((base + s) * 1000).toISOString().replace('.000', '');
  const mine = `property_id = '${ids.get('a')}'`;
  const after = `event_timestamp > '${at(1200).slice(0, 19).replace('T', ' ')}'`;
  const { rows, columns } = await query(
    `SELECT event_timestamp FROM raw_time_series WHERE ${mine} AND ${after} ORDER BY event_timestamp`,
  );
  expect(columns?.[0]?.type?.scalarType).toBe('TIMESTAMP');
  const times = rows?.map((r) => String(r.data?.[0]?.scalarValue)) ?? [];
  expect(times).toHaveLength(2);
  for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  expect(Date.parse(times[0] ?? '')).toBeGreaterThan((base + 1200) * 1000);
});

test('what is not known stays so: three-valued logic', async () => {
  const count = async (condition: string) =>
    Number((await rowsOf(`SELECT COUNT(*) FROM asset WHERE ${condition}`))?.[0]?.[0]);
  const all = await count('asset_id IS NOT NULL');
  expect(all).toBeGreaterThan(0);
  expect(await count("NULL NOT BETWEEN 'a' AND 'b'")).toBe(0);
  expect(await count('NOT (NULL > 1 AND 2 > 1)')).toBe(0);
  expect(await count('NOT (NULL > 1 AND 2 < 1)')).toBe(all);
  expect(await count('1 NOT IN (2, NULL)')).toBe(0);
  expect(await count('1 IN (1, NULL)')).toBe(all);
  expect(await count('NULL > 1 OR 2 > 1')).toBe(all);
});

test('CONCAT, and where NULLs come in an order', async () => {
  const [[name] = []] = (await rowsOf('SELECT asset_name FROM asset LIMIT 1')) ?? [];
  expect(await rowsOf("SELECT CONCAT(asset_name, '-', 'x') FROM asset LIMIT 1")).toEqual([
    [`${name}-x`],
  ]);
  const order = (nulls: string) =>
    rowsOf(`SELECT property_alias FROM asset_property ORDER BY property_alias ${nulls}`);
  const [first, last] = [await order('NULLS FIRST'), await order('DESC NULLS LAST')];
  const isNull = (rows: typeof first) => rows?.map((r) => r?.[0] === null) ?? [];
  expect(isNull(first)).toEqual(isNull(first).toSorted((a, b) => Number(b) - Number(a)));
  expect(isNull(last)).toEqual(isNull(last).toSorted((a, b) => Number(a) - Number(b)));
});

test.each([
  'DROP TABLE asset',
  'SELECT nothing FROM asset',
  'SELECT * FROM nowhere',
  'SELECT upper(asset_name) FROM asset',
  'SELECT * FROM asset WHERE asset_name > 3',
  'SELECT asset_id FROM asset, asset_property',
  'SELECT asset_id FROM asset HAVING COUNT(*) > 1',
  'SELECT event_timestamp * 2 FROM raw_time_series',
  'SELECT event_timestamp % 60 FROM raw_time_series',
  "SELECT asset_id FROM raw_time_series WHERE event_timestamp > 'soon'",
  `SELECT asset_id FROM asset WHERE ${'not '.repeat(2000)} true`,
  `SELECT ${'1+'.repeat(4000)}1 FROM asset`,
  `SELECT asset_id FROM asset WHERE ${'1=1 or '.repeat(1100)}1=1`,
  'SELECT asset_id FROM asset WHERE COUNT(*) IN (1, 2)',
])('"%s" is refused with a reason', async (statement) => {
  await expect(query(statement)).rejects.toMatchObject({ name: 'ValidationException' });
});
