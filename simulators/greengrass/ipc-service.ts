import { isAllowed } from './access-control.js';
import { mergeConfiguration, scalarsAsText, valueAtPath } from './configuration.js';
import { type IpcCall, IpcError } from './ipc-server.js';

export interface IpcServiceOptions {
  componentName: string;
  configuration: Record<string, unknown>;
  flavor: 'classic' | 'lite';
  /** Hears the state that the component reports. */
  onState: (state: 'RUNNING' | 'ERRORED') => void;
}

const REFUSED_BY_LITE = new Set([
  'GetSecretValue',
  'PutComponentMetric',
  'DeferComponentUpdate',
  'SubscribeToValidateConfigurationUpdates',
]);
const PUBSUB = 'aws.greengrass.ipc.pubsub';

/** What the nucleus does for a component over IPC: configuration, state, local topics. */
export class IpcService {
  readonly #options: IpcServiceOptions;
  readonly #topics = new Map<string, Set<(message: unknown) => void>>();
  readonly #updates = new Set<(keyPath: string[]) => void>();
  #configuration: Record<string, unknown>;

  constructor(options: IpcServiceOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
  }

  get configuration(): Record<string, unknown> {
    return this.#configuration;
  }

  /** Merges a change, and tells whoever has subscribed to it. */
  updateConfiguration(change: Record<string, unknown>): void {
    this.#configuration = mergeConfiguration(this.#configuration, change);
    for (const key of Object.keys(change)) for (const notify of this.#updates) notify([key]);
  }

  publish(topic: string, message: object): void {
    for (const listener of this.#topics.get(topic) ?? []) listener(message);
  }

  /** @returns stops listening */
  subscribe(topic: string, listener: (message: unknown) => void): () => void {
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * Answers one call.
   *
   * @throws IpcError
   */
  handle(call: IpcCall): object {
    const { operation, request } = call;
    const { componentName, flavor, onState } = this.#options;
    if (flavor === 'lite' && REFUSED_BY_LITE.has(operation)) {
      throw new IpcError('ServiceError', `${operation} is not supported by nucleus lite`);
    }
    switch (operation) {
      case 'GetConfiguration':
        return this.#getConfiguration(request);
      case 'SubscribeToConfigurationUpdate': {
        const notify = (keyPath: string[]) =>
          call.send('ConfigurationUpdateEvents', {
            configurationUpdateEvent: { componentName, keyPath },
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
        onState(state);
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
    const own = this.#options.componentName;
    const { componentName = own, keyPath } = request;
    if (!Array.isArray(keyPath)) {
      throw new IpcError('InvalidArgumentsError', 'keyPath is required');
    }
    const value =
      componentName === own ? valueAtPath(this.#configuration, keyPath.map(String)) : undefined;
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
        `Principal ${this.#options.componentName} is not authorized to perform ${PUBSUB}:aws.greengrass#${operation} on resource ${topic}`,
      );
    }
  }
}
