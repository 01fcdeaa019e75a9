import { expect, it } from 'vitest';
import { VerdictDesk, verdictsIn } from '../../../cloud/page/verdicts.js';
import { latestKey } from '../../../cloud/worker/report.js';
import type { Logger } from '../../../shared/core/index.js';
import { silentLogger } from '../../../shared/core/index.js';
import { memoryStore } from '../../support/worker-fakes.js';

const key = latestKey('f', 'line 1');
const body = (report: unknown) => Buffer.from(JSON.stringify(report));
const good = { grade: 'good', reasons: [] };
const care = { grade: 'care', reasons: ['nothing cross-checks it'] };

it('reads the verdicts of the newest report, and lets a run without any speak for all', async () => {
  const store = memoryStore();
  const read = verdictsIn(store, 'f', 'line 1');
  expect(await read()).toBeUndefined();
  await store.put(key, body({ verdict: care, quantities: { b1: good, b2: care, odd: 3 } }));
  expect(await read()).toEqual({ b1: good, b2: care });
  const failed = { grade: 'unusable', reasons: ['failed: the FMU crashed'] };
  await store.put(key, body({ verdict: failed }));
  expect(await read()).toEqual({ '': failed });
  await store.put(key, body({ verdict: { grade: 'fine' } }));
  expect(await read()).toBeUndefined();
});

it('tells what has changed, looks some polls for a report that follows its results, then rests', async () => {
  const store = memoryStore();
  let reads = 0;
  const read = verdictsIn(store, 'f', 'line 1');
  const desk = new VerdictDesk(() => {
    reads++;
    return read();
  }, silentLogger);
  expect(await desk.news('')).toEqual({});
  await store.put(key, body({ quantities: { b1: care } }));
  expect(await desk.news('1')).toEqual({ verdicts: { b1: care } });
  expect(await desk.news('1')).toEqual({});
  await store.put(key, body({ quantities: { b1: good } }));
  expect(await desk.news('1')).toEqual({ verdicts: { b1: good } });
  expect(desk.newest).toEqual({ verdicts: { b1: good } });
  for (let i = 0; i < 100; i++) await desk.news('1');
  expect(reads).toBeLessThan(40);
});

it('keeps what it knows where the report cannot be read, and says so once', async () => {
  const told: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => void told.push(message) };
  const answers = [async () => ({ b1: care as never }), () => Promise.reject(new Error('denied'))];
  const desk = new VerdictDesk(
    () => (answers.length > 1 ? answers.shift() : answers[0])!(),
    logger,
  );
  await desk.news('1');
  for (let i = 0; i < 5; i++) expect(await desk.news('1')).toEqual({});
  expect(desk.newest).toEqual({ verdicts: { b1: care } });
  expect(told).toEqual(['The verdicts of the newest run could not be read']);
});
