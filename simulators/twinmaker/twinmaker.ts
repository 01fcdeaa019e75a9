import {
  type Clock,
  type Logger,
  messageOf,
  silentLogger,
  systemClock,
  TwinError,
} from '../../shared/core/index.js';
import { ApiFault } from '../sitewise/api/faults.js';
import { toWire } from '../sitewise/api/handler.js';
import { validateRequest } from '../sitewise/api/validate.js';
import { CONNECTION_LIMITS } from '../sitewise/http/connection-limits.js';
import { parseBody, startJsonServer, type WireRequest } from '../sitewise/http/json-server.js';
import { createRouter } from '../sitewise/http/router.js';
import { type AcceptedCredentials, createSignatureVerifier } from '../sitewise/http/signature.js';
import { createMemoryStore, openLmdbStore } from '../sitewise/store/key-value.js';
import { invalid, OPERATIONS, TWINMAKER_LIMITS, type TwinMakerHandlers } from './api.js';
import { ComponentTypes, componentTypeHandlers } from './resources/component-types.js';
import { Components } from './resources/components.js';
import { type SiteWiseAs, SiteWiseConnector } from './resources/connector.js';
import { entityHandlers } from './resources/entities.js';
import { entityComponentHandlers } from './resources/entity-components.js';
import { propertyValueHandlers } from './resources/property-values.js';
import { TwinMakerAccount } from './resources/records.js';
import { sceneHandlers } from './resources/scenes.js';
import { tagHandlers } from './resources/tags.js';
import { workspaceHandlers } from './resources/workspaces.js';

/** Who may do some things and not others: a role. */
export interface TwinMakerPrincipal extends AcceptedCredentials {
  allows(action: string, resource: string, context: Record<string, string>): boolean;
}

/** How the stand-in for IoT TwinMaker is started. */
export interface TwinMakerOptions {
  /** SiteWise as the role of a workspace sees it: where values of assets come from. */
  siteWiseAs: SiteWiseAs;
  /** Keys that may do everything. */
  credentials: AcceptedCredentials;
  /** Others that may sign, each within what its policies allow. */
  principals?: readonly TwinMakerPrincipal[];
  /** Port on loopback; default 0: any free one. */
  port?: number;
  /** Folder of the store; left out, everything is in memory. */
  dataDir?: string;
  region?: string;
  /** How long entities and types take to become active, milliseconds; default 50. */
  activationMs?: number;
  clock?: Clock;
  logger?: Logger;
}

/** The running stand-in. */
export interface TwinMaker {
  /** e.g. `http://127.0.0.1:40123` */
  endpoint: string;
  region: string;
  credentials: AcceptedCredentials;
  close(): Promise<void>;
}

const READING = /^(Get|List)/;

function allHandlers(account: TwinMakerAccount, siteWiseAs: SiteWiseAs): TwinMakerHandlers {
  const types = new ComponentTypes(account);
  const connector = new SiteWiseConnector(siteWiseAs);
  const components = new Components(types, connector);
  return {
    ...workspaceHandlers(account),
    ...sceneHandlers(account),
    ...componentTypeHandlers(account, types),
    ...entityHandlers(account, components),
    ...entityComponentHandlers(account, components),
    ...propertyValueHandlers(account, components, connector),
    ...tagHandlers(account),
  };
}

/** The operations that the stand-in answers. */
export const offeredOperations = (): string[] =>
  Object.keys(
    allHandlers(
      new TwinMakerAccount({
        store: createMemoryStore(),
        clock: systemClock,
        accountId: '000000000000',
        region: 'local',
        activationMs: 0,
      }),
      () => undefined,
    ),
  ).sort();

