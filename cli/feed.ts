import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { connectSiteWise, ownEndpoint } from '../cloud/connections.js';
import { feedRecording } from '../cloud/operations/feed/feed.js';
import {
  type FeedProgress,
  readProgress,
  removeProgress,
  writeProgress,
} from '../cloud/operations/feed/progress.js';
import {
  type RecordingValues,
  readRecordingValues,
  valuesIn,
} from '../cloud/operations/feed/recording-values.js';
import {
  keepTimes,
  shiftIntoWindow,
  type TimeShift,
  toTimeMap,
  toTimestampNs,
} from '../cloud/operations/feed/time-shift.js';
import {
  assetStreams,
  loadConfig,
  type TwinDefinition,
  twinSchema,
  withAliasPrefix,
} from '../shared/config/index.js';
import {
  type CommandIo,
  dateToNs,
  encodeTimeMap,
  formatCsv,
  nsToDate,
  printJson,
  printLine,
  systemClock,
  TwinError,
  writeUserFile,
} from '../shared/core/index.js';
import { createSiteWiseWriter, ensureAsset, type RefusedSample } from '../shared/sitewise/index.js';
import type { Command } from './command.js';
import { endpointOptions, positiveNumber } from './options.js';
import { progressBar } from './progress.js';
import { printAccount, recordingOptions, recordingOptionsOf } from './recording-options.js';

/** SiteWise's default quota: values of one property a second. */
const AWS_VALUES_PER_S = 10;
/** Attempts before the feed gives up: with their waits about a minute. */
const WRITE_ATTEMPTS = 10;

interface FeedArgs {
  twin: string;
  data?: string;
  aliasPrefix?: string;
  create?: string | boolean;
  endpoint?: string;
  region?: string;
  end?: string;
  timeScale?: number;
  keepTimes?: boolean;
  rate?: number;
  progress?: string;
  restart?: boolean;
  rejected?: string;
  timeMap?: string;
  json?: boolean;
}

/** What `twinloop feed --json` prints. Counts are of the whole feed, earlier calls included. */
export interface FeedSummary {
  /** Whether every row was dealt with. */
  complete: boolean;
  rows: number;
  nextRow: number;
  streams: number;
  /** Values read from the file so far; each was either written or rejected. */
  read: number;
  written: number;
  rejected: number;
  /** Number of rejected values by SiteWise's error code. */
  rejections: Record<string, number>;
  /** Row that this call began at. */
  resumedAtRow: number;
  firstTime: string;
  lastTime: string;
  timeScale: number;
}

function timeShift(args: FeedArgs, times: Float64Array): TimeShift {
  if (args.keepTimes === true) {
    if (args.end !== undefined || args.timeScale !== undefined) {
      throw new TwinError('USAGE', '--keep-times goes without --end and --time-scale.');
    }
    return keepTimes(times);
  }
  const nowNs = systemClock.nowNs();
  const end = args.end === undefined ? undefined : new Date(args.end);
  if (end !== undefined && Number.isNaN(end.getTime())) {
    throw new TwinError('USAGE', `--end is "${args.end}": expected a time like 2026-11-24T08:00Z.`);
  }
  const endNs = end === undefined ? nowNs : dateToNs(end);
  return shiftIntoWindow(times, nowNs, endNs, args.timeScale);
}

async function loadTwinDefinition(args: FeedArgs): Promise<TwinDefinition> {
  const twin = await loadConfig(twinSchema, args.twin, 'twin definition');
  return args.aliasPrefix === undefined ? twin : withAliasPrefix(twin, args.aliasPrefix);
}

/** Writes what SiteWise refused into a CSV file, with the reason. */
async function keepRejected(path: string, refused: readonly RefusedSample[]): Promise<void> {
  const rows = refused.map(({ sample, code, message }) => [
    sample.alias,
    sample.timeNs.toString(),
    sample.quality,
    sample.value === null ? undefined : String(sample.value),
    code,
    message,
  ]);
  const text = formatCsv(['alias', 'timeNs', 'quality', 'value', 'code', 'message'], rows);
  await appendFile(path, existsSync(path) ? text.slice(text.indexOf('\n') + 1) : text);
}

