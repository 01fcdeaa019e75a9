import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type FeedSummary, feedCommand } from '../../../cli/feed.js';
import {
  type FeedProgress,
  feedRecording,
  readRecordingValues,
  shiftIntoWindow,
  toTimeMap,
  toTimestampNs,
} from '../../../cloud/index.js';
import { valuesIn, valuesOf } from '../../../cloud/operations/feed/recording-values.js';
import { twinSchema } from '../../../shared/config/index.js';
import {
  type Clock,
  decodeTimeMap,
  secondsToNs,
  silentLogger,
  systemClock,
  toMachineTimeS,
} from '../../../shared/core/index.js';
import {
  createSiteWiseClient,
  createSiteWiseReader,
  createSiteWiseWriter,
  describeAssetByExternalId,
} from '../../../shared/sitewise/index.js';
import { type SiteWise, startSiteWise } from '../../../simulators/sitewise/index.js';

const DAY_S = 86_400;
const ROWS = 430;
const twin = {
  name: 'pump',
  fmu: './pump.fmu',
  inputs: [
    { variable: 'speed', alias: '/p/speed' },
    { variable: 'ambient', alias: '/p/ambient', value: 20 },
  ],
  measured: [{ variable: 'flow', alias: '/p/flow', column: 'Flow [l/s]' }],
  parameters: [{ variable: 'k', alias: '/p/k', prior: { mean: 0, std: 1 } }],
};
const definition = twinSchema.parse(twin);

let folder: string;
let siteWise: SiteWise;
const closers: (() => Promise<unknown> | unknown)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinloop-feed-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  siteWise = await startSiteWise({ activationMs: 2 });
  closers.push(() => siteWise.close());
  vi.stubEnv('AWS_ACCESS_KEY_ID', siteWise.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', siteWise.credentials.secretAccessKey);
  await writeFile(join(folder, 'twin.json'), JSON.stringify(twin));
  // 30 days, the last cell of every hundredth row empty.
  const lines = Array.from({ length: ROWS }, (_, i) =>
    [(i * 30 * DAY_S) / (ROWS - 1), i, i % 100 === 99 ? '' : i / 8].join(','),
  );
  await writeFile(join(folder, 'recording.csv'), `time,speed,Flow [l/s]\n${lines.join('\n')}\n`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0).reverse()) await close();
});

const recordingCsv = () => join(folder, 'recording.csv');
const readRecording = () => readRecordingValues(definition, recordingCsv(), {});

async function run(args: Record<string, unknown>, signal = new AbortController().signal) {
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (d: Buffer) => {
    text += d.toString();
  });
  const code = await feedCommand.run(
    {
      twin: join(folder, 'twin.json'),
      data: recordingCsv(),
      endpoint: siteWise.endpoint,
      region: siteWise.region,
      json: true,
      ...args,
    },
    { stdout, stderr: new PassThrough(), logger: silentLogger, signal, env: {} },
  );
  return { code, summary: JSON.parse(text) as FeedSummary };
}

function clientOf() {
  const client = createSiteWiseClient({ ...siteWise, maxAttempts: 1 });
  closers.push(() => client.destroy());
  return client;
}

async function stored(alias: string) {
  const history = await createSiteWiseReader({ client: clientOf() }).history({
    aliases: [alias],
    afterNs: 0n,
    untilNs: systemClock.nowNs() + secondsToNs(600),
    missing: 'empty',
  });
  return history.get(alias) ?? [];
}

test('a recording of a month arrives whole within the last week, in full batches, with its time map', async () => {
  const timeMap = join(folder, 'time-map.json');
  const { code, summary } = await run({ create: 'pump-1', timeMap });
  expect(code).toBe(0);
  expect(summary).toMatchObject({
    complete: true,
    rows: ROWS,
    streams: 2,
    read: 2 * ROWS,
    written: 2 * ROWS,
    rejected: 0,
    resumedAtRow: 0,
  });
  // Entries of ten values, ten to a request, though there are two streams only.
  expect(siteWise.counters.operations.BatchPutAssetPropertyValue).toBeLessThanOrEqual(10);
  const flow = await stored('/p/flow');
  expect(flow.map((v) => v.value)).toEqual(
    Array.from({ length: ROWS }, (_, i) => (i % 100 === 99 ? null : i / 8)),
  );
  expect(flow.filter((v) => v.quality === 'BAD')).toHaveLength(4);
  expect(Number(systemClock.nowNs() - flow[0]!.timeNs) / 1e9).toBeLessThan(7 * DAY_S);
  const map = decodeTimeMap(await readFile(timeMap, 'utf8'), timeMap);
  const { times } = await readRecording();
  flow.forEach((v, i) => {
    expect(toMachineTimeS(map, v.timeNs)).toBeCloseTo(times[i]!, 3);
  });
  const asset = await describeAssetByExternalId(clientOf(), 'pump-1');
  expect(asset.streams.map((s) => s.alias)).toContain('/p/k_upper');
  expect(existsSync(`${recordingCsv()}.feed.json`)).toBe(false);
});

