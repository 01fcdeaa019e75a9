import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type Closeable,
  closeAll,
  type Logger,
  silentLogger,
  TwinError,
} from '../../shared/core/index.js';
import { isAllowed } from './access-control.js';
import { mergeConfiguration, scalarsAsText, valueAtPath } from './configuration.js';
import { type ExchangedCredentials, startCredentialsServer } from './credentials-server.js';
import { type IpcCall, IpcError, IpcServer } from './ipc-server.js';
import { fillVariables, type LoadedRecipe, loadRecipe } from './recipe.js';

/** The states of a component's life. */
export type ComponentState =
  | 'NEW'
  | 'INSTALLED'
  | 'STARTING'
  | 'RUNNING'
  | 'ERRORED'
  | 'BROKEN'
  | 'STOPPING'
  | 'FINISHED';

export interface NucleusOptions {
  /** Path of the component's recipe. */
  recipe: string;
  /** Folder for work folders; made when it is not there. */
  rootDir: string;
  /**
   * Folders that stand for unarchived artifacts, by the archive's name without its ending: linked to
   * where `{artifacts:decompressedPath}` points.
   */
  artifacts?: Readonly<Record<string, string>>;
  /** Merged into the recipe's default configuration, as a deployment's `merge` is. */
  configuration?: Record<string, unknown>;
  /** `lite` hands scalars over as text and refuses what nucleus lite refuses. */
  flavor?: 'classic' | 'lite';
  /** What the token exchange service gives out. */
  credentials?: ExchangedCredentials;
  region?: string;
  thingName?: string;
  /** Additional environment of the component. */
  env?: NodeJS.ProcessEnv;
  /** Wait before a component that failed is started again, ms. */
  restartDelayMs?: number;
  logger?: Logger;
  /** What the component writes on stdout and stderr. */
  onOutput?: (text: string) => void;
}

/** A running stand-in for the Greengrass nucleus, with one component. */
export interface Nucleus extends Closeable {
  readonly componentName: string;
  readonly state: ComponentState;
  /** Process id of the component, undefined while it does not run. */
  readonly pid: number | undefined;
  /** Where the component's process runs: its `{work:path}`. */
  readonly workDir: string;
  readonly configuration: Record<string, unknown>;
  /** Times the component was started. */
  readonly starts: number;
  /** Resolves when the component is in this state. */
  reached(state: ComponentState): Promise<void>;
  /** Merges a change into the configuration and tells the component, as a deployment does. */
  updateConfiguration(change: Record<string, unknown>): void;
  /** Publishes on a local topic as another component would. */
  publish(topic: string, message: object): void;
  /** Hears what components publish on a local topic. @returns stops that */
  subscribe(topic: string, listener: (message: unknown) => void): () => void;
  /** Hangs up on the component, as a nucleus that restarts does. */
  dropConnections(): void;
}

/** A component that fails more often than this is broken. */
const MAX_FAILURES = 3;
const STOP_MS = 5000;
const REFUSED_BY_LITE = new Set([
  'GetSecretValue',
  'PutComponentMetric',
  'DeferComponentUpdate',
  'SubscribeToValidateConfigurationUpdates',
]);
const PUBSUB = 'aws.greengrass.ipc.pubsub';

/**
 * Starts a stand-in nucleus and the component of a recipe: authentication, configuration with
 * updates, state, local publish and subscribe with access control, token exchange, lifecycle.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID` for the recipe
 */
export async function startNucleus(options: NucleusOptions): Promise<Nucleus> {
  const recipe = await loadRecipe(options.recipe);
  const nucleus = new StandInNucleus(recipe, options);
  try {
    await nucleus.start();
  } catch (error) {
    await nucleus.close();
    throw error;
  }
  return nucleus;
}

