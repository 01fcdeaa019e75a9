#!/usr/bin/env node
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type EdgeConfig, edgeSchema, loadConfig } from '../shared/config/index.js';
import {
  collectGarbageEarly,
  isUserError,
  messageOf,
  onReloadSignal,
  onStopSignal,
  switchableLogger,
  TwinError,
} from '../shared/core/index.js';
import { createLogger } from '../shared/core/winston.js';
import { startEdge } from './component.js';

const USAGE =
  'The edge component needs its config: start it with --config FILE, or by Greengrass, which hands it the configuration of the deployment.';

// On a gateway memory is dearer than time.
collectGarbageEarly();

/** A stop that takes longer than this is cut short: what is in the outbox is safe in any case. */
const STOP_MS = 4000;

function readArguments(argv: readonly string[]): { config?: string | undefined } {
  try {
    const { values } = parseArgs({ args: [...argv], options: { config: { type: 'string' } } });
    return values;
  } catch (cause) {
    throw new TwinError('USAGE', `${messageOf(cause)} ${USAGE}`, { cause });
  }
}

async function runFromFile(file: string, stop: Promise<string>): Promise<void> {
  const path = resolve(file);
  const load = () => loadConfig(edgeSchema, path, 'edge config');
  const loggerOf = (config: EdgeConfig) =>
    createLogger({ ...config.log, fields: { component: 'edge' } });
  // From the first moment on: without a listener the signal would end the process.
  const reloads = onReloadSignal();
  const config = await load();
  const logger = switchableLogger(loggerOf(config));
  const component = await startEdge(config, {
    baseDir: dirname(path),
    configSource: path,
    logger,
    onConfig: (next) => logger.use(loggerOf(next)),
  });
  reloads.use(async () => {
    try {
      await component.reconfigure(await load());
    } catch (error) {
      component.refused(error);
      logger.error('A new configuration was not applied; the last one stays', {
        error: messageOf(error),
      });
    }
  });
  // For whoever started this process with a channel.
  process.send?.({ type: 'ready', statusUrl: component.statusUrl, dataDir: component.dataDir });
  logger.info('Stopping', { reason: await stop });
  await component.close();
}

async function main(argv: readonly string[]): Promise<void> {
  const { config } = readArguments(argv);
  const stop = new Promise<string>((done) => {
    onStopSignal(done);
    process.on('disconnect', () => done('disconnect'));
  });
  void stop.then(() => setTimeout(() => process.exit(0), STOP_MS).unref());
  if (config !== undefined) return await runFromFile(config, stop);
  if (process.env.AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT === undefined) {
    throw new TwinError('USAGE', USAGE);
  }
  // The IPC client is native code: it is loaded only where there is a nucleus.
  const { runUnderGreengrass } = await import('./greengrass/run.js');
  await runUnderGreengrass(stop);
}

try {
  await main(process.argv.slice(2));
  process.exit(0);
} catch (error) {
  process.stderr.write(`twinloop edge: ${messageOf(error)}\n`);
  process.exit(isUserError(error) ? 2 : 1);
}