test('--stride thins what is measured; inputs of a moving machine are sent wherever they change', async () => {
  const rows = Array.from({ length: 31 }, (_, i) => `${i},${i === 14 || i === 15 ? 9 : 1},${i}`);
  await writeFile(recordingCsv(), `time,speed,Flow [l/s]\n${rows.join('\n')}\n`);
  const { summary } = await run({ create: 'pump-1', stride: 10 });
  expect(summary).toMatchObject({ rows: 4, read: 8, written: 8 });
  expect((await stored('/p/speed')).map((v) => v.value)).toEqual([1, 1, 1, 1]);

  const moving = { ...definition, simulation: { ...definition.simulation, mode: 'transient' } };
  const thinned = await readRecordingValues(moving as typeof definition, recordingCsv(), {
    stride: 10,
  });
  const sent = valuesOf(thinned, 0, thinned.times.length, secondsToNs);
  const of = (alias: string) =>
    sent.filter((v) => v.alias === alias).map((v) => [Number(v.timeNs) / 1e9, v.value]);
  expect(of('/p/flow')).toEqual([0, 10, 20, 30].map((t) => [t, t]));
  expect(of('/p/speed')).toEqual([
    [0, 1],
    [10, 1],
    [13, 1],
    [14, 9],
    [15, 9],
    [16, 1],
    [20, 1],
    [30, 1],
  ]);
  expect(sent.every((v) => v.quality === 'GOOD')).toBe(true);
  expect(valuesIn(thinned, thinned.times.length)).toBe(sent.length);
});

test('an interrupted feed goes on where it was, with the same timestamps', async () => {
  siteWise.faults.set([
    { operation: 'BatchPutAssetPropertyValue', error: 'AccessDeniedException' },
  ]);
  await expect(run({ rate: 1e6 })).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  siteWise.faults.set([]);
  const recording = await readRecording();
  const stop = new AbortController();
  const notes: FeedProgress[] = [];
  const nowNs = systemClock.nowNs();
  const begun: FeedProgress = {
    fingerprint: 'f',
    shift: shiftIntoWindow(recording.times, nowNs, nowNs),
    nextRow: 0,
    written: 0,
    rejected: 0,
    rejections: {},
  };
  const options = {
    recording,
    writer: createSiteWiseWriter({ client: clientOf() }),
    clock: systemClock,
    onProgress: (p: FeedProgress) => {
      notes.push(p);
      stop.abort();
      return Promise.resolve();
    },
  };
  const first = await feedRecording(begun, options, stop.signal);
  expect(first).toEqual(notes[0]);
  expect(first.nextRow).toBe(200);
  const last = await feedRecording(first, options, new AbortController().signal);
  expect(last).toMatchObject({ nextRow: ROWS, written: 2 * ROWS, rejected: 0 });
  expect((await stored('/p/speed')).map((v) => v.timeNs)).toEqual(
    [...recording.times].map((t) => toTimestampNs(begun.shift, t)),
  );
});

test('through kills, throttling, partial errors and lost answers each value arrives once', async () => {
  const recording = await readRecording();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
      fc.record({ throttled: fc.nat(30), lost: fc.nat(20), partial: fc.nat(30) }),
      async (kills, faults) => {
        const operation = 'BatchPutAssetPropertyValue';
        siteWise.faults.set([
          { operation, rate: faults.throttled / 100, error: 'ThrottlingException' },
          { operation, rate: faults.lost / 100, drop: 'after' },
          { operation, entryError: 'InternalFailureException', entryRate: faults.partial / 100 },
        ]);
        const nowNs = systemClock.nowNs();
        let progress: FeedProgress = {
          fingerprint: 'f',
          shift: shiftIntoWindow(recording.times, nowNs, nowNs),
          nextRow: 0,
          written: 0,
          rejected: 0,
          rejections: {},
        };
        const writer = createSiteWiseWriter({ client: clientOf(), backoffMs: 1, maxAttempts: 60 });
        for (const batches of [...kills, Number.POSITIVE_INFINITY]) {
          const stop = new AbortController();
          let left = batches;
          // Killed before the note of its last batch is written.
          await feedRecording(
            progress,
            {
              recording,
              writer,
              clock: systemClock,
              valuesPerS: 1e9,
              onProgress: (p) => {
                if (left-- <= 0) stop.abort();
                else progress = p;
                return Promise.resolve();
              },
            },
            stop.signal,
          );
        }
        siteWise.faults.set([]);
        expect(progress.nextRow).toBe(ROWS);
        expect(progress.written + progress.rejected).toBe(2 * ROWS);
        const times = new Set((await stored('/p/flow')).map((v) => v.timeNs));
        for (const t of recording.times) expect(times).toContain(toTimestampNs(progress.shift, t));
      },
    ),
    { numRuns: 6 },
  );
});

