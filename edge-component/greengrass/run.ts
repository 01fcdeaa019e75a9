import { type EdgeConfig, edgeSchema } from '../../shared/config/index.js';
import {
  messageOf,
  onReloadSignal,
  switchableLogger,
  systemClock,
} from '../../shared/core/index.js';
import { createLogger } from '../../shared/core/winston.js';
import { type EdgeComponent, startEdge } from '../component.js';
import { cutStatus } from '../status/cut-status.js';
import { type DeployedConfig, readDeployedConfig } from './deployed-config.js';
import { GreengrassIpc, MAX_MESSAGE_BYTES } from './ipc.js';

/** What may stand in a message on the command topic. */
type CommandName = 'pause' | 'resume' | 'flush' | 'snapshot' | 'reload';

/**
 * Runs the component under Greengrass: configuration from the deployment, also while running; state
 * to the nucleus; status and commands on local topics. Resolves when `stop` does.
 *
 * @throws TwinError when it cannot start; the nucleus was told `ERRORED` then
 */
export async function runUnderGreengrass(stop: Promise<string>): Promise<void> {
  const clock = systemClock;
  const workDir = process.cwd();
  const fields = { component: 'edge' };
  const logger = switchableLogger(createLogger({ format: 'json', fields }));
  let config: EdgeConfig = edgeSchema.parse({});
  let configText = '';
  let component: EdgeComponent | undefined;
  let applying: Promise<void> = Promise.resolve();
  let reporter = new AbortController();
  const stopped = new AbortController();

  const reloads = onReloadSignal();
  const ipc = new GreengrassIpc({
    clock,
    logger,
    commandTopic: () => config.status.commandTopic,
    onConfiguration: () => void apply(),
    onCommand: (message) => {
      command(message).catch((error: unknown) => {
        logger.warn('A command failed', { error: messageOf(error) });
      });
    },
  });

  /** Reads the configuration again, one after the other. */
  function apply(): Promise<void> {
    applying = applying.then(applyUpdate);
    return applying;
  }

  /** A config that is wrong leaves the running one in place. */
  async function applyUpdate(): Promise<void> {
    if (component === undefined) return;
    try {
      const next = await readDeployedConfig(await ipc.configuration(), workDir);
      if (textOf(next) !== configText || component.status().component.configError !== undefined) {
        await component.reconfigure(next.config, next.baseDir);
        const topicBefore = config.status.commandTopic;
        config = next.config;
        configText = textOf(next);
        if (config.status.commandTopic !== topicBefore) await ipc.subscribeToCommands();
        // Its interval may have changed.
        reporter.abort();
      }
    } catch (error) {
      component.refused(error);
      logger.error('A new configuration was not applied; the last one stays', {
        error: messageOf(error),
      });
    }
    await publishStatus();
  }

  /** Tells the status; whatever is wrong with that is no reason to end. */
  async function publishStatus(id?: unknown): Promise<void> {
    if (component === undefined) return;
    try {
      const status = { ...(id === undefined ? {} : { id }), ...component.status() };
      // Many sources do not fit in one local message; the status server has them all.
      await ipc.publish(config.status.topic, cutStatus(status, MAX_MESSAGE_BYTES));
    } catch (error) {
      logger.warn('The status could not be published', { error: messageOf(error) });
    }
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
      case 'reload':
        await apply();
        break;
      default:
        logger.warn('Unknown command: expected pause, resume, flush, snapshot or reload', {
          message,
        });
        return;
    }
    await publishStatus(id);
  }

  try {
    await ipc.connect();
    const deployed = await readDeployedConfig(await ipc.configuration(), workDir);
    config = deployed.config;
    configText = textOf(deployed);
    logger.use(createLogger({ ...config.log, fields }));
    component = await startEdge(config, {
      baseDir: deployed.baseDir,
      dataBaseDir: workDir,
      configSource: deployed.source,
      logger,
      onConfig: (next) => logger.use(createLogger({ ...next.log, fields })),
    });
  } catch (error) {
    logger.error('The component could not start', { error: messageOf(error) });
    await ipc.updateState('ERRORED');
    await component?.close();
    await ipc.close();
    throw error;
  }
  reloads.use(apply);
  await ipc.updateState('RUNNING');
  await publishStatus();
  const reporting = (async () => {
    while (!stopped.signal.aborted) {
      reporter = new AbortController();
      await clock.sleep(config.status.everyS * 1000, reporter.signal).catch(() => {});
      if (!reporter.signal.aborted) await publishStatus();
    }
  })();
  logger.info('Stopping', { reason: await stop });
  stopped.abort();
  reporter.abort();
  await applying;
  await component.close();
  await ipc.close();
  await reporting;
}

/** A config and where it lies, to be compared. */
function textOf({ config, baseDir }: DeployedConfig): string {
  return JSON.stringify([config, baseDir]);
}