class StandInNucleus implements Nucleus {
  readonly componentName: string;
  readonly workDir: string;
  readonly #recipe: LoadedRecipe;
  readonly #options: NucleusOptions;
  readonly #logger: Logger;
  readonly #token = randomUUID();
  readonly #closeables: Closeable[] = [];
  readonly #topics = new Map<string, Set<(message: unknown) => void>>();
  readonly #updates = new Set<(keyPath: string[]) => void>();
  readonly #waiters = new Set<{ state: ComponentState; resolve: () => void }>();
  #configuration: Record<string, unknown>;
  #state: ComponentState = 'NEW';
  #child: ChildProcess | undefined;
  #ipc: IpcServer | undefined;
  #env: NodeJS.ProcessEnv = {};
  #starts = 0;
  #failures = 0;
  #restart: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(recipe: LoadedRecipe, options: NucleusOptions) {
    this.#recipe = recipe;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.componentName = recipe.name;
    this.workDir = resolve(options.rootDir, 'work', recipe.name);
    this.#configuration = mergeConfiguration(
      recipe.defaultConfiguration,
      options.configuration ?? {},
    );
  }

  get state(): ComponentState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get configuration(): Record<string, unknown> {
    return this.#configuration;
  }

  get starts(): number {
    return this.#starts;
  }

  async start(): Promise<void> {
    const { rootDir, artifacts = {}, credentials, region, thingName, env } = this.#options;
    await mkdir(this.workDir, { recursive: true });
    const unarchived = resolve(
      rootDir,
      'packages/artifacts-unarchived',
      this.#recipe.name,
      this.#recipe.version,
    );
    await mkdir(unarchived, { recursive: true });
    for (const [name, target] of Object.entries(artifacts)) {
      await rm(join(unarchived, name), { recursive: true, force: true });
      await symlink(resolve(target), join(unarchived, name));
    }
    // A socket's path may have some hundred bytes only: not below a deep folder.
    const socketDir = await mkdtemp(join(tmpdir(), 'gg-'));
    this.#closeables.push({ close: () => rm(socketDir, { recursive: true, force: true }) });
    const socketPath = join(socketDir, 'ipc.socket');
    this.#ipc = new IpcServer({
      socketPath,
      isToken: (token) => token === this.#token,
      handle: (call) => this.#handle(call),
      logger: this.#logger,
    });
    await this.#ipc.listen();
    this.#closeables.push(this.#ipc);
    const { AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: _, ...inherited } = process.env;
    this.#env = {
      ...inherited,
      SVCUID: this.#token,
      AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: socketPath,
      AWS_REGION: region ?? 'eu-central-1',
      AWS_IOT_THING_NAME: thingName ?? 'twinloop-gateway',
      GGC_VERSION: '2.14.0',
    };
    if (
      credentials !== undefined &&
      this.#recipe.dependencies.includes('aws.greengrass.TokenExchangeService')
    ) {
      const server = await startCredentialsServer(credentials);
      this.#closeables.push(server);
      this.#env.AWS_CONTAINER_CREDENTIALS_FULL_URI = server.url;
      this.#env.AWS_CONTAINER_AUTHORIZATION_TOKEN = server.token;
      // The token exchange role is what the component has, not what this machine's user has.
      for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
        delete this.#env[name];
      }
    }
    Object.assign(this.#env, env);
    const variables = {
      'artifacts:decompressedPath': unarchived,
      'artifacts:path': resolve(rootDir, 'packages/artifacts', this.#recipe.name),
      'work:path': this.workDir,
      'kernel:rootPath': resolve(rootDir),
      'iot:thingName': thingName ?? 'twinloop-gateway',
    };
    const { install, run } = this.#recipe.lifecycle;
    if (install !== undefined) await this.#install(fillVariables(install, variables));
    this.#setState('INSTALLED');
    this.#run(fillVariables(run, variables));
  }

  reached(state: ComponentState): Promise<void> {
    if (this.#state === state) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.add({ state, resolve }));
  }

  updateConfiguration(change: Record<string, unknown>): void {
    this.#configuration = mergeConfiguration(this.#configuration, change);
    for (const key of Object.keys(change)) for (const notify of this.#updates) notify([key]);
  }

  publish(topic: string, message: object): void {
    for (const listener of this.#topics.get(topic) ?? []) listener(message);
  }

  subscribe(topic: string, listener: (message: unknown) => void): () => void {
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  dropConnections(): void {
    this.#ipc?.dropConnections();
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restart);
    if (this.#child !== undefined) {
      this.#setState('STOPPING');
      await this.#stopChild(this.#child);
    }
    await closeAll(this.#closeables.splice(0));
  }

  #install(script: string): Promise<void> {
    const child = spawn('sh', ['-c', script], { cwd: this.workDir, env: this.#env });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else {
          reject(
            new TwinError(
              'STORAGE',
              `The install step of ${this.componentName} ended with ${code}.`,
            ),
          );
        }
      });
    });
  }

  #run(script: string): void {
    this.#starts++;
    this.#setState('STARTING');
    // A process group of its own, so that whatever the script starts ends with it.
    const child = spawn('sh', ['-c', script], {
      cwd: this.workDir,
      env: this.#env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#options.onOutput?.(chunk.toString('utf8')));
    }
    child.once('error', (error) => {
      this.#logger.error('The component could not be started', { error: error.message });
    });
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#closing) {
        this.#setState('FINISHED');
        return;
      }
      if (code === 0) {
        this.#setState('FINISHED');
        return;
      }
      this.#failures++;
      this.#logger.warn('The component ended', { code, signal, failures: this.#failures });
      this.#setState('ERRORED');
      if (this.#failures >= MAX_FAILURES) {
        this.#setState('BROKEN');
        return;
      }
      this.#restart = setTimeout(() => this.#run(script), this.#options.restartDelayMs ?? 1000);
    });
  }

  async #stopChild(child: ChildProcess): Promise<void> {
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const signal = (name: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // It has ended in the meantime.
      }
    };
    signal('SIGTERM');
    const timer = setTimeout(() => signal('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  #setState(state: ComponentState): void {
    this.#state = state;
    for (const waiter of [...this.#waiters]) {
      if (waiter.state !== state) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #handle(call: IpcCall): object {
    const { operation, request } = call;
    if (this.#options.flavor === 'lite' && REFUSED_BY_LITE.has(operation)) {
      throw new IpcError('ServiceError', `${operation} is not supported by nucleus lite`);
    }
    switch (operation) {
      case 'GetConfiguration':
        return this.#getConfiguration(request);
      case 'SubscribeToConfigurationUpdate': {
        const notify = (keyPath: string[]) =>
          call.send('ConfigurationUpdateEvents', {
            configurationUpdateEvent: { componentName: this.componentName, keyPath },
          });
        this.#updates.add(notify);
        call.onEnd(() => this.#updates.delete(notify));
        return {};
      }
      case 'UpdateState': {
        const state = String(request.state);
        if (state !== 'RUNNING' && state !== 'ERRORED') {
          throw new IpcError('InvalidArgumentsError', `${state} is no state to report`);
        }
        if (!this.#closing) this.#setState(state);
        return {};
      }
      case 'PublishToTopic': {
        const topic = String(request.topic);
        this.#authorize(operation, topic);
        const { jsonMessage, binaryMessage } = (request.publishMessage ?? {}) as {
          jsonMessage?: { message: unknown };
          binaryMessage?: { message: unknown };
        };
        this.publish(topic, (jsonMessage ?? binaryMessage)?.message as object);
        return {};
      }
      case 'SubscribeToTopic': {
        const topic = String(request.topic);
        this.#authorize(operation, topic);
        const stop = this.subscribe(topic, (message) =>
          call.send('SubscriptionResponseMessage', {
            jsonMessage: { message, context: { topic } },
          }),
        );
        call.onEnd(stop);
        return { topicName: topic };
      }
      default:
        throw new IpcError('ServiceError', `${operation} is not offered by this stand-in`);
    }
  }

  #getConfiguration(request: Record<string, unknown>): object {
    const { componentName = this.componentName, keyPath } = request;
    if (!Array.isArray(keyPath)) {
      throw new IpcError('InvalidArgumentsError', 'keyPath is required');
    }
    const value =
      componentName === this.componentName
        ? valueAtPath(this.#configuration, keyPath.map(String))
        : undefined;
    if (value === undefined) {
      throw new IpcError('ResourceNotFoundError', `no key ${keyPath.join('/')}`);
    }
    const shown = this.#options.flavor === 'lite' ? scalarsAsText(value) : value;
    const isMap = typeof shown === 'object' && shown !== null && !Array.isArray(shown);
    const name = String(keyPath.at(-1));
    return { componentName, value: isMap ? shown : { [name]: shown } };
  }

  #authorize(operation: string, topic: string): void {
    if (!isAllowed(this.#configuration, PUBSUB, `aws.greengrass#${operation}`, topic)) {
      throw new IpcError(
        'UnauthorizedError',
        `Principal ${this.componentName} is not authorized to perform ${PUBSUB}:aws.greengrass#${operation} on resource ${topic}`,
      );
    }
  }
}
