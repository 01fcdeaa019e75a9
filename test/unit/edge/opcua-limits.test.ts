import { describe, expect, it } from 'vitest';
import { inPortions, operationLimits } from '../../../edge-component/sources/opcua-limits.js';

type Session = Parameters<typeof operationLimits>[0];
const answering = (...values: unknown[]) =>
  ({ read: async () => values.map((value) => ({ value: { value } })) }) as unknown as Session;

describe('requests to a server with limits', () => {
  it('hold what it names, 500 (100 browse paths) where it names none, and go on where it has no such node', async () => {
    expect(await operationLimits(answering(100, 50, 1000, 20, 300))).toEqual({
      read: 100,
      historyRead: 50,
      browse: 500,
      browsePaths: 20,
      monitoredItems: 300,
    });
    const names = ['read', 'historyRead', 'browse', 'browsePaths', 'monitoredItems'];
    const unsaid = {
      ...Object.fromEntries(names.map((name) => [name, 500])),
      browsePaths: 100,
    };
    expect(await operationLimits(answering(0, null))).toEqual(unsaid);
    const broken = { read: () => Promise.reject(new Error('BadNodeIdUnknown')) };
    expect(await operationLimits(broken as unknown as Session)).toEqual(unsaid);
  });

  it('are halved where it refuses what it named, and each item is asked for once', async () => {
    const taken: number[] = [];
    const sizes: number[] = [];
    const take = async (portion: readonly number[]) => {
      sizes.push(portion.length);
      if (portion.length > 300) throw new Error('BadTooManyOperations (0x80100000)');
      taken.push(...portion);
    };
    await inPortions([...Array(1500).keys()], 1000, take, () => expect.unreachable());
    expect(taken).toEqual([...Array(1500).keys()]);
    // How many it takes holds for the rest as well.
    expect(sizes).toEqual([1000, 500, ...Array(6).fill(250)]);
  });

  it('whose answers are too long are split about the items that are to blame, which are told', async () => {
    const taken: number[] = [];
    const refused: [number, string][] = [];
    const sizes: number[] = [];
    const take = async (portion: readonly number[]) => {
      sizes.push(portion.length);
      if (portion.includes(700)) throw new Error('ServiceResult is BadResponseTooLarge (0x80b9)');
      taken.push(...portion);
    };
    await inPortions([...Array(1500).keys()], 500, take, (item, why) => refused.push([item, why]));
    expect(taken).toEqual([...Array(1500).keys()].filter((i) => i !== 700));
    expect(refused).toEqual([[700, 'BadResponseTooLarge']]);
    // One of them makes no small portions of all others.
    expect(sizes.filter((size) => size === 500)).toHaveLength(3);
    expect(sizes.length).toBeLessThan(25);
  });

  it('end with the server’s word where it is another', async () => {
    const fail = () => Promise.reject(new Error('BadUserAccessDenied'));
    const all = inPortions([1, 2, 3], 2, fail, () => expect.unreachable());
    await expect(all).rejects.toThrow('BadUserAccessDenied');
  });
});
