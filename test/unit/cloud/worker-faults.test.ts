import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SiteWiseWriter } from '../../../shared/sitewise/index.js';
import type { ObjectStore } from '../../../shared/store/index.js';
import { fleetOf, newStore, plantWith, run, S, timesOf } from './worker-plant.js';

describe('under faults', () => {
  /** A store that dies before or after a write goes through. */
  function dying(store: ObjectStore, atPut: number, after: boolean): ObjectStore {
    let puts = 0;
    return {
      ...store,
      put: async (key, body, condition) => {
        const dies = key.startsWith('state/') && ++puts === atPut;
        if (dies && !after) throw new Error('killed');
        const result = await store.put(key, body, condition);
        if (dies) throw new Error('killed');
        return result;
      },
    };
  }

  test('killed or throttled at any point, and racing: every sample once, nothing written twice with different content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            fault: fc.constantFrom('put-before', 'put-after', 'write-partly', 'throttle', 'race'),
            at: fc.integer({ min: 1, max: 6 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        async (faults) => {
          const plant = plantWith(0);
          const store = newStore();
          const source = fleetOf(['a1'], { commitEvery: 3 });
          let nowS = 9010;
          let sent = 0;
          const produce = () => {
            for (let i = 0; i < 8; i++) plant.add('/p/flow', 9001 + sent++, sent);
          };
          for (const { fault, at } of faults) {
            produce();
            nowS += 8;
            let writes = 0;
            const writer: SiteWiseWriter = {
              write: async (samples) => {
                if (++writes !== at) return plant.writer().write(samples);
                const half = samples.slice(0, samples.length >> 1);
                plant.store(half);
                if (fault === 'throttle') {
                  return {
                    accepted: half.length,
                    rejected: [],
                    retry: samples
                      .slice(half.length)
                      .map((sample) => ({ sample, code: 'ThrottlingException', message: '' })),
                  };
                }
                throw new Error('killed');
              },
            };
            if (fault === 'race') {
              await Promise.all([
                run({ plant, store, source, nowS }),
                run({ plant, store, source, nowS }),
                run({ plant, store, source, nowS: nowS - 3 }),
              ]);
            } else if (fault === 'put-before' || fault === 'put-after') {
              await run({ plant, store: dying(store, at, fault === 'put-after'), source, nowS });
            } else await run({ plant, store, source, nowS, writer });
          }
          const last = await run({ plant, store, source, nowS: nowS + 100 });
          expect(last.assets[0]?.error).toBeUndefined();
          const expected = Array.from({ length: sent }, (_, i) => 9001 + i);
          expect(await timesOf(store)).toEqual(expected);
          expect(plant.overwrittenDifferently).toBe(0);
          for (const t of expected) {
            expect(plant.results.has(`/p/k@${BigInt(t) * S}`)).toBe(true);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
