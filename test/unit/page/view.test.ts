import { describe, expect, it } from 'vitest';
import { ageOf } from '../../../cloud/page/browser/age-text.js';
import { reachedText } from '../../../cloud/page/browser/ahead-text.js';
import { csvOf } from '../../../cloud/page/browser/csv.js';
import { titleOf } from '../../../cloud/page/browser/event-text.js';
import { expectedLimits } from '../../../cloud/page/browser/expected.js';
import { formatSpan } from '../../../cloud/page/browser/format.js';
import type {
  Machine,
  Outlook,
  OutlookSeries,
  Quantity,
  Row,
  Status,
} from '../../../cloud/page/browser/protocol.js';
import { Store } from '../../../cloud/page/browser/store.js';
import { formatAddress, parseAddress } from '../../../cloud/page/browser/view-address.js';

const drag: Quantity = {
  id: 'parameter:b9',
  role: 'parameter',
  variable: 'b9',
  label: 'b9',
  named: false,
  unit: 'N.m.s/rad',
  alias: '/line1/roller9/b',
  limit: { above: 0.1 },
};
const machine: Machine = { name: 'line', quantities: [drag], decides: false, axis: 'wall' };

it('keeps what is shown in the address, and leaves out what it cannot read', () => {
  const view = {
    show: 'parameter:b9',
    range: [100, 200],
    comparison: 'event',
    onWall: true,
  } as const;
  expect(parseAddress(formatAddress(view))).toEqual(view);
  expect(formatAddress({})).toBe('');
  expect(parseAddress('#from=200&to=100&show=')).toEqual({});
  expect(parseAddress('#from=x&to=100&with=later&view=floor')).toEqual({});
});

it('says of a limit by when it is reached, and of a forecast that is over no time to come', () => {
  const likely = { reachedS: [7200, null, null], passed: [0, 0.44] } as unknown as OutlookSeries;
  const rare = { reachedS: [null, null, null], passed: [0, 0] } as unknown as OutlookSeries;
  expect(reachedText(likely, 86_400, 0)).toBe('44 % within 1 d');
  expect(reachedText(rare, 86_400, 0)).toBe('not in 1 d');
  expect(reachedText(likely, 0, 100_000)).toBe('44 % until the forecast ended');
  expect(reachedText(rare, 0, 100_000)).toBe('not until the forecast ended');
});

it('writes what charts show as CSV, and no formula for a spreadsheet', () => {
  const store = new Store();
  store.take({
    machine: { ...machine, quantities: [{ ...drag, variable: '=cmd()' }] },
    channels: { 'parameter:b9': [0, 60, 120].map((x) => [x, x / 100, x / 200, null]) },
    events: [],
    status: {
      nowMs: 0,
      freshness: { state: 'live', text: '' },
      alarms: [],
      calibrations: [],
      outlook: { revision: 0 },
      endpoints: {},
    },
  });
  store.setRange([60, 200]);
  expect(csvOf(store, machine, store.machine?.quantities ?? [], undefined)).toBe(
    [
      "time,resolution,'=cmd() (N.m.s/rad),'=cmd() lower 95 % (N.m.s/rad)",
      '1970-01-01T00:01:00.000Z,"raw, as drawn",0.6,0.3',
      '1970-01-01T00:02:00.000Z,"raw, as drawn",1.2,0.6',
      '',
    ].join('\n'),
  );
});

it('names events by thing, verb and limit', () => {
  const alarm = { level: 'alarm', code: 'limit', subject: 'b9', message: '' } as const;
  expect(titleOf(alarm, drag, machine)).toBe('b9 is above 0.1 N·m·s/rad');
  const named = {
    ...drag,
    label: 'Drag of R9',
    named: true,
    limit: { above: 0.1, verb: 'is worn' },
  };
  expect(titleOf(alarm, named, machine)).toBe('Drag of R9 is worn');
  expect(
    titleOf({ ...alarm, code: 'sensor-frozen', title: 'Sensor stands still' }, named, machine),
  ).toBe('Drag of R9: sensor stands still');
});

it('tells spans of time in two units at most', () => {
  expect([45, 3600, 5400, 86_400, 324_000].map(formatSpan)).toEqual([
    '45 s',
    '1 h',
    '1 h 30 min',
    '1 d',
    '3 d 18 h',
  ]);
});

