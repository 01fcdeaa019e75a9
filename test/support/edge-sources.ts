import { afterEach } from 'vitest';
import { type EdgeComponent, startEdge } from '../../edge-component/index.js';
import { edgeSchema, parseConfig } from '../../shared/config/index.js';
import { type Logger, silentLogger } from '../../shared/core/index.js';
import { startTestBroker, type TestBroker, temporaryFolder } from './edge.js';

/** What the tests of sources have in common; to be called once a file. */
export function sourceBench() {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** A folder, and a broker at the far end. */
  async function setUp(): Promise<{ folder: string; broker: TestBroker }> {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const broker = await startTestBroker();
    cleanups.push(() => broker.close());
    return { folder: folder.path, broker };
  }

  /** Starts a component with these sources; it ends with the test. */
  async function run(
    folder: string,
    broker: TestBroker,
    sources: object[],
    logger: Logger = silentLogger,
  ): Promise<EdgeComponent> {
    const config = parseConfig(
      edgeSchema,
      {
        dataDir: 'data',
        sources,
        publisher: { type: 'sitewise-edge', url: broker.url, maxWaitMs: 10 },
        status: { port: 0 },
      },
      'test',
    );
    const component = await startEdge(config, {
      baseDir: folder,
      configSource: 'test',
      logger,
    });
    cleanups.push(() => component.close());
    return component;
  }

  /** What came of one stream. */
  const of = (broker: TestBroker, alias: string) => broker.values.filter((v) => v.alias === alias);
  return { cleanups, setUp, run, of };
}

/** A source that reads `w` of a test server. */
export const opcuaSource = (endpointUrl: string, change: object = {}) => ({
  name: 'plc',
  type: 'opcua',
  endpointUrl,
  publishingIntervalMs: 50,
  samplingIntervalMs: 20,
  backoff: { minMs: 50, maxMs: 200 },
  signals: [{ browsePath: '/1:Line/1:w', alias: '/w' }],
  ...change,
});
