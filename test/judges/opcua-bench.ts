import { type EdgeComponent, startEdge } from '../../edge-component/index.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { type Logger, silentLogger } from '../../shared/core/index.js';
import { startTestBroker, type TestBroker, temporaryFolder } from '../support/edge.js';
import { freePort } from './python.js';

/** A component that reads one OPC UA server of others, with a broker at its far end. */
export interface OpcuaBench {
  folder: string;
  broker: TestBroker;
  /** Of the server. */
  port: number;
  /** Called at the end of the test, the last first. */
  onEnd(cleanup: () => Promise<unknown>): void;
  edge(signals: object[], change?: object, dataDir?: string): Promise<EdgeComponent>;
  of(alias: string): TestBroker['values'];
  last(alias: string): TestBroker['values'][number] | undefined;
}

/**
 * @param onEnd is told what to do when the test is over
 * @param options `port` and `path` of the server; a port left out is any free one
 */
export async function opcuaBench(
  onEnd: OpcuaBench['onEnd'],
  options: { port?: number; path?: string; logger?: Logger } = {},
): Promise<OpcuaBench> {
  const folder = await temporaryFolder();
  onEnd(folder.remove);
  const broker = await startTestBroker();
  onEnd(() => broker.close());
  const port = options.port ?? (await freePort());
  const byAlias = new Map<string, TestBroker['values'][number][]>();
  let seen = 0;
  // Thousands of streams are asked for again and again.
  const of = (alias: string) => {
    for (; seen < broker.values.length; seen++) {
      const value = broker.values[seen]!;
      const values = byAlias.get(value.alias);
      if (values === undefined) byAlias.set(value.alias, [value]);
      else values.push(value);
    }
    return byAlias.get(alias) ?? [];
  };
  return {
    ...{ folder: folder.path, broker, port, onEnd, of },
    last: (alias) => of(alias).at(-1),
    edge: async (signals, change = {}, dataDir = 'data') => {
      const source = {
        name: 'plc',
        type: 'opcua',
        endpointUrl: `opc.tcp://127.0.0.1:${port}/${options.path ?? 'ua/'}`,
        publishingIntervalMs: 50,
        samplingIntervalMs: 0,
        trigger: 'status-value-timestamp',
        backoff: { minMs: 50, maxMs: 500 },
        signals,
        ...change,
      };
      const publisher = { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 };
      const config = parseConfig(
        edgeSchema,
        { dataDir, sources: [source], publisher, status: { port: 0 } },
        'test',
      );
      const component = await startEdge(config, {
        baseDir: folder.path,
        configSource: 'test',
        logger: options.logger ?? silentLogger,
      });
      onEnd(() => component.close());
      return component;
    },
  };
}

/** A signal of the servers' namespace. */
export const plantNode = (name: string, rest: object = {}) => ({
  nodeId: `nsu=urn:plant;s=${name}`,
  alias: `/${name}`,
  ...rest,
});