async function feed(args: FeedArgs, io: CommandIo): Promise<FeedSummary> {
  if (args.data === undefined) {
    throw new TwinError('USAGE', 'No data: name a recording with --data FILE.csv.');
  }
  const twin = await loadTwinDefinition(args);
  const recording = await readRecordingValues(twin, args.data, {
    ...recordingOptionsOf({ ...args }),
    keepTimes: args.keepTimes === true,
  });
  if (recording.account !== undefined) printAccount(recording.account, io);
  const endpoint = ownEndpoint(args, io.env);
  const progressPath = args.progress ?? `${resolve(args.data)}.feed.json`;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([recording.fingerprint, endpoint ?? 'aws', args.keepTimes === true]))
    .digest('hex');
  if (args.restart === true) await removeProgress(progressPath);
  const begun: FeedProgress = (await readProgress(progressPath, fingerprint)) ?? {
    fingerprint,
    shift: timeShift(args, recording.times),
    nextRow: 0,
    written: 0,
    rejected: 0,
    rejections: {},
  };
  if (begun.nextRow > 0) {
    printLine(io.stderr, `Going on at row ${begun.nextRow}, as ${progressPath} tells.`);
  }
  if (args.timeMap !== undefined) {
    await writeUserFile(args.timeMap, encodeTimeMap(toTimeMap(begun.shift)));
  }
  const client = connectSiteWise(args, io.env);
  const bar = progressBar(io, 'Feeding', 'rows');
  try {
    if (args.create !== undefined) {
      const id = args.create === true ? twin.name : String(args.create);
      await ensureAsset(client, {
        model: { externalId: twin.name, name: twin.name },
        asset: { externalId: id, name: id },
        streams: assetStreams(twin),
        signal: io.signal,
      });
    }
    bar.start(recording.times.length);
    bar.update(begun.nextRow);
    const progress = await feedRecording(
      begun,
      {
        recording,
        writer: createSiteWiseWriter({ client, logger: io.logger, maxAttempts: WRITE_ATTEMPTS }),
        clock: systemClock,
        valuesPerS: args.rate ?? (endpoint === undefined ? AWS_VALUES_PER_S : undefined),
        onProgress: async (p) => {
          bar.update(p.nextRow);
          await writeProgress(progressPath, p);
        },
        ...(args.rejected === undefined
          ? {}
          : { onRejected: (r) => keepRejected(args.rejected as string, r) }),
      },
      io.signal,
    );
    if (progress.nextRow === recording.times.length) await removeProgress(progressPath);
    return toSummary(recording, begun, progress);
  } finally {
    bar.stop();
    client.destroy();
  }
}

function toSummary(
  recording: RecordingValues,
  begun: FeedProgress,
  progress: FeedProgress,
): FeedSummary {
  const rows = recording.times.length;
  const at = (row: number) =>
    nsToDate(toTimestampNs(progress.shift, recording.times[row] as number)).toISOString();
  return {
    complete: progress.nextRow === rows,
    rows,
    nextRow: progress.nextRow,
    streams: recording.streams.length,
    read: valuesIn(recording, progress.nextRow),
    written: progress.written,
    rejected: progress.rejected,
    rejections: progress.rejections,
    resumedAtRow: begun.nextRow,
    firstTime: at(0),
    lastTime: at(rows - 1),
    timeScale: progress.shift.timeScale,
  };
}

function printSummary(summary: FeedSummary, io: CommandIo): void {
  const scale = Number(summary.timeScale.toPrecision(4));
  printLine(
    io.stdout,
    `${summary.nextRow} of ${summary.rows} rows of ${summary.streams} streams: ${summary.written} values written, ${summary.rejected} rejected`,
  );
  printLine(
    io.stdout,
    `${summary.firstTime} to ${summary.lastTime}, ${scale} s of the recording a second`,
  );
  for (const [code, count] of Object.entries(summary.rejections)) {
    printLine(io.stdout, `  ${code}: ${count}`);
  }
  if (!summary.complete) {
    printLine(io.stdout, `Stopped. The next call goes on at row ${summary.nextRow}.`);
  }
}

/** `twinloop feed`: a recording into SiteWise, as first data for a new asset. */
export const feedCommand: Command = {
  name: 'feed',
  summary: 'Feed a recording into SiteWise: backdated, in full batches, resumable',
  arguments: [{ name: '<twin>', description: 'twin definition: it names columns and aliases' }],
  options: [
    { flags: '--data <csv>', description: 'the recording' },
    {
      flags: '--alias-prefix <path>',
      description: 'prefix of the asset’s aliases, e.g. /line7; default: the definition’s',
    },
    {
      flags: '--create [id]',
      description: 'make model and asset where they are missing; id: the asset’s external id',
    },
    ...endpointOptions,
    ...recordingOptions.map((option) =>
      option.flags.startsWith('--stride')
        ? {
            ...option,
            description:
              'send what is measured of every nth row; inputs of a machine that moves wherever they change',
          }
        : option,
    ),
    { flags: '--end <time>', description: 'when the last row was, ISO 8601; default: now' },
    {
      flags: '--time-scale <x>',
      description:
        'seconds of the recording per second; default: 1, or what fits it into the last 7 days',
      parse: positiveNumber('--time-scale'),
    },
    {
      flags: '--keep-times',
      description: 'the recording’s times are seconds since 1970: take them as they are',
    },
    {
      flags: '--rate <n>',
      description: `values of one stream a second; default: ${AWS_VALUES_PER_S} (AWS’s quota), none with an endpoint`,
      parse: positiveNumber('--rate'),
    },
    {
      flags: '--progress <file>',
      writes: 'file',
      description: 'where to note how far it is; default: beside the recording',
    },
    { flags: '--restart', description: 'begin anew where an earlier feed was interrupted' },
    {
      flags: '--rejected <csv>',
      writes: 'file',
      description: 'append the values that SiteWise refuses here',
    },
    {
      flags: '--time-map <file>',
      writes: 'file',
      description: 'write how timestamps relate to the recording’s time, for `worker run`',
    },
  ],
  examples: [
    'twinloop feed twin.json --data recording.csv --create line1',
    'twinloop feed twin.json --data recording.csv --endpoint http://127.0.0.1:8444 --json',
  ],
  async run(received, io) {
    const args = received as unknown as FeedArgs;
    const summary = await feed(args, io);
    if (args.json === true) printJson(io.stdout, summary);
    else printSummary(summary, io);
    return summary.complete && summary.rejected === 0 ? 0 : 1;
  },
};
