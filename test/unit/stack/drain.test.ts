import { describe, expect, it } from 'vitest';
import { drain } from '../../../simulators/stack/drain.js';
import { type StackSummary, shortfalls } from '../../../simulators/stack/summary.js';
import { GrowingDrag, lineTwin } from '../page/growing-drag.js';

const START_NS = 1_700_000_000_000_000_000n;

/** A loop at rest, whose edge component finds the machine only after so many looks at the stored values. */
function loopThatListensAfter(looks: number) {
  const machine = new GrowingDrag(lineTwin());
  const alias = '/line1/roller1/w';
  const state = { looks: 0, halted: false };
  const stack = {
    twin: { definition: machine.twin },
    plant: {
      startNs: START_NS,
      shown: () => new Map([['Roller1_w', [START_NS, START_NS + 1n]]]),
      halt: async () => {
        state.halted = true;
      },
    },
    reader: {
      latest: machine.latest.bind(machine),
      history: (query: Parameters<typeof machine.history>[0]) => {
        if (state.looks++ === looks) {
          machine.put(alias, { timeNs: START_NS + 1n, quality: 'GOOD', value: 20 });
        }
        return machine.history(query);
      },
    },
    edge: { status: async () => ({ queueDepth: 0, published: 0, dropped: 0, healthy: true }) },
    gateway: { stats: () => ({ buffered: 0, received: 0 }) },
  };
  return { stack: stack as unknown as Parameters<typeof drain>[0], state };
}

describe('drain', () => {
  it('waits for an edge component that has not found the machine yet, however quiet all is', async () => {
    const { stack, state } = loopThatListensAfter(1);
    await drain(stack, 60);
    expect(state).toEqual({ looks: 2, halted: true });
  });

  it('gives up when the time is over', async () => {
    const { stack, state } = loopThatListensAfter(Number.POSITIVE_INFINITY);
    await drain(stack, 1.5);
    expect(state.looks).toBe(1);
  });
});

it('names each way in which values are missing', () => {
  const whole = { lost: 0, duplicated: 0, unused: 0 } as StackSummary;
  expect(shortfalls(whole)).toEqual([]);
  expect(shortfalls({ ...whole, lost: 24 })).toEqual([
    '24 values that the machine showed are not in SiteWise.',
  ]);
  expect(shortfalls({ ...whole, duplicated: 1, unused: 2 })).toHaveLength(2);
});
