import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRng, TwinError } from '../../../shared/core/index.js';
import type { ObjectStore } from '../../../shared/store/index.js';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  listStates,
  loadState,
  newestState,
  restoreState,
  runSamples,
  saveState,
} from '../../../shared/twin/index.js';
import { linearModel, sample, smallTwin } from './fixtures.js';

const twin = smallTwin();
const state = createCalibrator({ twin, model: linearModel() }).initialState();

/** A store with conditions, in memory. */
function memoryStore(): ObjectStore & { objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  const versions = new Map<string, number>();
  return {
    objects,
    get: async (key) => {
      const body = objects.get(key);
      return body === undefined ? undefined : { body, etag: String(versions.get(key)) };
    },
    put: async (key, body, condition = {}) => {
      const etag = objects.has(key) ? String(versions.get(key)) : undefined;
      const refused =
        (condition.ifNoneMatch === '*' && etag !== undefined) ||
        (condition.ifMatch !== undefined && condition.ifMatch !== etag);
      if (refused) throw new TwinError('CONFLICT', 'Somebody wrote first.');
      objects.set(key, body);
      versions.set(key, (versions.get(key) ?? 0) + 1);
      return { etag: String(versions.get(key)) };
    },
    list: async (prefix) => [...objects.keys()].filter((k) => k.startsWith(prefix)).sort(),
    delete: async (key) => void objects.delete(key),
  };
}

