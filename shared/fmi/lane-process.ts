/** The process that an FMU runs in: one job per message, nothing else. Started by the pool. */
import { messageOf, TwinError } from '../core/index.js';
import type { FromLane, LaneError, ToLane } from './lane-protocol.js';
import { dieWithParent } from './native.js';
import { FmuRunner } from './runner.js';
import { FmiCallError } from './status.js';

let runner: FmuRunner | undefined;

function send(message: FromLane): void {
  process.send?.(message);
}

function describe(error: unknown): LaneError {
  return {
    code: error instanceof TwinError ? error.code : 'INTERNAL',
    message:
      error instanceof TwinError
        ? error.message
        : `${messageOf(error)}${error instanceof Error ? `\n${error.stack}` : ''}`,
    ...(error instanceof FmiCallError && { function: error.function, status: error.status }),
  };
}

/** After Fatal nothing of this process may be used again. */
function isFatal(error: unknown): boolean {
  return error instanceof FmiCallError && error.status === 'Fatal';
}

function perform(message: ToLane): unknown {
  if (message.type === 'open') {
    runner = new FmuRunner(message.fmu, {
      loggingOn: message.loggingOn,
      onLog: (log) => send({ type: 'log', message: log }),
      ...(message.fmiLogging && { onCall: (text: string) => send({ type: 'call', text }) }),
    });
    runner.load();
    return undefined;
  }
  if (runner === undefined) throw new TwinError('INTERNAL', 'No FMU was opened.');
  switch (message.type) {
    case 'settle':
      return runner.settle(message.request);
    case 'simulate':
      return runner.simulate(message.request);
    case 'advance':
      return runner.advance(message.request);
    case 'jacobian':
      return runner.jacobian(message.request);
  }
}

function handle(message: ToLane): void {
  try {
    const result = perform(message);
    send({ type: 'done', id: message.id, result, rssBytes: process.memoryUsage.rss() });
  } catch (error) {
    const fatal = isFatal(error) || message.type === 'open';
    send({ type: 'failed', id: message.id, error: describe(error), fatal });
  }
}

dieWithParent();
// The terminal signals the whole group; when and how lanes end is the pool's business.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => handle(message as ToLane));
