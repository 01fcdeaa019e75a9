import { afterEach } from 'vitest';
import { type Logger, silentLogger } from '../../shared/core/index.js';
import { type OpcuaBench, opcuaBench } from './opcua-bench.js';
import { type Judge, pythonHas, startJudge } from './python.js';

/** What the tests with a server made of asyncua have in common; to be called once a file. */
export function asyncuaBench() {
  /** A Python with asyncua; `.ci/run` installs one. */
  const python = process.env.TWINLOOP_DEVICES_PYTHON;
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const onEnd = (cleanup: () => Promise<unknown>) => {
    cleanups.push(cleanup);
  };
  /** Starts a server that ends with the test. */
  const serve = async (settings: object): Promise<Judge> => {
    const judge = await startJudge(python!, 'opcua_server.py', settings);
    onEnd(judge.kill);
    return judge;
  };
  return {
    python,
    available: pythonHas(python, 'asyncua'),
    onEnd,
    serve,
    /** A component with a server at its port; one that runs already has its port given. */
    bench: async (
      port?: number,
      logger: Logger = silentLogger,
    ): Promise<OpcuaBench & { serve: typeof serve }> => {
      const made = await opcuaBench(onEnd, port === undefined ? { logger } : { port, logger });
      return { ...made, serve: (settings) => serve({ port: made.port, ...settings }) };
    },
  };
}
