import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Closeable, closeAll, type Logger, silentLogger } from '../../shared/core/index.js';
import { ComponentProcess, type ComponentState } from './component-process.js';
import { mergeConfiguration } from './configuration.js';
import { type ExchangedCredentials, startCredentialsServer } from './credentials-server.js';
import { IpcServer, MAX_PACKET_BYTES } from './ipc-server.js';
import { IpcService } from './ipc-service.js';
import { fillVariables, type LoadedRecipe, loadRecipe } from './recipe.js';

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
  /**
   * `lite` hands scalars over as text, refuses what nucleus lite refuses and hangs up on packets over
   * {@link MAX_PACKET_BYTES}; default `classic`.
   */
  flavor?: 'classic' | 'lite';
  /** What the token exchange service gives out. */
  credentials?: ExchangedCredentials;
  region?: string;
  thingName?: string;
  /** Additional environment of the component. */
  env?: NodeJS.ProcessEnv;
  /** Wait before a component that failed is started again, ms; default 1000. */
  restartDelayMs?: number;
  /** With so many failures within an hour the component is broken; default 3, as on a gateway. */
  maxFailures?: number;
  logger?: Logger;
  /** What the component writes on stdout and stderr. */
  onOutput?: (text: string) => void;
  /** Hears of every change of the component's state. */
  onState?: (state: ComponentState) => void;
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

/** The classic nucleus takes what the event stream's frame can hold. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * Starts a stand-in nucleus and the component of a recipe: authentication, configuration with
 * updates, state, local publish and subscribe with access control, token exchange, lifecycle.
 *
 * @throws TwinError `FILE_NOT_FOUND`, `FILE_INVALID` for the recipe, `STORAGE` for its install step
 */
export async function startNucleus(options: NucleusOptions): Promise<Nucleus> {
  const recipe = await loadRecipe(options.recipe);
  const opened: Closeable[] = [];
  try {
    return await open(recipe, options, opened);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

async function open(
  recipe: LoadedRecipe,
  options: NucleusOptions,
  opened: Closeable[],
): Promise<Nucleus> {
  const { rootDir, flavor = 'classic', logger = silentLogger } = options;
  const { region = 'eu-central-1', thingName = 'twinloop-gateway' } = options;
  const workDir = resolve(rootDir, 'work', recipe.name);
  await mkdir(workDir, { recursive: true });
  const unarchived = await linkArtifacts(recipe, rootDir, options.artifacts ?? {});

  const token = randomUUID();
  // A socket's path may have some hundred bytes only: not below a deep folder.
  const socketDir = await mkdtemp(join(tmpdir(), 'gg-'));
  opened.push({ close: () => rm(socketDir, { recursive: true, force: true }) });
  const socketPath = join(socketDir, 'ipc.socket');
  const service = new IpcService({
    componentName: recipe.name,
    configuration: mergeConfiguration(recipe.defaultConfiguration, options.configuration ?? {}),
    flavor,
    onState: (state) => component.report(state),
  });
  const ipc = new IpcServer({
    socketPath,
    maxPacketBytes: flavor === 'lite' ? MAX_PACKET_BYTES : MAX_FRAME_BYTES,
    isToken: (given) => given === token,
    handle: (call) => service.handle(call),
    logger,
  });
  await ipc.listen();
  opened.push(ipc);

  const env: NodeJS.ProcessEnv = {
    ...process.env,
    SVCUID: token,
    AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: socketPath,
    AWS_REGION: region,
    AWS_IOT_THING_NAME: thingName,
    GGC_VERSION: '2.14.0',
  };
  const { credentials } = options;
  if (
    credentials !== undefined &&
    recipe.dependencies.includes('aws.greengrass.TokenExchangeService')
  ) {
    const server = await startCredentialsServer(credentials);
    opened.push(server);
    env.AWS_CONTAINER_CREDENTIALS_FULL_URI = server.url;
    env.AWS_CONTAINER_AUTHORIZATION_TOKEN = server.token;
    // The token exchange role is what the component has, not what this machine's user has.
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
      delete env[name];
    }
  }
  const component = new ComponentProcess({
    name: recipe.name,
    workDir,
    env: { ...env, ...options.env },
    restartDelayMs: options.restartDelayMs ?? 1000,
    maxFailures: options.maxFailures ?? 3,
    logger,
    onOutput: options.onOutput,
    onState: options.onState,
  });
  opened.push(component);
  const fill = (script: string) =>
    fillVariables(script, {
      'artifacts:decompressedPath': unarchived,
      'artifacts:path': resolve(rootDir, 'packages/artifacts', recipe.name),
      'work:path': workDir,
      'kernel:rootPath': resolve(rootDir),
      'iot:thingName': thingName,
    });
  const { install, run } = recipe.lifecycle;
  await component.install(install === undefined ? undefined : fill(install));
  component.run(fill(run));
  return {
    componentName: recipe.name,
    workDir,
    get state() {
      return component.state;
    },
    get pid() {
      return component.pid;
    },
    get starts() {
      return component.starts;
    },
    get configuration() {
      return service.configuration;
    },
    reached: (state) => component.reached(state),
    updateConfiguration: (change) => service.updateConfiguration(change),
    publish: (topic, message) => service.publish(topic, message),
    subscribe: (topic, listener) => service.subscribe(topic, listener),
    dropConnections: () => ipc.dropConnections(),
    close: () => closeAll(opened.splice(0)),
  };
}

/** @returns where `{artifacts:decompressedPath}` points */
async function linkArtifacts(
  recipe: LoadedRecipe,
  rootDir: string,
  artifacts: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = resolve(rootDir, 'packages/artifacts-unarchived', recipe.name, recipe.version);
  await mkdir(folder, { recursive: true });
  for (const [name, target] of Object.entries(artifacts)) {
    await rm(join(folder, name), { recursive: true, force: true });
    await symlink(resolve(target), join(folder, name));
  }
  return folder;
}
