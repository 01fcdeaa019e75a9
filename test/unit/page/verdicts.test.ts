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
  const first = await read();
  expect(first!.verdicts).toEqual({ b1: good, b2: care });
  expect(await read(first!.version)).toEqual({ version: first!.version });
  const failed = { grade: 'unusable', reasons: ['failed: the FMU crashed'] };
  await store.put(key, body({ verdict: failed }));
  expect((await read(first!.version))!.verdicts).toEqual({ '': failed });
  await store.put(key, body({ verdict: { grade: 'fine' } }));
  expect((await read())!.verdicts).toBeUndefined();
});

it('looks for the report that follows its results until it is there, then now and then', async () => {
  const store = memoryStore();
  let reads = 0;
  const read = verdictsIn(store, 'f', 'line 1');
  const desk = new VerdictDesk((known) => {
    reads++;
    return read(known);
  }, silentLogger);
  /** What is told within so many polls, and what it took. */
  const within = async (polls: number, key: string) => {
    reads = 0;
    for (let i = 0; i < polls; i++) {
      const { verdicts } = await desk.news(key);
      if (verdicts !== undefined) return { verdicts, polls: i + 1, reads };
    }
    return { reads };
  };
  expect(await within(5, '1')).toEqual({ reads: 5 });
  await store.put(key, body({ quantities: { b1: care } }));
  expect(await within(5, '1')).toEqual({ verdicts: { b1: care }, polls: 1, reads: 1 });
  expect((await within(100, '1')).reads).toBeLessThan(5);
  // The results of a calibration come before its report.
  expect(await within(3, '2')).toEqual({ reads: 3 });
  await store.put(key, body({ quantities: { b1: good } }));
  expect(await within(5, '2')).toEqual({ verdicts: { b1: good }, polls: 1, reads: 1 });
  expect(desk.newest).toEqual({ verdicts: { b1: good } });
  // A run that failed brings no results.
  const failed = { grade: 'unusable', reasons: ['failed: the FMU crashed'] };
  await store.put(key, body({ verdict: failed }));
  const told = await within(60, '2');
  expect(told).toMatchObject({ verdicts: { '': failed } });
  expect(told.polls).toBeLessThan(40);
  expect(told.reads).toBeLessThan(3);
});

it('keeps what it knows where the report cannot be read, and says so once', async () => {
  const told: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => void told.push(message) };
  const answers = [
    async () => ({ version: '1', verdicts: { b1: care as never } }),
    () => Promise.reject(new Error('denied')),
  ];
  const desk = new VerdictDesk(
    () => (answers.length > 1 ? answers.shift() : answers[0])!(),
    logger,
  );
  await desk.news('1');
  for (let i = 0; i < 5; i++) expect(await desk.news(`${i}`)).toEqual({});
  expect(desk.newest).toEqual({ verdicts: { b1: care } });
  expect(told).toEqual(['The verdicts of the newest run could not be read']);
});
