import { type EdgeConfig, edgeSchema } from '../../shared/config/index.js';
import { messageOf, systemClock } from '../../shared/core/index.js';
import { createLogger } from '../../shared/core/winston.js';
import { type EdgeComponent, startEdge } from '../component.js';
import { parseDeployedConfig } from './deployed-config.js';
import { GreengrassIpc, MAX_MESSAGE_BYTES } from './ipc.js';

/** What may stand in a message on the command topic. */
type CommandName = 'pause' | 'resume' | 'flush' | 'snapshot';

/**
 * Runs the component under Greengrass: configuration from the deployment, also while running; state
 * to the nucleus; status and commands on local topics. Resolves when `stop` does.
 *
 * @throws TwinError when it cannot start; the nucleus was told `ERRORED` then
 */
export async function runUnderGreengrass(stop: Promise<string>): Promise<void> {
  const clock = systemClock;
  let logger = createLogger({ format: 'json', fields: { component: 'edge' } });
  let config: EdgeConfig = edgeSchema.parse({});
  let configText = '';
  let component: EdgeComponent | undefined;
  let configError: string | undefined;
  let applying: Promise<void> = Promise.resolve();

  const ipc = new GreengrassIpc({
    clock,
    logger,
    commandTopic: () => config.status.commandTopic,
    onConfiguration: () => {
      applying = applying.then(applyUpdate);
    },
    onCommand: (message) => {
      command(message).catch((error: unknown) => {
        logger.warn('A command failed', { error: messageOf(error) });
      });
    },
  });

  /** A config that is wrong leaves the running one in place. */
  async function applyUpdate(): Promise<void> {
    if (component === undefined) return;
    try {
      const next = parseDeployedConfig(await ipc.configuration());
      configError = undefined;
      if (JSON.stringify(next) === configText) return;
      await component.reconfigure(next);
      config = next;
      configText = JSON.stringify(next);
    } catch (error) {
      configError = messageOf(error);
      logger.error('A new configuration was not applied; the last one stays', {
        error: configError,
      });
    }
    await publishStatus();
  }

  async function publishStatus(id?: unknown): Promise<void> {
    if (component === undefined) return;
    const status = {
      ...(id === undefined ? {} : { id }),
      ...component.status(),
      ...(configError === undefined ? {} : { configError: configError.slice(0, 1000) }),
    };
    const size = Buffer.byteLength(
      JSON.stringify(status, (_k, v) => (typeof v === 'bigint' ? `${v}` : v)),
    );
    // Many sources do not fit in one local message; the status server has them all.
    const message =
      size <= MAX_MESSAGE_BYTES
        ? status
        : { ...status, sources: status.sources.filter((s) => s.state !== 'up').slice(0, 5) };
    await ipc.publish(config.status.topic, message);
  }

  async function command(message: unknown): Promise<void> {
    const { command: name, id } = (message ?? {}) as { command?: CommandName; id?: unknown };
    logger.info('Command received', { command: name });
    switch (name) {
      case 'pause':
        component?.pause();
        break;
      case 'resume':
        component?.resume();
        break;
      case 'flush':
        component?.flush();
        break;
      case 'snapshot':
        break;
      default:
        logger.warn('Unknown command: expected pause, resume, flush or snapshot', { message });
        return;
    }
    await publishStatus(id);
  }

  try {
    await ipc.connect();
    config = parseDeployedConfig(await ipc.configuration());
    configText = JSON.stringify(config);
    logger = createLogger({ ...config.log, fields: { component: 'edge' } });
    component = await startEdge(config, {
      baseDir: process.cwd(),
      configSource: 'Greengrass deployment',
      logger,
    });
  } catch (error) {
    logger.error('The component could not start', { error: messageOf(error) });
    await ipc.updateState('ERRORED');
    await component?.close();
    await ipc.close();
    throw error;
  }
  await ipc.updateState('RUNNING');
  await publishStatus();
  const reporter = new AbortController();
  const reporting = (async () => {
    while (!reporter.signal.aborted) {
      await clock.sleep(config.status.everyS * 1000, reporter.signal).catch(() => {});
      if (!reporter.signal.aborted) await publishStatus();
    }
  })();
  logger.info('Stopping', { reason: await stop });
  reporter.abort();
  await applying;
  await component.close();
  await ipc.close();
  await reporting;
}
