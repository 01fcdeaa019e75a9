import { describe, expect, test } from 'vitest';
import { stateKey, toEmfLines } from '../../../cloud/index.js';
import { ManualClock, TwinError } from '../../../shared/core/index.js';
import type { SiteWiseWriter } from '../../../shared/sitewise/index.js';
import { fleetOf, newStore, plantWith, run, S, timesOf } from './worker-plant.js';

describe('a run', () => {
  test('assimilates what is new, writes results at the time of their samples, and reports', async () => {
    const plant = plantWith(5);
    const store = newStore();
    const report = await run({ plant, store });
    expect(report.assets[0]).toMatchObject({ outcome: 'calibrated', steps: 5, meanNis: 1 });
    expect(report.assets[0]?.watermarkNs).toBe(String(9005n * S));
    expect(report.assets[0]?.identifiability?.parameters.k).toMatchObject({
      std: expect.closeTo(0.05),
      identifiable: true,
    });
    expect(plant.results.get(`/p/k@${9003n * S}`)).toBe(2 * (1 + 2 + 3));
    expect(plant.results.get(`/p/flow_estimate@${9003n * S}`)).toBe(12);
    expect((await store.list('reports/f/')).length).toBe(1);

    plant.add('/p/flow', 9101, 10);
    const again = await run({ plant, store, nowS: 9200 });
    expect(again.assets[0]).toMatchObject({ outcome: 'calibrated', steps: 1 });
    // The input stream said nothing new: it holds its last value.
    expect(plant.results.get(`/p/k@${9101n * S}`)).toBe(2 * (1 + 2 + 3 + 4 + 5 + 10));
    expect((await run({ plant, store, nowS: 9300 })).assets[0]).toMatchObject({ outcome: 'idle' });
    expect(plant.overwrittenDifferently).toBe(0);
  });

  test('leaves samples younger than the settling time to the next run', async () => {
    const plant = plantWith(5);
    const store = newStore();
    const source = fleetOf(['a1'], { settleS: 96.9 });
    await run({ plant, store, source, nowS: 9100 });
    expect(await timesOf(store)).toEqual([9001, 9002, 9003]);
  });

  test('reads long gaps window by window without losing what lies on their edges', async () => {
    const plant = plantWith(60);
    const store = newStore();
    await run({ plant, store, source: fleetOf(['a1'], { readWindowS: 7, commitEvery: 3 }) });
    expect(await timesOf(store)).toEqual(Array.from({ length: 60 }, (_, i) => 9001 + i));
  });

  test('works on its share of the fleet only', async () => {
    const source = fleetOf(['a1', 'a2', 'a3'], { assetsPerJob: 2 });
    const report = await run({ plant: plantWith(1), store: newStore(), source, index: 1 });
    expect(report.assets.map((a) => a.asset)).toEqual(['a3']);
  });

  test('one bad asset never stops the others', async () => {
    const plant = plantWith(3);
    const source = fleetOf(['a1', 'a2', 'a3']);
    const store = newStore();
    const discover = (id: string) =>
      id === 'a2' ? Promise.reject(new TwinError('NOT_FOUND', 'No asset a2.')) : Promise.resolve();
    const report = await run({ plant, store, source, discover });
    expect(report.assets.map((a) => a.outcome)).toEqual(['calibrated', 'failed', 'calibrated']);
    expect(report.assets[1]?.error).toMatchObject({ code: 'NOT_FOUND', message: 'No asset a2.' });
    expect(toEmfLines(report)).toHaveLength(4);
    expect(JSON.parse(toEmfLines(report)[2] ?? '')).toMatchObject({ Asset: 'a2', Failed: 1 });
  });

  test('asks for an asset once; later its streams tell whether it is there', async () => {
    const plant = plantWith(3);
    const store = newStore();
    let asked = 0;
    const discover = () => Promise.resolve(void asked++);
    await run({ plant, store, discover });
    plant.add('/p/flow', 9101, 10);
    await run({ plant, store, discover, nowS: 9200 });
    expect((await run({ plant, store, discover, nowS: 9300 })).assets[0]?.outcome).toBe('idle');
    expect(asked).toBe(1);
    plant.clear();
    const gone = await run({ plant, store, discover, nowS: 9400 });
    expect(gone.assets[0]).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'NOT_FOUND',
        message: expect.stringMatching(/none of the streams of a1 \(\/p\/speed, \/p\/flow\)/),
      },
    });
    expect(await timesOf(store)).toEqual([9001, 9002, 9003, 9101]);
  });

  test('leaves assets to the next run when its time is out, and not always the same', async () => {
    const ids = ['a1', 'a2', 'a3', 'a4'];
    const source = fleetOf(ids, { maxRunS: 10, parallelAssets: 1 });
    const done = new Set<string>();
    // Where a run begins is drawn: that one of four is left out sixty times does not happen.
    for (let k = 0; k < 60; k++) {
      const clock = new ManualClock(9100n * S);
      const store = newStore();
      // Each asset takes the time of half a run.
      const discover = () => Promise.resolve(clock.advance(5000));
      const report = await run({ plant: plantWith(2), store, source, discover, clock });
      const outcomes = report.assets.map((a) => a.outcome);
      expect(outcomes.filter((o) => o === 'stopped').length).toBeGreaterThan(0);
      expect(outcomes).not.toContain('failed');
      for (const a of report.assets) if (a.steps > 0) done.add(a.asset);
    }
    expect([...done].sort()).toEqual(ids);
  });

  test('keeps what it did before a model that fails', async () => {
    const plant = plantWith(3);
    plant.add('/p/flow', 9004, 6.66);
    const store = newStore();
    const report = await run({ plant, store });
    expect(report.assets[0]).toMatchObject({
      outcome: 'failed',
      steps: 3,
      error: { code: 'FMU_CRASHED' },
    });
    expect(await timesOf(store)).toEqual([9001, 9002, 9003]);
  });

  test.each([
    [
      'of another asset',
      '{"format":"twinloop-worker-state","version":1,"assetId":"b"}',
      'STATE_MISMATCH',
    ],
    ['of a newer version', '{"format":"twinloop-worker-state","version":9}', 'STATE_MISMATCH'],
    ['that is none', 'hello', 'FILE_INVALID'],
    [
      'that is damaged',
      '{"format":"twinloop-worker-state","version":1,"assetId":"a1"}',
      'FILE_INVALID',
    ],
  ])('refuses a state %s and leaves it untouched', async (_name, content, code) => {
    const store = newStore();
    const body = new TextEncoder().encode(content);
    await store.put(stateKey('f', 'a1'), body);
    const report = await run({ plant: plantWith(3), store });
    expect(report.assets[0]).toMatchObject({ outcome: 'failed', error: { code } });
    expect((await store.get(stateKey('f', 'a1')))?.body).toEqual(Buffer.from(body));
  });

  test('stops on request with its state saved, and sends the results next time', async () => {
    const plant = plantWith(20);
    const store = newStore();
    const stop = new AbortController();
    let writes = 0;
    const writer: SiteWiseWriter = {
      write: (samples) => {
        if (++writes === 1) stop.abort(new TwinError('CANCELLED', 'Stopped.'));
        return plant.writer().write(samples);
      },
    };
    const source = fleetOf(['a1'], { commitEvery: 4 });
    const report = await run({ plant, store, source, writer, signal: stop.signal });
    expect(report.assets[0]?.outcome).toBe('stopped');
    await run({ plant, store, source });
    expect(await timesOf(store)).toEqual(Array.from({ length: 20 }, (_, i) => 9001 + i));
    expect(plant.overwrittenDifferently).toBe(0);
  });
});
