import {
  BatchPutAssetPropertyValueCommand,
  CreateAssetCommand,
  CreateAssetModelCommand,
  DescribeAssetCommand,
  GetAssetPropertyValueCommand,
  GetAssetPropertyValueHistoryCommand,
} from '@aws-sdk/client-iotsitewise';
import { describe, expect, it, test } from 'vitest';
import {
  checkFormula,
  evaluateFormula,
} from '../../../simulators/sitewise/resources/formulas/evaluate.js';
import { parseFormula } from '../../../simulators/sitewise/resources/formulas/parse.js';
import type { VariableWindow } from '../../../simulators/sitewise/resources/formulas/temporal.js';
import { clientOf, openSiteWise } from '../../support/sitewise.js';

const JSON_TEXT = '{"reading":25,"deep":{"confidence":"0.95","list":[3,6,7]},"on":true}';

describe('a formula', () => {
  test.each([
    ['x.gt(1)', 1],
    ['x.gt(1).and(y.lt(2))', 0],
    ['x.pow(2).sqrt() + 1', 5],
    ['(x - 5).abs()', 1],
    ['2.pow(3)', 8],
    ['1.5.floor()', 1],
    ['s.upper().len()', 2],
    ["s.contains('n')", 1],
    ["find(s, 'n')", 1],
    ["lower('ABC')", 'abc'],
    ["jp(j, '$.reading')", 25],
    ["jp(j, '$.deep.list[1]')", 6],
    ['jp(j, "$[\'deep\'].confidence")', '0.95'],
    ["jp(jp(j, '$.deep.confidence'), '$') * 2", 1.9],
    ["j.jp('$.deep.list')", '[3,6,7]'],
    ["jp(j, '$.on')", 1],
    ["jp('111', '$')", 111],
    ["jp(j, '$.nowhere')", undefined],
    ["jp(j, '$.toString')", undefined],
    ["jp('no json', '$')", undefined],
    ['isnan(x)', 0],
    ['cot(x)', 1 / Math.tan(4)],
  ])('%s is %s', (text, result) => {
    const formula = parseFormula(text);
    checkFormula(formula, false);
    const values: Record<string, number | string> = { x: 4, y: 2, s: 'on', j: JSON_TEXT };
    expect(evaluateFormula(formula, { value: (name) => values[name] })).toEqual(result);
  });

  test.each([
    ['latest(x)', false, /metrics only/],
    ['latest(x + y)', true, /one variable, not of 2/],
    ['first(sum(x))', true, /cannot take sum/],
    ['latest(3)', true, /one variable, not of 0/],
    ["timeweightedavg(x, 'cubic')", true, /'locf' or 'linear'/],
    ['timeweightedavg(x, y)', true, /'locf' or 'linear'/],
    ['statetime()', true, /1 arguments, not 0/],
    ['jp(x, y)', true, /quoted text/],
    ["jp(x, '$.a[*]')", true, /goes on with '\[\*\]'/],
    ["jp(x, 'a')", true, /begins with \$/],
    ['x.gt', true, /Expected "\("/],
    ['x.nothing()', true, /no function nothing/],
    ['x.(1)', true, /Expected a function/],
  ])('%s is refused', (text, metric, reason) => {
    expect(() => checkFormula(parseFormula(text), metric)).toThrow(reason);
  });
});