test('what SiteWise never takes is counted and kept with its reason', async () => {
  const rejected = join(folder, 'rejected.csv');
  const { code, summary } = await run({ keepTimes: true, rejected });
  expect(code).toBe(1);
  expect(summary).toMatchObject({
    complete: true,
    written: 0,
    rejected: 2 * ROWS,
    // The first row's time is 0, which no request may hold: it alone is refused as malformed.
    rejections: { InvalidRequestException: 2, TimestampOutOfRangeException: 2 * ROWS - 2 },
  });
  const lines = (await readFile(rejected, 'utf8')).trimEnd().split('\n');
  expect(lines).toHaveLength(2 * ROWS + 1);
  expect(lines[0]).toBe('alias,timeNs,quality,value,code,message');
});

test('progress of another feed is not gone on with, unless one says so', async () => {
  const progress = join(folder, 'p.json');
  const stop = new AbortController();
  stop.abort();
  await writeFile(progress, 'not json');
  await expect(run({ progress })).rejects.toMatchObject({ code: 'FILE_INVALID' });
  await writeFile(
    progress,
    JSON.stringify({
      fingerprint: 'other',
      shift: { firstNs: '1', firstS: 0, timeScale: 1 },
      nextRow: 7,
      written: 14,
      rejected: 0,
      rejections: {},
    }),
  );
  await expect(run({ progress })).rejects.toMatchObject({ code: 'STATE_MISMATCH' });
  const stopped = await run({ progress, restart: true }, stop.signal);
  expect(stopped).toMatchObject({ code: 1, summary: { complete: false, nextRow: 0 } });
  expect((await run({ progress, restart: true })).code).toBe(0);
});

test('wrong options and recordings are refused with what to do', async () => {
  await expect(run({ data: undefined })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(run({ from: ROWS })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(run({ end: 'yesterday' })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(run({ end: '2001-01-01' })).rejects.toThrow(/bulk import/);
  await expect(run({ end: '2222-01-01' })).rejects.toThrow(/future/);
  await expect(run({ timeScale: 1 })).rejects.toThrow(/expected at least 4\.3/);
  await expect(run({ keepTimes: true, timeScale: 2 })).rejects.toMatchObject({ code: 'USAGE' });
  await writeFile(recordingCsv(), 'time,speed,Flow [l/s]\nsoon,1,2\nlater,1,2\n');
  await expect(run({})).rejects.toMatchObject({ code: 'FILE_INVALID' });
  await writeFile(recordingCsv(), 'time,Flow [l/s]\n0,2\n1,2\n');
  await expect(run({})).rejects.toMatchObject({ code: 'COLUMN_MISSING' });
});

test('the rate of a stream is held', async () => {
  let nowNs = secondsToNs(1e9);
  const clock: Clock = {
    nowNs: () => nowNs,
    sleep: (ms) => {
      nowNs += BigInt(Math.round(ms * 1e6));
      return Promise.resolve();
    },
  };
  const recording = await readRecording();
  const startNs = nowNs;
  await feedRecording(
    {
      fingerprint: 'f',
      shift: { firstNs: nowNs, firstS: 0, timeScale: 1 },
      nextRow: 0,
      written: 0,
      rejected: 0,
      rejections: {},
    },
    {
      recording,
      writer: {
        write: (samples) => Promise.resolve({ accepted: samples.length, rejected: [], retry: [] }),
      },
      clock,
      valuesPerS: 10,
      onProgress: () => Promise.resolve(),
    },
    new AbortController().signal,
  );
  // All but the last ten rows wait.
  expect(Number(nowNs - startNs) / 1e9).toBeCloseTo((ROWS - 10) / 10, 1);
});

test('any recording fits into the window, in order, and its time map leads back', () => {
  const nowNs = 1_700_000_000_000_000_000n;
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 }),
      fc.double({ min: -1e6, max: 1e6, noNaN: true }),
      fc.integer({ min: 0, max: 6 * DAY_S }),
      (steps, firstS, endedS) => {
        let t = firstS;
        const times = Float64Array.from([firstS, ...steps.map((step) => (t += step))]);
        const shift = shiftIntoWindow(times, nowNs, nowNs - secondsToNs(endedS));
        const stamps = [...times].map((time) => toTimestampNs(shift, time));
        expect(shift.timeScale).toBeGreaterThanOrEqual(1);
        expect(stamps[0]! >= nowNs - secondsToNs(7 * DAY_S)).toBe(true);
        expect(stamps.at(-1)! <= nowNs - secondsToNs(endedS) + 1_000n).toBe(true);
        for (const [i, stamp] of stamps.entries()) {
          if (i > 0) expect(stamp > stamps[i - 1]!).toBe(true);
          const back = toMachineTimeS(toTimeMap(shift), stamp);
          expect(Math.abs(back - times[i]!)).toBeLessThan(1e-6 * shift.timeScale + 1e-6);
        }
      },
    ),
  );
});
