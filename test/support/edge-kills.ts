import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRng } from '../../shared/core/index.js';
import {
  type BrokerValue,
  startEdgeProcess,
  startTestBroker,
  temporaryFolder,
  until,
} from './edge.js';

/** What a run of kills came to. */
export interface KillFigures {
  kills: number;
  /** Values that the source had handed over durably by the end. */
  acknowledged: number;
  /** Of those, found at the far end. */
  delivered: number;
  lost: number;
  /** Arrived more than once, as is allowed: same key, same value. */
  resent: number;
  /** Same key, another value or quality: never allowed. */
  contradicting: number;
  /** Streams whose values first arrived out of their order: of each lane, where there are two. */
  disordered: number;
}

const STREAMS = 5;
const ROW_INTERVAL_S = 0.002;
/** Rows of the recording per kill: somewhat more than a life takes. */
const ROWS_PER_KILL = 600;

/**
 * Kills the component (SIGKILL) at random moments while a replay of 2,500 values/s runs (in bursts, for it makes
 * up for the time it was dead), cutting the
 * broker now and then, and compares what arrived with the recording: the replay's place is kept in
 * the outbox's own transactions, so every row up to it was acknowledged.
 */
export async function runKills(options: {
  kills: number;
  seed: number;
  /** `outbox.liveWindowS`: with 0 there is one lane, else live values go beside a backlog. */
  liveWindowS: number;
  onProgress?: (done: number) => void;
}): Promise<KillFigures> {
  const rng = createRng(options.seed);
  const folder = await temporaryFolder();
  const broker = await startTestBroker();
  try {
    const header = ['t', ...Array.from({ length: STREAMS }, (_, i) => `c${i}`)].join(',');
    const rows = Array.from({ length: ROWS_PER_KILL * (options.kills + 5) }, (_, r) =>
      // Now and then a cell is empty: a BAD sample.
      [
        r * ROW_INTERVAL_S,
        ...Array.from({ length: STREAMS }, (_, i) => (r % 97 === i ? '' : r + i / 10)),
      ].join(','),
    );
    await writeFile(join(folder.path, 'r.csv'), `${header}\n${rows.join('\n')}\n`);
    const config = {
      dataDir: 'data',
      sources: [
        {
          name: 'replay',
          type: 'csv',
          file: 'r.csv',
          clockToleranceS: 86_400,
          signals: Array.from({ length: STREAMS }, (_, i) => ({
            column: `c${i}`,
            alias: `/s${i}`,
          })),
        },
      ],
      publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 20, ackTimeoutMs: 1000 },
      outbox: { liveWindowS: options.liveWindowS },
      status: { port: 0 },
      log: { level: 'warn' },
    };
    for (let kill = 0; kill < options.kills; kill++) {
      const edge = await startEdgeProcess(folder.path, config);
      const cut = kill % 10 === 5;
      if (cut) await broker.cut();
      await new Promise((resolve) => setTimeout(resolve, rng.uniform() * 400));
      await edge.kill();
      if (cut) await broker.restore();
      options.onProgress?.(kill + 1);
    }
    // One more run, to its end: everything acknowledged must get through. The source is paused by
    // having nothing more to say, so the outbox drains to empty.
    const rowsSent = Math.floor((await lastRow(folder.path, config)) ?? 0);
    await until(
      'the outbox is drained',
      async () => arrived(broker.values) >= rowsSent * STREAMS,
      60_000,
    ).catch(() => {});
    return compare(broker.values, rowsSent, options);
  } finally {
    await broker.close();
    await folder.remove();
  }
}

/** Runs the component without its source until nothing waits, and tells how far the source had got. */
async function lastRow(folder: string, config: { sources: object[] }): Promise<number> {
  const { Outbox } = await import('../../edge-component/outbox/outbox.js');
  const { silentLogger, systemClock } = await import('../../shared/core/index.js');
  const outbox = await Outbox.open({
    directory: join(folder, 'data'),
    maxBytes: 1e9,
    slowAt: 1,
    batchMs: 0,
    clock: systemClock,
    logger: silentLogger,
  });
  const position = outbox.checkpoint('replay');
  await outbox.close();
  const edge = await startEdgeProcess(folder, { ...config, sources: [] });
  await until('nothing waits', async () => (await edge.status()).queueDepth === 0, 60_000);
  await edge.stop();
  return position === undefined ? 0 : (JSON.parse(position) as { row: number }).row;
}

function keyOf(v: BrokerValue): string {
  return `${v.alias} ${v.timeNs} ${v.quality}`;
}

function arrived(values: readonly BrokerValue[]): number {
  return new Set(values.map(keyOf)).size;
}

/**
 * Puts a value behind the lane whose last value is the newest before it: if any sequence of values is
 * of so many lanes, each in order, this finds them.
 *
 * @returns whether there was a lane for it
 */
function joinLane(ends: bigint[], timeNs: bigint, lanes: number): boolean {
  const open = ends
    .map((end, i) => ({ end, i }))
    .filter(({ end }) => end <= timeNs)
    .sort((a, b) => (a.end > b.end ? -1 : 1))[0];
  if (open !== undefined) ends[open.i] = timeNs;
  else if (ends.length < lanes) ends.push(timeNs);
  else return false;
  return true;
}

function compare(
  values: readonly BrokerValue[],
  rows: number,
  { kills, liveWindowS }: { kills: number; liveWindowS: number },
): KillFigures {
  const first = new Map<string, BrokerValue>();
  const lanes = new Map<string, bigint[]>();
  const disordered = new Set<string>();
  let resent = 0;
  let contradicting = 0;
  for (const v of values) {
    const key = keyOf(v);
    const seen = first.get(key);
    if (seen !== undefined) {
      resent++;
      if (seen.value !== v.value) contradicting++;
      continue;
    }
    first.set(key, v);
    const ends = lanes.get(v.alias) ?? [];
    lanes.set(v.alias, ends);
    if (!joinLane(ends, v.timeNs, liveWindowS === 0 ? 1 : 2)) disordered.add(v.alias);
  }
  // Each stream by itself: row r must be there with its value, its quality and its time.
  const origin = [...first.values()].reduce((a, v) => (v.timeNs < a ? v.timeNs : a), 2n ** 63n);
  const stepNs = BigInt(Math.round(ROW_INTERVAL_S * 1e9));
  let delivered = 0;
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < STREAMS; i++) {
      const bad = r % 97 === i;
      const timeNs = origin + BigInt(r) * stepNs;
      const found = first.get(`/s${i} ${timeNs} ${bad ? 'BAD' : 'GOOD'}`);
      if (found !== undefined && found.value === (bad ? null : r + i / 10)) delivered++;
    }
  }
  const acknowledged = rows * STREAMS;
  return {
    kills,
    acknowledged,
    delivered,
    lost: acknowledged - delivered,
    resent,
    contradicting,
    disordered: disordered.size,
  };
}
