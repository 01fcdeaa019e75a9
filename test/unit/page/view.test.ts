import { expect, it } from 'vitest';
import { csvOf } from '../../../cloud/page/browser/csv.js';
import { titleOf } from '../../../cloud/page/browser/event-text.js';
import { formatSpan } from '../../../cloud/page/browser/format.js';
import type { Machine, Quantity } from '../../../cloud/page/browser/protocol.js';
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
  const view = { show: 'parameter:b9', range: [100, 200] } as const;
  expect(parseAddress(formatAddress(view))).toEqual(view);
  expect(formatAddress({})).toBe('');
  expect(parseAddress('#from=200&to=100&show=')).toEqual({});
  expect(parseAddress('#from=x&to=100')).toEqual({});
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
  expect(csvOf(store, machine, store.machine?.quantities ?? [])).toBe(
    [
      "time,'=cmd() (N.m.s/rad),'=cmd() lower 95 % (N.m.s/rad)",
      '1970-01-01T00:01:00.000Z,0.6,0.3',
      '1970-01-01T00:02:00.000Z,1.2,0.6',
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
