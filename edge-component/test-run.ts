import { dirname, resolve } from 'node:path';
import { edgeSchema, loadConfig } from '../shared/config/index.js';
import {
  type CommandIo,
  nsToDate,
  printJson,
  printLine,
  systemClock,
} from '../shared/core/index.js';
import { resolveConfigPaths } from './config-paths.js';
import type { EdgeSample } from './outbox/record.js';
import { createSource } from './sources/create.js';
import { SourceRunner } from './sources/source-runner.js';
import { columns } from './status/describe.js';

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
  const baseDir = dirname(path);
  const config = resolveConfigPaths(await loadConfig(edgeSchema, path, 'edge config'), baseDir);
  // The same keys as in service, so that what is trusted here, and there, is trusted then.
  const dataDir = resolve(baseDir, config.dataDir);
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
          baseDir,
          clock: systemClock,
          logger: io.logger,
          isTrial: true,
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
  const tested = config.sources.map(({ name, type, signals }, i) => ({
    name,
    type,
    state: health[i]?.state ?? 'down',
    lastError: health[i]?.lastError,
    values: signals.map(({ alias, unit }) => ({ alias, unit, sample: last.get(alias) })),
  }));
  if (json) {
    printJson(io.stdout, {
      values: tested.flatMap((source) =>
        source.values.map(({ alias, unit, sample }) => ({
          source: source.name,
          alias,
          quality: sample?.quality ?? 'BAD',
          reason: sample === undefined ? NO_VALUE : sample.reason,
          value: sample?.value ?? null,
          unit,
          time: sample === undefined ? null : timeText(sample),
        })),
      ),
      sources: health,
    });
  } else {
    for (const source of tested) {
      printLine(io.stdout, `${source.name} (${source.type}): ${source.state}`);
      if (source.lastError !== undefined) printLine(io.stdout, `  ${source.lastError}`);
      const rows = source.values.map(({ alias, unit, sample }) => [
        `  ${sample?.quality ?? 'NO VALUE'}`,
        sample === undefined || sample.value === null ? '–' : `${sample.value} ${unit}`.trim(),
        sample === undefined ? '–' : timeText(sample),
        sample?.reason === undefined ? alias : `${alias}  (${sample.reason})`,
      ]);
      for (const line of columns(rows)) printLine(io.stdout, line);
    }
  }
  const silent = wanted.filter((alias) => !last.has(alias)).length;
  if (!json && silent > 0) {
    printLine(
      io.stdout,
      `${silent} signals had no value within ${timeoutS} s: nothing was sent there meanwhile, or it may not be read (a broker does not say so).`,
    );
  }
  return wanted.every((alias) => isGood(last.get(alias))) ? 0 : 1;
}

/** Why a signal has none. */
const NO_VALUE = 'no-value';

function timeText(sample: EdgeSample): string {
  return nsToDate(sample.timeNs).toISOString();
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