describe('checkpoint', () => {
  it('is the identity, NaN and infinities included', () => {
    expect(decodeCheckpoint(encodeCheckpoint(state), twin)).toEqual(state);
  });

  it('refuses the state of another definition, another format and damage', () => {
    const bytes = encodeCheckpoint(state);
    expect(() => decodeCheckpoint(bytes, { ...twin, hash: 'other' })).toThrow(/another definition/);
    const newer = bytes.slice();
    newer[4] = 9;
    expect(() => decodeCheckpoint(newer, twin)).toThrow(/format 9/);
    const damaged = bytes.slice();
    damaged[bytes.length - 60]! ^= 1;
    expect(() => decodeCheckpoint(damaged, twin)).toThrow(/damaged/);
    expect(() => decodeCheckpoint(new Uint8Array(5), twin)).toThrow(/not one of/);
  });

  it('finds the state of the one asset that runs the twin, whatever the worker calls it', async () => {
    const store = memoryStore();
    const [key] = await storeOf(store, 'line-1');
    const found = await newestState(store, twin, twin.definition.name);
    expect(found?.sampleCount).toBe(state.sampleCount);
    // Another twin's asset is none of ours; a file that nobody can read matters only without another.
    store.objects.set('state/plant/other.json', new TextEncoder().encode('{'));
    expect(await newestState(store, twin, twin.definition.name)).toBeDefined();
    const stranger = { ...twin, hash: 'other' };
    await expect(newestState(store, stranger, twin.definition.name)).rejects.toThrow('other.json');
    store.objects.delete('state/plant/other.json');
    expect(await newestState(store, stranger, twin.definition.name)).toBeUndefined();
    await storeOf(store, 'line-2');
    await expect(newestState(store, twin, twin.definition.name)).rejects.toThrow(
      'states of 2 assets, line-1, line-2: name one with --asset',
    );
    expect(await newestState(store, twin, 'line-2')).toBeDefined();
    expect(key).toBe('state/plant/line-1.json');
  });

  /** Puts the state where a fleet's worker keeps it. */
  async function storeOf(store: ReturnType<typeof memoryStore>, asset: string): Promise<string[]> {
    const own = memoryStore();
    await saveState(own, twin, state, undefined, { asset });
    for (const [name, body] of own.objects) {
      store.objects.set(name.replace('state/_/', 'state/plant/'), body);
    }
    return [...store.objects.keys()];
  }

  it('lets the first of two writers win and keeps the last ten states', async () => {
    const store = memoryStore();
    let { etag } = await saveState(store, twin, state, undefined);
    const loaded = await loadState(store, twin);
    expect(loaded).toEqual({ state, etag });
    await saveState(store, twin, { ...state, sampleCount: 1 }, etag);
    await expect(saveState(store, twin, { ...state, sampleCount: 2 }, etag)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect((await loadState(store, twin))!.state.sampleCount).toBe(1);
    etag = (await loadState(store, twin))!.etag;
    for (let k = 2; k < 20; k++) {
      ({ etag } = await saveState(store, twin, { ...state, sampleCount: k }, etag));
    }
    const kept = await listStates(store, twin);
    expect(kept.map((e) => e.sampleCount)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it('keeps the branch that was restored and lets the one that was left go first', async () => {
    const store = memoryStore();
    let etag: string | undefined;
    for (let k = 100; k <= 190; k += 10) {
      ({ etag } = await saveState(store, twin, { ...state, sampleCount: k }, etag));
    }
    await restoreState(store, twin, 120);
    etag = (await loadState(store, twin))!.etag;
    const counts = async () => (await listStates(store, twin)).map((e) => e.sampleCount);
    for (let k = 121; k <= 125; k++) {
      ({ etag } = await saveState(store, twin, { ...state, sampleCount: k }, etag));
    }
    expect(await counts()).toEqual([100, 110, 180, 190, 120, 121, 122, 123, 124, 125]);
    expect((await listStates(store, twin)).filter((e) => e.abandoned)).toHaveLength(2);
    for (let k = 126; k <= 140; k++) {
      ({ etag } = await saveState(store, twin, { ...state, sampleCount: k }, etag));
    }
    expect(await counts()).toEqual([131, 132, 133, 134, 135, 136, 137, 138, 139, 140]);
  });

  it('reads states of the older layout, with their history, and goes on in the new one', async () => {
    const store = memoryStore();
    for (const n of [3, 4, 5]) {
      await store.put(
        `states/small/history/00000000000${n}.bin`,
        encodeCheckpoint({ ...state, sampleCount: n }),
      );
    }
    await store.put('states/small/latest.bin', encodeCheckpoint({ ...state, sampleCount: 5 }));
    expect((await listStates(store, twin)).map((e) => e.sampleCount)).toEqual([3, 4, 5]);
    const old = await loadState(store, twin);
    expect(old!.state.sampleCount).toBe(5);
    await saveState(store, twin, { ...state, sampleCount: 6 }, old!.etag);
    expect((await listStates(store, twin)).map((e) => e.sampleCount)).toEqual([3, 4, 5, 6]);
    await restoreState(store, twin, 4);
    expect((await loadState(store, twin))!.state.sampleCount).toBe(4);
    const other = { ...twin, hash: 'other' };
    await store.delete('state/_/small.json');
    await expect(loadState(store, other)).rejects.toMatchObject({ code: 'STATE_MISMATCH' });
  });

  it('goes on bit for bit wherever a recording is cut', async () => {
    const small = smallTwin();
    const rng = createRng(8);
    // Noise, a step, an outlier, gaps and a frozen channel: every memory of the filter is in use.
    const samples = Array.from({ length: 90 }, (_, k) => {
      const p = k < 50 ? 0.1 + 0.002 * k : 0.45;
      const y = [p, 0.2, p + 0.2].map((v) => v + 0.01 * rng.normal());
      if (k === 20) y[1] = 3;
      if (k % 7 === 0) y[0] = Number.NaN;
      if (k > 55) y[2] = 0.66;
      return sample(k, y);
    });
    const calibrator = createCalibrator({ twin: small, model: linearModel() });
    const start = calibrator.initialState(samples.slice(0, 20));
    const whole = await runSamples(calibrator, start, samples);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 90 }), async (cut) => {
        const first = await runSamples(calibrator, start, samples.slice(0, cut));
        const saved = decodeCheckpoint(encodeCheckpoint(first.state), small);
        const again = createCalibrator({ twin: small, model: linearModel() });
        const rest = await runSamples(again, saved, samples.slice(cut));
        expect(encodeCheckpoint(rest.state)).toEqual(encodeCheckpoint(whole.state));
        expect([...first.steps, ...rest.steps]).toEqual(whole.steps);
      }),
      { numRuns: 20 },
    );
  });

  it('lists what is kept and goes back to any of it', async () => {
    const store = memoryStore();
    let etag: string | undefined;
    for (let k = 1; k <= 6; k++) {
      ({ etag } = await saveState(store, twin, { ...state, sampleCount: k }, etag, { history: 4 }));
    }
    const listed = await listStates(store, twin);
    expect(listed.map((e) => [e.sampleCount, e.latest])).toEqual([
      [3, false],
      [4, false],
      [5, false],
      [6, true],
    ]);
    expect(listed[0]!.bytes).toBeLessThan(5000);
    await restoreState(store, twin, 4);
    const restored = await loadState(store, twin);
    expect(restored!.state.sampleCount).toBe(4);
    expect((await listStates(store, twin)).find((e) => e.latest)!.sampleCount).toBe(4);
    // The next run goes on from there, under the condition that nobody else did.
    await saveState(store, twin, { ...state, sampleCount: 9 }, restored!.etag);
    await expect(restoreState(store, twin, 77)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(restoreState(store, { ...twin, hash: 'other' }, 5)).rejects.toMatchObject({
      code: 'STATE_MISMATCH',
    });
    expect((await listStates(store, { ...twin, hash: 'other' }))[0]!.problem).toMatch(/another/);
  });
});
