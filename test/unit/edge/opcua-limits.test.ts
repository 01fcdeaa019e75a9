import { describe, expect, it } from 'vitest';
import { inPortions, operationLimits } from '../../../edge-component/sources/opcua-limits.js';

type Session = Parameters<typeof operationLimits>[0];
const answering = (...values: unknown[]) =>
  ({ read: async () => values.map((value) => ({ value: { value } })) }) as unknown as Session;

describe('requests to a server with limits', () => {
  it('hold what it names, 500 where it names none, and go on where it has no such node', async () => {
    expect(await operationLimits(answering(100, 50, 1000, 20, 300))).toEqual({
      read: 100,
      historyRead: 50,
      browse: 500,
      browsePaths: 20,
      monitoredItems: 300,
    });
    const names = ['read', 'historyRead', 'browse', 'browsePaths', 'monitoredItems'];
    const unsaid = Object.fromEntries(names.map((name) => [name, 500]));
    expect(await operationLimits(answering(0, null))).toEqual(unsaid);
    const broken = { read: () => Promise.reject(new Error('BadNodeIdUnknown')) };
    expect(await operationLimits(broken as unknown as Session)).toEqual(unsaid);
  });

  it('are halved where it refuses what it named, and each item is asked for once', async () => {
    const taken: number[] = [];
    const sizes: number[] = [];
    await inPortions([...Array(1500).keys()], 1000, async (portion) => {
      sizes.push(portion.length);
      if (portion.length > 300) throw new Error('BadTooManyOperations (0x80100000)');
      taken.push(...portion);
    });
    expect(taken).toEqual([...Array(1500).keys()]);
    expect(sizes.slice(0, 4)).toEqual([1000, 500, 250, 250]);
  });

  it('end with the server’s word where it is another, or one item is too many', async () => {
    const all = (why: string) => inPortions([1, 2, 3], 2, () => Promise.reject(new Error(why)));
    await expect(all('BadUserAccessDenied')).rejects.toThrow('BadUserAccessDenied');
    await expect(all('BadTooManyOperations')).rejects.toThrow('BadTooManyOperations');
  });
});
