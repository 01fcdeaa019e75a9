import { describe, expect, it } from 'vitest';
import {
  createCalibrator,
  decodeCheckpoint,
  encodeCheckpoint,
  loadState,
  saveState,
  stateKey,
} from '../../../shared/calibration/index.js';
import { TwinError } from '../../../shared/core/index.js';
import type { ObjectStore } from '../../../shared/storage/index.js';
import { linearModel, smallTwin } from './fixtures.js';

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
    const prefix = stateKey(twin).replace('latest.bin', 'history/');
    const kept = await store.list(prefix);
    expect(kept).toHaveLength(10);
    expect(kept.at(-1)).toContain('000000000019');
  });
});