describe('a function of a window', () => {
  /** 10 s: 2 holds since before, 4 from second 2, bad from 5, -1 from 8. */
  const window: VariableWindow = {
    startS: 100,
    endS: 110,
    before: { timeS: 98, value: 2 },
    beforeHolds: true,
    inside: [
      { timeS: 102, value: 4 },
      { timeS: 105, value: undefined },
      { timeS: 108, value: -1 },
    ],
  };
  const run = (text: string, of: VariableWindow = window) => {
    const formula = parseFormula(text);
    checkFormula(formula, true);
    return evaluateFormula(formula, { value: () => undefined, times: () => of });
  };

  test.each([
    ['first(x)', 4],
    ['last(x)', -1],
    ['earliest(x)', 2],
    ['latest(x)', -1],
    ['latest(x * 9 / 5 + 32)', 30.2],
    ['statetime(x)', 5],
    ['statetime(x > 3)', 3],
    ['statetime(x.gt(3))', 3],
    ['timeweightedavg(x)', (2 * 2 + 4 * 3 - 1 * 2) / 7],
    // From 98 to 102 the value goes from 2 to 4: 3 at the beginning.
    ["TimeWeightedAvg(x, 'linear')", (3.5 * 2 + 4 * 3 - 1 * 2) / 7],
    [
      'timeweightedstdev(x)',
      Math.sqrt((2 * (2 - 2) ** 2 + 3 * (4 - 2) ** 2 + 2 * (-1 - 2) ** 2) / 6),
    ],
    [
      "timeweightedstdev(x, 'r')",
      Math.sqrt((3 * (4 - 2) ** 2 + 2 * (-1 - 2) ** 2) / (7 - (4 + 9 + 4) / 7)),
    ],
  ])('%s is %s', (text, result) => {
    expect(run(text)).toBeCloseTo(result, 12);
  });

  it('carries nothing on after a bad value, and has no result without any', () => {
    expect(run('timeweightedavg(x)', { ...window, beforeHolds: false })).toBe((4 * 3 - 2) / 5);
    expect(run('earliest(x)', { ...window, beforeHolds: false })).toBe(2);
    const empty = { startS: 100, endS: 110, beforeHolds: false, inside: [] };
    for (const name of ['first', 'last', 'earliest', 'latest', 'statetime', 'timeweightedavg']) {
      expect(run(`${name}(x)`, empty)).toBeUndefined();
    }
  });
});

describe('metrics that carry a value on', () => {
  it('have a value in every window after the first, by history and as the latest', async () => {
    const siteWise = await openSiteWise({ activationMs: 0 });
    const client = clientOf(siteWise);
    const variables = [{ name: 'x', value: { propertyId: 'speed' } }];
    const metric = (expression: string) => ({
      name: expression,
      dataType: 'DOUBLE' as const,
      type: { metric: { expression, variables, window: { tumbling: { interval: '1m' } } } },
    });
    const names = ['latest(x)', 'statetime(x)', 'sum(x)'];
    const { assetModelId } = await client.send(
      new CreateAssetModelCommand({
        assetModelName: 'carried',
        assetModelProperties: [
          { name: 'speed', dataType: 'DOUBLE', type: { measurement: {} } },
          ...names.map(metric),
        ],
      }),
    );
    const { assetId } = await client.send(
      new CreateAssetCommand({ assetModelId, assetName: 'carried' }),
    );
    const { assetProperties } = await client.send(new DescribeAssetCommand({ assetId }));
    const idOf = (name: string) => assetProperties?.find((p) => p.name === name)?.id;
    const minute = Math.floor(Date.now() / 60_000) * 60 - 300;
    await client.send(
      new BatchPutAssetPropertyValueCommand({
        entries: [
          {
            entryId: '1',
            assetId,
            propertyId: idOf('speed'),
            propertyValues: [
              { value: { doubleValue: 7 }, timestamp: { timeInSeconds: minute + 15 } },
            ],
          },
        ],
      }),
    );
    const history = async (name: string) => {
      const { assetPropertyValueHistory } = await client.send(
        new GetAssetPropertyValueHistoryCommand({
          assetId,
          propertyId: idOf(name),
          startDate: new Date((minute - 600) * 1000),
          endDate: new Date((minute + 240) * 1000),
        }),
      );
      return assetPropertyValueHistory?.map((v) => [
        Number(v.timestamp?.timeInSeconds) - minute,
        v.value?.doubleValue,
      ]);
    };
    expect(await history('latest(x)')).toEqual([
      [60, 7],
      [120, 7],
      [180, 7],
      [240, 7],
    ]);
    expect(await history('statetime(x)')).toEqual([
      [60, 45],
      [120, 60],
      [180, 60],
      [240, 60],
    ]);
    expect(await history('sum(x)')).toEqual([[60, 7]]);
    const { propertyValue } = await client.send(
      new GetAssetPropertyValueCommand({ assetId, propertyId: idOf('statetime(x)') }),
    );
    expect(propertyValue?.value?.doubleValue).toBe(60);
    expect(Number(propertyValue?.timestamp?.timeInSeconds)).toBeGreaterThanOrEqual(minute + 300);
  });
});
