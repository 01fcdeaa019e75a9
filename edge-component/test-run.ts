import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { edgeSchema, loadConfig } from '../shared/config/index.js';
import {
  type CommandIo,
  messageOf,
  nsToDate,
  printJson,
  printLine,
  systemClock,
} from '../shared/core/index.js';
import type { EdgeSample } from './outbox/record.js';
import { createSource } from './sources/create.js';
import { SourceRunner } from './sources/source-runner.js';

/**
 * Reads every source until each of its signals gave a value, prints the last value of each, and
 * sends nothing.
 *
 * @returns 0 when every signal gave a value that is not BAD, else 1
 */
export async function runTest(
  path: string,
  timeoutS: number,
  io: CommandIo,
  json: boolean,
): Promise<number> {
  const config = await loadConfig(edgeSchema, path, 'edge config');
  const dataDir = await mkdtemp(join(tmpdir(), 'twinloop-edge-test-'));
  const last = new Map<string, EdgeSample>();
  const wanted = config.sources.flatMap((s) => s.signals.map((signal) => signal.alias));
  const complete = deferred();
  const sink = {
    append: async (samples: readonly EdgeSample[]) => {
      for (const sample of samples) last.set(sample.alias, sample);
      if (wanted.every((alias) => isGood(last.get(alias)))) complete.resolve();
    },
    checkpoint: () => undefined,
    slow: false,
  };
  const runners = config.sources.map(
    (source) =>
      new SourceRunner({
        config: source,
        source: createSource(source, {
          dataDir,
          baseDir: dirname(path),
          clock: systemClock,
          logger: io.logger,
        }),
        sink,
        clock: systemClock,
        logger: io.logger,
        random: Math.random,
      }),
  );
  const timer = setTimeout(complete.resolve, timeoutS * 1000);
  io.signal.addEventListener('abort', () => complete.resolve(), { once: true });
  for (const runner of runners) runner.start();
  if (wanted.length > 0) await complete.promise;
  clearTimeout(timer);
  const health = runners.map((r) => r.health);
  await Promise.all(runners.map((r) => r.close()));
  await rm(dataDir, { recursive: true, force: true }).catch((error: unknown) => {
    io.logger.warn('Could not remove a temporary folder', { error: messageOf(error) });
  });
  const rows = wanted.map((alias) => ({ alias, sample: last.get(alias) }));
  if (json) {
    printJson(io.stdout, {
      values: rows.map(({ alias, sample }) => ({
        alias,
        quality: sample?.quality ?? 'BAD',
        value: sample?.value ?? null,
        time: sample === undefined ? null : nsToDate(sample.timeNs).toISOString(),
      })),
      sources: health,
    });
  } else {
    for (const { alias, sample } of rows) {
      const text =
        sample === undefined
          ? 'no value'
          : `${sample.quality} ${String(sample.value)} at ${nsToDate(sample.timeNs).toISOString()}`;
      printLine(io.stdout, `${alias}  ${text}`);
    }
    for (const source of health) {
      if (source.lastError !== undefined) {
        printLine(io.stderr, `${source.name}: ${source.lastError}`);
      }
    }
  }
  return rows.every(({ sample }) => isGood(sample)) ? 0 : 1;
}

function isGood(sample: EdgeSample | undefined): boolean {
  return sample !== undefined && sample.quality !== 'BAD';
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
