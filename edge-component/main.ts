#!/usr/bin/env node
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { edgeSchema, loadConfig } from '../shared/config/index.js';
import { createLogger, isUserError, messageOf, TwinError } from '../shared/core/index.js';
import { startEdge } from './component.js';

const USAGE = 'usage: main.js --config FILE';

/** A stop that takes longer than this is cut short: what is in the outbox is safe in any case. */
const STOP_MS = 4000;

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { config: { type: 'string' } },
  });
  if (values.config === undefined) throw new TwinError('USAGE', USAGE);
  const path = resolve(values.config);
  const config = await loadConfig(edgeSchema, path, 'edge config');
  const logger = createLogger({ ...config.log, fields: { component: 'edge' } });
  const stop = new Promise<string>((done) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => done(name));
    process.on('disconnect', () => done('disconnect'));
  });
  const component = await startEdge(config, {
    baseDir: dirname(path),
    configSource: path,
    logger,
  });
  // For whoever started this process with a channel.
  process.send?.({ type: 'ready', statusUrl: component.statusUrl, dataDir: component.dataDir });
  logger.info('Stopping', { reason: await stop });
  setTimeout(() => process.exit(0), STOP_MS).unref();
  await component.close();
  return 0;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`twinloop edge: ${messageOf(error)}\n`);
  process.exit(isUserError(error) ? 2 : 1);
}