describe('between calibrations', () => {
  const outlook: Outlook = {
    fromX: 100,
    x: [100, 200, 300],
    inputs: [],
    renewed: [],
    series: {
      'parameter:b9': {
        median: [0.05, 0.07, 0.09],
        bands: [
          [[], []],
          [[], []],
          [
            [0.04, 0.05, 0.05],
            [0.06, 0.09, 0.13],
          ],
        ],
      },
    },
    changedPaces: [],
    courses: 1,
    modelRuns: 1,
    tookMs: 1,
  };
  const storeAt = (measuredX: number, state: 'live' | 'silent' = 'live') => {
    const store = new Store();
    store.take({
      machine,
      channels: {
        'parameter:b9': [[100, 0.05, 0.04, 0.06]],
        'measured:w': [[measuredX, 20, null, null]],
      },
      events: [],
      status: {
        nowMs: 280_000,
        freshness: { state, text: '' },
        allowed: { measuredS: 15, calibratedS: 90 },
        alarms: [],
        calibrations: [],
        outlook: { revision: 1 },
        endpoints: {},
      },
    });
    store.expect({ today: outlook });
    return store;
  };

  const hears = (store: Store, channels: Record<string, Row[]>) =>
    store.take({ channels, status: store.status as Status });

  it('carries the last result to the newest instant, its band growing', () => {
    const carried = storeAt(150).now('parameter:b9');
    expect(carried?.map((v) => Number(v?.toFixed(6)))).toEqual([150, 0.06, 0.045, 0.075]);
    expect(storeAt(100).now('parameter:b9')?.[0]).toBe(100);
    expect(ageOf(storeAt(150), drag)).toEqual({ text: 'carried 50 s to now', isOld: false });
    expect(ageOf(storeAt(250), drag)).toEqual({ text: 'carried 3 min to now', isOld: true });
  });

  it('goes on to the present while the machine is silent, and not beyond the courses', () => {
    expect(storeAt(150, 'silent').now('parameter:b9')?.[0]).toBe(280);
    const late = storeAt(400);
    expect(late.now('parameter:b9')?.[0]).toBe(100);
    expect(ageOf(late, drag).text).toBe('as of 5 min ago');
  });

  it('carries nothing by courses from before the newest result', () => {
    const store = storeAt(150);
    hears(store, { 'parameter:b9': [[140, 0.2, 0.1, 0.3]] });
    expect(store.now('parameter:b9')).toEqual([140, 0.2, 0.1, 0.3]);
  });

  it('expects no limit of what has passed it: that is an event', () => {
    const store = storeAt(150);
    const passing = { passed: [0, 0.6, 0.9], reachedS: [10, 90, 190] as const };
    const b9 = outlook.series['parameter:b9'] as OutlookSeries;
    store.expect({ today: { ...outlook, series: { 'parameter:b9': { ...b9, ...passing } } } });
    expect(expectedLimits(store).map((e) => e.quantity.variable)).toEqual(['b9']);
    const event = { level: 'alarm', code: 'limit', subject: 'b9', message: '' } as const;
    const events = [{ ...event, key: 'limit:b9@120', sinceX: 120, sinceMs: 120_000 }];
    store.take({ channels: {}, events, status: store.status as Status });
    expect(expectedLimits(store)).toEqual([]);
  });

  it('expects nothing by now that a newer result shows not to be so, as after a repair', () => {
    const b9 = outlook.series['parameter:b9'] as OutlookSeries;
    const expecting = (x: number, value: number, half: number) => {
      const store = storeAt(150);
      const passing = { passed: [0, 0.6, 0.9], reachedS: [10, 30, 190] as const };
      store.expect({ today: { ...outlook, series: { 'parameter:b9': { ...b9, ...passing } } } });
      hears(store, { 'parameter:b9': [[x, value, value - half, value + half]] });
      return expectedLimits(store).map((e) => e.reachedS[1]);
    };
    // From before, or with a band that still reaches the limit, nothing is told against it.
    expect(expecting(100, 0.01, 0.005)).toEqual([0]);
    expect(expecting(145, 0.08, 0.05)).toEqual([0]);
    expect(expecting(145, 0.01, 0.005)).toEqual([]);
  });

  it('tells a sensor that is silent while others are not', () => {
    const sensor: Quantity = { ...drag, id: 'measured:w', role: 'measured', variable: 'w' };
    const store = storeAt(150);
    expect(ageOf(store, sensor)).toEqual({ text: '', isOld: false });
    hears(store, { 'measured:v': [[170, 20, null, null]] });
    expect(ageOf(store, sensor)).toEqual({ text: 'silent for 20 s', isOld: true });
  });
});