/** What a request names; policies have to allow it on each of these. */
function resourcesOf(account: TwinMakerAccount, operation: string, input: object): string[] {
  const { workspaceId, entityId, sceneId, componentTypeId, resourceARN } = input as Record<
    string,
    string | undefined
  >;
  if (resourceARN !== undefined) return [resourceARN];
  if (workspaceId === undefined) return ['*'];
  const inside =
    entityId !== undefined && operation !== 'CreateEntity'
      ? `entity/${entityId}`
      : sceneId !== undefined && operation !== 'CreateScene'
        ? `scene/${sceneId}`
        : componentTypeId !== undefined && operation !== 'CreateComponentType'
          ? `component-type/${componentTypeId}`
          : undefined;
  const workspace = account.arn(workspaceId.replace(/^arn:.*\//, ''));
  return inside === undefined ? [workspace] : [workspace, `${workspace}/${inside}`];
}

/**
 * Starts the stand-in for IoT TwinMaker on loopback: workspaces, entities, component types, scenes,
 * and the values of properties that its SiteWise connector reads.
 *
 * @throws TwinError `PORT_IN_USE`
 */
export async function startTwinMaker(options: TwinMakerOptions): Promise<TwinMaker> {
  const { credentials, logger = silentLogger, region = 'us-east-1', dataDir } = options;
  const store = dataDir === undefined ? createMemoryStore() : openLmdbStore(dataDir);
  const account = new TwinMakerAccount({
    store,
    clock: options.clock ?? systemClock,
    accountId: '123456789012',
    region,
    activationMs: options.activationMs ?? 50,
  });
  const principals = new Map(options.principals?.map((p) => [p.accessKeyId, p]));
  const verifier = createSignatureVerifier(
    (id) => (id === credentials.accessKeyId ? credentials : principals.get(id)),
    Date.now,
    'iottwinmaker',
  );
  const route = createRouter(OPERATIONS.values());
  const handlers = allHandlers(account, options.siteWiseAs);

  async function answer(request: WireRequest) {
    const { method, path, query, headers, body } = request;
    const found = route(method, path);
    if (found === undefined) {
      throw new ApiFault('UnknownOperationException', `No operation answers ${method} ${path}.`);
    }
    const { operation, labels } = found;
    const signer = verifier.verify(request);
    const handler = handlers[operation.name];
    if (handler === undefined) {
      throw new ApiFault(
        'NotImplementedException',
        `${operation.name} is not offered by this stand-in for IoT TwinMaker.`,
      );
    }
    const input = validateRequest(
      operation,
      { labels, query: new URLSearchParams(query), headers, body: parseBody(body) },
      TWINMAKER_LIMITS,
    ) as object;
    const principal = principals.get(signer.accessKeyId);
    const action = `iottwinmaker:${operation.name}`;
    for (const resource of principal === undefined
      ? []
      : resourcesOf(account, operation.name, input)) {
      if (principal?.allows(action, resource, {}) === true) continue;
      throw new ApiFault(
        'AccessDeniedException',
        `The policies of this principal do not allow ${action} on ${resource}.`,
      );
    }
    const output = await handler(input as never);
    if (!READING.test(operation.name)) await account.commit();
    return { status: operation.successStatus, text: toWire(output) };
  }

  function toFault(error: unknown): ApiFault {
    if (error instanceof ApiFault) {
      // The parts shared with SiteWise speak its words.
      return error.code === 'InvalidRequestException' ? invalid(error.message) : error;
    }
    if (error instanceof TwinError && error.code === 'STORAGE') {
      return new ApiFault('InternalServerException', `${error.message} Nothing was changed.`);
    }
    logger.error('A request to TwinMaker failed inside', { reason: messageOf(error) });
    return new ApiFault('InternalServerException', 'An internal failure occurred.');
  }

  try {
    const server = await startJsonServer({
      host: '127.0.0.1',
      port: options.port ?? 0,
      limits: CONNECTION_LIMITS,
      answer,
      toFault,
    });
    return {
      endpoint: `http://127.0.0.1:${server.port}`,
      region,
      credentials,
      async close() {
        await server.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
