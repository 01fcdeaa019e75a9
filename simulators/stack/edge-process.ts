import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { type Closeable, type Logger, TwinError } from '../../shared/core/index.js';
import { type ComponentState, type Nucleus, startNucleus } from '../greengrass/index.js';

/** What a nucleus needs to start the edge component. */
export interface EdgeDeployment {
  /** Path of its recipe. */
  recipe: string;
  /** Folders that stand for the recipe's unarchived artifacts, by name. */
  artifacts: Readonly<Record<string, string>>;
}

/** The part of the edge component's status that the stack looks at. */
export interface EdgeProcessStatus {
  queueDepth: number;
  published: number;
  dropped: number;
  healthy: boolean;
}

/** The edge component under the stand-in nucleus, started again when it ends by itself. */
export interface EdgeProcess extends Closeable {
  pid(): number | undefined;
  /** Its status, or undefined while it is away. */
  status(): Promise<EdgeProcessStatus | undefined>;
}

const START_MS = 30_000;
/** A component that fails so often before it ever ran will not run. */
const MAX_FAILED_STARTS = 3;

/**
 * Starts the edge component from its recipe under the stand-in nucleus, which hands it its
 * configuration, and waits until it reports that it runs.
 *
 * @param options.config the component's config, with an absolute `dataDir`
 * @throws TwinError `INTERNAL` with what it said when it does not come up
 */
export async function startEdgeProcess(options: {
  deployment: EdgeDeployment;
  config: Record<string, unknown> & { dataDir: string };
  dataDir: string;
  logger: Logger;
}): Promise<EdgeProcess> {
  const { deployment, config, dataDir, logger } = options;
  const log = createWriteStream(join(dataDir, 'edge.log'), { flags: 'a' });
  let tail = '';
  let hear: (state: ComponentState) => void = () => {};
  const firstRun = new Promise<void>((resolve, reject) => {
    const fail = (what: string) => {
      clearTimeout(timer);
      reject(new TwinError('INTERNAL', `The edge component ${what}:\n${tail}`));
    };
    const timer = setTimeout(() => fail('did not come up'), START_MS);
    let failures = 0;
    hear = (state) => {
      if (state === 'ERRORED' && ++failures >= MAX_FAILED_STARTS) fail('could not start');
      if (state !== 'RUNNING') return;
      clearTimeout(timer);
      resolve();
    };
  });
  firstRun.catch(() => {});
  let nucleus: Nucleus | undefined;
  const close = async () => {
    await nucleus?.close();
    log.end();
  };
  try {
    nucleus = await startNucleus({
      ...deployment,
      rootDir: join(dataDir, 'greengrass'),
      configuration: { edge: config },
      // The recipe says `node`: the one that runs the stack.
      env: { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}` },
      // Nobody deploys anew here: whoever kills the component to see what happens gets it back.
      maxFailures: Number.POSITIVE_INFINITY,
      logger,
      onOutput: (text) => {
        tail = (tail + text).slice(-2000);
        log.write(text);
      },
      onState: (state) => hear(state),
    });
    await firstRun;
  } catch (error) {
    await close();
    throw error;
  }
  const { pid, status } = statusOf(nucleus, join(config.dataDir, 'status.json'));
  return { pid, status, close };
}

/** The component notes in a file where its status server listens, and which process it is. */
function statusOf(nucleus: Nucleus, notePath: string): Pick<EdgeProcess, 'pid' | 'status'> {
  return {
    pid: () => nucleus.pid,
    async status() {
      if (nucleus.state !== 'RUNNING') return undefined;
      try {
        const { url } = JSON.parse(await readFile(notePath, 'utf8')) as { url: string };
        const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(1000) });
        return (await response.json()) as EdgeProcessStatus;
      } catch {
        return undefined;
      }
    },
  };
}
